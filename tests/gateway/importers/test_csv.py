import gzip
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.model import Medium, Quantity
from gateway.catalog import Catalog
from gateway.importers import rows
from gateway.importers.csv import RefusedError, Report, import_file, preview
from gateway.model import Point, SeriesKey
from gateway.secret import BoxSecret
from gateway.store import Store

PARIS = ZoneInfo("Europe/Paris")
HEADER = "time,point,medium,meter,register,tariff,unit,value"
NOW = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
WATER = SeriesKey("eau", "volume")


def now() -> int:
    return NOW


class Box:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.catalog = Catalog.open(directory, "Maison", "Europe/Paris", BoxSecret(directory / "secret"))
        self.store = Store.open(directory / "series.db", directory / "tail", zone=PARIS, now=now)

    def take(self, *lines: str, header: str = HEADER) -> Report:
        return import_file(self.file(*lines, header=header), self.store, self.catalog, now)

    def file(self, *lines: str, header: str = HEADER) -> Path:
        path = self.directory / "readings.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return path

    def points(self, key: SeriesKey = WATER) -> list[tuple[int, Decimal]]:
        found = self.store.points(key, 0, NOW + 1)
        assert found is not None
        return [(at, Decimal(value).scaleb(found.exponent)) for at, value in zip(found.at, found.value, strict=True)]

    def values(self, key: SeriesKey = WATER) -> list[Decimal]:
        return [value for _, value in self.points(key)]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.store.close()


def water(time: str, value: str, meter: str = "", point: str = "Eau", unit: str = "m3") -> str:
    return f"{time},{point},water,{meter},volume,0,{unit},{value}"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def test_rows_become_points_of_a_new_metering_point(box: Box) -> None:
    report = box.take(water("2026-01-05T07:00:00Z", "612.483"), water("2026-01-05T07:30:00+01:00", "612.480"))
    assert (report.rows, report.added, report.refused, report.created) == (2, 2, 0, ["Eau"])
    assert box.points() == [
        (at("2026-01-05T06:30:00Z"), Decimal(612480)),
        (at("2026-01-05T07:00:00Z"), Decimal(612483)),
    ]
    assert [(point.name, point.medium) for point in box.catalog.points()] == [("Eau", Medium.WATER)]


def test_a_point_the_house_has_already_is_found_by_name_and_by_id(box: Box) -> None:
    box.catalog.adopt("wmbus:RLV-12345678-01-07", "Eau froide", Medium.WATER, 0)
    report = box.take(
        water("2026-01-05T07:00:00Z", "1", point="Eau froide"), water("2026-01-05T08:00:00Z", "2", point="eau-froide")
    )
    assert report.created == []
    assert box.values(SeriesKey("eau-froide", "volume")) == [1000, 2000]


def test_a_point_renamed_after_an_import_is_not_made_twice(box: Box) -> None:
    box.take(water("2026-01-05T07:00:00Z", "1", point="Old name"))
    box.catalog.rename("old-name", "New name")
    box.take(water("2026-01-05T08:00:00Z", "2", point="Old name"))
    assert [point.name for point in box.catalog.points()] == ["New name"]


def test_importing_the_same_file_twice_adds_nothing(box: Box) -> None:
    rows_ = [water(f"2026-01-0{day}T07:00:00Z", f"{day}.5", "11" if day < 5 else "22") for day in range(1, 9)]
    assert box.take(*rows_).added == 8
    again = box.take(*rows_)
    assert (again.added, again.duplicates, again.kept) == (0, 8, 0)
    assert len(box.store.events(WATER)) == 1


@pytest.mark.parametrize(
    ("value", "unit", "exact"),
    [
        ("612.483", "m3", "612483"),
        ("0.1", "m3", "100"),
        ("12345678901.2345", "m3", "12345678901234.5"),
        ("7", "GJ", "7000000000"),
        ("1.000001", "MWh", "1000001"),
        ("0.000001", "kWh", "0.001"),
        ("100", "HCA", "100"),
        ("-3.25", "degC", "-3.25"),
        ("0", "Wh", "0"),
    ],
)
def test_no_digit_of_a_value_is_lost(box: Box, value: str, unit: str, exact: str) -> None:
    report = box.take(f"2026-01-05T07:00:00Z,Eau,other,,r,0,{unit},{value}")
    assert report.refused == 0, report.refusals
    assert box.values(SeriesKey("eau", "r")) == [Decimal(exact)]


def test_more_decimals_later_do_not_round_what_came_before(box: Box) -> None:
    box.take(
        water("2026-01-05T07:00:00Z", "12"),
        water("2026-01-05T08:00:00Z", "12.5"),
        water("2026-01-05T09:00:00Z", "13.125"),
    )
    assert box.values() == [12000, 12500, 13125]


def test_the_resolution_a_meter_was_read_with_is_kept(box: Box) -> None:
    box.take(water("2026-01-05T07:00:00Z", "12.50"))
    found = box.store.points(WATER, 0, NOW)
    assert found is not None
    assert (found.value[0], found.exponent) == (1250, 1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2026-01-05T07:00:00,Eau,water,,volume,0,m3,1", "time: such as"),
        ("2026-02-30T07:00:00Z,Eau,water,,volume,0,m3,1", "time: day is out of range"),
        ("2026-01-05T25:00:00Z,Eau,water,,volume,0,m3,1", "time: hour must be in 0..23"),
        ("2026-W01-1T07:00:00Z,Eau,water,,volume,0,m3,1", "time: such as"),
        ("05/01/2026 07:00,Eau,water,,volume,0,m3,1", "time: such as"),
        ("1960-01-05T07:00:00Z,Eau,water,,volume,0,m3,1", "time: 2000 or later"),
        ("2027-01-05T07:00:00Z,Eau,water,,volume,0,m3,1", "time: a time that has passed"),
        ("2026-01-05T07:00:00Z,,water,,volume,0,m3,1", "point: a name"),
        ("2026-01-05T07:00:00Z,Eau,wine,,volume,0,m3,1", "medium: one of electricity, gas, water"),
        ("2026-01-05T07:00:00Z,Eau,water,,,0,m3,1", "register: a name"),
        ("2026-01-05T07:00:00Z,Eau,water,,volume,HC,m3,1", "tariff: a number"),
        ("2026-01-05T07:00:00Z,Eau,water,,volume,0,m³,1", "unit: one of Wh"),
        ("2026-01-05T07:00:00Z,Eau,water,,volume,0,m3,", "value: a number"),
        ('2026-01-05T07:00:00Z,Eau,water,,volume,0,m3,"1,5"', "value: a number"),
        ("2026-01-05T07:00:00Z,Eau,water,,volume,0,m3,1 000", "value: a number"),
        ("2026-01-05T07:00:00Z,Eau,water,,volume,0,m3,1e3", "value: a number"),
        ("2026-01-05T07:00:00Z,Eau,water,,volume,0,m3,٣", "value: a number"),
        ("2026-01-05T07:00:00Z,Eau,water,,volume,0,m3,nan", "value: a number"),
        ("2026-01-05T07:00:00Z,Eau,water,,volume,0,m3,1234567890123456", "value: at most 15 digits"),
        ("2026-01-05T07:00:00Z,Eau,water,,volume,0,m3,0.1234567", "value: at most 15 digits, 6 of them decimals"),
        ("2026-01-05T07:00:00Z,Eau,water,,volume,0,m3", "8 fields are needed, not 7"),
        ("2026-01-05T07:00:00Z,Eau,water,,volume,0,m3,1,5", "8 fields are needed, not 9"),
        ('2026-01-05T07:00:00Z,"Eau,water,,volume,0,m3,1', "a CSV line is needed"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_the_others_are_taken(box: Box, row: str, reason: str) -> None:
    report = box.take(water("2026-01-05T06:00:00Z", "1"), row, water("2026-01-05T08:00:00Z", "2"))
    assert (report.rows, report.added, report.refused) == (3, 2, 1)
    (refusal,) = report.refusals
    assert str(refusal).startswith(f"line 3: {reason}"), refusal


def test_bytes_that_are_no_text_cost_their_own_row_only(box: Box) -> None:
    path = box.file(water("2026-01-05T06:00:00Z", "1"), water("2026-01-05T07:00:00Z", "2"))
    path.write_bytes(path.read_bytes() + b"2026-01-05T08:00:00Z,Caf\xe9,water,,volume,0,m3,1\n")
    report = import_file(path, box.store, box.catalog, now)
    assert (report.added, report.refused) == (2, 1)
    assert report.refusals[0].line == 4


def test_quotes_byte_order_mark_windows_line_ends_and_free_columns_are_read(box: Box) -> None:
    path = box.directory / "free.csv"
    text = 'value,unit,tariff,register,meter,medium,point,time\r\n1.5,m3,0,volume,,water,"Cave ""A"", nord",2026-01-05T07:00Z\r\n'
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    report = import_file(path, box.store, box.catalog, now)
    assert (report.added, report.refused, report.created) == (1, 0, ['Cave "A", nord'])


@pytest.mark.parametrize(
    "header", ["", "time;point;value", HEADER + ",colour", HEADER + ",value", HEADER.replace("unit", "")]
)
def test_a_file_that_is_not_this_csv_is_refused_whole_with_what_is_needed(box: Box, header: str) -> None:
    with pytest.raises(RefusedError, match=r"header|line 1: the columns time,point"):
        box.take(header=header)


def test_an_empty_or_missing_file_is_refused_in_one_sentence(box: Box) -> None:
    (box.directory / "empty").touch()
    with pytest.raises(RefusedError, match="header line is needed"):
        import_file(box.directory / "empty", box.store, box.catalog, now)
    with pytest.raises(RefusedError, match="cannot be read"):
        import_file(box.directory / "nowhere", box.store, box.catalog, now)


def test_both_hours_of_the_autumn_night_are_kept_apart(box: Box) -> None:
    texts = [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-25T03:00:00+01:00",
    ]
    assert box.take(*(water(text, f"{n}.000") for n, text in enumerate(texts))).added == 5
    ats = [time_ for time_, _ in box.points()]
    assert [b - a for a, b in pairwise(ats)] == [1800] * 4


def test_the_spring_night_has_no_gap(box: Box) -> None:
    texts = ["2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"]
    box.take(*(water(text, f"{n}.000") for n, text in enumerate(texts)))
    ats = [time_ for time_, _ in box.points()]
    assert [b - a for a, b in pairwise(ats)] == [1800] * 2


def test_rows_in_any_order_give_the_same_series(box: Box) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = [water((start + timedelta(minutes=30 * n)).isoformat(), f"{n / 10:.1f}") for n in range(500)]
    random.Random(1).shuffle(lines)
    assert box.take(*lines).refused == 0
    assert box.values() == [100 * n for n in range(500)]


def test_a_file_never_overwrites_what_a_meter_said(box: Box) -> None:
    box.catalog.adopt("wmbus:RLV-12345678-01-07", "Eau", Medium.WATER, 0)
    long_ago, just_now = at("2026-01-05T07:00:00Z"), at("2026-11-20T11:00:00Z")
    box.store.add([Point(WATER, Quantity.VOLUME, moment, 1000, main=True) for moment in (long_ago, just_now)])
    report = box.take(
        water("2026-01-05T07:00:00Z", "2"), water("2026-01-06T07:00:00Z", "3"), water("2026-11-20T11:00:00Z", "4")
    )
    assert (report.added, report.duplicates, report.kept) == (1, 0, 2)
    assert box.points() == [
        (long_ago, Decimal(1000)),
        (at("2026-01-06T07:00:00Z"), Decimal(3000)),
        (just_now, Decimal(1000)),
    ]


def test_a_replaced_meter_is_found_and_consumption_counts_on(box: Box) -> None:
    report = box.take(
        water("2026-01-01T00:00:00Z", "700.000", "OLD"),
        water("2026-01-02T00:00:00Z", "700.250", "OLD"),
        water("2026-01-03T10:00:00Z", "700.300", "OLD"),
        water("2026-01-03T10:00:00Z", "0.002", "NEW"),
        water("2026-01-04T00:00:00Z", "0.102", "NEW"),
    )
    (swap,) = report.swaps
    assert (swap.old_meter, swap.new_meter, swap.old_final, swap.new_start) == ("OLD", "NEW", 700300, 2)
    bounds = [at("2026-01-01T00:00:00Z"), at("2026-01-04T00:00:00Z")]
    (used,) = box.store.consumption(WATER, bounds, gap_s=10**6)
    assert used.value == 400


def test_a_replaced_meter_is_found_whatever_the_order_of_the_rows(box: Box) -> None:
    lines = [water(f"2026-01-{day:02}T00:00:00Z", f"{700 + day}", "OLD") for day in range(1, 15)]
    lines += [water(f"2026-01-{day:02}T00:00:00Z", f"{day - 15}", "NEW") for day in range(15, 30)]
    random.Random(2).shuffle(lines)
    report = box.take(*lines)
    assert report.refused == 0
    assert [(swap.at, swap.old_final, swap.new_start) for swap in report.swaps] == [
        (at("2026-01-15T00:00:00Z"), 714, 0)
    ]


def test_two_meters_cannot_stand_at_one_place_at_one_time(box: Box) -> None:
    report = box.take(
        water("2026-01-01T00:00:00Z", "1", "A"),
        water("2026-01-09T00:00:00Z", "2", "A"),
        water("2026-01-05T00:00:00Z", "9", "B"),
        water("2026-01-10T00:00:00Z", "10", "B"),
    )
    assert report.refused == 1
    assert "meter: A stood there at that time, so B cannot" in str(report.refusals[0])
    assert len(report.swaps) == 1


def test_an_index_that_runs_backwards_loses_the_fewest_rows(box: Box) -> None:
    values = ["10", "11", "99999", "12", "13", "3", "14"]
    report = box.take(*(water(f"2026-01-0{n}T00:00:00Z", value) for n, value in enumerate(values, 1)))
    assert [refusal.line for refusal in report.refusals] == [4, 7]
    assert box.values() == [10000, 11000, 12000, 13000, 14000]


def test_a_level_may_fall(box: Box) -> None:
    report = box.take(*(f"2026-01-0{n}T00:00:00Z,Cave,other,,t,0,degC,{value}" for n, value in enumerate((5, 3, 4), 1)))
    assert report.refused == 0
    assert box.values(SeriesKey("cave", "t")) == [5, 3, 4]


def test_the_same_time_twice_is_a_duplicate_or_refused(box: Box) -> None:
    report = box.take(*(water("2026-01-05T07:00:00Z", value) for value in ("1.0", "1.0", "1.1")))
    assert (report.added, report.duplicates, report.refused) == (1, 1, 1)
    assert "line 2 says another value for the same time" in str(report.refusals[0])


def test_rows_of_one_series_agree_on_unit_and_on_having_a_meter_number(box: Box) -> None:
    report = box.take(
        water("2026-01-01T00:00:00Z", "1"),
        water("2026-01-02T00:00:00Z", "2000", unit="L"),
        water("2026-01-03T00:00:00Z", "3", "X"),
    )
    assert [str(refusal).partition(":")[2].split(":")[0] for refusal in report.refusals] == [" unit", " meter"]


def test_a_series_the_box_measures_otherwise_is_refused_and_the_others_are_taken(box: Box) -> None:
    box.take("2026-01-05T07:00:00Z,Eau,water,,r,0,Wh,1")
    report = box.take("2026-01-06T07:00:00Z,Eau,water,,r,0,m3,1", water("2026-01-05T07:00:00Z", "1"))
    assert (report.added, report.refused) == (1, 1)
    assert "unit: the box has eau:r:0 in Wh" in str(report.refusals[0])


def test_which_series_stands_for_the_meter_may_be_said(box: Box) -> None:
    box.take(
        "2026-01-05T07:00:00Z,E,electricity,,a,0,Wh,1,no",
        "2026-01-05T07:00:00Z,E,electricity,,b,0,Wh,1,",
        header=HEADER + ",main",
    )
    assert {info.key.register: info.main for info in box.store.series()} == {"a": False, "b": True}


def test_a_preview_writes_nothing(box: Box) -> None:
    report = preview(box.file(water("2026-01-05T07:00:00Z", "1"), water("x", "1")), now)
    assert (report.rows, report.refused, report.series[SeriesKey("Eau", "volume")].points) == (2, 1, 1)
    assert box.store.series() == ()
    assert box.catalog.points() == ()


def test_a_compressed_file_that_breaks_off_gives_what_it_holds(box: Box) -> None:
    lines = [
        water((datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n)).isoformat(), f"{n}") for n in range(20_000)
    ]
    data = gzip.compress(box.file(*lines).read_bytes())
    path = box.directory / "torn.csv.gz"
    path.write_bytes(data[: len(data) // 2])
    report = import_file(path, box.store, box.catalog, now)
    assert 0 < report.added < 20_000
    assert "breaks off" in str(report.refusals[-1])


def test_memory_is_bounded_on_a_file_without_line_ends(box: Box) -> None:
    path = box.file(water("2026-01-05T07:00:00Z", "1"))
    path.write_bytes(path.read_bytes() + b"x" * 3_000_000 + b"\n" + water("2026-01-06T07:00:00Z", "2").encode())
    report = import_file(path, box.store, box.catalog, now)
    assert (report.added, report.refused) == (2, 1)
    assert "line 3: a line of at most" in str(report.refusals[0])


def test_rows_mixed_over_many_series_are_handed_on_in_pieces(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_HELD_MAX", 100)
    monkeypatch.setattr(rows, "BLOCK_BYTES", 1000)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = []
    for n in range(300):
        time_ = (start + timedelta(hours=n)).isoformat()
        lines += [water(time_, f"{n}", "OLD" if n < 150 else "NEW", f"P{p}") for p in range(4)]
    report = box.take(*lines)
    assert (report.added, report.refused, len(report.swaps)) == (1200, 0, 4)
    assert [swap.old_final for swap in report.swaps] == [149] * 4


def test_the_progress_reaches_one(box: Box) -> None:
    seen: list[float] = []
    import_file(box.file(water("2026-01-05T07:00:00Z", "1")), box.store, box.catalog, now, seen.append)
    assert seen[-1] == 1.0
    assert seen == sorted(seen)


def test_three_hundred_thousand_rows_a_second_are_read(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    start = datetime(2020, 1, 1, tzinfo=UTC)
    times = [(start + timedelta(minutes=30 * n)).isoformat() for n in range(30_000)]
    with path.open("w") as file:
        file.write(HEADER + "\n")
        file.writelines(water(text, f"{n / 1000:.3f}", "12345678") + "\n" for n, text in enumerate(times))
    before = time.process_time()
    report = preview(path, now)
    spent_s = time.process_time() - before
    assert report.refused == 0
    # Five times slower than measured (2-core x86-64, CPython 3.11: 0.4 M rows/s): a slip of the pen would be 50 times.
    assert report.rows / spent_s > 80_000, spent_s


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=20), st.integers(1, 50))
def test_any_bytes_give_rows_or_refusals(
    tmp_path_factory: pytest.TempPathFactory, junk: list[bytes], block: int
) -> None:
    good = water("2026-01-05T07:00:00Z", "1").encode()
    path = tmp_path_factory.mktemp("any") / "f.csv"
    path.write_bytes(b"\n".join([HEADER.encode(), good, *junk, good]))
    whole = preview(path, now)
    assert sum(tally.points for tally in whole.series.values()) >= 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "BLOCK_BYTES", block)
        assert preview(path, now) == whole


def test_quantities_of_a_meter_follow_from_the_unit(box: Box) -> None:
    box.take("2026-01-05T07:00:00Z,C,heat,,e,0,GJ,1.5", "2026-01-05T07:00:00Z,C,heat,,f,0,m3/h,0.25")
    assert {info.key.register: info.quantity for info in box.store.series()} == {
        "e": Quantity.ENERGY_JOULE,
        "f": Quantity.FLOW,
    }


def test_a_file_in_other_letters_says_what_is_needed(box: Box) -> None:
    path = box.directory / "latin.csv"
    path.write_bytes(f"{HEADER}\n2026-01-05T07:00:00Z,Été,water,,volume,0,m3,1\n".encode("latin-1"))
    report = import_file(path, box.store, box.catalog, now)
    assert [str(refusal) for refusal in report.refusals] == [
        "line 2: point: letters in UTF-8 are needed: save the file as UTF-8"
    ]
