"""Enedis's files: stamps at the end of a period, nights that change the clocks, watts that need their step."""

from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.importers.holders.found import FileRefusedError, Left
from tests.gateway.importers.holders.made import (
    PARIS,
    REQUEST_HEAD,
    Cell,
    Taken,
    at,
    curve,
    half_hours,
    request,
    take,
    walls,
    xlsx,
)


def test_a_half_hour_belongs_to_the_day_it_ends_in_midnight_to_the_day_before(tmp_path: Path) -> None:
    taken = take(tmp_path, curve((end, 1200) for end in half_hours("2025-01-05", "2025-01-06")))
    assert taken.kinds == ["enedis_curve"]
    part = taken.part("enedis_curve")
    assert (part.rows[0][0], part.rows[-1][1], len(part.rows)) == (at("2025-01-05"), at("2025-01-06"), 48)
    assert taken.total("enedis_curve", "2025-01-05", "2025-01-06") == 28_800


@pytest.mark.parametrize(
    ("day", "after", "hours"), [("2025-03-30", "2025-03-31", 23), ("2025-10-26", "2025-10-27", 25)]
)
def test_the_days_of_23_and_25_hours_come_to_their_own_sums(tmp_path: Path, day: str, after: str, hours: int) -> None:
    ends = half_hours(day, after)
    taken = take(tmp_path, curve((end, 300 + 7 * number) for number, end in enumerate(ends)))
    assert taken.refused == []
    assert len(taken.part("enedis_curve").rows) == 2 * hours
    assert taken.total("enedis_curve", day, after) == sum(Decimal(300 + 7 * n) / 2 for n in range(2 * hours))
    assert taken.total("enedis_curve") == taken.total("enedis_curve", day, after)


@pytest.mark.parametrize(
    ("day", "after", "hours"), [("2025-03-30", "2025-03-31", 23), ("2025-10-26", "2025-10-27", 25)]
)
@pytest.mark.parametrize("newest_first", [False, True])
def test_a_file_without_offsets_gives_the_same_sums_on_both_nights(
    tmp_path: Path, day: str, after: str, hours: int, newest_first: bool
) -> None:
    values = [(wall, 300 + 7 * n) for n, wall in enumerate(walls(day, after))]
    taken = take(tmp_path, request(reversed(values) if newest_first else values))
    assert taken.kinds == ["enedis_request"]
    assert taken.refused == []
    told = take(tmp_path, curve((end, 300 + 7 * n) for n, end in enumerate(half_hours(day, after))))
    assert taken.part("enedis_curve").rows == told.part("enedis_curve").rows
    assert len(told.part("enedis_curve").rows) == 2 * hours


def test_an_hour_that_came_twice_and_stands_once_is_refused_and_the_rest_is_taken(tmp_path: Path) -> None:
    once = list(dict.fromkeys(walls("2025-10-26", "2025-10-27")))
    taken = take(tmp_path, request((wall, 400) for wall in once))
    assert len(once) == 48
    assert len(taken.part("enedis_curve").rows) == 46
    assert [line.partition(" came twice")[0] for line in taken.refused] == [
        "line 5: 2025-10-26 02:00:00",
        "line 6: 2025-10-26 02:30:00",
    ]


def test_the_doubled_hour_is_told_apart_by_the_order_also_where_a_row_of_it_is_missing(tmp_path: Path) -> None:
    stamps = walls("2025-10-26 01:00", "2025-10-26 04:00")
    assert stamps[1:5] == [f"2025-10-26 02:{minute}:00" for minute in ("00", "30", "00", "30")]
    del stamps[4]  # the second 02:30
    taken = take(tmp_path, request((wall, 100 + n) for n, wall in enumerate(stamps)))
    assert [row[1] for row in taken.part("enedis_curve").rows[1:4]] == [
        at("2025-10-26T02:00+02:00"), at("2025-10-26T02:30+02:00"), at("2025-10-26T02:00+01:00")
    ]  # fmt: skip


def test_an_hour_that_never_was_is_refused(tmp_path: Path) -> None:
    taken = take(
        tmp_path, request([("2025-03-30 01:30:00", 1), ("2025-03-30 02:30:00", 1), ("2025-03-30 03:30:00", 1)])
    )
    assert taken.refused == ["line 3: 2025-03-30 02:30:00 does not exist: the clocks went forward"]


@pytest.mark.parametrize("step_s", [600, 1800, 3600])
def test_watts_become_energy_by_the_step_that_the_stamps_tell(tmp_path: Path, step_s: int) -> None:
    taken = take(tmp_path, curve((end, 1200) for end in half_hours("2025-01-05", "2025-01-06", step_s)))
    assert taken.total("enedis_curve") == 28_800
    assert {end - start for start, end, _ in taken.part("enedis_curve").rows} == {step_s}


def test_no_watt_is_rounded_whatever_the_step(tmp_path: Path) -> None:
    """253 W for ten minutes are 42.1666… Wh: six of them are 253 Wh, not 252."""
    taken = take(tmp_path, curve((end, 253) for end in half_hours("2025-01-05 00:00", "2025-01-05 01:00", 600)))
    assert taken.total("enedis_curve") == 253


@pytest.mark.parametrize(
    ("unit", "value", "energy"), [("W", 600, 300), ("Wh", 600, 600), ("kW", "0,6", 300), ("kWh", "0.6", 600)]
)
def test_watts_and_watt_hours_are_told_apart(tmp_path: Path, unit: str, value: object, energy: int) -> None:
    ends = half_hours("2025-01-05 00:00", "2025-01-05 01:30")
    taken = take(tmp_path, curve([(ends[0], value), (ends[1], None), (ends[2], None)], unit=unit))
    assert taken.total("enedis_curve") == energy
    assert taken.left(Left.VALUE) == 2


def test_a_value_that_is_missing_leaves_a_gap_and_does_not_stretch_its_neighbour(tmp_path: Path) -> None:
    ends = half_hours("2025-01-05", "2025-01-06")
    missing = {ends[10], ends[11]}
    taken = take(tmp_path, curve((end, None if end in missing else 1000) for end in ends))
    dropped = take(tmp_path, curve((end, 1000) for end in ends if end not in missing))
    assert taken.part("enedis_curve").rows == dropped.part("enedis_curve").rows
    assert taken.total("enedis_curve") == 23_000
    assert (taken.left(Left.VALUE), dropped.refused) == (2, [])


def test_a_curve_that_changes_its_step_for_good_has_two(tmp_path: Path) -> None:
    hours = half_hours("2025-01-01", "2025-01-04", 3600)
    halves = half_hours("2025-01-04", "2025-01-08")
    taken = take(tmp_path, curve((end, 1000) for end in (*hours, *halves)))
    assert taken.refused == []
    assert taken.total("enedis_curve") == 7 * 24_000


def test_rows_at_odd_distances_are_refused_rather_than_given_a_wrong_step(tmp_path: Path) -> None:
    ends = half_hours("2025-01-05", "2025-01-06")
    taken = take(tmp_path, curve((end, 1000) for end in sorted([*ends, ends[20] + 60])))
    assert [line.partition(":")[0] for line in taken.refused] == ["line 25", "line 26"]
    assert "30 minutes apart" in taken.refused[0]
    assert taken.total("enedis_curve") == 23_500


def test_one_row_alone_has_no_step_and_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefusedError, match="too few rows"):
        take(tmp_path, curve([(at("2025-01-05 00:30"), 1000)]))
    assert take(tmp_path, curve([(at("2025-01-05 00:30"), 1000)], step="30")).total("enedis_curve") == 500


def test_an_older_file_with_a_blank_line_before_its_columns_is_read(tmp_path: Path) -> None:
    text = curve((end, 1200) for end in half_hours("2025-01-05", "2025-01-06")).replace("Horodate", "\nHorodate")
    assert take(tmp_path, text).total("enedis_curve") == 28_800


def test_what_was_given_to_the_grid_is_never_what_was_taken(tmp_path: Path) -> None:
    ends = half_hours("2025-01-05", "2025-01-06")
    taken = take(tmp_path, curve(((end, 500) for end in ends), sense="Production"))
    (part,) = taken.parts
    assert (part.what.register, part.what.out) == ("enedis_curve_out", True)


def test_reactive_energy_is_refused(tmp_path: Path) -> None:
    text = curve((end, 500) for end in half_hours("2025-01-05", "2025-01-06")).replace(
        "Energie active", "Energie réactive"
    )
    with pytest.raises(FileRefusedError, match="active energy is needed, not Energie réactive"):
        take(tmp_path, text)


INDEX_HEAD = (
    "\ufeffIdentifiant PRM;Type de donnees;Date de debut;Date de fin;Grandeur physique;Grandeur metier;Etape metier;Unite\n"
    "01234567890123;Index;01/01/2025;31/12/2025;Energie active;Consommation;Comptage Brut;Wh\n"
    "Horodate;Type de releve;" + ";".join(f"EAS F{n}" for n in range(1, 11)) + ";EAS D1;EAS D2;EAS D3;EAS D4;EAS T\n"
)
INDEX_TAIL = (
    "Periode;Identifiant calendrier fournisseur;Libelle calendrier fournisseur;Identifiant classe temporelle 1;"
    "Libelle classe temporelle 1;Cadran classe temporelle 1;\n"
    "Du 2025-01-01T00:00:00+01:00 au;FC000001;2 cadrans;HC;Heures Creuses;EAS F1;HP;Heures Pleines;EAS F2;\n"
)


def index(*rows: tuple[str, int, int]) -> str:
    return INDEX_HEAD + "".join(
        f"{stamp};Arrêté quotidien;{low};{high};;;;;;;;;{low + high};;;;{low + high}\n" for stamp, low, high in rows
    )


def test_the_daily_index_has_its_total_and_its_tariffs_and_its_tail_is_no_data(tmp_path: Path) -> None:
    rows = [(f"2025-01-{day:02d}T00:00:00+01:00", 1000 * day, 2000 * day) for day in range(1, 6)]
    taken = take(tmp_path, index(*rows) + INDEX_TAIL)
    assert (taken.kinds, taken.refused, taken.found.rows) == (["enedis_index"], [], 5)
    assert [(part.what.tariff, len(part.rows)) for part in taken.parts] == [(0, 5), (1, 5), (2, 5)]
    assert taken.total("enedis_index", "2025-01-02", "2025-01-04") == 6000


def test_summer_s_stamps_at_one_o_clock_are_taken_at_their_word(tmp_path: Path) -> None:
    taken = take(tmp_path, index(("2025-03-30T00:00:00+01:00", 1, 1), ("2025-03-31T01:00:00+02:00", 2, 2)))
    assert [moment for moment, _ in taken.values("enedis_index")] == [
        "2025-03-30T00:00+01:00",
        "2025-03-31T01:00+02:00",
    ]


def test_index_and_curve_of_the_same_nights_come_to_the_same(tmp_path: Path) -> None:
    """The curve's 23, 24 and 25 hours against the differences of the index, over both nights."""
    for first, last in (("2025-03-29", "2025-04-01"), ("2025-10-25", "2025-10-28")):
        ends = half_hours(first, last)
        powers = {end: 200 + 2 * (end // 1800 % 97) for end in ends}
        total, rows = 5_000_000, []
        for end in (at(first), *ends):
            total += powers.get(end, 0) // 2
            if datetime.fromtimestamp(end, PARIS).hour == 0 and datetime.fromtimestamp(end, PARIS).minute == 0:
                rows.append((datetime.fromtimestamp(end, PARIS).isoformat(), total, 0))
        by_curve, by_index = take(tmp_path, curve(powers.items())), take(tmp_path, index(*rows))
        days = [row[0][:10] for row in rows]
        assert len(days) == 4
        for day, after in pairwise(days):
            assert by_curve.total("enedis_curve", day, after) == by_index.total("enedis_index", day, after)


def test_estimated_readings_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = index(("2025-01-01T00:00:00+01:00", 1, 1), ("2025-01-02T00:00:00+01:00", 2, 2))
    taken = take(tmp_path, rows + "2025-01-03T00:00:00+01:00;Index estimé;9;9;;;;;;;;;18;;;;18\n")
    assert (taken.left(Left.ESTIMATED), len(taken.part("enedis_index").rows)) == (1, 2)
    curve_ = take(
        tmp_path,
        request([("2025-01-05 00:30:00", 1)]) + request([("2025-01-05 01:00:00", 1)], nature="E").split("\n", 1)[1],
    )
    assert (curve_.left(Left.ESTIMATED), len(curve_.part("enedis_curve").rows)) == (1, 1)


@pytest.mark.parametrize(("step", "energy"), [("PT30M", 500), ("PT5M", Decimal(1000) / 12), ("PT1H", 1000)])
def test_the_step_of_a_request_stands_in_its_rows(tmp_path: Path, step: str, energy: Decimal) -> None:
    assert take(tmp_path, request([("2025-01-05 12:00:00", 1000)], step=step)).total("enedis_curve") == energy


def test_two_units_in_one_file_are_refused_by_line(tmp_path: Path) -> None:
    mixed = request([("2025-01-05 00:30:00", 1)]) + request([("2025-01-05 01:00:00", 1)], unit="kW").split("\n", 1)[1]
    with pytest.raises(FileRefusedError, match="line 3: one unit in all rows is needed: there are W and kW"):
        take(tmp_path, mixed)
    with pytest.raises(FileRefusedError, match="the unit W, kW, Wh, kWh, L, m3 is needed, not VA"):
        take(tmp_path, request([("2025-01-05 00:30:00", 1)], unit="VA"))


def test_of_reactive_power_in_a_request_only_the_active_rows_are_taken(tmp_path: Path) -> None:
    reactive = request([("2025-01-05 00:30:00", 77)], unit="VAR").replace(";PA;", ";PRI;").split("\n", 1)[1]
    taken = take(tmp_path, request([("2025-01-05 00:30:00", 1000)]) + reactive)
    assert (taken.total("enedis_curve"), taken.left(Left.OTHER)) == (500, 1)


def test_the_curve_saved_from_the_page_is_stamped_at_its_start_and_has_decimal_commas(tmp_path: Path) -> None:
    rows = (
        'debut;fin;{}\n2026-01-05T00:00:00+01:00;2026-01-05T00:30:00+01:00;"1,2"\n'
        '2026-01-05T00:30:00+01:00;2026-01-05T01:00:00+01:00;"0,8"\n'
        '2026-01-05T01:00:00+01:00;2026-01-05T01:30:00+01:00;"null"\n'
    )
    taken = take(tmp_path, "\ufeff" + rows.format("kW"))
    assert taken.kinds == ["enedis_history"]
    assert (taken.total("enedis_curve"), taken.left(Left.VALUE)) == (1000, 1)
    assert taken.part("enedis_curve").rows[0][:2] == (at("2026-01-05 00:00"), at("2026-01-05 00:30"))
    assert take(tmp_path, rows.format("kWh")).total("enedis_curve") == 2000  # W against Wh: the name decides


DAILY: list[list[Cell]] = [
    ["Point Référence Mesure (PRM) : ", "01234567890123", "Type de comptage : ", "Consommation Quotidienne"],
    ["Date", "Valeur (en kWh)"],
    ["01/01/2026", 6.329],
    ["02/01/2026", "3,217"],
    ["03/01/2026", "NA"],
    [46026, 6.3289999999999997],
]


@pytest.mark.parametrize("shared", [False, True])
def test_the_spreadsheet_of_days_is_read_with_its_commas_its_gaps_and_its_numbered_dates(
    tmp_path: Path, shared: bool
) -> None:
    taken = take(tmp_path, xlsx({"Export": DAILY}, shared=shared))
    assert taken.kinds == ["enedis_daily"]
    assert taken.values("enedis_daily") == [
        ("2026-01-02T00:00+01:00", Decimal(6329)),
        ("2026-01-03T00:00+01:00", Decimal(3217)),
        ("2026-01-05T00:00+01:00", Decimal(6329)),
    ]
    assert (taken.left(Left.VALUE), taken.found.places) == (1, {"1234567890123"})


def test_a_spreadsheet_of_two_sheets_keeps_what_was_taken_and_what_was_given_apart(tmp_path: Path) -> None:
    def page(value: float) -> list[list[str | float | None]]:
        return [
            [],
            [None, "Date de début : ", "08/07/2025"],
            [],
            [None, "Date", "Valeur (en kWh)"],
            [None, "08/07/2025", value],
        ]

    taken = take(
        tmp_path,
        xlsx({"Page d'accueil": [["Bonjour"]], "Export Consommation Quotidienne": page(1.361), "Export Production Quotidienne": page(33.5)}),
    )  # fmt: skip
    assert taken.kinds == [None, "enedis_daily", "enedis_daily"]
    assert (taken.total("enedis_daily"), taken.total("enedis_daily_out")) == (1361, 33_500)


def test_injection_by_day_is_given_not_taken(tmp_path: Path) -> None:
    taken = take(
        tmp_path,
        "Identifiant PRM;Type de donnees;Date de debut;Date de fin\n01234567890123;Injection quotidienne;01/06/2026;03/06/2026\n"
        "\nDate;Valeur (en Wh)\n2026-06-01;12571\n2026-06-02;9800\n",
    )
    (part,) = taken.parts
    assert (part.what.out, taken.total("enedis_daily_out")) == (True, 22_371)


def test_a_day_that_the_clocks_change_is_23_or_25_hours_long_in_files_of_days(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [
        ["Type de comptage :", "Consommation Quotidienne"],
        ["Date", "Valeur (en kWh)"],
        ["30/03/2025", 5],
        ["26/10/2025", 6],
    ]
    part = take(tmp_path, xlsx({"x": rows})).part("enedis_daily")
    assert [(end - start) // 3600 for start, end, _ in part.rows] == [23, 25]


def gone(taken: Taken) -> list[str]:
    return [line.partition(":")[0] for line in taken.refused]


def test_what_cannot_be_is_refused_by_its_line_and_the_rest_is_taken(tmp_path: Path) -> None:
    rows = [
        ("2025-01-05 00:30:00", 100),
        ("2025-01-05 01:00:00", -5),
        ("2025-01-05 01:30:00", "12x"),
        ("2025-13-05 02:00:00", 100),
        ("2099-01-05 02:00:00", 100),
        ("", 100),
        ("2025-01-05 02:00:00", 100),
    ]
    taken = take(tmp_path, request(rows))
    assert gone(taken) == ["line 4", "line 5", "line 7", "line 3", "line 6"]
    assert len(taken.part("enedis_curve").rows) == 2


def test_rows_said_twice_count_once_and_rows_that_contradict_each_other_count_not_at_all(tmp_path: Path) -> None:
    rows = [
        ("2025-01-05 00:30:00", 100),
        ("2025-01-05 00:30:00", 100),
        ("2025-01-05 01:00:00", 1),
        ("2025-01-05 01:00:00", 2),
    ]
    taken = take(tmp_path, request(rows))
    assert (taken.total("enedis_curve"), taken.left(Left.TWICE), sorted(gone(taken))) == (50, 1, ["line 4", "line 5"])


def test_a_request_of_several_meters_names_them_all(tmp_path: Path) -> None:
    other = request([("2025-01-05 01:00:00", 1)]).replace("01234567890123", "99999999999999").split("\n", 1)[1]
    assert len(take(tmp_path, request([("2025-01-05 00:30:00", 1)]) + other).found.places) == 2


def test_a_header_alone_gives_nothing(tmp_path: Path) -> None:
    assert take(tmp_path, REQUEST_HEAD).parts == []


def test_more_than_any_home_takes_is_refused_by_its_line_and_the_most_is_said(tmp_path: Path) -> None:
    ends = half_hours("2025-01-05", "2025-01-06")
    taken = take(
        tmp_path, curve((end, {3: 99999999999, 4: 250_001, 5: 250_000}.get(n, 500)) for n, end in enumerate(ends))
    )
    assert taken.refused == [
        "line 7: at most 250000 W is possible in that time, not 99999999999 W",
        "line 8: at most 250000 W is possible in that time, not 250001 W",
    ]
    assert len(taken.part("enedis_curve").rows) == 46
    taken = take(tmp_path, curve(((end, 125_001) for end in ends[:2]), unit="Wh", step="30"))
    assert "at most 125000 Wh is possible in that time, not 125001 Wh" in taken.refused[0]


def test_a_total_that_is_not_the_sum_of_its_registers_is_refused_with_its_row(tmp_path: Path) -> None:
    rows = [(f"2025-01-{day:02d}T00:00:00+01:00", 10_000 * day, 20_000 * day) for day in range(1, 6)]
    taken = take(tmp_path, index(*rows).replace(";90000\n", ";81090000\n").replace(";120000\n", ";119000\n"))
    assert taken.refused == ["line 6: the columns of this row do not agree"]
    assert [value for _, value in taken.values("enedis_index")] == [30_000, 60_000, 119_000, 150_000]
    assert [value for _, value in taken.values("enedis_index", 1)] == [10_000, 20_000, 40_000, 50_000]


def test_each_of_two_values_for_one_time_names_the_other_one_s_line(tmp_path: Path) -> None:
    taken = take(tmp_path, request([("2025-01-05 01:00:00", 1), ("2025-01-05 01:00:00", 2)]))
    assert sorted(taken.refused) == [
        "line 2: line 3 says another value for the same time", "line 3: line 2 says another value for the same time"
    ]  # fmt: skip


def test_a_row_that_is_yet_to_come_is_named_by_its_own_clock(tmp_path: Path) -> None:
    taken = take(tmp_path, curve((end, 1) for end in half_hours("2027-01-04 23:00", "2027-01-05 00:30")))
    assert taken.refused[-1] == "line 6: a time that has passed is needed, not 2027-01-05 00:30"
