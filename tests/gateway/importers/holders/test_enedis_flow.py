"""Enedis's R63 and R64 as JSON, in the shape that several public programs read, with numbers made up here."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.importers.holders.found import FileRefusedError, Left, Why
from tests.gateway.importers.holders.made import Taken, take, walls

Points = list[dict[str, Any]]


def flow(code: str, *measures: dict[str, Any]) -> str:
    header = {"siDemandeur": "SGE", "codeFlux": code, "idDemande": "M0000000", "modePublication": "P", "format": "JSON"}
    return json.dumps({"header": header, "mesures": measures})


def curve(points: Points, *, unit: str = "W", sense: str = "CONS", physical: str = "PA", stage: str = "BRUT") -> str:
    quantity = {"grandeurMetier": sense, "grandeurPhysique": physical, "unite": unit, "points": points}
    period = {"dateDebut": "2025-01-05", "dateFin": "2025-01-06"}
    return flow("R63", {"idPrm": "01234567890123", "etapeMetier": stage, "periode": period, "grandeur": [quantity]})


def half_hours(first: str, last: str, power: str = "400", **more: object) -> Points:
    return [{"d": wall, "v": power, "p": "PT30M", "n": "B", "iv": 0, **more} for wall in walls(first, last)]


def test_a_curve_as_json_is_the_mean_power_of_each_period_that_ends_at_its_time(tmp_path: Path) -> None:
    taken = take(tmp_path, curve(half_hours("2025-01-05", "2025-01-06")))
    assert (taken.kinds, taken.refused, taken.found.places) == (["enedis_curve_json"], [], {"1234567890123"})
    assert taken.total("enedis_curve") == 24 * 400
    assert taken.values("enedis_curve")[0] == ("2025-01-05T00:30+01:00", Decimal(400))


def test_a_curve_of_energies_is_their_sum_and_what_was_given_is_kept_apart(tmp_path: Path) -> None:
    taken = take(tmp_path, curve(half_hours("2025-01-05", "2025-01-06", "10"), unit="Wh", physical="EA", sense="PROD"))
    (part,) = taken.parts
    assert (part.what.register, part.what.out, taken.total("enedis_curve_out")) == ("enedis_curve_out", True, 480)


def test_a_time_that_says_its_offset_is_taken_at_its_word(tmp_path: Path) -> None:
    points = [{"d": f"2025-10-26T02:30:00+0{offset}:00", "v": str(offset), "p": "PT30M", "n": "B"} for offset in (2, 1)]
    assert take(tmp_path, curve(points)).values("enedis_curve") == [
        ("2025-10-26T02:30+02:00", Decimal(2)), ("2025-10-26T02:30+01:00", Decimal(1))
    ]  # fmt: skip


def test_the_day_of_25_hours_is_told_by_the_order_of_its_points(tmp_path: Path) -> None:
    taken = take(tmp_path, curve(half_hours("2025-10-26", "2025-10-27")))
    assert (taken.total("enedis_curve"), taken.refused) == (25 * 400, [])


def test_a_value_made_up_for_a_cut_is_left_out_and_one_of_no_known_nature_is_refused(tmp_path: Path) -> None:
    points = half_hours("2025-01-05", "2025-01-05 02:00")
    points[0]["n"], points[1]["n"], points[2]["p"] = "E", "?", "P1D"
    taken = take(tmp_path, curve(points))
    assert (taken.left(Left.ESTIMATED), len(taken.parts[0].rows)) == (1, 1)
    assert [refusal.partition(":")[0] for refusal in taken.refused] == ["line 2", "line 3"]


def test_reactive_energy_and_what_the_company_worked_on_are_counted_and_not_taken(tmp_path: Path) -> None:
    points = half_hours("2025-01-05", "2025-01-06")
    for content in (curve(points, physical="ERI", unit="varh"), curve(points, stage="VALIDE")):
        taken = take(tmp_path, content)
        assert (taken.parts, taken.left(Left.OTHER), taken.found.rows) == ([], 48, 48)


def test_a_curve_whose_times_are_starts_is_refused_by_its_own_period(tmp_path: Path) -> None:
    with pytest.raises(FileRefusedError) as refused:
        take(tmp_path, curve(half_hours("2025-01-04 23:30", "2025-01-05 23:30")))
    assert refused.value.why is Why.STAMP


def index(*, total: Points | None = None, calendars: dict[str, list[Points]] | None = None, **more: Any) -> str:
    quantity: dict[str, Any] = {"grandeurMetier": "CONS", "grandeurPhysique": "EA", "unite": "Wh"}
    quantity["calendrier"] = [
        {
            "idCalendrier": name,
            "libelleCalendrier": "x",
            "classeTemporelle": [{"idClasseTemporelle": str(n), "valeur": each} for n, each in enumerate(classes)],
        }
        for name, classes in (calendars or {}).items()
    ]
    if total is not None:
        quantity["cadranTotalisateur"] = {"codeCadran": "EAT", "valeur": total}
    context = {"etapeMetier": "BRUT", "contexteReleve": "COL", "typeReleve": "AQ", "grandeur": [quantity], **more}
    period = {"dateDebut": "2025-01-05", "dateFin": "2025-01-08"}
    return flow("R64", {"idPrm": "01234567890123", "periode": period, "contexte": [context]})


def days(*values: int, iv: object = 0) -> Points:
    return [{"d": f"2025-01-{5 + n:02d}T00:00:00+01:00", "v": value, "iv": iv} for n, value in enumerate(values)]


def readings(taken: Taken, register: str) -> list[int]:
    return [int(value) for _, value in taken.values(register)]


def test_an_index_as_json_is_the_total_that_the_meter_says(tmp_path: Path) -> None:
    taken = take(tmp_path, index(total=days(1000, 1500, 2100), calendars={"DI000002": [days(1, 2, 3)]}))
    assert (taken.kinds, taken.refused) == (["enedis_index_json"], [])
    assert readings(taken, "enedis_index") == [1000, 1500, 2100]
    assert [part.what.register for part in taken.parts] == ["enedis_index"]
    assert taken.values("enedis_index")[0][0] == "2025-01-05T00:00+01:00"


def test_without_a_total_it_is_the_sum_of_the_grid_s_calendar_where_all_of_it_is_known(tmp_path: Path) -> None:
    cut = days(100, 150, 210)
    taken = take(
        tmp_path, index(calendars={"FC000049": [days(7, 8, 9)], "DI000002": [cut, [days(10, 20, 30)[0], days(10, 20, 30)[2]]]})
    )  # fmt: skip
    assert [part.what.register for part in taken.parts] == ["enedis_index_di000002"]
    assert readings(taken, "enedis_index_di000002") == [110, 240]
    assert taken.left(Left.VALUE) == 1


def test_two_calendars_of_a_supplier_are_never_summed_or_joined(tmp_path: Path) -> None:
    taken = take(tmp_path, index(calendars={"FC000001": [days(100, 150)], "FC000002": [days(5, 6), days(1, 2)]}))
    assert [(part.what.register, readings(taken, part.what.register)) for part in taken.parts] == [
        ("enedis_index_fc000001", [100, 150]), ("enedis_index_fc000002", [6, 8])
    ]  # fmt: skip


def test_an_index_that_the_company_doubts_is_left_out_and_counted(tmp_path: Path) -> None:
    taken = take(tmp_path, index(total=[*days(1000, 1500), *days(9, 9, 9999, iv=4)[2:]]))
    assert (readings(taken, "enedis_index"), taken.left(Left.DOUBTED)) == ([1000, 1500], 1)


def test_a_reading_of_a_type_that_nobody_has_told_of_is_left_out_and_counted(tmp_path: Path) -> None:
    taken = take(tmp_path, index(total=days(1, 2), typeReleve="ES"))
    assert (taken.parts, taken.left(Left.OTHER)) == ([], 2)


@pytest.mark.parametrize(
    "wrong", [{"mesures": 5}, {"mesures": [{"contexte": [{"grandeur": "x"}]}]}, {"mesures": [None]}]
)
@pytest.mark.parametrize("code", ["R63", "R64"])
def test_a_flow_of_another_shape_holds_nothing_and_breaks_nothing(tmp_path: Path, code: str, wrong: object) -> None:
    assert isinstance(wrong, dict)
    assert take(tmp_path, json.dumps({"header": {"codeFlux": code}, **wrong})).parts == []


def test_an_r64_as_a_table_is_named_and_what_to_ask_for_instead_is_said(tmp_path: Path) -> None:
    head = (
        "Identifiant PRM;Date de début;Date de fin;Grandeur physique;Grandeur métier;Etape métier;Unité;Horodate;Valeur;"
        "Contexte relève;Type relève;Motif relève;Cadran\n"
    )
    with pytest.raises(FileRefusedError, match="ask Enedis for the R64 as JSON"):
        take(tmp_path, head + "01234567890123;2025-01-05;2025-01-06;EA;CONS;BRUT;Wh;2025-01-05;1;COL;AQ;;EAT\n")
