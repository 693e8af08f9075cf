"""EDF's zip: Windows letters, newest first, repeated rows, sums between months, midnight at the end of its day."""

from decimal import Decimal
from pathlib import Path

import pytest

from gateway.importers.holders.found import Left
from tests.gateway.importers.holders.made import archive, at, take, walls

CURVE_HEAD = (
    "\nRécapitulatif de mes puissances atteintes en W\n\n"
    "Date et heure de relève par le distributeur;Puissance atteinte (W);Nature de la donnée\n"
)
INDEX = (
    "\nRécapitulatif de mes index\n\n"
    "Date de relevé de l'index;Type d'index;Index Heures pleines (kWh);Index Heures creuses (kWh)\n"
    "03/01/2026;Index transmis par le distributeur;2 010;520\n"
    "02/01/2026;Index transmis par le distributeur;2 004;517\n"
    "02/01/2026;Index transmis par le distributeur;2 004;517\n"
    "01/01/2026;Index estimé;1 999;400\n\n"
)
DAYS = (
    "\nRécapitulatif de ma consommation\n\nDate de consommation;Consommation (kWh);Nature de la donnée\n"
    "02/01/2026;9;Réelle\n01/01/2026;7;Réelle\n31/12/2025;4;Estimée\n"
)
MONTHS = (
    "\nRécapitulatif de ma consommation\n\nPériode de consommation;Consommation (kWh);Nature de la donnée\n\n"
    "Année 2025;2\u00a0345;\n12/2025;1\u00a0300;Réelle\n11/2025;1045;Estimée\n"
)


def half_hours(*days: tuple[str, list[tuple[str, int]]]) -> str:
    """Days as EDF writes them, newest first: the date by itself, then its half-hours backwards, midnight as 00:00:00."""
    return CURVE_HEAD + "\n".join(
        f"{day};;\n" + "".join(f"{clock};{power};Réelle\n" for clock, power in rows) for day, rows in days
    )


def of_day(day: str, after: str, power: int = 600) -> tuple[str, list[tuple[str, int]]]:
    year, month, number = day.split("-")
    return f"{number}/{month}/{year}", [(wall[11:], power) for wall in reversed(walls(day, after))]


def test_midnight_is_the_end_of_its_day_and_the_order_is_newest_first(tmp_path: Path) -> None:
    text = half_hours(of_day("2026-01-30", "2026-01-31"), of_day("2026-01-29", "2026-01-30", 300))
    taken = take(tmp_path, text.encode("cp1252"))
    assert (taken.kinds, taken.refused) == (["edf_curve"], [])
    assert taken.total("edf_curve", "2026-01-30", "2026-01-31") == 14_400
    assert taken.total("edf_curve", "2026-01-29", "2026-01-30") == 7200
    assert taken.part("edf_curve").rows[-1][1] == at("2026-01-31")


@pytest.mark.parametrize(
    ("day", "after", "hours"), [("2025-03-30", "2025-03-31", 23), ("2025-10-26", "2025-10-27", 25)]
)
def test_the_nights_that_change_the_clocks_are_right_backwards_too(
    tmp_path: Path, day: str, after: str, hours: int
) -> None:
    taken = take(tmp_path, half_hours(of_day(day, after)))
    assert (taken.refused, taken.total("edf_curve", day, after)) == ([], 300 * 2 * hours)


def test_repeated_rows_count_once_and_in_the_doubled_hour_leave_nobody_sure(tmp_path: Path) -> None:
    name, rows = of_day("2026-01-30", "2026-01-31")
    taken = take(tmp_path, half_hours((name, [row for row in rows for _ in range(2)])))
    assert (taken.total("edf_curve"), taken.left(Left.TWICE)) == (14_400, 48)
    name, rows = of_day("2025-10-26", "2025-10-27")
    once = list(dict(rows).items())
    taken = take(tmp_path, half_hours((name, [row for row in once for _ in range(2)])))
    assert len(taken.part("edf_curve").rows) == 46
    assert all("came twice that night" in line for line in taken.refused)


def test_estimated_half_hours_are_a_gap(tmp_path: Path) -> None:
    taken = take(
        tmp_path, half_hours(of_day("2026-01-30", "2026-01-31")).replace("12:00:00;600;Réelle", "12:00:00;600;Estimée")
    )
    assert (taken.total("edf_curve"), taken.left(Left.ESTIMATED)) == (14_100, 1)


def test_the_index_of_two_registers_has_their_sum_as_total(tmp_path: Path) -> None:
    taken = take(tmp_path, INDEX.encode("cp1252"))
    assert taken.values("edf_index") == [
        ("2026-01-02T00:00+01:00", Decimal(2_521_000)),
        ("2026-01-03T00:00+01:00", Decimal(2_530_000)),
    ]
    assert [value for _, value in taken.values("edf_index", 1)] == [2_004_000, 2_010_000]
    assert (taken.left(Left.TWICE), taken.left(Left.ESTIMATED)) == (1, 1)


def test_sums_of_years_are_no_months_and_a_space_groups_thousands(tmp_path: Path) -> None:
    taken = take(tmp_path, MONTHS.encode("cp1252"))
    part = taken.part("edf_monthly")
    assert [row[:2] for row in part.rows] == [(at("2025-12-01"), at("2026-01-01"))]
    assert (taken.total("edf_monthly"), taken.left(Left.SUBTOTAL), taken.left(Left.ESTIMATED)) == (1_300_000, 1, 1)


def test_the_zip_brings_all_four_at_once_whatever_its_files_are_called(tmp_path: Path) -> None:
    texts = (half_hours(of_day("2026-01-30", "2026-01-31")), INDEX, DAYS, MONTHS)
    taken = take(tmp_path, archive({f"{n}.txt": text.encode("cp1252") for n, text in enumerate(texts)}))
    assert taken.kinds == ["edf_curve", "edf_index", "edf_daily", "edf_monthly"]
    assert {part.what.register for part in taken.parts} == {"edf_curve", "edf_index", "edf_daily", "edf_monthly"}
    assert taken.total("edf_daily") == 16_000


def test_a_nature_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    taken = take(tmp_path, DAYS + "30/12/2025;4;Devinée\n")
    assert taken.refused == ["line 8: a measured or an estimated value is needed, not Devinée"]


@pytest.mark.parametrize("wrong", ["first", "last"])
def test_an_index_a_thousand_times_off_at_either_end_is_refused_by_its_line(tmp_path: Path, wrong: str) -> None:
    """No row after the last one (or before the first) shows by a fall that it is wrong: only the leap does."""
    head = "Date de relevé de l'index;Type d'index;Index Base (kWh)\n"
    values = {"first": [9, 9_010, 9_020, 9_030], "last": [9_010, 9_020, 9_030, 9_040_000]}[wrong]
    rows = "".join(f"0{day}/01/2026;Index transmis;{value}\n" for day, value in enumerate(values, 1))
    taken = take(tmp_path, head + rows)
    assert [value for _, value in taken.values("edf_index")] == [9_010_000, 9_020_000, 9_030_000]
    (said,) = taken.refused
    assert said.startswith("line 2: " if wrong == "first" else "line 5: ")
    assert "at most 6062500 Wh away from the readings beside it" in said
