"""Comparing a pulse meter with its dial, as somebody does it on a telephone."""

import re
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.model import Quantity
from drivers.pulse import Counted
from tests.contacts import GAS
from tests.webui.home import Home, open_home, read
from webui.dial import parse_dial

PAGE = "/meters/dial?point=gaz"


@pytest.fixture
async def gas(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path, toml=GAS) as opened:
        pulse(opened, 123)
        yield opened


def pulse(home: Home, number: int) -> None:
    home.clock.at += 60
    say = home.house.dials.say("pulse:gaz")
    home.house.collect.telegram("gaz", lambda: say(Counted(number, None)))


async def send(home: Home, path: str, page: str, **fields: str) -> tuple[int, str]:
    """Send the form of `page` with these fields typed in."""
    async with home.client.post(path, data={**read(page).fields, **fields}) as answer:
        return answer.status, await answer.text()


def text(page: str) -> str:
    return read(page).text.replace("\u202f", " ").replace("\xa0", " ")


async def test_a_first_reading_of_the_dial_is_where_the_index_goes_on(gas: Home) -> None:
    assert "Cet index compte à partir de zéro" in text(await gas.text("/meters"))
    page = await gas.text(PAGE)
    assert "Le boîtier dit 1,23 m³. Que dit le cadran maintenant ?" in text(page)
    status, page = await send(gas, "/meters/dial", page, dial="1 234,56")
    assert status == 200
    assert "Désormais le boîtier continue à partir de 1 234,56 m³." in text(page)
    assert gas.house.dials.corrections("gaz") == ()  # looking changes nothing
    status, page = await send(gas, "/meters/dial/correct", page, weigh="no")
    assert status == 200
    assert "Le boîtier dit 1 234,56 m³." in text(page)
    assert "soit 1 233,330 m³ de plus que le boîtier" in text(page)
    meters = await gas.text("/meters")
    assert 'aria-label="1234,560 m³"' in meters
    assert "compte à partir de zéro" not in text(meters)


async def test_a_wrong_weight_is_proposed_taken_and_taken_back(gas: Home) -> None:
    page = (await send(gas, "/meters/dial", await gas.text(PAGE), dial="100"))[1]
    await send(gas, "/meters/dial/correct", page, weigh="no")
    pulse(gas, 300)  # 3 m3 for the box
    page = (await send(gas, "/meters/dial", await gas.text(PAGE + "&lang=en"), dial="130.02"))[1]
    assert "A pulse seems to be worth 100 L, not 10 L" in text(page)
    page = (await send(gas, "/meters/dial/correct", page, weigh="yes"))[1]
    assert "One pulse is worth 100 L." in text(page)
    pulse(gas, 1)
    assert "The box says 130.12 m³." in text(await gas.text(PAGE))
    page = (await send(gas, "/meters/dial/undo", await gas.text(PAGE)))[1]
    assert "One pulse is worth 10 L." in text(page)
    assert "The box says 103.01 m³." in text(page)


async def test_a_dial_that_agrees_is_said_to_and_nothing_is_written(gas: Home) -> None:
    page = (await send(gas, "/meters/dial", await gas.text(PAGE), dial="1,234"))[1]
    assert "Le cadran et le boîtier sont d’accord" in text(page)
    assert gas.house.dials.corrections("gaz") == ()


@pytest.mark.parametrize("typed", ["", "abc", "-3", "1e9", "12,3,4", "1234567890123", "1.234,5"])
async def test_what_is_no_number_is_refused_with_an_example_and_kept_in_the_field(gas: Home, typed: str) -> None:
    status, page = await send(gas, "/meters/dial", await gas.text(PAGE), dial=typed)
    assert status == 422
    assert "par exemple 1234,56" in text(page)
    assert read(page).fields["dial"] == typed


async def test_a_form_that_is_sent_twice_says_so_and_corrects_once(gas: Home) -> None:
    page = (await send(gas, "/meters/dial", await gas.text(PAGE), dial="100"))[1]
    assert (await send(gas, "/meters/dial/correct", page, weigh="no"))[0] == 200
    status, again = await send(gas, "/meters/dial/correct", page, weigh="no")
    assert status == 409
    assert "L’index a été corrigé entre-temps." in text(again)
    assert len(gas.house.dials.corrections("gaz")) == 1


async def test_a_form_with_a_made_up_box_value_is_refused(gas: Home) -> None:
    page = (await send(gas, "/meters/dial", await gas.text(PAGE), dial="100"))[1]
    assert (await send(gas, "/meters/dial/correct", page, weigh="no", box="99999"))[0] == 409
    assert (await send(gas, "/meters/dial/correct", page, weigh="no", box="x"))[0] == 422
    assert (await send(gas, "/meters/dial/correct", page, weigh="no", seen="x"))[0] == 409
    assert gas.house.dials.corrections("gaz") == ()


async def test_only_a_meter_whose_pulses_are_counted_has_a_dial_page(home: Home) -> None:
    await home.text("/meters/dial?point=maison", 404)
    await home.text("/meters/dial?point=nowhere", 404)
    assert "/meters/dial" not in await home.text("/meters")


async def test_the_pages_of_a_dial_hold_to_the_content_policy_and_have_no_id_twice(gas: Home) -> None:
    first = await gas.text(PAGE)
    asked = (await send(gas, "/meters/dial", first, dial="100"))[1]
    done = (await send(gas, "/meters/dial/correct", asked, weigh="no"))[1]
    for page in (first, asked, done):
        reader = read(page)
        assert reader.refused == []
        assert len(reader.ids) == len(set(reader.ids))


def test_a_dial_is_read_with_comma_point_and_spaces() -> None:
    for typed in ("1 234,56", "1234.56", "1\u202f234,560", "01234,56"):
        assert parse_dial(typed, Quantity.VOLUME) == 1_234_560
    assert parse_dial("12345,", Quantity.ENERGY) == Decimal(12_345_000)
    assert re.fullmatch(r"[0-9E+]+", str(parse_dial("1", Quantity.VOLUME)))
