"""Every kind of every service has its words in both languages, with what it needs alone and with all that may be known beside."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup

from gateway.services import alarm, habit, room, silence
from gateway.services.model import FIRST, Finding, Service, Story
from tests.webui.home import NOW, Home, at
from webui import message
from webui.same_water import with_others
from webui.stories import SAY
from webui.told import Told
from webui.words import Words, plain

TUESDAY = at(2026, 11, 17, 3)
WORDS = {language: Words(language, ZoneInfo("Europe/Paris")) for language in ("fr", "en")}
NAME = "L’eau <b>& cave 50 %(x)s"
ENGLISH = re.compile(
    r"\b(the|water|meter|about|has|been|since|leaks?|hours?|days?|box|not|card|every|usual)\b", re.IGNORECASE
)
EMPTY = "(?<!If )nobody (is|was) at home|(?<!Si la )maison (est|était|reste) vide|vous êtes rentré|you are back"

Grounds = Mapping[str, float]
SAID_TOO: Grounds = {ground: float(TUESDAY + 60) for ground in alarm.GROUNDS.values()}
OTHERS: Grounds = {"within_l:jardin": 80.0, "holds_l:jardin": 80.0, "apart_l:jardin": 9.0}
ALWAYS: Grounds = {FIRST: float(TUESDAY - 9 * 86_400), "interval_s": 600.0, **SAID_TOO, **OTHERS}
RUNS: Grounds = {"l_per_h": 12.0, "lost_l": 400.0}
RUNS_TOO: Grounds = {"hours": 30.0, "limit_h": 24.0, "usual_h": 0.0, "price_per_m3": 4.5, **ALWAYS}
FAR_MORE: Grounds = {"litres": 700.0, "most_l": 0.0, "interval_s": 3600.0}
USED: Grounds = {
    "used_l": 9.0, "began_at": float(TUESDAY), "last_at": TUESDAY + 600.0, "runs": 0.0, "least_l": 5.0, "interval_s": 600.0,
}  # fmt: skip
COLD: Grounds = {"degrees_c": -0.4, "lowest_c": -1.0}
COLD_TOO: Grounds = {
    "c_per_h": -0.5, "hours_to_0": 3.0, "beside": 1.0, "cold_c": 5.0, "least_c": -4.0, FIRST: float(TUESDAY - 86_400),
}  # fmt: skip
SILENT_TOO: Grounds = {"patience_s": 21_600.0, "interval_s": 600.0, FIRST: float(TUESDAY - 86_400)}
UNITS = {unit for unit, _ in habit.UNITS.values()}

# The service, what it is about, the kind, what is needed, what may be known.
KINDS: list[tuple[Service, str, str, Grounds, Grounds]] = [
    *((Service.LEAK, "eau", kind, RUNS, RUNS_TOO) for kind in ("drip", "toilet", "pipe", "burst")),
    (Service.LEAK, "eau", "days", {"days": 3.0, "l_per_day": 600.0, "usual_l_per_day": 0.0}, ALWAYS),
    *((Service.LEAK, "eau", kind, FAR_MORE, ALWAYS) for kind in ("hour", "day")),
    (Service.LEAK, "eau", "used", USED, {**ALWAYS, "runs": 1.0}),
    (Service.LEAK, "eau", "used", {**USED, "interval_s": 86_400.0}, SAID_TOO),
    *((Service.LEAK, "eau", kind, {alarm.GROUNDS[kind]: float(TUESDAY)}, {"still_s": 7200.0, **ALWAYS}) for kind in alarm.RANKS),
    *((Service.FROST, "eau", kind, COLD, COLD_TOO) for kind in ("freezing", "near", "coming", "cold")),
    *(
        (
            Service.HABIT, "eau", kind, {f"{unit}_per_day": 900.0, f"usual_{unit}_per_day": 400.0},
            {
                f"limit_{unit}_per_day": 100.0, "days": 5.0, "past_days": 80.0, "degrees_c": -3.0, f"{unit}_per_degree": 20.0,
                "night_w": 200.0, "usual_night_w": 90.0, "price_per_m3": 4.5,
            },
        )
        for unit in UNITS for kind in habit.RANKS
    ),
    *((Service.SILENCE, "eau", kind, {}, SILENT_TOO) for kind in ("silent", "battery low", "tamper", "blocked")),
    *((Service.SILENCE, "port:/dev/x", kind, {}, {**SILENT_TOO, "meters": 3.0}) for kind in ("silent", "closed")),
    *((Service.SILENCE, silence.CARD_SUBJECT, kind, {}, SILENT_TOO) for kind in ("full", "refusing")),
    (Service.SILENCE, silence.CARD_SUBJECT, room.NEARLY_FULL, {"free_mb": 2300.0}, {"days_left": 9.0}),
    (Service.SILENCE, silence.KEYS_SUBJECT, "keys", {}, {}),
    (Service.SILENCE, silence.BACKUP_SUBJECT, "late", {}, {"every_s": 86_400.0, "last_at": TUESDAY - 9 * 86_400.0}),
    (Service.SILENCE, silence.CLOCK_SUBJECT, "unconfirmed", {}, {}),
]  # fmt: skip


def stories(service: Service, point: str, kind: str, needed: Grounds, known: Grounds) -> Iterator[Story]:
    """With what is needed alone, with each other ground, with all; open and over, at every rank and age."""
    for more in chain([{}, known], ({name: known[name]} for name in known)):
        grounds = {**needed, **more}
        for solved_at in (None, NOW - 60):
            for rank, since in ((0, TUESDAY), (3, NOW - 700), (1, NOW - 300 * 86_400)):
                finding = Finding(service, point, kind, since, grounds, rank)
                yield Story(7, finding, TUESDAY, solved_at=solved_at, found_at=NOW - 600, worst=rank)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(("service", "point", "kind", "needed", "known"), KINDS)
def test_every_kind_is_said_whole_and_in_the_readers_language(
    language: str, service: Service, point: str, kind: str, needed: Grounds, known: Grounds
) -> None:
    words = WORDS[language]
    other = Story(9, Finding(Service.LEAK, "jardin", "toilet", TUESDAY, RUNS, 1), TUESDAY, found_at=NOW)
    for story in stories(service, point, kind, needed, known):
        told = SAY[service](words, story, NAME, NOW)
        told = with_others(words, told, story, [story, other], lambda _: NAME)
        for said in texts(told):
            assert isinstance(said, Markup | str)
            text = (plain(said) if isinstance(said, Markup) else said).replace(NAME, "").replace("/dev/x", "")
            assert said
            assert not re.search(r"[<>]|%\(|%%|&\w+;|\bNone\b|\bnan\b", text), text
            assert language == "en" or kind in text or not ENGLISH.search(text), text
        assert plain(told.sentence).rstrip().endswith((".", "…")), told.sentence
        assert bool(told.what_to_do) == story.is_open


def texts(told: Told) -> list[str]:
    asks = [told.what_to_do] if told.what_to_do else []
    return [told.sentence, *asks, *(part for row in told.grounds for part in row)]


async def test_the_pages_and_a_message_hold_all_of_it_at_once(home: Home) -> None:
    alerts = home.access.alerts
    findings: dict[Service, list[Finding]] = {service: [] for service in Service}
    for number, (service, point, kind, needed, known) in enumerate(KINDS):
        # Pages show what the box itself gave a metering point, and what it calls none.
        about = point if ":" in point else f"eau-{number}"
        findings[service].append(Finding(service, about, kind, TUESDAY, {**needed, **known}, number % 4))
    for service, some in findings.items():
        await alerts.tell(NOW, service, some)
    for over in (False, True):
        for service in Service if over else ():
            await alerts.tell(NOW, service, [])
        for path in ("/alerts", "/api/v1/alerts", *([] if over else ["/"])):
            for language in ("fr", "en"):
                assert not re.search(r"%\(\w|&amp;\w+;", await home.text(f"{path}?lang={language}"))
        for story in await alerts.history(100):
            for words in WORDS.values():
                text = message._story(words, home.house, alerts, story)
                assert not re.search(r"[<>]|%\(|&\w+;", f"{text.subject} {text.text}")
                assert "\n" not in text.subject
                assert not re.search(EMPTY, text.text), "an empty house is told nobody elsewhere"
                assert len(text.text.split("\n\n")) == (2 if over else 2 + ("n’a pas pu" in text.text))


async def test_a_leak_that_becomes_every_other_kind_keeps_its_steps_and_its_letter(home: Home) -> None:
    kinds = [one for one in KINDS if one[0] is Service.LEAK and one[2] not in alarm.NO_STEPS]
    for number, (service, _, kind, needed, known) in enumerate(kinds):
        for grounds in (needed, {**needed, **known}):
            finding = Finding(service, "eau-froide", kind, TUESDAY + number * 3600, grounds, 1)
            await home.access.alerts.tell(NOW + number * 3600, service, [finding])
            (story,) = home.access.alerts.open()
            assert (story.finding.kind, story.id) == (kind, 1)
            for path in ("/", "/leak/1", "/leak/1/letter"):
                for language in ("fr", "en"):
                    assert not re.search(r"%\(\w|&amp;\w+;", await home.text(f"{path}?lang={language}")), (path, kind)
    await home.access.alerts.tell(NOW + 86_400, Service.LEAK, [])
    for path in ("/alerts", "/leak/1", "/leak/1/letter"):
        assert await home.text(path)
