import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.encode.modbus import Slave, encode
from drivers.modbus import load, plan
from drivers.modbus.rtu import Refused, Transaction, crc

SDM630 = load("eastron_sdm630")


def slave() -> Slave:
    return Slave(1, {4: encode(SDM630, {"power": Decimal(230), "import_energy": Decimal(12345670)})}, registers_max=50)


def ask(unit: int, function_code: int, address: int, count: int) -> list[bytes]:
    return list(slave().feed(Transaction(unit, function_code, address, count).request))


def test_a_slave_answers_what_it_holds() -> None:
    (reply,) = ask(1, 4, 52, 2)
    assert reply[:-2] == bytes.fromhex("01 04 04 4366 0000")


def test_every_planned_block_is_answered_holes_too() -> None:
    for block in plan(SDM630):
        transaction = Transaction(1, 4, block.address, block.count)
        (reply,) = slave().feed(transaction.request)
        (outcome,) = transaction.feed(reply)
        assert isinstance(outcome, tuple)


@pytest.mark.parametrize(
    ("function_code", "address", "count", "code"), [(3, 52, 2, 1), (4, 79, 2, 2), (4, 1000, 1, 2), (4, 0, 51, 3)]
)
def test_a_slave_refuses_as_the_standard_says(function_code: int, address: int, count: int, code: int) -> None:
    transaction = Transaction(1, function_code, address, count)
    (reply,) = slave().feed(transaction.request)
    assert list(transaction.feed(reply)) == [Refused(code)]


def test_a_write_is_refused_as_an_illegal_function() -> None:
    request = struct.pack(">BBHH", 1, 6, 52, 1)
    (reply,) = slave().feed(request + crc(request))
    assert reply[:3] == bytes([1, 0x86, 1])


def test_another_units_request_and_a_broken_one_are_passed_over() -> None:
    good = Transaction(1, 4, 52, 2).request
    assert ask(2, 4, 52, 2) == []
    assert list(slave().feed(b"\x00" + good[:-1] + b"\x00" + Transaction(2, 4, 52, 2).request + good)) == ask(
        1, 4, 52, 2
    )


def test_a_register_without_a_value_is_nan_or_its_marker_or_refused() -> None:
    assert encode(SDM630, {})[52] == 0x7FC0
    assert [encode(load("abb_b23"), {})[a] for a in (23316, 23317)] == [0x7FFF, 0xFFFF]
    assert 46 not in encode(load("carlo_gavazzi_em340"), {})
    with pytest.raises(ValueError, match="no register humidity"):
        encode(SDM630, {"humidity": Decimal(1)})


@given(st.binary(max_size=200))
def test_any_bytes_get_the_same_replies_at_once_and_byte_by_byte(data: bytes) -> None:
    data += Transaction(1, 4, 52, 2).request
    one = slave()
    assert [reply for i in range(len(data)) for reply in one.feed(data[i : i + 1])] == list(slave().feed(data))
