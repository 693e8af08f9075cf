"""A Modbus slave that is none of ours: libmodbus answers, told by ctypes what its registers hold.

    libmodbus_slave.py tcp PORT FILE            libmodbus_slave.py rtu DEVICE FILE

FILE is JSON: unit, then function code (3 or 4), then address, then the word. From the first to the last address of a
unit all registers exist; those not named hold 0. RTU at 9600 8N1, and unit 1 only.
"""

import ctypes
import json
import sys
from pathlib import Path

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


Words = dict[str, int]  # by address


def main(kind: str, where: str, units: dict[str, dict[str, Words]]) -> None:
    library = ctypes.CDLL("libmodbus.so.5", use_errno=True)
    library.modbus_new_tcp.restype = library.modbus_new_rtu.restype = ctypes.c_void_p
    library.modbus_mapping_new_start_address.restype = ctypes.POINTER(Mapping)
    mappings = {
        int(unit): _mapping(library, tables.get("3", {}), tables.get("4", {})) for unit, tables in units.items()
    }
    if kind == "tcp":
        context = ctypes.c_void_p(library.modbus_new_tcp(b"127.0.0.1", int(where)))
        listening = ctypes.c_int(library.modbus_tcp_listen(context, 1))
        assert library.modbus_tcp_accept(context, ctypes.byref(listening)) >= 0
    else:
        context = ctypes.c_void_p(library.modbus_new_rtu(where.encode(), 9600, ctypes.c_char(b"N"), 8, 1))
        assert library.modbus_set_slave(context, 1) == 0
        assert library.modbus_connect(context) == 0
    request = (ctypes.c_uint8 * ADU_BYTES_MAX)()
    unit_at = library.modbus_get_header_length(context) - 1
    while (size := library.modbus_receive(context, request)) >= 0:
        if size:  # 0: a request to another unit
            library.modbus_reply(context, request, size, mappings[request[unit_at]])


def _mapping(library: ctypes.CDLL, holding: Words, inputs: Words) -> "ctypes._Pointer[Mapping]":
    spans = []
    for words in (holding, inputs):
        addresses = [int(address) for address in words]
        first = min(addresses, default=0)
        spans += [first, max(addresses, default=first - 1) + 1 - first]
    mapping: ctypes._Pointer[Mapping] = library.modbus_mapping_new_start_address(
        *(ctypes.c_uint(number) for number in (0, 0, 0, 0, *spans))
    )
    for address, word in holding.items():
        mapping.contents.tab_registers[int(address) - spans[0]] = word
    for address, word in inputs.items():
        mapping.contents.tab_input_registers[int(address) - spans[2]] = word
    return mapping


main(sys.argv[1], sys.argv[2], json.loads(Path(sys.argv[3]).read_text()))
