"""A Modbus slave that is none of ours: libmodbus answers, told by ctypes what its input registers hold.

    libmodbus_slave.py tcp PORT ADDRESS WORDS            libmodbus_slave.py rtu DEVICE ADDRESS WORDS

WORDS are hexadecimal, from input register ADDRESS on; unit 1; RTU at 9600 8N1.
"""

import ctypes
import sys

ADU_BYTES_MAX = 260


class Mapping(ctypes.Structure):
    """modbus_mapping_t of libmodbus 3.1."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("bits", "bits_at", "input_bits", "input_bits_at")),
        *((name, ctypes.c_int) for name in ("input_registers", "input_registers_at", "registers", "registers_at")),
        ("tab_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_registers", ctypes.POINTER(ctypes.c_uint16)),
        ("tab_registers", ctypes.POINTER(ctypes.c_uint16)),
    )


def main(kind: str, where: str, address: int, words: list[int]) -> None:
    library = ctypes.CDLL("libmodbus.so.5", use_errno=True)
    library.modbus_new_tcp.restype = library.modbus_new_rtu.restype = ctypes.c_void_p
    library.modbus_mapping_new_start_address.restype = ctypes.POINTER(Mapping)
    counts = [ctypes.c_uint(number) for number in (0, 0, 0, 0, 0, 0, address, len(words))]
    mapping = library.modbus_mapping_new_start_address(*counts)
    for offset, word in enumerate(words):
        mapping.contents.tab_input_registers[offset] = word
    if kind == "tcp":
        context = ctypes.c_void_p(library.modbus_new_tcp(b"127.0.0.1", int(where)))
        listening = ctypes.c_int(library.modbus_tcp_listen(context, 1))
        assert library.modbus_tcp_accept(context, ctypes.byref(listening)) >= 0
    else:
        context = ctypes.c_void_p(library.modbus_new_rtu(where.encode(), 9600, ctypes.c_char(b"N"), 8, 1))
        assert library.modbus_set_slave(context, 1) == 0
        assert library.modbus_connect(context) == 0
    request = (ctypes.c_uint8 * ADU_BYTES_MAX)()
    while (size := library.modbus_receive(context, request)) >= 0:
        if size:  # 0: a request to another unit
            library.modbus_reply(context, request, size, mapping)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), [int(word, 16) for word in sys.argv[4:]])
