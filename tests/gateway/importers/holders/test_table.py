"""Any table: what is guessed of it is right for honest files, and shown; what is chosen is done."""

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from drivers.model import Medium
from gateway.importers.holders import guess, home_assistant, table
from gateway.importers.holders.found import FileRefusedError, Found, Left
from gateway.importers.holders.opened import Document, Table, documents
from gateway.importers.holders.table import Choice, Clock, Dates, Each, Stamp
from gateway.periods import Shape
from tests.gateway.importers.holders.made import PARIS, UNTIL, Cell, Taken, at, half_hours, xlsx


def opened(folder: Path, content: str | bytes) -> Table:
    (folder / "t").write_bytes(content.encode() if isinstance(content, str) else content)
    (document,) = documents(folder / "t")
    assert isinstance(document, Table)
    return document


def guessed(document: Table) -> Choice:
    choice = guess.guess(document)
    assert choice is not None
    return choice


def read(document: Table, choice: Choice, zone: ZoneInfo = PARIS) -> Taken:
    found = Found("", choice.medium, UNTIL)
    table.read(document, found, choice, zone)
    return Taken([None], found, found.parts())


def test_a_notebook_of_index_readings_is_guessed(tmp_path: Path) -> None:
    document = opened(
        tmp_path, "Date;Compteur (m3)\n01/02/2026;612,483\n01/03/2026;618,1\n01/04/2026;625\n01/05/2026;631,7\n"
    )
    choice = guessed(document)
    assert (choice.time, choice.value, choice.dates, choice.what, choice.unit) == (0, 1, Dates.DMY, Shape.INDEX, "m3")
    assert (choice.medium, choice.decimal) == (Medium.WATER, ",")
    taken = read(document, choice)
    assert [amount for _, _, amount in taken.periods("table_index").rows] == [5617, 6900, 6700]


def test_kilowatt_hours_by_day_and_by_month_are_guessed(tmp_path: Path) -> None:
    days = opened(tmp_path, "jour,kWh\n2026-02-28,8.2\n2026-03-01,7.1\n2026-03-02,9\n")
    choice = guessed(days)
    assert (choice.what, choice.each, choice.decimal, choice.dates) == (Shape.AMOUNT, Each.DAY, ".", Dates.YMD)
    assert read(days, choice).total("table_amount", "2026-03-01", "2026-03-02") == 7100
    month = opened(tmp_path, "Mois;Consommation (kWh)\n12/2025;310\n01/2026;290\n02/2026;250\n")
    assert guessed(month).each is Each.MONTH
    assert read(month, guessed(month)).total("table_amount", "2026-01-01", "2026-02-01") == 290_000


def test_a_curve_stamped_at_its_start_is_another_than_one_stamped_at_its_end(tmp_path: Path) -> None:
    ends = half_hours("2026-03-29", "2026-03-30")
    text = "horodatage;puissance (W)\n" + "".join(
        f"{datetime.fromtimestamp(end, PARIS).isoformat()};1000\n" for end in ends
    )
    document = opened(tmp_path, text)
    choice = guessed(document)
    assert (choice.what, choice.dates, choice.stamp) == (Shape.POWER, Dates.OFFSET, Stamp.END)
    assert read(document, choice).total("table_power", "2026-03-29", "2026-03-30") == 23_000
    shifted = read(document, replace(choice, stamp=Stamp.START)).part("table_power")
    assert (shifted.rows[0][0], shifted.rows[-1][1]) == (ends[0], ends[-1] + 1800)


def test_american_dates_and_decimals_are_told_where_the_file_shows_them(tmp_path: Path) -> None:
    document = opened(tmp_path, 'date,kWh\n01/02/2026,"1,234.5"\n01/25/2026,"1,000.0"\n')
    choice = guessed(document)
    assert (choice.dates, choice.decimal) == (Dates.MDY, ".")
    assert [value for _, value in read(document, choice).values("table_amount")] == [
        Decimal(1234500),
        Decimal(1000000),
    ]


def test_a_spreadsheet_s_own_dates_are_read(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [["Date", "kWh"], [46023, 8.5], [46024, 9.25], [46025, 7]]
    document = opened(tmp_path, xlsx({"Feuil1": rows}))
    choice = guessed(document)
    assert (choice.dates, choice.each) == (Dates.SHEET, Each.DAY)
    assert read(document, choice).total("table_amount", "2026-01-01", "2026-01-03") == 17_750


def test_the_night_that_comes_twice_is_the_dwelling_s_own(tmp_path: Path) -> None:
    text = "time;W\n" + "".join(
        f"2026-10-25 {clock};600\n" for clock in ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00", "03:30")
    )
    document = opened(tmp_path, text)
    paris, utc = read(document, guessed(document)), read(document, replace(guessed(document), clock=Clock.UTC))
    assert (paris.total("table_power"), paris.refused) == (2100, [])
    assert (utc.total("table_power"), utc.left(Left.TWICE)) == (1500, 2)  # where no clock changes, rows are said twice


@pytest.mark.parametrize(
    ("unit", "what"), [("", Shape.AMOUNT), ("kWh", Shape.POWER), ("W", Shape.AMOUNT), ("W", Shape.INDEX)]
)  # fmt: skip
def test_a_unit_that_does_not_go_with_what_is_measured_is_refused(tmp_path: Path, unit: str, what: Shape) -> None:
    document = opened(tmp_path, "date;valeur\n01/02/2026;1\n02/02/2026;2\n")
    with pytest.raises(FileRefusedError, match="unit"):
        read(document, replace(guessed(document), unit=unit, what=what))


def test_no_unit_is_ever_guessed_from_the_size_of_the_numbers(tmp_path: Path) -> None:
    assert guessed(opened(tmp_path, "date;valeur\n01/02/2026;12571\n02/02/2026;9800\n")).unit == ""


@pytest.mark.parametrize(
    "text", ["bonjour\n", "a;b\nc;d\n", "date;x\n01/01/2026;rouge\n", "1;2\n3;4\n", "", "\n\n;;\n"]
)
def test_a_table_without_times_or_without_numbers_is_not_guessed(tmp_path: Path, text: str) -> None:
    (tmp_path / "t").write_text(text or " ")
    (document,) = documents(tmp_path / "t")
    assert guess.guess(document) is None


HOME = "sensor.gas_meter"


def test_home_assistant_s_history_is_an_index_whose_unit_must_be_said(tmp_path: Path) -> None:
    text = "entity_id,state,last_changed\n" + "".join(
        f"{entity},{state},2026-08-31T{hour:02d}:00:00.000Z\n"
        for hour, state in ((20, "100.5"), (21, "unavailable"), (22, "101.75"))
        for entity in (HOME, "sensor.other")
    )
    document = opened(tmp_path, text)
    choice = guessed(document)
    assert (choice.unit, choice.only, choice.what) == ("", (0, HOME), Shape.INDEX)
    assert guess.entities(document, choice) == [HOME, "sensor.other"]
    taken = read(document, replace(choice, unit="m3", medium=Medium.GAS))
    assert [moment for moment, _ in taken.values("home_assistant_index")] == [
        "2026-08-31T22:00+02:00",
        "2026-09-01T00:00+02:00",
    ]
    assert (taken.total("home_assistant_index"), taken.left(Left.VALUE), taken.left(Left.OTHER)) == (1250, 1, 3)


def test_home_assistant_s_exported_statistics_stand_at_the_end_of_their_hour_also_newest_first(tmp_path: Path) -> None:
    text = "statistic_id\tunit\tstart\tstate\tsum\n" + "".join(
        f"{HOME}\tkWh\t07.01.2026 {hour:02d}:00\t274021,6\t{total}\n"
        for hour, total in ((23, "16,0"), (22, "15,5"), (21, "-21,5"))
    )
    document = opened(tmp_path, text)
    choice = guessed(document)
    assert (choice.unit, choice.dates, choice.decimal) == ("kWh", Dates.DMY, ",")
    taken = read(document, choice)
    assert taken.periods("home_assistant_index").rows == [
        (at("2026-01-07 22:00"), at("2026-01-07 23:00"), 370), (at("2026-01-07 23:00"), at("2026-01-08 00:00"), 5)
    ]  # fmt: skip


def test_home_assistant_s_table_of_statistics_is_read_from_sql(tmp_path: Path) -> None:
    text = "id,created_ts,metadata_id,start_ts,mean,min,max,last_reset_ts,state,sum\n" + "".join(
        f"{n},1767225600.1,{meter},{at('2026-01-01') + 3600 * n}.0,,,,,{500 + n},{n * 0.25}\n"
        for n in range(5)
        for meter in (7, 8)
    )
    document = opened(tmp_path, text)
    choice = guessed(document)
    assert (choice.only, choice.dates) == ((2, "7"), Dates.EPOCH)
    taken = read(document, replace(choice, unit="kWh"))
    assert taken.total("home_assistant_index", "2026-01-01 01:00", "2026-01-01 05:00") == 1000


def hours(count: int, **more: object) -> list[dict[str, object]]:
    """Rows of hours from midnight, UTC, as Home Assistant answers them."""
    start = at("2026-01-01T00:00Z") * 1000
    return [
        {"start": start + n * 3_600_000, "end": start + (n + 1) * 3_600_000, "sum": n * 0.25, **more}
        for n in range(count)
    ]


@pytest.mark.parametrize(
    "value",
    [
        {HOME: hours(5), "sensor.other": hours(2)},
        {"id": 12, "type": "result", "success": True, "result": {HOME: hours(5), "sensor.other": hours(2)}},
        {
            "statistics": {
                HOME: [{**row, "end": f"2026-01-01T{n + 1:02d}:00:00+00:00"} for n, row in enumerate(hours(5))]
            }
        },
    ],
)
def test_home_assistant_s_statistics_as_json_are_asked_about_and_stand_at_the_end_of_their_period(
    tmp_path: Path, value: object
) -> None:
    document = home_assistant.as_table(tree(tmp_path, value))
    assert document is not None
    choice = guessed(document)
    assert (choice.unit, choice.only, choice.what, choice.register) == ("", (0, HOME), Shape.INDEX, "home_assistant")
    taken = read(document, replace(choice, unit="kWh"))
    assert [moment for moment, _ in taken.values("home_assistant_index")][:2] == [
        "2026-01-01T02:00+01:00", "2026-01-01T03:00+01:00"
    ]  # fmt: skip
    assert taken.total("home_assistant_index") == 1000


def test_days_of_home_assistant_end_where_it_says_so(tmp_path: Path) -> None:
    rows = [
        {"start": at(f"2026-03-{day}") * 1000, "end": at(f"2026-03-{day + 1}") * 1000, "sum": day, "change": 1}
        for day in (28, 29, 30)
    ]
    document = home_assistant.as_table(tree(tmp_path, {HOME: rows}))
    assert document is not None
    taken = read(document, replace(guessed(document), unit="kWh"))
    assert [moment[:16] for moment, _ in taken.values("home_assistant_index")] == [
        "2026-03-29T00:00", "2026-03-30T00:00", "2026-03-31T00:00"
    ]  # fmt: skip


def test_what_home_assistant_imports_is_of_hours_and_says_its_unit(tmp_path: Path) -> None:
    stats = [{"start": f"2026-01-01T{hour:02d}:00:00+00:00", "state": 5, "sum": hour} for hour in range(3)]
    about = {"statistic_id": HOME, "unit_of_measurement": "kWh", "has_sum": True}
    values: list[object] = [{**about, "stats": stats}, {"metadata": about, "stats": stats}]
    for value in values:
        document = home_assistant.as_table(tree(tmp_path, value))
        assert document is not None
        choice = guessed(document)
        assert choice.unit == "kWh"
        assert read(document, choice).values("home_assistant_index")[0][0] == "2026-01-01T02:00+01:00"


def test_statistics_without_sums_are_refused_and_other_json_is_none_of_them(tmp_path: Path) -> None:
    with pytest.raises(FileRefusedError, match="with their sum"):
        home_assistant.as_table(tree(tmp_path, {HOME: [{"start": 1, "end": 2, "mean": 5}]}))
    others: list[object] = [{}, [], {"a": 5}, {"a": [5]}, {"stats": [1]}, {"stats": []}, {"result": {}}, {"a": []}]
    for value in others:
        assert home_assistant.as_table(tree(tmp_path, value)) is None


def tree(folder: Path, value: object) -> Document:
    path = folder / "statistics.json"
    path.write_text(json.dumps(value))
    (document,) = documents(path)
    return document
