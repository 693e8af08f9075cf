"""`/analyze`: what is pasted there is explained, and neither it nor its key stays. Telegrams made by drivers/encode."""

import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from drivers import pasted
from drivers.encode import mbus
from drivers.encode.wmbus import (
    format_a,
    format_b,
    fragments,
    telegram,
    telegram_ell,
    telegram_mode_2,
    telegram_mode_7,
    telegram_mode_7_counted,
    telegram_mode_10,
)
from drivers.model import Address, State
from drivers.phrase import Phrase
from drivers.wmbus import layers
from drivers.wmbus.link import crc
from gateway.analyze import analyze
from tests.drivers.makers.test_explained import SENT as MAKERS
from tests.webui.home import LOCKED, PARIS, Home, open_home, read, water_frame
from tests.webui.test_access import log_out_here, set_up
from webui import analyze as page
from webui import spoken
from webui.words import Words, load_catalogue

WATER = Address("wmbus", "12345678", "DME", 0x1B, 0x07)
KEY = bytes(range(16))
RECORDS = bytes.fromhex("0413 83580900  4413 00470900  426C 5F3A  04 6D 2D13 7E2B  02 5A 9001  02FD17 0000")
CLEAR = telegram(WATER, RECORDS, 0x2A, status=4)
OWN = b"\x10" + telegram(Address("wmbus", "12345678", "REL", 1, 7), b"", 1)[1:10] + b"\xa0" + bytes(6)
SHUT = telegram(WATER, RECORDS, 0x2A, key=KEY)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path) as opened:
        yield opened


async def post(home: Home, sent: bytes | str, key: bytes | str = b"", language: str = "fr", status: int = 200) -> str:
    """The page that answers the form."""
    form = read(await home.text(f"/analyze?lang={language}")).fields
    fields = {
        **form,
        "telegram": sent if isinstance(sent, str) else sent.hex(),
        "key": key if isinstance(key, str) else key.hex(),
    }
    async with home.client.post("/analyze", data=fields) as answer:
        assert answer.status == status
        return await answer.text()


def typed(text: str) -> str:
    """A page as a typewriter would have it."""
    return read(text).text.replace("\xa0", " ").replace("\u202f", " ").replace("’", "'")


async def test_a_message_in_clear_is_a_sentence_readings_and_bytes(home: Home) -> None:
    text = typed(await post(home, CLEAR))
    assert "Ce message vient d'un compteur d'eau de marque Diehl, n° 12 345 678." in text
    assert "Il est en clair : quiconque est à portée avec un récepteur peut le lire." in text
    assert "Le compteur lui-même signale : alimentation faible" in text
    for reading in ("612,483 m³", "608,000 m³", "31 octobre 2026", "40,0 °C", "30 novembre 2019 à 19 h 45"):
        assert reading in text
    assert "7.5.6 octet d'état" in text
    assert "type d'appareil 07 : eau" in text


async def test_each_byte_that_was_pasted_is_on_the_page_once_and_in_order(home: Home) -> None:
    for sent in (CLEAR, SHUT, format_a(CLEAR), format_b(SHUT)):
        reader = read(await post(home, sent))
        assert bytes.fromhex("".join(reader.code)) == sent


@pytest.mark.parametrize(
    ("sent", "key", "said"),
    [
        (SHUT, b"", "Il est verrouillé : il faut sa clé pour le lire."),
        (SHUT, b"", "Demandez à votre bailleur, à votre gestionnaire ou à la société qui relève le compteur"),
        (SHUT, KEY, "Il était verrouillé, et cette clé l'ouvre."),
        (SHUT, KEY[::-1], "cette clé ne l'ouvre pas"),
        (MAKERS["prios"], b"", "une clé que tout le monde connaît"),
        (SHUT[:-4], b"", "Il faut le message entier : 4 octets manquent."),
        (b"\xde\xad\xbe\xef" * 6, b"", "Ce n'est pas le message d'un compteur"),
        (telegram(WATER, b"", 1), b"", "ce message ne porte pas de valeurs"),
        (b"\x0e" + OWN[1:10] + b"\x71\x01\x02\x03\x04", b"", "ce message ne porte pas de valeurs"),
        (OWN, b"", "Ce boîtier ne sait pas comment ses valeurs sont codées."),
    ],
)
async def test_what_state_it_is_in_and_what_it_takes_is_said_first(
    home: Home, sent: bytes, key: bytes, said: str
) -> None:
    text = typed(await post(home, sent, key))
    assert said in text[: text.index("Octet par octet")]


async def test_a_whole_line_of_a_receiver_is_taken_as_it_is(home: Home) -> None:
    for line in (f"T1;1;1;2026-11-21 14:30:00.000;98;43;12345678;0x{CLEAR.hex()}", f"b{format_a(CLEAR).hex()}8030"):
        assert "612,483 m³" in typed(await post(home, line))


async def test_the_key_is_on_no_page_in_no_file_and_in_no_log(
    home: Home, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = bytes.fromhex("C0FFEE0123456789DEADBEEF13577531")
    sent = telegram(WATER, RECORDS, 0x2A, key=secret)
    for key in (secret.hex(), secret.hex(" "), secret.hex("-").upper()):
        page = await post(home, sent, key)
        assert "612,483" in typed(page)
        assert read(page).fields["key"] == ""
        bare = page.lower().replace(" ", "").replace("-", "")
        assert "c0ffee0123" not in bare
    await post(home, "bonjour", secret.hex(), status=422)
    await post(home, sent, secret.hex() + "0", status=422)
    await home.house.save()
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    for trace in (secret, secret.hex().encode(), secret.hex().upper().encode(), sent, sent.hex().encode()):
        assert not any(trace in data for data in kept)
    assert "c0ffee" not in caplog.text.lower()
    assert home.house.heard() == ()
    assert home.house.points() == ()


@pytest.mark.parametrize(
    ("sent", "key", "field", "sentence"),
    [
        ("", "", "telegram", "Il faut un message : des paires de chiffres de 0 à 9"),
        ("<script>alert(1)</script>", "", "telegram", "Il faut un message"),
        (CLEAR.hex()[:-1], "", "telegram", f"{len(CLEAR) * 2 - 1} chiffres : un message en a des paires"),
        ("00" * 5000, "", "telegram", "caractères, c'est trop : 8192 sont lus au plus."),
        ("T1;0;1;t;98;43;1;0x" + CLEAR.hex(), "", "telegram", "n'a pas de message entier"),
        (CLEAR.hex(), "123", "key", "Une clé a 32 caractères"),
    ],
)
async def test_bad_input_gets_one_sentence_in_the_form(
    home: Home, sent: str, key: str, field: str, sentence: str
) -> None:
    page = await post(home, sent, key, status=422)
    assert sentence in typed(page)
    assert "<script>alert" not in page
    marked = page[page.index(f'id="{field}"') :].split(">")[0]
    assert 'aria-invalid="true"' in marked
    assert page.count('aria-invalid="true"') == 1
    assert len(page) < 20_000
    english = typed(await post(home, sent, key, "en", status=422))
    assert sentence not in english


async def test_a_form_of_another_site_or_with_no_token_is_refused(home: Home) -> None:
    await home.text("/analyze")
    for headers in ({}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        async with home.client.post("/analyze", data={"telegram": CLEAR.hex()}, headers=headers) as answer:
            assert answer.status == 403


async def test_more_than_any_form_holds_is_refused(home: Home) -> None:
    form = read(await home.text("/analyze")).fields
    async with home.client.post("/analyze", data={**form, "telegram": "0" * 70_000}) as answer:
        assert answer.status == 413


async def test_who_is_not_logged_in_is_asked_to(new_box: Home) -> None:
    await set_up(new_box)
    await log_out_here(new_box)
    for answer in (
        await new_box.client.get("/analyze", allow_redirects=False),
        await new_box.client.post("/analyze", data={"telegram": CLEAR.hex()}, allow_redirects=False),
    ):
        assert (answer.status, answer.headers["Location"].partition("?")[0]) == (303, "/login")


async def test_the_pages_of_the_meters_and_of_the_box_lead_here(home: Home) -> None:
    for path in ("/meters", "/box"):
        assert 'href="/analyze"' in await home.text(path)


async def test_the_last_message_of_a_meter_that_waits_for_its_key_is_one_step_away(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(LOCKED, 612_000, KEY))
    await home.house.adopt(str(LOCKED), "Eau chaude", None)
    last = water_frame(LOCKED, 612_001, KEY)
    home.house.collect.frame("radio", last)
    await home.house.save()
    link = "/analyze?address=wmbus%3ARLV-41873260-01-06"
    assert f'href="{link}"' in await home.text("/meters?lang=fr")
    page = await home.text(link)
    assert "Il est verrouillé" in typed(page)
    assert bytes.fromhex("".join(read(page).code)) == last.data
    assert last.data.hex().upper() in page


async def test_the_message_of_a_neighbour_is_not_to_be_had_here(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(LOCKED, 612_000, KEY))
    text = typed(await home.text(f"/analyze?address={LOCKED}"))
    assert "Octet par octet" not in text
    assert "verrouillé" not in text


async def test_a_compact_frame_is_read_by_the_formats_that_the_house_has_heard(home: Home) -> None:
    records = bytes.fromhex("0413 83580900  02FD17 0000")
    heads, values = bytes.fromhex("0413 02FD17"), bytes.fromhex("83580900 0000")
    link = CLEAR[1:10] + b"\x79" + crc(heads).to_bytes(2, "little") + crc(records).to_bytes(2, "little") + values
    short = bytes((len(link),)) + link
    assert "il faut un message complet" in typed(await post(home, short)).lower()
    assert "612,483 m³" in typed(await post(home, f"{telegram(WATER, records, 1).hex()}\n{short.hex()}"))
    assert analyze([short], None, [heads]).state is State.DECODED


def test_every_state_has_a_sentence() -> None:
    assert set(page.STATES) | {State.DECODED} == set(State)
    assert page.CHARACTERS_MAX == pasted.CHARACTERS_MAX


def phrases(said: Phrase) -> Iterator[Phrase]:
    yield said
    for value in said.values.values():
        if isinstance(value, Phrase):
            yield from phrases(value)


def headed(body: bytes) -> bytes:
    link = CLEAR[1:10] + body
    return bytes((len(link),)) + link


def many_kinds() -> Iterator[tuple[bytes, bytes | None]]:
    """Telegrams and frames of every kind, whole, damaged and cut."""
    kinds = [
        *MAKERS.values(),
        CLEAR,
        SHUT,
        telegram_mode_2(WATER, RECORDS, 1, key=KEY[:8]),
        telegram_mode_7(WATER, RECORDS, 1, key=KEY, counter=17),
        telegram_mode_10(WATER, RECORDS, 1, key=KEY, counter=17, radio=WATER),
        telegram_ell(WATER, b"\x78" + RECORDS, 1, session=4711, key=KEY),
        *fragments(WATER, RECORDS, 1, key=KEY, counter=17, size=14),
        telegram_mode_7_counted(WATER, RECORDS, 1, key=KEY, counter=17, key_version=3, coded=True),
        *(headed(bytes((ci,)) + rest) for ci in layers.CI_NAMES for rest in (b"", bytes(16), bytes(4) + b"\x01\x09")),
        headed(bytes.fromhex("90 04 0010 0100 78 00 00")),
        headed(bytes.fromhex("7A 2A 00 FF2A 5001 99 11000000 AABBCCDD AABBCCDD 01")),
        *(
            mbus.answer(mbus.identity("12345678", "REL", 1, 7), content, access_number=1)
            for content in (RECORDS, b"\x0f\x01", b"\x1f\x01", bytes.fromhex("0D13 04 01020304  7F 13 00"))
        ),
        b"\xe5",
        mbus.request(1),
        mbus.long(mbus.RSP_UD, 1, 0x70, b"\x08"),
        mbus.long(mbus.RSP_UD, 1, 0x73, bytes(16)),
    ]
    for sent in kinds:
        for data in (sent, sent[:-3], format_a(sent), format_b(sent), format_a(sent)[:-1] + b"\x00", sent + b"\x80"):
            for key in (None, KEY, KEY[:8], bytes(16)):
                yield data, key


def test_whatever_is_explained_has_its_words_in_french() -> None:
    catalogue = load_catalogue("fr")
    said: set[str] = set()
    for data, key in many_kinds():
        if not data:
            continue
        found = analyze([data], key)
        for told in (found.link, found.needed, *(part for row in found.rows for part in (row.meaning, row.section))):
            said |= {each.text for each in phrases(told)}
    assert len(said) > 200
    nothing_to_translate = {text for text in said if not text.replace("%(p", "").strip(")s0123456789, ")}
    assert {text for text in said - nothing_to_translate if text not in catalogue} == set()


@pytest.mark.parametrize(
    ("register", "french"),
    [
        ("volume", "volume"),
        ("volume_2", "volume (2)"),
        ("energy_forward", "énergie, dans le sens normal"),
        ("flow_temperature_average", "température de départ, moyenne"),
        ("manufacturer_20", '<code lang="en">manufacturer_20</code>'),
    ],
)
def test_a_register_has_a_french_name_or_keeps_its_own(register: str, french: str) -> None:
    assert spoken.register_name(Words("fr", PARIS), register) == french


def test_a_house_without_a_radio_does_not_load_one_for_this_page() -> None:
    code = "import sys, webui.server; assert not [m for m in sys.modules if m.startswith(('drivers.wmbus', 'drivers.mbus'))]"
    subprocess.run([sys.executable, "-c", code], check=True)
