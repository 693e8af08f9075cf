"""The history with companies' files beside the meter: the years before it, its gaps, and where both have counted."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from drivers.model import Medium
from gateway.bring import Target, bring, look
from tests.gateway.importers.holders.made import Cell, curve, half_hours, xlsx
from tests.webui.home import PARIS, Home, at, read
from webui.beside import beside, with_quantity
from webui.days import day_bounds, month_bounds, year_bounds


async def bring_in(home: Home, folder: Path, *contents: str | bytes, point: str | None = "maison") -> None:
    files = []
    for number, content in enumerate(contents):
        path = folder / f"{number}.file"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        files.append((path.name, path))
    looked = look(files, home.clock.at, home.house.zone)
    assert looked.faults == []
    targets = [Target(group, point, "Gaz") for group in looked.groups]
    bring(home.house.holders, home.house.catalog, targets, home.clock.at)


def day(first: str, last: str, power: int = 400) -> str:
    return curve((end, power) for end in half_hours(first, last))


async def totals(home: Home, bounds: list[int], point: str = "maison") -> list[Decimal | None]:
    view = home.house.point(point)
    assert view is not None
    return list((await beside(home.house, await with_quantity(home.house, view), bounds, home.clock.at)).values)


async def test_the_years_before_the_box_stand_in_the_history_and_say_whose_they_are(home: Home, tmp_path: Path) -> None:
    before = read(await home.text("/history/maison?by=month&at=2025-03-01")).text
    assert "Nous n’avons pas de relevé" in before
    await bring_in(home, tmp_path, day("2025-01-01", "2025-06-01"))
    page = await home.text("/history/maison?by=month&at=2025-03-01")
    text = read(page).text
    assert "En mars 2025 : 297\u00a0kWh d’électricité." in text.replace("\u00a0:", " :")  # 743 hours at 400 W
    assert "Source\u00a0: Enedis. Votre compteur n’avait pas encore parlé." in text
    assert "Fichiers depuis le 1er\u00a0janvier 2025." in text
    assert page.count('class="fo"') == 31 + 1  # and one in the legend
    assert "9,2 (Enedis)" in text  # the day of 23 hours


async def test_the_spring_and_the_autumn_day_are_23_and_25_hours_in_the_history_too(home: Home, tmp_path: Path) -> None:
    await bring_in(home, tmp_path, day("2025-03-29", "2025-04-01"))
    assert await totals(home, month_bounds(PARIS, date(2025, 3, 1))) == [*[None] * 28, 9600, 9200, 9600]
    assert await totals(home, day_bounds(PARIS, date(2025, 3, 30))) == [Decimal(400)] * 23


async def test_the_meter_wins_wherever_it_is_known_and_the_difference_is_shown(home: Home, tmp_path: Path) -> None:
    alone = await totals(home, month_bounds(PARIS, date(2026, 3, 1)))
    await bring_in(home, tmp_path, day("2026-03-01", "2026-03-11", 512))
    assert await totals(home, month_bounds(PARIS, date(2026, 3, 1))) == alone
    month = read(await home.text("/history/maison?by=month&at=2026-03-01")).text
    assert "Pour 10\u00a0jours, Enedis et votre compteur ont compté tous les deux." in month
    assert "Enedis dit 12,3\u00a0kWh, votre compteur 12,0\u00a0kWh." in month
    assert "(Enedis)" not in month
    one = read(await home.text("/history/maison?by=day&at=2026-03-05")).text
    assert "Enedis dit 12,3\u00a0kWh pour ce jour, votre compteur 12,0\u00a0kWh." in one


async def test_a_file_and_a_meter_that_agree_are_said_to(home: Home, tmp_path: Path) -> None:
    await bring_in(home, tmp_path, day("2026-03-01", "2026-03-03", 500))
    text = read(await home.text("/history/maison?by=month&at=2026-03-01")).text
    assert "Pour 2\u00a0jours, Enedis et votre compteur ont compté tous les deux, et ils sont d’accord." in text


async def test_the_year_in_which_the_box_came_is_whole_from_both(home: Home, tmp_path: Path) -> None:
    """The box heard its meter first on 15 October 2025; the file ends the day after."""
    began = home.house.history_start("maison")
    assert began is not None
    assert at(2025, 10, 15) < began < at(2025, 10, 16)
    await bring_in(home, tmp_path, day("2025-01-01", "2025-10-16"))
    months = await totals(home, year_bounds(PARIS, 2025))
    assert months[0] == Decimal(31 * 9600)
    assert months[9] == Decimal(15 * 9600 + 16 * 12_000 + 500)  # the 26th has 25 hours
    assert months[10] == Decimal(30 * 12_000)
    text = read(await home.text("/history/maison?by=year&at=2025-01-01")).text
    assert "Source\u00a0: Enedis, pour ce que le compteur n’a pas dit lui-même." in text
    assert "au moins" not in text


async def test_a_day_that_a_file_misses_is_a_gap_and_the_sum_is_said_to_be_a_least(home: Home, tmp_path: Path) -> None:
    ends = half_hours("2025-03-01", "2025-04-01")
    missing = set(half_hours("2025-03-10", "2025-03-11")) | {half_hours("2025-03-20", "2025-03-21")[5]}
    await bring_in(home, tmp_path, curve((end, None if end in missing else 400) for end in ends))
    values = await totals(home, month_bounds(PARIS, date(2025, 3, 1)))
    assert [number for number, value in enumerate(values, 1) if value is None] == [10, 20]
    page = await home.text("/history/maison?by=month&at=2025-03-01")
    text = read(page).text
    assert "En mars 2025\u00a0: au moins 287\u00a0kWh d’électricité." in text
    assert "au moins 9,4 (Enedis)" in text
    assert page.count('class="gap"') == 2 + 1
    assert await totals(home, year_bounds(PARIS, 2025)) == [
        *[None] * 9, await whole_october(home), Decimal(360_000), Decimal(372_000)
    ]  # fmt: skip
    assert "au moins 287" in read(await home.text("/history/maison?by=year&at=2025-01-01")).text


async def whole_october(home: Home) -> Decimal | None:
    """What the meter alone knows of the month in which it was first heard."""
    began = home.house.history_start("maison")
    assert began is not None
    return (await home.house.consumption("maison", [began, at(2025, 11, 1)]))[0]


async def test_a_gap_of_the_meter_is_filled_by_a_file_and_the_meters_total_stays(home: Home, tmp_path: Path) -> None:
    """The heat meter fell silent three hours ago: what a file knows of today is shown, and marked."""
    await bring_in(home, tmp_path, day("2026-11-19", "2026-11-19 18:00", 1000), point="chauffage")
    view = home.house.point("chauffage")
    assert view is not None
    bounds = day_bounds(PARIS, date(2026, 11, 19))
    found = await beside(home.house, view, bounds, home.clock.at)
    assert found.values[14] == 1000  # the meter's own: half an hour of 500 Wh, twice
    assert (found.holders[14], found.holders[16]) == (None, "Enedis")
    assert found.values[16] == 1000


async def test_last_year_is_compared_with_though_only_a_file_knows_it(home: Home, tmp_path: Path) -> None:
    await bring_in(home, tmp_path, day("2025-02-01", "2025-03-01"))
    text = read(await home.text("/history/maison?by=month&at=2026-02-01")).text
    assert "25\u202f% de plus (février 2025\u00a0: 269\u00a0kWh, Enedis)" in text


def gas(first: str, count: int) -> str:
    rows = []
    for number in range(count):
        gas_day = (datetime.fromisoformat(first) + timedelta(days=number)).date().isoformat()
        rows.append({"journeeGaziere": gas_day, "indexDebut": 100 + 3 * number, "indexFin": 103 + 3 * number})
    return json.dumps({"1": {"idPce": "1", "releves": rows}})


async def test_a_company_s_file_alone_makes_a_history_and_says_how_its_days_lie(home: Home, tmp_path: Path) -> None:
    await bring_in(home, tmp_path, gas("2026-10-01", 45), point=None)
    assert [point.medium for point in home.house.catalog.points() if point.id == "gaz"] == [Medium.GAS]
    text = read(await home.text("/history/gaz?by=month&at=2026-10-01")).text
    assert "En octobre 2026\u00a0: 93,00\u00a0m³ de gaz." in text
    assert "Source\u00a0: GRDF. Votre compteur n’avait pas encore parlé." in text
    assert "Là, un jour va de 6\u00a0h\u00a000 à 6\u00a0h\u00a000." in text
    november = read(await home.text("/history/gaz?by=month&at=2026-11-01")).text
    assert "Dernier relevé" in november
    for path in ("/", "/meters", "/history/gaz?by=day&at=2026-10-05", "/history/gaz?by=year", "/data"):
        await home.text(path)


async def test_months_of_a_file_are_known_as_months_only(home: Home, tmp_path: Path) -> None:
    rows: list[list[Cell]] = [
        ["N° PCE :", "1"],
        ["Période", "Volume consommé (m3)", "Energie consommée (kWh)"],
        ["Septembre 2026", 30, 330],
    ]
    await bring_in(home, tmp_path, xlsx({"x": rows}), point=None)
    text = read(await home.text("/history/gaz?by=month&at=2026-09-01")).text
    assert "En septembre 2026\u00a0: 30,00\u00a0m³ de gaz." in text
    assert "30,00\u00a0m³ en 30\u00a0jours" in text
    assert await totals(home, year_bounds(PARIS, 2026), "gaz") == [*[None] * 8, 30_000, *[None] * 3]


async def test_what_was_given_to_the_grid_is_in_no_consumption(home: Home, tmp_path: Path) -> None:
    ends = half_hours("2025-03-01", "2025-03-05")
    await bring_in(home, tmp_path, curve(((end, 400) for end in ends), sense="Injection"))
    assert await totals(home, month_bounds(PARIS, date(2025, 3, 1))) == [None] * 31


async def test_what_was_given_to_the_grid_stands_beside_what_was_taken_on_the_page_and_in_the_api(
    home: Home, tmp_path: Path
) -> None:
    ends = half_hours("2025-03-01", "2025-03-05")
    await bring_in(
        home, tmp_path, day("2025-03-01", "2025-03-05"), curve(((end, 1000) for end in ends), sense="Injection")
    )
    page = await home.text("/history/maison?by=month&at=2025-03-01")
    text = read(page).text
    assert "Donné au réseau\u00a0: au moins 96,0\u00a0kWh." in text  # four days of March
    assert "injecté, kWh" in text
    assert page.count("<td>24,0</td>") == 4
    start, end = at(2025, 3, 1), at(2025, 3, 2)
    taken, given = (await home.json(f"/api/v1/points/maison/files?from={start}&to={end}"))["files"]
    assert (taken["holder"], taken["given"], given["given"], given["unit"]) == ("Enedis", False, True, "Wh")
    assert given["amounts"][0] == {"from": start, "to": start + 1800, "value": "500"}
    assert len(given["amounts"]) == 48


async def test_gas_stands_in_the_unit_that_is_billed_beside_what_was_measured(home: Home, tmp_path: Path) -> None:
    rows: list[list[Cell]] = [
        ["N° PCE :", "1"],
        ["Période", "Volume consommé (m3)", "Energie consommée (kWh)"],
        ["Septembre 2026", 30, 330],
    ]
    await bring_in(home, tmp_path, xlsx({"x": rows}), point=None)
    text = read(await home.text("/history/gaz?by=year&at=2026-01-01")).text
    assert "Selon l’entreprise\u00a0: au moins 330\u00a0kWh." in text.replace("330,00", "330").replace("330,0", "330")
    assert "kWh, selon l’entreprise" in text


async def test_taking_an_import_back_takes_it_out_of_the_history(home: Home, tmp_path: Path) -> None:
    await bring_in(home, tmp_path, day("2025-01-01", "2025-06-01"))
    (one,) = await home.house.holders.listed()
    assert home.house.holders.undo(one.id)
    assert "Nous n’avons pas de relevé" in read(await home.text("/history/maison?by=month&at=2025-03-01")).text
