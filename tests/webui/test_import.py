"""The page for companies' files, as a browser without JavaScript uses it; and what somebody may send there."""

import asyncio
import io
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from drivers.model import Medium
from gateway.importers.holders import kind, steps
from tests.gateway.importers.holders.made import Cell, archive, curve, half_hours, xlsx
from tests.webui.home import Home, read
from tests.webui.test_access import set_up
from webui import uploads
from webui.page import UPLOADS
from webui.uploads import BYTES_MAX, FILES_MAX

CURVE = curve((end, None if number == 5 else 400) for number, end in enumerate(half_hours("2025-01-01", "2025-03-01")))


async def send(home: Home, *contents: str | bytes, status: int = 303, token: str | None = None) -> str:
    """Send files as a browser does; where it leads, or the page."""
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("token", token or read(await home.text("/import")).fields["token"])
    for number, content in enumerate(contents):
        data = content.encode() if isinstance(content, str) else content
        form.add_field("file", io.BytesIO(data), filename=f"Enedis_{number}_01234567890123.csv")
    async with home.client.post("/import", data=form, allow_redirects=False) as answer:
        assert answer.status == status, await answer.text()
        return answer.headers["Location"] if status == 303 else await answer.text()


async def act(home: Home, path: str, do: str, fields: dict[str, str] | None = None, status: int = 303) -> str:
    data = {"token": read(await home.text("/import")).fields["token"], "do": do, **(fields or {})}
    async with home.client.post(path, data=data, allow_redirects=False) as answer:
        assert answer.status == status, await answer.text()
        return answer.headers["Location"] if status == 303 else await answer.text()


def kept(home: Home) -> list[Path]:
    return sorted(path for path in (home.house.config.runtime / "uploads").rglob("*") if path.is_file())


async def test_a_file_is_looked_at_brought_in_listed_and_taken_back(home: Home) -> None:
    path = await send(home, CURVE)
    text = read(await home.text(path)).text
    assert "Rien n’est encore gardé." in text
    assert "Enedis\u00a0: courbe de charge" in text
    assert "Du 1er\u00a0janvier 2025 au 28\u00a0février 2025. 2\u202f831\u00a0valeurs." in text
    assert "Une ligne\u00a0: sans valeur" in text
    assert "janvier 2025au moins 297" in text
    assert "février 2025269" in text
    assert await home.house.holders.listed() == []
    assert await act(home, path, "bring", {"point-0": "maison"}) == "/import?done=2831"
    text = read(await home.text("/import?done=2831")).text
    assert "2\u202f831\u00a0valeurs sont entrées dans l’historique." in text
    assert "Maison, du 1er\u00a0janvier 2025 au 28\u00a0février 2025" in text
    assert kept(home) == []
    (one,) = await home.house.holders.listed()
    token = read(await home.text("/import")).fields["token"]
    async with home.client.post(
        "/import/undo", data={"token": token, "import": str(one.id)}, allow_redirects=False
    ) as answer:
        assert answer.headers["Location"] == "/import?undone=1"
    assert await home.house.holders.listed() == []
    async with home.client.post("/import/undo", data={"token": token, "import": str(one.id)}) as answer:
        assert answer.status == 404
        assert "C’était déjà retiré" in read(await answer.text()).text


async def test_what_is_here_already_is_said_and_nothing_is_kept_twice(home: Home) -> None:
    path = await send(home, CURVE)
    await act(home, path, "bring", {"point-0": "maison"})
    path = await send(home, CURVE)
    assert "0\u00a0nouvelle, 2\u202f831\u00a0déjà là" in read(await home.text(path)).text
    assert await act(home, path, "bring", {"point-0": "maison"}) == "/import?same=1"
    assert len(await home.house.holders.listed()) == 1


async def test_a_file_of_one_reading_is_taken(home: Home) -> None:
    head = "Date de relevé;Index relevé (litres);Consommation du jour (litres);Index Mesuré/Estimé\n"
    path = await send(home, head + "2026-01-02 00:00:00;100;0;Mesuré\n")
    assert "Du 2\u00a0janvier 2026 au 2\u00a0janvier 2026. Une valeur." in read(await home.text(path)).text
    await act(home, path, "bring", {"point-0": "eau-froide"})
    assert "du 2\u00a0janvier 2026 au 2\u00a0janvier 2026" in read(await home.text("/import")).text
    (one,) = await home.house.holders.listed()
    assert one.rows == 1


async def test_the_number_of_the_meter_is_shown_in_part_and_its_file_s_name_is_kept_nowhere(home: Home) -> None:
    path = await send(home, CURVE)
    page = await home.text(path)
    assert "•••\u00a00123" in page
    assert "01234567890123" not in page
    await act(home, path, "bring", {"point-0": "maison"})
    assert "01234567890123" not in await home.text("/import")
    assert b"01234567890123" not in (home.house.config.data / "holders.db").read_bytes()


async def test_the_file_of_another_home_is_said_to_be_one_and_needs_a_choice(home: Home) -> None:
    await act(home, await send(home, CURVE), "bring", {"point-0": "maison"})
    path = await send(home, CURVE.replace("01234567890123", "01234567899999"))
    text = read(await home.text(path)).text
    assert "Ce fichier parle d’un autre compteur que ceux déjà importés ici." in text
    assert "•••\u00a09999" in text
    page = await act(home, path, "bring", {"point-0": "maison"}, 422)
    assert "dites d’abord de quel compteur" in read(page).text
    assert len(await home.house.holders.listed()) == 1
    await act(home, path, "bring", {"point-0": "", "name-0": "Le voisin"})
    # Each file is offered first for the meter that its number is known for.
    path = await send(home, CURVE.replace("01234567890123", "01234567899999").replace(";400", ";410"))
    page = await home.text(path)
    assert '<option value="le-voisin" selected>' in page
    assert "autre compteur que ceux" not in read(page).text
    page = await act(home, path, "bring", {"point-0": "maison"}, 422)
    assert '<option value="maison" selected>' in page
    assert "autre compteur que ceux" in read(page).text
    await act(home, path, "bring", {"point-0": "maison", "same-0": "on"})
    assert {one.points for one in await home.house.holders.listed()} == {("maison",), ("le-voisin",)}
    assert len(await home.house.holders.listed()) == 3


async def test_a_meter_that_the_box_does_not_have_is_made_by_its_name(home: Home) -> None:
    path = await send(home, CURVE)
    page = await act(home, path, "bring", {"point-0": "", "name-0": "  "}, 422)
    assert "Il faut un nom" in read(page).text
    await act(home, path, "bring", {"point-0": "", "name-0": "Le chalet"})
    point = next(point for point in home.house.catalog.points() if point.name == "Le chalet")
    assert point.medium is Medium.ELECTRICITY
    assert (await home.house.holders.listed())[0].points == (point.id,)


async def undo(home: Home, number: int) -> str:
    token = read(await home.text("/import")).fields["token"]
    async with home.client.post(
        "/import/undo", data={"token": token, "import": str(number)}, allow_redirects=False
    ) as answer:
        return answer.headers["Location"] if answer.status == 303 else await answer.text()


async def test_a_meter_that_was_made_for_an_import_goes_with_it_and_a_meter_that_stands_there_stays(home: Home) -> None:
    await act(home, await send(home, CURVE), "bring", {"point-0": "", "name-0": "Le chalet"})
    await act(home, await send(home, CURVE.replace(";400", ";500")), "bring", {"point-0": "le-chalet"})
    second, first = await home.house.holders.listed()
    assert await undo(home, first.id) == "/import?undone=1"
    assert "Le chalet" in [point.name for point in home.house.catalog.points()]
    where = await undo(home, second.id)
    assert "Le chalet" not in [point.name for point in home.house.catalog.points()]
    assert "Un compteur ajouté pour lui, et qui n’a rien d’autre, est parti avec." in read(await home.text(where)).text
    await act(home, await send(home, CURVE), "bring", {"point-0": "maison"})
    (one,) = await home.house.holders.listed()
    assert await undo(home, one.id) == "/import?undone=1"
    assert "Maison" in [point.name for point in home.house.catalog.points()]
    assert "déjà retiré" in read(await undo(home, one.id)).text


async def test_an_index_that_cannot_follow_an_earlier_file_is_said_to_be_wrong(home: Home) -> None:
    head = "Date de relevé;Index relevé (litres);Consommation du jour (litres);Index Mesuré/Estimé\n"
    await act(home, await send(home, head + "2026-01-02 00:00:00;100;0;Mesuré\n"), "bring", {"point-0": "eau-froide"})
    path = await send(home, head + "2026-01-03 00:00:00;9000100;0;Mesuré\n")
    assert "l’index monterait de 9000000 L" in read(await home.text(path)).text
    page = await act(home, path, "bring", {"point-0": "eau-froide"}, 422)
    assert "ne peuvent pas être justes tous les deux" in read(page).text
    assert len(await home.house.holders.listed()) == 1


async def test_a_file_that_says_many_times_what_the_meter_counted_needs_a_choice(home: Home) -> None:
    ends = half_hours("2026-03-01", "2026-03-11")
    near = read(await home.text(await send(home, curve((end, 512) for end in ends)))).text
    assert re.search(
        r"Pour 10\sjours que les deux connaissent, ce fichier dit 123\skWh, et votre compteur [\d,]+\.", near
    )
    assert "le bon compteur" not in near
    path = await send(home, curve((end, 20_000) for end in ends))
    assert "est-ce le bon compteur, et la bonne unité" in read(await home.text(path)).text
    page = await act(home, path, "bring", {"point-0": "maison"}, 422)
    assert "dites d’abord de quel compteur" in read(page).text
    assert await home.house.holders.listed() == []
    assert await act(home, path, "bring", {"point-0": "maison", "same-0": "on"}) == "/import?done=480"


OURS = """time,point,medium,meter,register,tariff,unit,value
2026-03-29T01:30:00+01:00,Jardin,water,08172635,volume,0,m3,612.483
2026-03-29T03:00:00+02:00,Jardin,water,08172635,volume,0,m3,612.485
demain,Jardin,water,08172635,volume,0,m3,612.485
"""


async def test_a_file_of_our_own_format_is_dropped_looked_at_and_taken_back(home: Home) -> None:
    path = await send(home, OURS)
    text = read(await home.text(path)).text
    assert "Relevés au format du boîtier" in text
    assert "Du 29\u00a0mars 2026 au 29\u00a0mars 2026. 2\u00a0valeurs." in text
    assert "Ligne 4\u00a0: ce qui est dans la colonne time est impossible." in text
    before = {info.key for info in home.house.store.series()}
    assert await act(home, path, "bring") == "/import?done=2"
    assert "Relevés au format du boîtier" in read(await home.text("/import")).text
    assert {info.key.point for info in home.house.store.series()} - {key.point for key in before} == {"jardin"}
    assert await act(home, await send(home, OURS), "bring") == "/import?same=1"
    (one,) = await home.house.holders.listed()
    assert await undo(home, one.id) == "/import?undone=2"
    assert {info.key for info in home.house.store.series()} == before
    assert (
        "nommer les colonnes du format du boîtier"
        in read(await home.text(await send(home, OURS.replace("tariff,", "", 1)))).text
    )


async def test_a_water_meter_is_never_offered_for_electricity(home: Home) -> None:
    path = await send(home, CURVE)
    page = await home.text(path)
    assert '<option value="maison" selected>' in page
    assert '<option value="eau-froide">' not in page
    await act(home, path, "bring", {"point-0": "eau-froide", "name-0": "Chalet"})
    assert (await home.house.holders.listed())[0].points == ("chalet",)


async def test_a_table_that_nobody_knows_is_asked_about_and_its_guess_is_shown(home: Home) -> None:
    path = await send(home, "date;compteur\n01/01/2026;10\n01/02/2026;12,5\n01/03/2026;14\n")
    page = await home.text(path)
    text = read(page).text
    assert "Dites ce que contiennent ses colonnes." in text
    assert "Ajouter à l’historique" not in text
    assert re.search(r'<select id="what-0"[^>]*>.*<option value="index" selected>', page)
    location = await act(home, path, "look", {"unit-0": "m3", "medium-0": "water", "what-0": "index"})
    assert location == path
    text = read(await home.text(path)).text
    assert "Ajouter à l’historique" in text
    assert "3\u00a0valeurs" in text
    await act(home, path, "bring", {"point-0": "eau-froide"})
    assert (await home.house.holders.listed())[0].kinds == ("table",)
    path = await send(home, "date;compteur\n01/01/2026;10\n01/02/2026;12,5\n")
    await act(home, path, "look", {"unit-0": "gallons"}, 400)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x00\x01\x02", "il faut un fichier texte, un tableur (xlsx) ou un zip"),
        (b"bonjour", "ce n’est ni un fichier connu, ni un tableau"),
        (CURVE.replace("Energie active", "Energie reactive").encode(), "il faut de l’énergie active, et non Energie reactive"),
        (b"\xef\xbb\xbfa;b\n\xff\n", "Ligne 2\u00a0: le fichier se dit en UTF-8, et ne l’est pas"),
        (archive({"a.csv": "0" * 40_000_000}), "l’archive déballée dépasse 32\u00a0Mo"),
    ],
)  # fmt: skip
async def test_a_file_that_cannot_be_used_is_refused_by_name_in_french(home: Home, content: bytes, said: str) -> None:
    text = read(await home.text(await send(home, content))).text
    assert "Le boîtier ne peut rien faire de ce fichier." in text
    assert "Enedis_0_01234567890123.csv" in text
    assert said.replace("\u00a0", " ") in text.replace("\u00a0", " ")


async def test_rows_that_are_refused_are_shown_by_line_and_the_others_are_taken(home: Home) -> None:
    rows: list[list[Cell]] = [
        ["Type de comptage :", "Consommation Quotidienne"],
        ["Date", "Valeur (en kWh)"],
        ["01/01/2026", 5],
        ["02/01/2026", "<b>x</b>"],
    ]
    path = await send(home, xlsx({"x": rows}))
    page = await home.text(path)
    assert "<b>x</b>" not in page
    text = read(page).text
    assert "Une ligne refusée" in text
    assert "Ligne 4\u00a0: il faut un nombre, et non <b>x</b>" in text


async def test_every_answer_that_refuses_is_one_clear_sentence(home: Home) -> None:
    assert "Choisissez d’abord un fichier." in read(await send(home, status=422)).text
    assert "le fichier est vide" in read(await home.text(await send(home, b""))).text
    page = await send(home, b"a" * (BYTES_MAX + 1), status=413)
    assert "trop longs" in read(page).text
    page = await send(home, b"a" * (BYTES_MAX + uploads.BYTES_MAX), status=413)
    assert "trop longs" in read(page).text
    assert re.search(r"\b8\sMo\b", read(page).text)
    assert "50\u00a0au plus" in read(await send(home, *[b"a"] * (FILES_MAX + 1), status=413)).text
    await send(home, *[b"a"] * (5 * FILES_MAX), status=400)
    await send(home, CURVE, status=403, token="not ours")
    for wrong in ("-3", "x", "3" * 30, "٣"):
        assert "Les entreprises qui relèvent" in read(await home.text(f"/import?done={wrong}")).text


async def test_a_second_click_says_what_the_first_one_did(home: Home) -> None:
    path = await send(home, CURVE)
    assert await act(home, path, "bring", {"point-0": "maison"}) == "/import?done=2831"
    assert await act(home, path, "bring", {"point-0": "maison"}) == "/import?done=2831"
    assert len(await home.house.holders.listed()) == 1


async def test_a_file_beside_the_data_of_a_zip_is_named_as_not_read(home: Home) -> None:
    path = await send(home, archive({"courbe.csv": CURVE, "lisez-moi.txt": "Bonjour"}))
    text = read(await home.text(path)).text
    assert "Un fichier à côté des données ne contient pas de valeurs que le boîtier connaît." in text
    assert "lisez-moi.txt" in text


async def test_a_file_lies_in_memory_for_its_owner_only_and_goes_with_the_hour(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "KEEP_S_MAX", 0.5)
    path = await send(home, CURVE)
    (file,) = kept(home)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == file.parent.parent.stat().st_mode & 0o777 == 0o700
    async with asyncio.timeout(5):
        while kept(home):
            await asyncio.sleep(0.05)
    async with home.client.get(path, allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/import?gone"
    assert "une heure" in read(await home.text("/import?gone")).text


async def test_files_that_nobody_decides_on_do_not_fill_the_memory(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "KEPT_BYTES_MAX", 3 * len(CURVE.encode()))
    paths = [await send(home, CURVE) for _ in range(5)]
    assert len(kept(home)) == 3
    for path in paths[:2]:
        async with home.client.get(path, allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/import?gone"


async def test_a_file_that_is_put_away_is_gone_at_once(home: Home) -> None:
    path = await send(home, CURVE)
    assert await act(home, path, "drop") == "/import"
    assert kept(home) == []


async def test_the_pages_answer_while_a_long_file_is_read_and_say_how_far_it_is(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reading is held in its thread; what is asked meanwhile is answered."""
    go_on = threading.Event()
    real = steps.steps

    def held(ats: Sequence[int]) -> list[int | None]:
        go_on.wait(10)
        return real(ats)

    monkeypatch.setattr(kind, "steps", held)
    monkeypatch.setattr(uploads, "PATIENCE_S", 0.01)
    path = await send(home, CURVE)
    async with home.client.get(path) as answer:
        assert answer.headers["Refresh"] == "1"
        assert re.search(r'<progress max="100" value="\d+">', await answer.text())
    start = time.perf_counter()
    await home.text("/")
    assert time.perf_counter() - start < 2
    assert await act(home, path, "bring") == path  # not before it is read
    go_on.set()
    reading = home.client.app[UPLOADS].get(path.rpartition("/")[2])
    assert reading is not None
    assert reading.reading is not None
    await reading.reading
    assert "Ajouter à l’historique" in read(await home.text(path)).text


async def test_a_stranger_sends_nothing_and_sees_nothing(new_box: Home) -> None:
    await set_up(new_box)
    path = await send(new_box, CURVE)
    new_box.client.session.cookie_jar.clear()
    for asked in ("/import", path):
        async with new_box.client.get(asked, allow_redirects=False) as answer:
            assert answer.headers["Location"].startswith("/login")
    async with new_box.client.post(
        "/import", data=b"x" * 100, headers={"Content-Type": "multipart/form-data; boundary=x"}, allow_redirects=False
    ) as answer:
        assert answer.headers["Location"] == "/login"


async def test_the_import_pages_are_french_and_english_and_within_the_policy(home: Home) -> None:
    shown = await send(home, CURVE)
    asked = await send(home, "date;compteur\n01/01/2026;10\n01/02/2026;12,5\n01/03/2026;14\n")
    for path in ("/import", shown, asked):
        for language in ("fr", "en"):
            reader = read(await home.text(f"{path}?lang={language}"))
            assert reader.refused == []
            assert len(reader.ids) == len(set(reader.ids))
        french = read(await home.text(f"{path}?lang=fr")).text
        assert "'" not in french
        for wrong in (" ;", " !", " ?", " %", " :", " »", "« ", "n° "):
            assert wrong not in french, (wrong, french[max(0, french.index(wrong) - 40) : french.index(wrong) + 10])
