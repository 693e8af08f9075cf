"""GRDF's gas days from six to six, and the water companies' indexes with their estimates and their days not read yet."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.importers.holders.found import FileRefusedError, Left
from tests.gateway.importers.holders.made import Cell, at, take, xlsx

COLUMNS: list[Cell] = [
    None, "Date de relevé", "Index de début de période (m3)", "Index de fin de période (m3)", "Volume consommé (m3)",
    "Energie consommée (kWh)", "Coefficient de conversion", "Température locale (°C)", "Qualification du relevé",
]  # fmt: skip


def sheet(rows: list[list[Cell]], columns: list[Cell] = COLUMNS) -> bytes:
    head: list[list[Cell]] = [
        [None, "Données informatives et détaillées"], [], [], [None, None, "N° PCE :", "09876543210987"], [], [], [], [], columns,
    ]  # fmt: skip
    return xlsx({"Données": [*head, *[[None, *row] for row in rows]]})


def test_a_gas_day_runs_from_six_to_six_and_its_index_is_whole_cubic_metres(tmp_path: Path) -> None:
    taken = take(
        tmp_path,
        sheet([
            ["04/01/2026", 12163, 12175, 12, 133, "11,12", None, "Mesuré"],
            ["05/01/2026", "12175", "12182", "7", 76, None, "4", "Mesuré"],
            ["06/01/2026", None, None, None, None, None, None, "Absence de Données"],
            ["07/01/2026", 12182, 12190, 8, 88, None, None, "Estimé"],
        ]),
    )  # fmt: skip
    assert (taken.kinds, taken.refused, taken.found.places) == (["grdf_sheet"], [], {"9876543210987"})
    assert taken.values("grdf_index") == [
        ("2026-01-04T06:00+01:00", Decimal(12_163_000)),
        ("2026-01-05T06:00+01:00", Decimal(12_175_000)),
        ("2026-01-06T06:00+01:00", Decimal(12_182_000)),
    ]
    assert taken.total("grdf_energy", "2026-01-04 06:00", "2026-01-06 06:00") == 209_000
    assert (taken.left(Left.VALUE), taken.left(Left.ESTIMATED)) == (1, 1)


@pytest.mark.parametrize(("day", "hours"), [("28/03/2026", 24), ("29/03/2026", 24), ("24/10/2026", 24)])
def test_gas_days_around_the_nights_that_change_the_clocks_are_from_six_to_six(
    tmp_path: Path, day: str, hours: int
) -> None:
    """The night lies within one gas day: that of the Saturday has 23 hours in spring and 25 in autumn."""
    part = take(tmp_path, sheet([[day, None, None, 3, 33, None, None, "Mesuré"]])).part("grdf_volume")
    expected = {"28/03/2026": 23, "24/10/2026": 25}.get(day, hours)
    assert (part.rows[0][1] - part.rows[0][0]) // 3600 == expected


def test_weeks_and_months_are_periods_of_gas_days(tmp_path: Path) -> None:
    columns: list[Cell] = [None, "Période", "Volume consommé (m3)", "Energie consommée (kWh)"]
    taken = take(
        tmp_path, sheet([["Du 24/11/2025 au 30/11/2025", "61,3", 681.0], ["Décembre 2025 ", 283.8, 3156]], columns)
    )
    assert [row[:2] for row in taken.part("grdf_volume").rows] == [
        (at("2025-11-24 06:00"), at("2025-12-01 06:00")),
        (at("2025-12-01 06:00"), at("2026-01-01 06:00")),
    ]
    assert taken.total("grdf_volume") == 345_100


def test_a_gas_row_whose_index_and_volume_disagree_is_refused(tmp_path: Path) -> None:
    taken = take(tmp_path, sheet([["04/01/2026", 12163, 12175, 40, 133, None, None, "Mesuré"]]))
    assert taken.refused == ["line 10: the columns of this row do not agree"]


def releve(day: str, first: int | None, last: int | None, quality: str = "Mesuré", **more: object) -> dict[str, object]:
    volume = None if first is None or last is None else last - first
    return {
        "journeeGaziere": day, "indexDebut": first, "indexFin": last, "volumeBrutConsomme": volume,
        "energieConsomme": None if volume is None else volume * 11, "coeffConversion": 11.0, "qualificationReleve": quality, **more,
    }  # fmt: skip


def test_grdf_s_json_is_read_by_its_gas_day_whatever_offset_it_writes(tmp_path: Path) -> None:
    rows = [
        releve(
            "2026-07-04",
            100,
            103,
            dateDebutReleve="2026-07-04T06:00:00+00:00",
            dateFinReleve="2026-07-05T06:00:00+00:00",
        ),
        releve("2026-07-05", None, None, "Absence de Données"),
        releve("2026-07-06", 105, 106),
    ]
    taken = take(tmp_path, json.dumps({"09876543210987": {"idPce": "09876543210987", "releves": rows}}))
    assert [moment for moment, _ in taken.values("grdf_index")] == [
        "2026-07-04T06:00+02:00", "2026-07-05T06:00+02:00", "2026-07-06T06:00+02:00", "2026-07-07T06:00+02:00",
    ]  # fmt: skip
    assert taken.total("grdf_index") == 6000  # the day without data is in the index all the same
    assert (taken.total("grdf_energy"), taken.left(Left.VALUE)) == (44_000, 1)


def test_grdf_s_published_readings_are_kept_apart_from_the_daily_ones(tmp_path: Path) -> None:
    published = {
        **releve("", 5089, 7114), "journeeGaziere": None,
        "dateDebutReleve": "2017-10-10T06:00:00+00:00", "dateFinReleve": "2018-04-09T06:00:00+00:00",
    }  # fmt: skip
    taken = take(tmp_path, json.dumps({"1": {"idPce": "1", "releves": [published]}}))
    assert taken.values("grdf_published")[0][0] == "2017-10-10T06:00+02:00"
    assert taken.total("grdf_published") == 2_025_000


VEOLIA = "Date de relevé;Index relevé (litres);Consommation du jour (litres);Index Mesuré/Estimé\n"


@pytest.mark.parametrize("day", ["2026-05-{:02d} 12:00:00", "{:02d}/05/2026 12:00"])
def test_veolia_s_estimates_are_left_out_and_the_days_between_are_known_together(tmp_path: Path, day: str) -> None:
    rows = [(12, 2_043_537, "Mesuré"), (13, 2_043_608, "Mesuré"), (14, 2_043_600, "Estimé"), (15, 2_043_700, "Mesuré")]
    taken = take(tmp_path, VEOLIA + "".join(f"{day.format(number)};{index};0;{kind}\n" for number, index, kind in rows))
    assert (taken.kinds, taken.refused, taken.left(Left.ESTIMATED)) == (["veolia"], [], 1)
    assert taken.periods("veolia_index").rows == [
        (at("2026-05-12 12:00"), at("2026-05-13 12:00"), 71),
        (at("2026-05-13 12:00"), at("2026-05-15 12:00"), 92),
    ]


def test_an_index_that_falls_for_one_row_has_a_wrong_row_and_for_many_another_meter(tmp_path: Path) -> None:
    def read(indexes: list[int]) -> tuple[list[str], list[int]]:
        text = "".join(f"2026-05-{n:02d} 12:00:00;{index};0;Mesuré\n" for n, index in enumerate(indexes, 1))
        taken = take(tmp_path, VEOLIA + text)
        return taken.refused, [amount for _, _, amount in taken.periods("veolia_index").rows]

    assert read([100, 110, 9000, 120, 130]) == (["line 4: an index that does not fall is needed"], [10, 10, 10])
    assert read([100, 110, 5, 120, 130]) == (["line 4: an index that does not fall is needed"], [10, 10, 10])
    assert read([500, 510, 520, 530, 3, 9, 14, 20]) == ([], [10, 10, 10, 6, 5, 6])


def test_a_day_of_zero_at_suez_is_one_not_read_yet_and_never_a_zero(tmp_path: Path) -> None:
    rows = [
        ["01/05/2026", 0.145, 345.678],
        ["02/05/2026", 0, 345.678],
        ["03/05/2026", 0.21, 345.888],
        ["04/05/2026", 0, 0],
    ]
    taken = take(tmp_path, json.dumps(rows))
    assert (taken.kinds, taken.left(Left.LATER)) == (["suez"], 2)
    assert taken.periods("suez_index").rows == [
        (at("2026-05-01"), at("2026-05-02"), 145),
        (at("2026-05-02"), at("2026-05-04"), 210),
    ]


def grandlyon(*rows: tuple[int, int, int, object, object], **units: str) -> str:
    data = [
        {"annee": year, "mois": month, "jour": day, "consommation": taken, "index": index}
        for year, month, day, taken, index in rows
    ]
    return json.dumps({"postes": [{"data": data}], **({"unites": units} if units else {})})


def test_grand_lyon_s_months_count_from_zero_and_its_units_are_said(tmp_path: Path) -> None:
    text = grandlyon((2025, 11, 31, 145, 345.678), (2026, 0, 1, 200, 345.878), consommation="L", index="m3")
    taken = take(tmp_path, text)
    assert taken.periods("grandlyon_index").rows == [
        (at("2025-12-31"), at("2026-01-01"), 145), (at("2026-01-01"), at("2026-01-02"), 200)
    ]  # fmt: skip
    assert take(tmp_path, grandlyon((2026, 4, 1, 0.145, 345.678))).periods("grandlyon_index").rows[0][2] == 145


def test_grand_lyon_without_units_or_with_a_month_12_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefusedError, match="does not say its unit"):
        take(tmp_path, grandlyon((2026, 4, 1, 145, 345)))
    with pytest.raises(FileRefusedError, match="0…11"):
        take(tmp_path, grandlyon((2025, 12, 1, 0.1, 345.1)))


def test_ileo_s_volume_and_litres_must_agree(tmp_path: Path) -> None:
    text = (
        'Date;Volume;Consommation;Index\n13/05/2026;"0,071";"71";"2 043 608"\n14/05/2026;"0,1";"100";"2 043 708"\n'
        '15/05/2026;"0,5";"71";"2 044 000"\n'
    )
    taken = take(tmp_path, text.encode("latin-1"))
    assert taken.refused == ["line 4: the columns of this row do not agree"]
    assert [amount for _, _, amount in taken.periods("ileo_index").rows] == [71, 100]
    assert take(tmp_path, text.replace(";", "\t")).kinds == ["ileo"]
