"""Sentences, typography, numbers and drawings by themselves."""

import re
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup

from drivers.model import Medium, Quantity
from gateway.views import Hears, Listening
from tests.webui.home import PARIS, at
from tools import messages
from webui import charts, days, line, shown
from webui.charts import Bars, Gap, Line
from webui.login import _follow
from webui.tries import clean_name, parse_key
from webui.words import LANGUAGES, Words, plain, typographic

FRENCH = Words("fr", PARIS)
ENGLISH = Words("en", PARIS)


def test_every_sentence_is_translated_and_none_is_left_over() -> None:
    source = messages.extracted()
    for path in (messages.WEBUI / "locale").glob("*/LC_MESSAGES/releve.po"):
        catalogue = messages.updated(path, source)
        assert messages.untranslated(catalogue) == []
        assert messages.written(catalogue) == path.read_bytes(), "run tools/messages.py"


def test_a_translation_has_the_same_places_and_tags_as_its_source() -> None:
    for path in (messages.WEBUI / "locale").glob("*/LC_MESSAGES/releve.po"):
        for message in messages.updated(path, messages.extracted()):
            if not message.id:
                continue
            source = message.id if isinstance(message.id, str) else message.id[-1]
            for text in messages.texts(message.string):
                assert set(re.findall(r"%\(\w+\)s", text)) - {"%(n)s"} == set(re.findall(r"%\(\w+\)s", source)) - {
                    "%(n)s"
                }
                assert re.findall(r"</?\w+>", text) == re.findall(r"</?\w+>", source)


@pytest.mark.parametrize(
    ("typed", "set_as"),
    [
        ("Qui a quoi ?", "Qui a quoi\u202f?"),
        ("l'eau : 3 L", "l’eau\u00a0: 3\u00a0L"),
        ("« Maison »", "«\u202fMaison\u202f»"),
        ("il y a %(n)s min", "il\u00a0y\u00a0a\u00a0%(n)s\u00a0min"),
        ("<a href='x ?'>Quoi ?</a>", "<a href='x ?'>Quoi\u202f?</a>"),
        ("%(amount)s : bien", "%(amount)s\u00a0: bien"),
        ("", ""),
    ],
)
def test_french_spaces_and_apostrophes_are_set_by_code(typed: str, set_as: str) -> None:
    assert typographic("fr", typed) == set_as


def test_what_is_put_into_a_sentence_is_never_markup() -> None:
    said = FRENCH.say("%(name)s since %(time)s", name="<b>", time=Markup("<i>3</i>"))
    assert said == "&lt;b&gt; depuis <i>3</i>"
    assert plain(said) == "<b> depuis 3"


def test_one_and_many_follow_each_language() -> None:
    def said(words: Words, n: int) -> str:
        return words.say_n("One meter speaks.", "%(n)s meters speak.", n)

    assert [said(FRENCH, n) for n in (0, 1, 2)] == [
        "0\u00a0compteurs parlent.",  # no page says it: but none that ever does says that one speaks
        "Un compteur parle.",
        "2\u00a0compteurs parlent.",
    ]
    assert [said(ENGLISH, n) for n in (0, 1, 2)] == [
        "0\u00a0meters speak.",
        "One meter speaks.",
        "2\u00a0meters speak.",
    ]


@pytest.mark.parametrize("words", [FRENCH, ENGLISH])
def test_of_none_no_sentence_says_one(words: Words) -> None:
    counted = [message.id for message in messages.extracted() if isinstance(message.id, tuple)]
    assert len(counted) > 40
    for one, many in counted:
        places = set(re.findall(r"%\((\w+)\)s", one + many)) - {"n"}
        values = dict.fromkeys(places, "x")
        none, single = words.say_n(one, many, 0, **values), words.say_n(one, many, 1, **values)
        assert "0" in none, (one, none)
        assert none != single


def test_numbers_and_times_are_each_language_s_own() -> None:
    assert FRENCH.number(Decimal("-1234.56"), 1) == "−1\u202f234,6"
    assert ENGLISH.number(Decimal("-1234.56"), 1) == "−1,234.6"
    assert (FRENCH.percent(Decimal("-0.031")), ENGLISH.percent(Decimal("0.05"))) == ("−3\u202f%", "+5%")
    moment = at(2026, 11, 1, 8)
    assert (FRENCH.clock(moment), ENGLISH.clock(moment)) == ("8\u00a0h\u00a000", "08:00")
    assert FRENCH.day(FRENCH.local(moment).date()) == "dimanche 1<sup>er</sup>\u00a0novembre"
    assert ENGLISH.day(ENGLISH.local(moment).date(), year=True) == "Sunday 1\u00a0November 2026"
    assert [FRENCH.age(s) for s in (0, 2, 840, 11_400, 200_000)] == [
        "à l’instant", "il\u00a0y\u00a0a\u00a02\u00a0s", "il\u00a0y\u00a0a\u00a014\u00a0min", "il\u00a0y\u00a0a\u00a03\u00a0h", "il\u00a0y\u00a0a\u00a02\u00a0j"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("quantity", "medium", "value", "said"),
    [
        (Quantity.ENERGY, Medium.ELECTRICITY, "6140", "6,1\u00a0kWh"),
        (Quantity.ENERGY, Medium.ELECTRICITY, "340", "0,34\u00a0kWh"),
        (Quantity.ENERGY, Medium.HEAT, "496000", "496\u00a0kWh"),
        (Quantity.VOLUME, Medium.WATER, "441", "441\u00a0L"),
        (Quantity.VOLUME, Medium.WATER, "5970", "5,97\u00a0m³"),
        (Quantity.VOLUME, Medium.GAS, "460", "0,46\u00a0m³"),
        (Quantity.POWER, Medium.ELECTRICITY, "640", "640\u00a0W"),
        (Quantity.POWER, Medium.ELECTRICITY, "12300", "12,3\u00a0kW"),
        (Quantity.HEAT_COST, Medium.HEAT_COST, "12", "12\u00a0unités"),
        (Quantity.TEMPERATURE, Medium.HEAT, "-3.25", "−3,2\u00a0°C"),
    ],
)
def test_amounts_are_read_in_the_unit_people_use(quantity: Quantity, medium: Medium, value: str, said: str) -> None:
    assert str(shown.amount(FRENCH, quantity, medium, Decimal(value))) == said


def test_the_largest_number_that_a_meter_can_send_is_shown_and_breaks_no_page() -> None:
    largest = Decimal(2) ** 128  # a 32-bit real, which anybody may send in a meter's name
    for quantity in Quantity:
        assert str(shown.amount(FRENCH, quantity, Medium.WATER, largest))
        assert shown.drum(FRENCH, quantity, largest).whole
    assert FRENCH.number(largest).startswith("340\u202f282\u202f366")


@pytest.mark.parametrize(
    ("quantity", "value", "drum"),
    [
        (Quantity.ENERGY, Decimal(24_578_999), ("024578", "")),
        (Quantity.VOLUME, Decimal(612_483), ("00612", "483")),
        (Quantity.VOLUME, Decimal("61248.3").scaleb(1), ("00612", "483")),
        (Quantity.VOLUME, Decimal(612).scaleb(3), ("00612", "")),
        (Quantity.VOLUME, Decimal("612483.9"), ("00612", "483")),
    ],
)
def test_the_drum_shows_the_digits_of_the_meter_and_none_it_did_not_say(
    quantity: Quantity, value: Decimal, drum: tuple[str, str]
) -> None:
    shown_drum = shown.drum(FRENCH, quantity, value)
    assert (shown_drum.whole, shown_drum.fraction) == drum


def test_addresses_are_shown_as_engraved() -> None:
    assert shown.engraved("wmbus:KAM-12345678-1b-16") == "12\u00a0345\u00a0678"
    assert shown.engraved("tic:041234567890") == "0412\u00a03456\u00a07890"
    assert shown.engraved("p1:E0099000000000042") == "E0099000000000042"
    assert shown.engraved("sml:1REL0012345678") == "1REL0012345678"
    assert shown.engraved("p1:KFM5-A-B-C") == "KFM5-A-B-C"


@pytest.mark.parametrize("address", ["modbus:bus/1", "file:Eau froide", None])
def test_an_address_that_is_on_no_plate_is_no_number(address: str | None) -> None:
    assert shown.engraved(address) == ""


def test_a_wire_has_no_strength_and_an_imported_past_has_no_wire() -> None:
    assert shown.signal("tic:041234567890", None) == shown.signal("modbus:bus/1", None) == (0, "by wire")
    assert shown.signal("file:Eau froide", None) == shown.signal(None, None) == (0, "not measured")


def test_since_when_is_a_moment_and_never_reads_as_a_duration() -> None:
    now = at(2026, 11, 19, 18)
    for moment, french, english in (
        (at(2026, 11, 19, 3), "aujourd’hui à 3\u00a0h\u00a000", "03:00 today"),
        (at(2026, 11, 1, 3), "le 1<sup>er</sup>\u00a0novembre à 3\u00a0h\u00a000", "1\u00a0November, 03:00"),
        (at(2025, 11, 19, 3), "le 19\u00a0novembre 2025 à 3\u00a0h\u00a000", "19\u00a0November 2025, 03:00"),
    ):
        assert (FRENCH.since(moment, now), ENGLISH.since(moment, now)) == (french, english)
    assert FRENCH.moment(now, now) == "18\u00a0h\u00a000"
    assert FRENCH.moment(at(2026, 11, 18, 3), now) == "18\u00a0novembre à 3\u00a0h\u00a000"


@pytest.mark.parametrize(
    ("agent", "known_as"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36", "Chrome, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0", "Firefox, Android"),
        ("curl/8.5", "curl/8.5"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_browser_is_named_as_its_owner_knows_it(agent: str, known_as: str) -> None:
    assert shown.browser(agent) == known_as
    assert (shown.maker("wmbus:KAM-12345678-1b-16"), shown.maker("tic:041234567890")) == ("KAM", "")


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_local_days_join_without_gap_or_overlap(zone: str) -> None:
    home = ZoneInfo(zone)
    for month in range(1, 13):
        bounds = days.month_bounds(home, date(2026, month, 1))
        assert bounds[-1] == days.month_bounds(home, days.add_months(date(2026, month, 1), 1))[0]
        assert all(82_800 <= high - low <= 90_000 for low, high in pairwise(bounds))


def test_clock_changes_make_days_of_23_and_25_hours() -> None:
    assert [len(days.day_bounds(PARIS, date(2026, day[0], day[1]))) - 1 for day in ((3, 29), (10, 25), (6, 1))] == [
        23,
        25,
        24,
    ]
    assert days.year_before(date(2028, 2, 29)) == date(2027, 2, 28)


def drawn(markup: Markup) -> ET.Element:
    """A drawing is well-formed XML without `style`, and its outer frame has no viewBox, so nothing in it stretches."""
    root = ET.fromstring(str(markup).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))
    assert "viewBox" not in root.attrib
    assert not any("style" in element.attrib for element in root.iter())
    return root


def classes(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if element.get("class", "").split()[:1] == [name]]


def test_an_unknown_value_is_a_frame_and_a_zero_is_no_bar() -> None:
    values = [Decimal(2), None, None, Decimal(0), Decimal(1)]
    gaps = [Gap(1, 2, Decimal(3), "3 kWh en 2 jours")]
    root = drawn(charts.large_bars(Bars("e", "x", values, gaps=gaps), [Decimal(1), Decimal(2)], ["1", "2"]))
    (bars,) = classes(root, "sb")
    assert bars.get("d", "").count("M") == 2
    (frame,) = classes(root, "gap")
    assert frame.get("x") == "22%"
    assert "3 kWh en 2 jours" in [text.text for text in root.iter() if text.tag.endswith("text")]


def test_the_slot_that_still_runs_is_drawn_in_pattern() -> None:
    root = drawn(charts.small_bars(Bars("w", "x", [Decimal(2), Decimal(1), None], running=1)))
    (running,) = classes(root, "run")
    assert running.get("fill") == "url(#p-w)"
    (bars,) = classes(root, "sb")
    assert bars.get("d", "").count("M") == 1


def test_a_label_is_text_and_never_markup() -> None:
    root = drawn(charts.small_bars(Bars("e", '"><script>', [Decimal(1)])))
    assert root.get("aria-label") == '"><script>'


@pytest.mark.parametrize("values", [[], [None, None], [Decimal(0)]])
def test_nothing_to_draw_is_drawn_as_nothing(values: list[Decimal | None]) -> None:
    for markup in (charts.small_bars(Bars("g", "x", values)), charts.large_bars(Bars("g", "x", values), [], [])):
        assert classes(drawn(markup), "sb") == []


def test_a_line_breaks_where_nothing_was_heard() -> None:
    values = [Decimal(1), Decimal(2), None, None, Decimal(-1)]
    root = drawn(charts.line(Line("e", "x", values, values, values, gaps=[Gap(2, 3)]), [Decimal(1)], ["1"]))
    (middle,) = classes(root, "ln")
    assert middle.get("d", "").count("M") == 2
    assert len(classes(root, "gap")) == 1


@pytest.mark.parametrize("largest", ["0.0031", "0.9", "1", "4.9", "5", "9.9", "16.5", "99", "1234567"])
def test_the_grid_has_a_few_round_steps(largest: str) -> None:
    steps = charts.grid_steps([Decimal(largest), None])
    assert 2 <= len(steps) <= 5
    assert steps[-1] <= Decimal(largest)
    assert steps[0].normalize().as_tuple().digits in ((1,), (2,), (5,))


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("00112233445566778899AABBCCDDEEFF", bytes.fromhex("00112233445566778899aabbccddeeff")),
        (" 0011 2233-4455:6677 8899 aabb ccdd eeff ", bytes.fromhex("00112233445566778899aabbccddeeff")),
        ("0" * 31, None), ("0" * 33, None), ("g" * 32, None), ("", None), ("０" * 32, None),
    ],
)  # fmt: skip
def test_a_key_is_32_digits_however_they_are_grouped(typed: str, key: bytes | None) -> None:
    assert parse_key(typed) == key


def test_a_name_is_one_line_of_ordinary_length() -> None:
    assert clean_name("  Eau\n froide\x00 ") == "Eau froide"
    assert clean_name(" \n") is None
    assert clean_name("x" * 81) is None


def test_a_login_leads_to_a_page_of_ours() -> None:
    assert _follow("/history/x?by=day") == "/history/x?by=day"


def test_each_language_has_its_locale() -> None:
    assert {Words(language, PARIS).language for language in LANGUAGES} == set(LANGUAGES)


P1_ADVICE = [
    (Listening(Hears.NOTHING, (9600, 115_200)), "port marked P1"),
    (Listening(Hears.NOISE, ()), "both with 8 bits and no parity"),
    (Listening(Hears.NOISE, (9600,)), "Take `baud` out of the file"),
    (Listening(Hears.NOISE, (9600, 115_200)), "tries the speeds of the meter in turn"),
]


@pytest.mark.parametrize(("listening", "said"), P1_ADVICE)
def test_a_p1_line_that_is_not_understood_says_what_to_look_at_there(listening: Listening, said: str) -> None:
    assert said in str(line.advice(ENGLISH, "p1", listening))


def test_the_speed_that_was_found_is_said_where_there_is_no_mode() -> None:
    assert line.spoken(FRENCH, Listening(Hears.GROUPS, (115_200,))) == "115200 bauds"
    assert line.spoken(FRENCH, Listening(Hears.GROUPS)) == ""


def test_the_hour_that_comes_twice_says_which_one_it_is() -> None:
    summer = int(datetime.fromisoformat("2026-10-25T02:30:00+02:00").timestamp())
    assert FRENCH.clocks(summer, summer + 1800) == (
        "2\u00a0h\u00a030 (heure d’été)", "2\u00a0h\u00a000 (heure d’hiver)"
    )  # fmt: skip
    assert ENGLISH.clocks(summer + 3600, summer + 5400) == ("02:30 (winter time)", "03:00 (winter time)")
    assert FRENCH.clocks(summer + 5400, summer + 7200) == ("3\u00a0h\u00a000", "3\u00a0h\u00a030")
    spring = int(datetime.fromisoformat("2026-03-29T01:30:00+01:00").timestamp())
    assert FRENCH.clocks(spring, spring + 1800) == ("1\u00a0h\u00a030", "3\u00a0h\u00a000")
