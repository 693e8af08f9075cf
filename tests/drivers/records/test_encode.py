"""What the encoder writes, the decoder reads back the same."""

from datetime import date, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode import records as encode
from drivers.model import Function, Quantity, Reading
from drivers.wmbus.records import decode

FUNCTIONS = st.sampled_from(Function)
local = datetime.fromisoformat


@given(
    st.integers(0, 2**41 - 1),
    st.integers(0, 2**20 - 1),
    st.integers(0, 2**10 - 1),
    FUNCTIONS,
    st.integers(-(10**7) + 1, 10**7),
)
@settings(max_examples=150)
def test_any_head_and_any_bcd_come_back(
    storage: int, tariff: int, subunit: int, function: Function, value: int
) -> None:
    data = encode.record(encode.dif(0xC, storage, tariff, subunit, function), b"\x13", encode.bcd(value, 8))
    expected = Reading("volume", Quantity.VOLUME, Decimal(value), tariff, storage, subunit, function)
    assert decode(data).readings == (expected,)


@given(st.sampled_from(sorted(encode.FIELD_INT)[1:]), st.data())
@settings(max_examples=100)
def test_any_integer_comes_back(size: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(-(1 << 8 * size - 1) + 1, (1 << 8 * size - 1) - 1))
    field = encode.FIELD_INT[size]
    (reading,) = decode(encode.record(encode.dif(field), b"\x2b", encode.int_(value, size))).readings
    assert reading.value == value


@given(st.datetimes(local("1981-01-01"), local("2080-12-31")))
@settings(max_examples=100)
def test_any_date_comes_back(at: datetime) -> None:
    data = encode.kept_on(at.date()) + encode.date_time(at, 1)
    values = [r.value for r in decode(data).readings]
    assert values == [at.date(), at.replace(second=0, microsecond=0)]


@given(st.datetimes(local("2000-01-01"), local("2099-12-31")))
@settings(max_examples=50)
def test_seconds_come_back(at: datetime) -> None:
    (reading,) = decode(encode.record(encode.dif(0x6), b"\x6d", encode.datetime_i(at))).readings
    assert reading.value == at.replace(microsecond=0)


def test_a_water_meter_says_now_and_last_month() -> None:
    data = encode.volume(612_483) + encode.kept_on(date(2026, 10, 31)) + encode.volume(608_112, storage=1)
    assert [(r.register, r.storage, r.value) for r in decode(data).readings] == [
        ("volume", 0, 612_483),
        ("target_date", 1, date(2026, 10, 31)),
        ("volume", 1, 608_112),
    ]


def test_a_heat_meter_and_an_allocator_come_back() -> None:
    data = encode.energy(12_345) + encode.energy_wh(678, tariff=1) + encode.heat_cost(321) + encode.power(5400)
    data += encode.flow(312) + encode.flow_temperature(703) + encode.return_temperature(-12)
    data += encode.external_temperature(205) + encode.error_flags(4) + encode.fabrication_number("00123456")
    data += encode.record(encode.dif(encode.FIELD_LVAR), b"\xfd\x0e", encode.text("1.0é"))
    result = decode(data)
    assert [(r.register, str(r.value)) for r in result.readings] == [
        ("energy", "1.2345E+7"),
        ("energy", "678"),
        ("heat_cost", "321"),
        ("power", "5400"),
        ("flow", "312"),
        ("flow_temperature", "70.3"),
        ("return_temperature", "-1.2"),
        ("external_temperature", "20.5"),
        ("error_flags", "4"),
        ("fabrication_number", "00123456"),
        ("firmware_version", "1.0é"),
    ]
    assert result.status == ("error flags 0x4",)
