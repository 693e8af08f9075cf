"""A whole week in sentences: on its page, and as plain text; of made-up weeks with gaps, clock changes and swaps."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path

import pytest

from drivers.model import Address, Medium, Quantity, Reading, State, Telegram
from gateway.house import House
from gateway.ledger import Ledger
from gateway.messages import Text
from gateway.model import Point, SeriesKey
from gateway.services.model import Finding, Service
from gateway.wires import EXCHANGE_S_MIN
from tests.gateway.test_exchange import NEW, OLD, WIRE, hear
from tests.gateway.test_exchange import POINT as ELECTRICITY
from tests.house import Clock, house
from tests.webui.home import HEAT, LINKY, NOW, PARIS, TOML, WATER, Home, at, open_home, read, say
from tests.webui.test_clock import forget_time
from webui.week import COMPARED, digest, span
from webui.week_known import JUST_ENDED_S, last_whole
from webui.words import Words

FR, EN = (Words(language, PARIS) for language in ("fr", "en"))
MONDAY = date(2026, 11, 9)  # of the last whole week before NOW, a Thursday
HALF_HOUR_S = 1800

Rate = Callable[[datetime], int]  # of a local moment: what the half-hour that begins then takes


def reads(
    home: House,
    rate: Rate,
    first: int,
    *,
    address: Address = WATER,
    name: str = "Eau froide",
    medium: Medium = Medium.WATER,
    register: str = "volume",
    quantity: Quantity = Quantity.VOLUME,
    silent: tuple[int, int] = (0, 0),
    exponent: int = 0,
    main: bool = True,
) -> SeriesKey:
    """A meter that was read each half-hour from `first` (UTC seconds) until now, but while it was `silent`."""
    meter = home.catalog.adopt(str(address), name, medium, first)
    key = SeriesKey(meter.point, register)
    points, index = [], 5_000_000
    for moment in range(first, home.now() + 1, HALF_HOUR_S):
        if not silent[0] < moment < silent[1]:
            points.append(Point(key, quantity, moment, index // 10**exponent, exponent, main=main))
        index += rate(datetime.fromtimestamp(moment, PARIS))
    home.store.add(points)
    return key


def always(litres: int) -> Rate:
    return lambda _: litres


def weekly(*litres: int) -> Rate:
    """So much each half-hour, a figure a week; the last one is that of the week of MONDAY, and of what follows."""
    return lambda moment: litres[max(0, min(len(litres) - 1, len(litres) - 1 + (moment.date() - MONDAY).days // 7))]


def speaks(home: House, clock: Clock, rate: Rate, first: int, every_s: int) -> None:
    """The water meter sends its index each `every_s` from `first` (UTC seconds) until NOW."""
    home.catalog.adopt(str(WATER), "Eau froide", Medium.WATER, first)
    home.collect.opened("radio")
    index = 5_000_000
    for moment in range(first, NOW, HALF_HOUR_S):
        if (moment - first) % every_s == 0:
            clock.at = moment
            readings = (Reading("volume", Quantity.VOLUME, Decimal(index), main=True),)
            say(home, "radio", Telegram(WATER, State.DECODED, readings=readings))
        index += rate(datetime.fromtimestamp(moment, PARIS))
    clock.at = NOW


async def text(home: House, tmp_path: Path, words: Words = FR, monday: date = MONDAY) -> Text | None:
    from gateway.alerts import Alerts

    ledger = Ledger.open(tmp_path / "ledger.db")
    try:
        return await digest(words, home, Alerts(ledger), monday)
    finally:
        ledger.close()


def lines(text: Text) -> list[str]:
    return text.text.split("\n\n")


def spaced(lines: Sequence[str]) -> list[str]:
    return [re.sub(r"[\u00a0\u202f]", " ", line) for line in lines]


async def said(home: House, tmp_path: Path, words: Words = FR, monday: date = MONDAY) -> str:
    """The first line, with plain spaces."""
    found = await text(home, tmp_path, words, monday)
    assert found is not None
    return spaced(lines(found))[0]


# -- how much, and how that compares ----------------------------------------------------------------------------------


async def test_a_week_is_told_in_plain_sentences_in_both_languages(tmp_path: Path) -> None:
    with house(tmp_path, TOML, Clock(NOW)) as home:
        reads(home, weekly(6, 5, 6, 5, 5), at(2026, 10, 1))
        reads(home, weekly(160, 160, 160, 160, 160), at(2026, 10, 1), address=LINKY, name="Maison", medium=Medium.ELECTRICITY,
              register="EAST", quantity=Quantity.ENERGY)  # fmt: skip
        french, english = await text(home, tmp_path), await text(home, tmp_path, EN)
    assert french is not None
    assert french.subject == "Votre semaine du 9 au 15\u00a0novembre"
    assert lines(french)[0] == "Eau froide\u00a0: 1\u202f680\u00a0litres, comme d’habitude."
    assert spaced(lines(french)) == [
        "Eau froide : 1 680 litres, comme d’habitude.",
        "Électricité (Maison) : 54 kWh, comme d’habitude.",
        "Aucune alerte cette semaine-là.",
    ]
    assert english is not None
    assert english.subject == "Your week from 9 to 15\u00a0November"
    assert spaced(lines(english)) == [
        "Cold water (Eau froide): 1,680 litres, as usual.",
        "Electricity (Maison): 54 kWh, as usual.",
        "No alert in this week.",
    ]


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ((10, 10, 10, 10, 11), "1 848 litres|3 696 litres, comme d’habitude."),
        ((10, 10, 10, 10, 12), "un peu plus que d’habitude."),
        ((10, 10, 10, 10, 14), ", plus que d’habitude."),
        ((10, 10, 10, 10, 20), "beaucoup plus que d’habitude."),
        ((10, 10, 10, 10, 8), "un peu moins que d’habitude."),
        ((10, 10, 10, 10, 0), "rien du tout, beaucoup moins que d’habitude."),
        ((0, 0, 0, 0, 10), "Eau froide : 3 360 litres."),
    ],
)
async def test_a_week_is_compared_with_the_mean_of_four(tmp_path: Path, rates: Sequence[int], words: str) -> None:
    with house(tmp_path, TOML, Clock(NOW)) as home:
        reads(home, weekly(*rates), at(2026, 10, 1))
        assert (await said(home, tmp_path)).endswith(words.rpartition("|")[2])


async def test_where_the_box_knows_one_week_before_that_one_is_what_it_is_compared_with(tmp_path: Path) -> None:
    with house(tmp_path, TOML, Clock(NOW)) as home:
        reads(home, weekly(10, 14), at(2026, 11, 1))
        assert await said(home, tmp_path) == "Eau froide : 4 704 litres, plus que la semaine d’avant."
        assert (await said(home, tmp_path, EN)).endswith(": 4,704 litres, more than the week before.")


async def test_what_panels_give_is_called_production_and_what_goes_to_the_network_is_said(tmp_path: Path) -> None:
    with house(tmp_path, TOML, Clock(NOW)) as home:
        for address, name, register, rate in (
            (LINKY, "Maison", "EAST", 150),
            (LINKY, "Maison", "EAIT", 90),
            (Address("modbus", "toit/1"), "Panneaux", "export_energy", 200),
        ):
            reads(home, always(rate), at(2026, 10, 1), address=address, name=name, medium=Medium.ELECTRICITY,
                  register=register, quantity=Quantity.ENERGY, main=register != "EAIT")  # fmt: skip
        found = await text(home, tmp_path)
    assert found is not None
    assert spaced(lines(found))[:2] == [
        "Électricité (Maison) : 50 kWh, comme d’habitude. Donné au réseau : 30 kWh.",
        "Production (Panneaux) : 67 kWh, comme d’habitude.",
    ]


def test_every_comparison_has_words_of_its_own() -> None:
    for words in (FR, EN):
        assert len({words.say(message) for message in COMPARED.values()}) == len(COMPARED)


async def test_the_day_that_took_most_is_told(tmp_path: Path) -> None:
    with house(tmp_path, TOML, Clock(NOW)) as home:
        wash = date(2026, 11, 11)
        reads(home, lambda moment: 12 if moment.date() == wash else 5, at(2026, 10, 1))
        assert (await said(home, tmp_path)).endswith(" Le jour le plus fort : mercredi, 576 litres.")
        assert (await said(home, tmp_path, EN)).endswith(" Most on Wednesday: 576 litres.")


# -- what is not known ------------------------------------------------------------------------------------------------


async def test_a_gap_over_midnight_is_said_and_nothing_is_compared(tmp_path: Path) -> None:
    with house(tmp_path, TOML, Clock(NOW)) as home:
        reads(home, always(10), at(2026, 10, 1), silent=(at(2026, 11, 11, 9), at(2026, 11, 12, 9)))
        assert await said(home, tmp_path) == (
            "Eau froide : 3 360 litres en tout. Il manque des relevés (mercredi et jeudi) : rien n’est donc comparé."
        )
        assert (await said(home, tmp_path, monday=date(2026, 11, 2))).endswith("3 360 litres, comme d’habitude.")


async def test_a_gap_within_a_day_takes_nothing_from_the_week(tmp_path: Path) -> None:
    with house(tmp_path, TOML, Clock(NOW)) as home:
        reads(home, always(10), at(2026, 10, 1), silent=(at(2026, 11, 11, 9), at(2026, 11, 11, 20)))
        assert await said(home, tmp_path) == "Eau froide : 3 360 litres, comme d’habitude."


async def test_a_gap_over_the_weeks_end_leaves_what_is_known_as_the_least(tmp_path: Path) -> None:
    with house(tmp_path, TOML, Clock(NOW)) as home:
        reads(home, always(10), at(2026, 10, 1), silent=(at(2026, 11, 14, 9), at(2026, 11, 16, 9)))
        assert await said(home, tmp_path) == (
            "Eau froide : au moins 2 400 litres. Il manque des relevés (samedi et dimanche) : rien n’est donc comparé."
        )
        assert "at least 2,400 litres. Not all of Saturday and Sunday is known" in await said(home, tmp_path, EN)


async def test_a_week_with_a_gap_is_no_part_of_what_is_usual(tmp_path: Path) -> None:
    with house(tmp_path, TOML, Clock(NOW)) as home:
        reads(home, weekly(10, 10, 90, 10, 10), at(2026, 10, 1), silent=(at(2026, 10, 28, 9), at(2026, 10, 29, 9)))
        assert await said(home, tmp_path) == "Eau froide : 3 360 litres, comme d’habitude."


async def test_a_meter_that_fell_silent_before_has_taken_nothing_that_is_known(tmp_path: Path) -> None:
    with house(tmp_path, TOML, Clock(NOW)) as home:
        reads(home, always(10), at(2026, 10, 1), silent=(at(2026, 11, 5), NOW + 1))
        assert await text(home, tmp_path) is None
        reads(home, always(100), at(2026, 10, 1), address=HEAT, name="Chauffage", medium=Medium.HEAT, register="energy",
              quantity=Quantity.ENERGY)  # fmt: skip
        assert await said(home, tmp_path) == "Eau froide : on ne sait rien de cette semaine."


async def test_the_first_week_of_a_box_is_told_from_where_it_begins(tmp_path: Path) -> None:
    with house(tmp_path, TOML, Clock(NOW)) as home:
        reads(home, always(10), at(2026, 11, 11, 14))
        assert await said(home, tmp_path) == (
            "Eau froide : 2 120 litres depuis mercredi à 14 h 00, où ses relevés commencent."
        )
        assert await text(home, tmp_path, monday=date(2026, 11, 2)) is None


@pytest.mark.parametrize("every", [timedelta(days=days) for days in (2, 3, 7, 30)])
async def test_of_a_meter_that_is_read_now_and_then_no_week_is_made_up(tmp_path: Path, every: timedelta) -> None:
    clock = Clock(at(2026, 9, 25))
    with house(tmp_path, TOML, clock) as home:
        speaks(home, clock, always(10), at(2026, 9, 25, 12), int(every.total_seconds()))
        reads(home, always(100), at(2026, 10, 1), address=HEAT, name="Chauffage", medium=Medium.HEAT, register="energy",
              quantity=Quantity.ENERGY)  # fmt: skip
        assert (await home.consumption("eau-froide", [at(2026, 11, 9), at(2026, 11, 16)]))[0] is not None
        assert await said(home, tmp_path) == (
            "Eau froide : ses relevés sont trop espacés pour dire ce qu’une semaine a pris."
        )


async def test_a_meter_that_is_read_once_a_day_has_weeks_and_no_days(tmp_path: Path) -> None:
    clock = Clock(at(2026, 10, 1))
    with house(tmp_path, TOML, clock) as home:
        wash = date(2026, 11, 11)
        speaks(home, clock, lambda moment: 12 if moment.date() == wash else 5, at(2026, 10, 1, 6), 86_400)
        assert await said(home, tmp_path) == "Eau froide : 2 016 litres, un peu plus que d’habitude."


async def test_a_meter_that_says_cubic_metres_is_not_said_in_litres_nor_compared(tmp_path: Path) -> None:
    with house(tmp_path, TOML, Clock(NOW)) as home:
        reads(home, weekly(6, 6, 6, 6, 7), at(2026, 10, 1), exponent=3)
        assert re.fullmatch(r"Eau froide : environ [23] 000 litres\.", await said(home, tmp_path))


async def test_an_exchanged_meter_counts_on(tmp_path: Path) -> None:
    with house(tmp_path, TOML, Clock(NOW)) as home:
        swapped_at = at(2026, 11, 11, 12)
        meter = home.catalog.adopt(str(WATER), "Eau froide", Medium.WATER, at(2026, 10, 1))
        key = SeriesKey(meter.point, "volume")
        moments = range(at(2026, 10, 1), NOW, HALF_HOUR_S)
        before = [Point(key, Quantity.VOLUME, moment, 900_000 + 10 * number, 0, main=True)
                  for number, moment in enumerate(moments) if moment < swapped_at]  # fmt: skip
        home.store.add(before)
        home.store.swap(key, swapped_at, before[-1].value + 10, 0, 0)
        home.store.add([Point(key, Quantity.VOLUME, moment, 10 * number, 0, main=True)
                        for number, moment in enumerate(range(swapped_at, NOW, HALF_HOUR_S))])  # fmt: skip
        assert await said(home, tmp_path) == "Eau froide : 3 360 litres, comme d’habitude."


async def test_an_exchanged_linky_is_told_with_what_both_meters_counted(tmp_path: Path) -> None:
    clock = Clock(at(2026, 10, 1))
    async with open_home(tmp_path, toml=WIRE, clock=clock) as opened:
        home = opened.house
        hear(home, clock, OLD, frames=3)
        key = home.index_series(ELECTRICITY)[0]
        swapped_at = at(2026, 11, 11, 12)
        old = range(clock.at + HALF_HOUR_S, swapped_at + 1, HALF_HOUR_S)
        clock.at = swapped_at
        home.store.add([Point(key, Quantity.ENERGY, moment, 8_000_000 + 100 * number, 0, main=True)
                        for number, moment in enumerate(old)])  # fmt: skip
        clock.at = swapped_at + EXCHANGE_S_MIN
        hear(home, clock, NEW, frames=3)
        (new,) = home.index_series(ELECTRICITY)
        assert new != key
        after = range(clock.at + HALF_HOUR_S, NOW, HALF_HOUR_S)
        clock.at = NOW
        home.store.add([Point(new, Quantity.ENERGY, moment, 112 + 100 * number, 0, main=True)
                        for number, moment in enumerate(after)])  # fmt: skip
        assert re.fullmatch(r"Électricité : 3[34] kWh, comme d’habitude\.", await said(home, tmp_path))
        text = re.sub(r"[\u00a0\u202f]", " ", read(await opened.text("/week")).text)
        assert "a été changé mercredi à 12 h " in text


@pytest.mark.parametrize(
    ("monday", "litres", "hours"),
    [(date(2026, 3, 23), 3340, 167), (date(2026, 10, 19), 3380, 169)],
)
async def test_a_week_of_a_clock_change_is_counted_from_midnight_to_midnight(
    tmp_path: Path, monday: date, litres: int, hours: int
) -> None:
    clock = Clock(at(monday.year, monday.month, monday.day) + 8 * 86_400)
    with house(tmp_path, TOML, clock) as home:
        reads(home, always(10), at(monday.year, monday.month, 1))
        assert last_whole(home) == monday
        assert f"{litres // 1000} {litres % 1000} litres, comme " in await said(home, tmp_path, monday=monday)
    async with open_home(tmp_path) as home:
        page = read(await home.text(f"/week?of={monday}")).text
        assert re.sub(r"[\u00a0\u202f]", " ", page).count(f"Cette semaine a duré {hours} heures : on a changé") == 1


async def test_a_home_without_a_meter_has_no_week(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        assert await digest(FR, home.house, home.access.alerts, MONDAY) is None
        assert "il n’y a pas de semaine à raconter" in read(await home.text("/week")).text
        assert "/week" not in await home.text("/")


async def test_no_week_is_told_before_it_is_over_nor_while_the_box_does_not_know_the_time(home: Home) -> None:
    alerts = home.access.alerts
    assert await digest(FR, home.house, alerts, MONDAY) is not None
    assert await digest(FR, home.house, alerts, MONDAY + timedelta(weeks=1)) is None
    forget_time(home)
    assert await digest(FR, home.house, alerts, MONDAY) is None
    assert "ne sait pas quel jour on est" in read(await home.text("/week")).text


# -- what happened ----------------------------------------------------------------------------------------------------


def leak(since: int) -> Finding:
    return Finding(Service.LEAK, "eau-froide", "toilet", since, {"l_per_h": 10.3, "lost_l": 403.0})


async def test_the_alerts_of_the_week_are_told_with_how_they_stand_now(home: Home) -> None:
    alerts = home.access.alerts
    began, over = at(2026, 11, 14, 3), at(2026, 11, 18, 14)
    await alerts.tell(began + 86_400, Service.LEAK, [leak(began)])
    goes_on = await digest(FR, home.house, alerts, MONDAY)
    assert goes_on is not None
    assert spaced(lines(goes_on))[-1].startswith(
        "Alerte, Eau froide : De l’eau coule sans arrêt depuis samedi à 3 h 00 : "
    )
    assert spaced(lines(goes_on))[-1].endswith(
        "C’était ainsi dimanche à 3 h 00. Depuis, le boîtier n’a pas pu regarder."
    )
    await alerts.tell(NOW - 600, Service.LEAK, [leak(began)])
    open_ = await digest(FR, home.house, alerts, MONDAY)
    assert open_ is not None
    assert lines(open_)[-1].endswith(" Cela dure encore.")
    await alerts.tell(over, Service.LEAK, [])
    ended = await digest(FR, home.house, alerts, MONDAY)
    assert ended is not None
    assert spaced(lines(ended))[-1].endswith(" litres en tout. C’est fini depuis mercredi à 14 h 00.")
    before = await digest(FR, home.house, alerts, MONDAY - timedelta(weeks=1))
    assert before is not None
    assert lines(before)[-1] == "Aucune alerte cette semaine-là."


async def test_of_many_alerts_the_first_are_told_and_the_others_counted(home: Home) -> None:
    alerts = home.access.alerts
    findings = [
        Finding(Service.FROST, f"point-{number}", "near", NOW - 9 * 86_400, {"degrees_c": 2.0, "lowest_c": 1.0}, number % 2)
        for number in range(7)
    ]  # fmt: skip
    await alerts.tell(NOW - 8 * 86_400, Service.FROST, findings)
    found = await digest(FR, home.house, alerts, MONDAY)
    assert found is not None
    assert [line.startswith("Alerte, point-") for line in lines(found)[-6:]] == [True] * 5 + [False]
    assert spaced(lines(found))[-1] == "2 autres alertes sont sur la page du boîtier."


async def test_a_name_is_told_as_it_was_typed_and_no_markup_is(home: Home) -> None:
    home.house.rename("eau-froide", "L’eau <b>& co</b>")
    found = await digest(FR, home.house, home.access.alerts, MONDAY)
    assert found is not None
    (line,) = [line for line in lines(found) if "& co" in line]
    assert line.startswith("Eau froide (L’eau <b>& co</b>)\u00a0: ")
    assert not any("&amp;" in line or "class=" in line for line in lines(found))
    assert "L’eau &lt;b&gt;&amp; co&lt;/b&gt;" in (await home.text("/week")).replace("&#39;", "’")


# -- the page ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("monday", "french", "english"),
    [
        (date(2026, 11, 9), "du 9 au 15 novembre", "from 9 to 15 November"),
        (date(2026, 6, 1), "du 1<sup>er</sup> au 7 juin", "from 1 to 7 June"),
        (date(2026, 9, 28), "du 28 septembre au 4 octobre", "from 28 September to 4 October"),
        (date(2025, 11, 10), "du 10 au 16 novembre 2025", "from 10 to 16 November 2025"),
        (date(2025, 12, 29), "du 29 décembre 2025 au 4 janvier 2026", "from 29 December 2025 to 4 January 2026"),
    ],
)
def test_a_week_is_named_as_shortly_as_today_allows(monday: date, french: str, english: str) -> None:
    today = date(2026, 11, 19)
    assert span(FR, monday, today).replace("\u00a0", " ") == french
    assert span(EN, monday, today).replace("\u00a0", " ") == english


async def test_the_page_tells_the_last_whole_week_and_leads_to_the_others(home: Home) -> None:
    page = await home.text("/week")
    text = re.sub(r"[\u00a0\u202f]", " ", unescape(read(page).text))
    assert "du 9 au 15 novembre" in text
    assert "Eau froide : 2 688 litres, comme d’habitude." in text
    assert "Électricité (Maison) : 84 kWh, comme d’habitude." in text
    assert 'href="/week?of=2026-11-02"' in page
    assert 'href="/week?of=2026-11-16"' not in page
    earlier = await home.text("/week?of=2026-11-05")  # a Thursday
    assert "du 2 au 8" in read(earlier).text
    assert 'href="/week?of=2026-11-09"' in earlier
    assert 'href="/week?of=2026-10-26"' in earlier
    assert 'href="/week"' in await home.text("/alerts")


async def test_the_figures_stand_behind_a_click(home: Home) -> None:
    page = await home.text("/week?lang=en")
    table = page[page.index("<table") : page.index("</table>")]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", table)
    assert cells[:3] == ["12.0", "384", "24.0"]
    assert cells[-3:] == ["84.1", "2,692", "168.2"]  # one of these weeks had an hour more
    assert "within 10% of the mean of the four weeks before" in read(page).text


async def test_a_week_before_the_first_reading_says_when_they_begin(home: Home) -> None:
    page = await home.text("/week?of=2025-03-03")
    assert "vos relevés commencent le mercredi 15" in read(page).text
    assert "/week?of=2025-02-24" not in page


@pytest.mark.parametrize("asked", ["2026-11-16", "2026-11-23", "9999-12-31", "0001-01-01", "1999-01-04", "lundi", ""])
async def test_a_week_that_is_not_over_or_no_day_is_not_there(home: Home, asked: str) -> None:
    await home.text(f"/week?of={asked}", status=404)


async def test_the_first_page_leads_to_a_week_that_has_just_ended(home: Home) -> None:
    assert "/week" not in await home.text("/")
    home.clock.at = at(2026, 11, 23, 8)
    assert 'href="/week?of=2026-11-16"' in await home.text("/")
    home.clock.at = at(2026, 11, 23) + JUST_ENDED_S
    assert "/week" not in await home.text("/")


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_the_page_needs_no_more_than_the_policy_allows(home: Home, language: str) -> None:
    await home.access.alerts.tell(NOW - 8 * 86_400, Service.LEAK, [leak(NOW - 9 * 86_400)])
    reader = read(await home.text(f"/week?lang={language}"))
    assert reader.refused == []
    assert len(reader.ids) == len(set(reader.ids))
