"""A mapping: its owner says which number is what, and sees first what would be read and why not the rest."""

from decimal import Decimal

import pytest

from drivers.model import DecodeError, Medium, Quantity
from drivers.mqtt import Things, generic
from drivers.mqtt.generic import Candidate, Mapping, candidates, preview, value
from drivers.thing import Unread
from tests.drivers.mqtt.say import fault, mains, payload, say, telegram, values

PUMP = b'{"pump":{"total":"12.345","state":"on","flow":[0.5,1]},"t":{"a/b":21.5},"ok":true}'
ROWS = (
    value("/pump/total", "volume", "m3", main=True),
    value("/pump/flow/0", "flow", "L/min"),
    value("/t/a~1b", "temperature", "°C", register="t.water"),
    value("/pump/state", "number", "", register="pump"),
)


def test_a_mapping_reads_what_its_owner_says_in_the_unit_its_owner_says() -> None:
    mapping = Mapping("garden/pump", "Puits", Medium.WATER, ROWS)
    things = Things({mapping.topic: mapping})
    read = telegram(things, "garden/pump", PUMP)
    assert str(read.address) == "thing:generic/garden/pump"
    assert read.medium is Medium.WATER
    assert values(read) == {"volume": 12345, "flow": 30, "t.water": Decimal("21.5"), "pump": 1}
    assert mains(read) == {"volume"}
    assert say(things, "garden/pump", PUMP, retained=True) == (Unread("retained"),)


def test_a_mapping_goes_before_what_is_recognised() -> None:
    row = value("/ENERGY/Total", "energy", "Wh", register="Total")
    things = Things({"tele/x/SENSOR": Mapping("tele/x/SENSOR", "x", Medium.ELECTRICITY, (row,))})
    assert values(telegram(things, "tele/x/SENSOR", {"ENERGY": {"Total": 12.5}})) == {"Total": Decimal("12.5")}


def test_pulses_are_worth_their_factor() -> None:
    (row,) = (value("", "volume", "L", "10", main=True),)
    assert [each.value for each in preview(b"1234", (row,)).readings] == [12340]


def test_a_plain_number_and_a_plain_word_need_no_json() -> None:
    assert [each.value for each in preview(b"21.50\n", (value("", "temperature", "°C"),)).readings] == [
        Decimal("21.50")
    ]
    said = preview(b"open", (value("", "number", "", register="door"),))
    assert [(each.quantity, each.value) for each in said.readings] == [(Quantity.NUMBER, Decimal(1))]


def test_a_preview_says_why_not() -> None:
    rows = (value("/absent", "power", "W"), value("/ok", "energy", "kWh"), value("/pump/state", "current", "A"))
    said = preview(PUMP, rows)
    assert said.readings == []
    assert [str(each) for each in said.faults] == [
        "'power': nothing stands at /absent",
        "'energy': a number is needed, not true or false",
        "'current': a number is needed, not text",
    ]
    with pytest.raises(DecodeError, match="not JSON"):
        preview(b"{", rows)


def test_a_message_in_which_nothing_of_the_mapping_stands_is_a_fault_with_its_topic() -> None:
    things = Things({"a/b": Mapping("a/b", "x", Medium.OTHER, (value("", "power", "W"),))})
    assert "mqtt a/b: a number is needed" in fault(say(things, "a/b", b"hello")[0])


def test_the_numbers_of_a_payload_are_offered_with_their_places() -> None:
    assert candidates(PUMP) == (
        Candidate("/pump/total", Decimal("12.345")),
        Candidate("/pump/flow/0", Decimal("0.5")),
        Candidate("/pump/flow/1", Decimal(1)),
        Candidate("/t/a~1b", Decimal("21.5")),
    )
    assert candidates(b"7") == (Candidate("", Decimal(7)),)
    assert candidates(b'{"now": 7, "much": 1e50000000, "most": 1e999999999, "text": "1e99"}') == (
        Candidate("/now", Decimal(7)),
    )
    with pytest.raises(DecodeError, match="no number in it"):
        candidates(payload({"state": "on"}))


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (("total", "volume", "L"), "path: a JSON pointer"),
        (("/t", "volum", "L"), "quantity: one of energy, "),
        (("/t", "volume", "kWh"), "unit: one of m³, m3, L, l is needed for volume, not 'kWh'"),
        (("/t", "volume", "L", "0"), "factor: a number above zero"),
        (("/t", "volume", "L", "-1"), "factor: a number above zero"),
        (("/t", "volume", "L", "1", "a b"), "register: letters"),
        (("/t", "humidity", "L"), "unit: one of % is needed"),
    ],
)
def test_a_row_that_cannot_be_is_named_by_its_word(row: tuple[str, ...], wrong: str) -> None:
    with pytest.raises(ValueError, match="^" + wrong.replace("%", "%")):
        value(*row)


def test_every_quantity_that_is_offered_has_a_unit_to_be_written_in() -> None:
    for quantity in generic.quantities():
        units = generic.units(quantity) or ("",)
        assert all(value("/x", quantity, unit).what.quantity.word == quantity for unit in units)
