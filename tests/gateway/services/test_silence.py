"""Silence that a person should know of is said; a restart, a night, a still summer and a meter of few words are not."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.meters import codes, details
from gateway.services.model import Finding, Service
from gateway.services.silence import (
    BACKUP_SUBJECT,
    BATTERY,
    CARD_SUBJECT,
    CLOCK_S,
    CLOCK_SUBJECT,
    DAY_S,
    FAULT,
    HOUR_S,
    KEYS_SUBJECT,
    LASTING_S,
    PAST,
    TAMPER,
    Box,
    Line,
    Meter,
    find,
    long_pauses,
    patience_s,
)

NOW = 1_796_000_000
LONG_AGO = NOW - 60 * DAY_S
BOX = Box(LONG_AGO)  # it has listened for two months
RADIO = Line("radio", "wmbus", True, LONG_AGO, NOW - 60)
LINKY = Line("linky", "tic", True, LONG_AGO, NOW - 2)


def meter(quiet_s: int, interval_s: float | None = 300.0, point: str = "eau", **said: object) -> Meter:
    """A radio meter of an old house, heard last `quiet_s` ago."""
    at = Meter(point, "wmbus", "radio", NOW - quiet_s, True, interval_s, past_s=400 * DAY_S)
    return replace(at, **said)  # type: ignore[arg-type]  # fields by name


def found(
    *meters: Meter,
    lines: tuple[Line, ...] = (RADIO,),
    box: Box = BOX,
    told: Mapping[str, Finding] | None = None,
    now: int = NOW,
) -> dict[str, str]:
    """The kind of each subject that is found."""
    every = find(meters, lines, box, told or {}, now)
    assert len({each.point for each in every}) == len(every)
    return {each.point: each.kind for each in every}


def told(point: str, kind: str = "silent", **grounds: float) -> dict[str, Finding]:
    return {point: Finding(Service.SILENCE, point, kind, NOW - 5 * DAY_S, grounds, 4)}


# -- a meter ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "silent_h"),
    [
        (meter(0), 6),  # each five minutes
        (meter(0, 4 * 3600), 12),  # each four hours, three of them
        (meter(0, 86_400), 72),  # once a day
        (meter(0, None), 72),  # heard once: it may be a daily one
        (meter(0, 15, pauses_s=(14 * 3600,) * 20), 21),  # in working hours only: the night
        (meter(0, 15, pauses_s=(14 * 3600,) * 20 + (62 * 3600,) * 4), 93),  # and the weekend
        (meter(0, 15, pauses_s=(40 * DAY_S,)), 6),  # once is no habit: the box was off
        (meter(0, 15, pauses_s=(40 * DAY_S,) * 2), 252),  # nor is a month, however often
        (meter(0, 15, past_s=3 * DAY_S), 72),  # nobody knows its weekends yet
        (meter(0, 2, protocol="tic", past_s=0), 6),
        (meter(0, 60, protocol="mqtt"), 72),
        (meter(0, 60, protocol="mqtt", away=True), 6),  # its bridge says so
    ],
)
def test_a_meter_is_silent_after_longer_than_is_usual_for_it(said: Meter, silent_h: int) -> None:
    assert patience_s(said) == silent_h * HOUR_S
    for more, kinds in ((0, {}), (1, {"eau": "silent"})):
        late = replace(said, last_at=NOW - silent_h * HOUR_S - more)
        assert found(late) == kinds


def test_what_is_told_is_since_when_and_on_what_ground() -> None:
    (one,) = find([meter(7 * HOUR_S)], [RADIO], BOX, {}, NOW)
    assert one == Finding(
        Service.SILENCE, "eau", "silent", NOW - 7 * HOUR_S, {"patience_s": 21_600.0, "interval_s": 300.0}, 4
    )


def test_a_restart_raises_nothing_until_the_box_itself_has_listened_so_long() -> None:
    late = meter(30 * DAY_S, heard=False)
    for listened_s, kinds in ((0, {}), (6 * HOUR_S, {}), (6 * HOUR_S + 1, {"eau": "silent"})):
        assert found(late, box=Box(NOW - listened_s)) == kinds


@pytest.mark.parametrize("kind", ["silent", "battery low"])
@pytest.mark.parametrize("last_at", [None, NOW - 5 * DAY_S])
def test_a_restart_ends_nothing_that_was_told_until_the_meter_is_heard(kind: str, last_at: int | None) -> None:
    forgotten = meter(0, heard=False, last_at=last_at)
    assert found(forgotten, box=Box(NOW), told=told("eau", kind)) == {"eau": kind}
    assert found(meter(10), box=Box(NOW - 10), told=told("eau", kind)) == {}


def test_a_meter_that_is_heard_and_stands_still_is_not_silent() -> None:
    """Nobody takes water for a month of summer: the index is the same, and the meter says so each five minutes."""
    assert found(meter(200, pauses_s=())) == {}


def test_a_meter_that_speaks_each_four_hours_may_miss_a_night() -> None:
    for quiet_h in range(13):
        assert found(meter(quiet_h * HOUR_S, 4 * 3600)) == {}


def test_pulses_and_doors_that_nobody_moves_are_not_silent() -> None:
    for still in (
        meter(90 * DAY_S, 5, protocol="pulse", port=None),
        meter(90 * DAY_S, 5, protocol="mqtt", port=None, counts=False),
    ):
        assert found(still) == {}
    assert found(meter(DAY_S, 5, protocol="mqtt", port=None, counts=False, away=True)) == {"eau": "silent"}
    assert found(lines=(Line("contact", "pulse", True, LONG_AGO, NOW - 90 * DAY_S),)) == {}


def test_a_meter_that_never_spoke_is_no_news() -> None:
    assert found(meter(0, None, last_at=None, heard=False)) == {}


def test_pauses_are_those_longer_than_an_hour() -> None:
    assert long_pauses([0, 600, 600 + HOUR_S, 601 + 2 * HOUR_S, 100_000]) == (HOUR_S + 1, 100_000 - 601 - 2 * HOUR_S)
    assert long_pauses([]) == ()


# -- a line -----------------------------------------------------------------------------------------------------------


def test_a_line_that_is_silent_is_told_instead_of_its_meters() -> None:
    dead = replace(RADIO, heard_at=NOW - 7 * HOUR_S)
    both = (meter(7 * HOUR_S), meter(8 * HOUR_S, point="chauffage"))
    assert found(*both, lines=(dead,)) == {"port:radio": "silent"}
    assert found(*both, lines=(dead,), box=Box(NOW - 6 * HOUR_S)) == {}
    assert found(*both, lines=(dead,), told=told("eau")) == {"port:radio": "silent", "eau": "silent"}


def test_several_meters_silent_on_a_line_that_hears_others_are_one_story() -> None:
    both = (meter(7 * HOUR_S), meter(8 * HOUR_S, point="chauffage"))
    (one,) = find(both, [RADIO], BOX, {}, NOW)
    assert (one.point, one.kind, one.grounds, one.since) == (
        "port:radio",
        "silent",
        {"meters": 2.0},
        NOW - 7 * HOUR_S,
    )
    assert found(*both, meter(10, point="gaz")) == {"port:radio": "silent"}
    assert found(meter(7 * HOUR_S), meter(10, point="gaz")) == {"eau": "silent"}
    speaking = [meter(10, point=each) for each in ("gaz", "cave", "jardin")]
    assert found(*both, *speaking) == {"eau": "silent", "chauffage": "silent"}
    still = [meter(0, heard=False, last_at=NOW - 9 * HOUR_S, point=each) for each in ("eau", "chauffage")]
    assert found(*still, box=Box(NOW), told=told("port:radio", meters=2)) == {"port:radio": "silent"}


def test_a_closed_line_is_told_after_an_hour_and_ends_when_it_opens() -> None:
    closed = replace(LINKY, is_open=False, since=NOW - HOUR_S - 1, heard_at=None)
    assert found(lines=(closed,)) == {"port:linky": "closed"}
    assert found(lines=(replace(closed, since=NOW - HOUR_S),)) == {}
    assert found(lines=(closed,), box=Box(NOW - HOUR_S)) == {}
    assert found(lines=(replace(closed, since=NOW),), told=told("port:linky", "closed")) == {"port:linky": "closed"}
    assert found(lines=(replace(closed, is_open=True),), told=told("port:linky", "closed")) == {}


def test_a_line_that_was_told_as_silent_goes_on_over_a_restart_until_it_is_heard() -> None:
    anew = replace(LINKY, since=NOW, heard_at=None)
    assert found(lines=(anew,), box=Box(NOW), told=told("port:linky")) == {"port:linky": "silent"}
    assert found(lines=(anew,), box=Box(NOW)) == {}
    assert found(lines=(replace(anew, heard_at=NOW),), box=Box(NOW), told=told("port:linky")) == {}


def test_an_inverter_that_sleeps_at_night_is_not_a_closed_line() -> None:
    nights = (16 * HOUR_S,) * 20
    sun = meter(15 * HOUR_S, 60, point="soleil", protocol="modbus", port="toit", pauses_s=nights)
    line = Line("toit", "modbus", False, NOW - 15 * HOUR_S, NOW - 15 * HOUR_S)
    assert found(sun, lines=(line,)) == {}
    asleep = replace(sun, last_at=NOW - 25 * HOUR_S)
    assert found(asleep, lines=(replace(line, since=NOW - 25 * HOUR_S),)) == {"port:toit": "closed"}


def test_a_line_of_neighbours_meters_alone_may_be_still_for_days() -> None:
    assert found(lines=(replace(RADIO, heard_at=NOW - 3 * DAY_S),)) == {}
    assert found(lines=(replace(RADIO, heard_at=NOW - 3 * DAY_S - 1),)) == {"port:radio": "silent"}


# -- what a meter says itself -----------------------------------------------------------------------------------------


def test_what_a_meter_says_of_itself_is_told_once_it_lasts() -> None:
    low = meter(10, codes={"battery low": NOW - LASTING_S})
    assert found(low) == {"eau": "battery low"}
    just = {"battery low": NOW - LASTING_S + 1}
    assert found(replace(low, codes=just)) == {}
    assert found(replace(low, codes=just), told=told("eau", "battery low")) == {"eau": "battery low"}, "a restart"
    assert found(replace(low, codes={}), told=told("eau", "battery low")) == {}


def test_of_several_words_the_worst_is_told_and_silence_before_all() -> None:
    every = dict.fromkeys(("battery low", "tamper (sensor)", "permanent error", "leak"), LONG_AGO)
    ranks = []
    for code in ("permanent error", "tamper (sensor)", "battery low"):
        (one,) = find([meter(10, codes=every)], [RADIO], BOX, {}, NOW)
        assert one.kind == code
        ranks.append(one.rank)
        del every[code]
    assert ranks == [3, 2, 1]
    assert found(meter(10, codes=every)) == {}, "a leak is told by the service of leaks"
    assert found(meter(7 * HOUR_S, codes={"battery low": LONG_AGO})) == {"eau": "silent"}


@pytest.mark.parametrize(
    "code", ["tamper (earlier)", "removed (within a year)", "no flow", "error flags 0x104", "manufacturer status 5", "away"]
)  # fmt: skip
def test_what_was_once_and_what_nobody_can_read_is_not_told(code: str) -> None:
    assert found(meter(10, codes={code: LONG_AGO})) == {}


def test_each_word_that_is_told_is_one_of_the_drivers() -> None:
    assert (BATTERY | TAMPER | FAULT) - {"terminal cover open"} <= codes()
    assert details() >= PAST


# -- the box ----------------------------------------------------------------------------------------------------------


def test_a_card_that_takes_nothing_for_ten_minutes_is_told_and_a_hiccup_is_not() -> None:
    for minutes, kinds in ((9, {}), (10, {CARD_SUBJECT: "refusing"})):
        assert found(box=replace(BOX, card_refuses_since=NOW - 60 * minutes)) == kinds
    assert found(box=replace(BOX, card_full_since=NOW - 600)) == {CARD_SUBJECT: "full"}
    assert found(box=replace(BOX, keys_since=NOW), told=told(KEYS_SUBJECT, "keys")) == {KEYS_SUBJECT: "keys"}
    assert found(box=replace(BOX, keys_since=NOW)) == {}


def test_back_ups_are_late_after_three_of_their_times_and_a_box_that_was_off_may_first_make_one() -> None:
    weekly = replace(BOX, backup_every_s=7 * DAY_S, backup_at=NOW - 21 * DAY_S)
    assert found(box=weekly) == {}
    late = replace(weekly, backup_at=NOW - 21 * DAY_S - 1)
    assert found(box=late) == {BACKUP_SUBJECT: "late"}
    assert found(box=replace(late, listening_since=NOW - HOUR_S)) == {}
    assert found(box=replace(late, backup_every_s=None)) == {}
    never = replace(late, backup_at=None)
    assert found(box=never) == {BACKUP_SUBJECT: "late"}
    assert found(box=replace(never, listening_since=NOW - DAY_S)) == {}
    assert found(box=replace(never, listening_since=NOW), told=told(BACKUP_SUBJECT, "late")) == {BACKUP_SUBJECT: "late"}


def test_a_clock_that_nobody_has_set_right_for_a_month_is_told_and_one_that_needs_nobody_is_not() -> None:
    for told_s, kinds in ((CLOCK_S, {}), (CLOCK_S + 1, {CLOCK_SUBJECT: "unconfirmed"})):
        assert found(box=replace(BOX, time_told_at=NOW - told_s)) == kinds
        assert found(box=replace(BOX, listening_since=NOW, time_told_at=NOW - told_s)) == kinds, (
            "a restart ends nothing"
        )
    assert found(box=replace(BOX, time_told_at=None)) == {}


# -- always -----------------------------------------------------------------------------------------------------------

METERS = st.builds(
    Meter,
    point=st.sampled_from(["eau", "gaz", "feu"]),
    protocol=st.sampled_from(["tic", "wmbus", "mqtt", "pulse", "modbus"]),
    port=st.sampled_from([None, "radio", "linky"]),
    last_at=st.none() | st.integers(NOW - 99 * DAY_S, NOW),
    heard=st.booleans(),
    interval_s=st.none() | st.floats(1, 1e6),
    pauses_s=st.lists(st.integers(3601, 10**7), max_size=4),
    past_s=st.integers(0, 10**8),
    codes=st.dictionaries(
        st.sampled_from(["battery low", "tamper", "leak", "of nobody"]), st.integers(NOW - 10**6, NOW)
    ),
    away=st.booleans(),
    counts=st.booleans(),
)
LINES = st.builds(
    Line,
    name=st.sampled_from(["radio", "linky"]),
    protocol=st.sampled_from(["tic", "wmbus", "pulse"]),
    is_open=st.booleans(),
    since=st.integers(NOW - 99 * DAY_S, NOW),
    heard_at=st.none() | st.integers(NOW - 99 * DAY_S, NOW),
)


@given(
    st.lists(METERS, max_size=3, unique_by=lambda one: one.point),
    st.lists(LINES, max_size=2, unique_by=lambda one: one.name),
)
def test_whatever_is_heard_a_box_that_just_began_to_listen_tells_no_silence(
    meters: list[Meter], lines: list[Line]
) -> None:  # fmt: skip
    for one in find(meters, lines, Box(NOW), {}, NOW):
        assert one.kind in {"battery low", "tamper"}


@given(
    st.lists(METERS, max_size=3, unique_by=lambda one: one.point),
    st.lists(LINES, max_size=2, unique_by=lambda one: one.name),
)
def test_a_subject_is_told_once_and_never_from_the_future(meters: list[Meter], lines: list[Line]) -> None:  # fmt: skip
    every = find(meters, lines, BOX, {}, NOW)
    assert len({one.point for one in every}) == len(every)
    assert all(one.since <= NOW for one in every)
