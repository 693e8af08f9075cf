"""What the meters' page says of messages that gave no value: why, what is kept, and what was not believed."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.model import Medium, Quantity, Reading, State, Telegram
from tests.webui.home import KEY, LOCKED, NOW, WATER, Home, open_home, read, say, water_frame


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    """A home in which nothing was read yet."""
    async with open_home(tmp_path) as opened:
        yield opened


async def said(home: Home, language: str = "fr", *, path: str = "/meters") -> str:
    """A page as a typewriter would have it."""
    text = read(await home.text(f"{path}?lang={language}")).text
    return text.replace("\xa0", " ").replace("\u202f", " ").replace("’", "'")


def adopt_water(home: Home) -> None:
    home.house.catalog.adopt(str(WATER), "Eau", Medium.WATER, NOW - 400)


@pytest.mark.parametrize(
    ("state", "fr", "en"),
    [
        (State.NO_DATA, "il est là et n'envoie aucune valeur", "it is there and sends no value"),
        (State.WAITING_FORMAT, "un message complet qui les explique", "a full message that explains them"),
        (State.WAITING_FRAGMENT, "arrivent en morceaux", "come in pieces"),
        (State.UNSUPPORTED, "ne sait pas lire. (security mode 13 (TLS))", "cannot read. (security mode 13 (TLS))"),
        (State.INVALID, "était abîmé", "was damaged"),
    ],
)
async def test_each_way_of_not_being_read_has_its_own_plain_sentence(
    home: Home, state: State, fr: str, en: str
) -> None:
    adopt_water(home)
    say(home.house, "radio", Telegram(WATER, state, error="security mode 13 (TLS)"))
    assert fr in await said(home)
    assert en in await said(home, "en")
    (point,) = (await home.json("/api/v1/points"))["points"]
    assert (point["state"], point["reading"], point["error"]) == ("unreadable", state, "security mode 13 (TLS)")


async def test_a_locked_meter_says_how_many_messages_are_kept_and_since_when(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(LOCKED, 612_000, KEY))
    await home.house.adopt(str(LOCKED), "Eau chaude", None)
    home.clock.at += 60
    home.house.collect.frame("radio", water_frame(LOCKED, 612_001, KEY))
    await home.house.save()
    text = await said(home)
    assert "2 messages sont gardés, le premier aujourd'hui à 18 h 42. Quand la clé viendra" in text
    (point,) = (await home.json("/api/v1/points"))["points"]
    assert point["waits"] == {"telegrams": 2, "since": NOW}
    assert KEY.hex() not in text
    assert "de vos compteurs, en attendant leur clé2" in await said(home, path="/box")


async def test_a_neighbours_locked_messages_are_counted_where_the_box_says_what_it_keeps(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(LOCKED, 612_000, KEY))
    home.house.collect.frame("radio", water_frame(WATER, 612_000))
    text = await said(home, path="/box")
    assert "d'autres compteurs, fermés à clé, en mémoire seulement, pour un jour1" in text
    assert "612" not in text


async def test_a_value_that_was_not_believed_is_shown_as_put_aside_and_nowhere_else(home: Home) -> None:
    adopt_water(home)
    for litres in (612_000, 5_000):
        say(
            home.house,
            "radio",
            Telegram(WATER, State.DECODED, readings=(Reading("volume", Quantity.VOLUME, Decimal(litres), main=True),)),
        )
        home.clock.at += 60
    text = await said(home)
    assert "Mis de côté : 5,00 m³, annoncé aujourd'hui à 18 h 43, c'est moins que les 612,0 m³ d'avant." in text
    (point,) = (await home.json("/api/v1/points"))["points"]
    assert point["index"]["value"] == "612000"
    (held,) = point["held"]
    assert (held["value"], held["believed"], held["at"]) == ("5000", "612000", NOW + 60)


async def test_a_message_in_clear_from_a_meter_with_a_key_is_read_and_marked(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(WATER, 612_000, KEY))
    await home.house.adopt(str(WATER), "Eau", KEY)
    assert "fermé à clé, alors que" not in await said(home)
    home.clock.at += 60
    home.house.collect.frame("radio", water_frame(WATER, 612_001))
    text = await said(home)
    assert "Son dernier message n'était pas fermé à clé, alors que ce compteur a une clé." in text
    (point,) = (await home.json("/api/v1/points"))["points"]
    assert (point["in_clear"], point["index"]["value"]) == (True, "612001")
