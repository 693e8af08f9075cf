"""Whether the box knows the time, and a time that never comes twice."""

import ctypes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import NOT_AFTER, NOT_BEFORE, TIMEX, Agreement, System, Trust
from tests.house import NOON, Clock, FakeSystem

YEAR_S = 365 * 86_400


def clock_of(system: FakeSystem, kept: Path | None = None) -> Clock:
    return Clock(system=system, kept=kept)


@pytest.mark.parametrize(
    ("synchronised", "battery_s", "from_file", "trust"),
    [
        (True, None, True, Trust.NETWORK),
        (False, None, True, Trust.NOBODY),  # it went on from where it was switched off
        (False, 2.0, True, Trust.BATTERY),
        (False, -YEAR_S, False, Trust.NOBODY),  # the battery is empty
        (False, None, False, Trust.PLAUSIBLE),
    ],
)
def test_on_whose_word_the_time_is_known(
    synchronised: bool, battery_s: float | None, from_file: bool, trust: Trust
) -> None:
    system = FakeSystem(NOON)
    system.synchronised, system.from_file = synchronised, from_file
    system.battery = None if battery_s is None else NOON + battery_s
    clock = clock_of(system)
    assert not clock.known  # nobody has looked yet
    clock.look(None)
    assert clock.trust is trust


def test_a_time_before_this_program_was_written_is_nobodys_whoever_vouches_for_it() -> None:
    clock = clock_of(FakeSystem(0))
    clock.look(None)
    assert clock.trust is Trust.NOBODY


def test_a_time_before_the_newest_point_is_not_the_present_one() -> None:
    system = FakeSystem(NOON)
    clock = clock_of(system)
    clock.look(NOON + 60)
    system.passes(30)
    clock.look(NOON + 60)
    assert (clock.known, clock.vouched_s) == (False, 30)
    system.passes(30)
    clock.look(NOON + 60)
    assert (clock.known, clock.now()) == (True, NOON + 60)
    clock.look(NOON + 3600)  # once it is known, a point of a file that came in does not take it away
    assert clock.known


def test_the_clock_is_found_by_whom_the_kernel_and_its_files_say(tmp_path: Path) -> None:
    (tmp_path / "proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("b\n")
    system = System(tmp_path, "x86_64")
    assert (system.boot, system.battery_time(), system.goes_on_from_a_file()) == ("b", None, False)
    (tmp_path / "sys/class/rtc/rtc0").mkdir(parents=True)
    (tmp_path / "sys/class/rtc/rtc0/since_epoch").write_text("1790000000\n")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/fake-hwclock.data").touch()
    assert (system.battery_time(), system.goes_on_from_a_file()) == (1_790_000_000, True)
    assert abs(System().uptime() - float(Path("/proc/uptime").read_text().split()[0])) < 5


@pytest.mark.parametrize(
    ("answer", "maxerror_us", "file", "synchronised"),
    [
        (0, 900, False, True),
        (5, 16_000_000, False, False),
        (5, 16_000_000, True, False),  # the kernel knows better
        (-1, 0, True, True),  # it may not be asked
        (-1, 0, False, False),
    ],
)
def test_whether_the_network_keeps_the_time_is_what_the_kernel_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: int, maxerror_us: int, file: bool, synchronised: bool
) -> None:
    class Libc:
        @staticmethod
        def adjtimex(timex: ctypes.Array[ctypes.c_char]) -> int:
            TIMEX.pack_into(timex, 0, 0, 0, 0, maxerror_us, 0)
            return answer

    (tmp_path / "proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("b")
    if file:
        (tmp_path / "run/systemd/timesync").mkdir(parents=True)
        (tmp_path / "run/systemd/timesync/synchronized").touch()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Libc)
    assert System(tmp_path).is_synchronised() is synchronised


def test_a_small_step_back_is_walked_off_and_a_large_one_is_a_time_that_nobody_knows() -> None:
    system = FakeSystem(NOON)
    clock = clock_of(system)
    clock.look(None)
    system.shows -= 40
    assert clock.now() == NOON
    system.passes(40)
    assert clock.now() == NOON + 20
    system.passes(40)
    assert (clock.now(), clock.known, clock.stepped()) == (NOON + 40, True, 0)
    system.shows -= 3600
    assert clock.now() == NOON + 40 - 3600
    assert (clock.known, clock.stepped()) == (False, -3600)
    clock.look(NOON)
    assert not clock.known


def test_a_step_forward_is_told_and_the_time_is_known_again_once_somebody_has_looked() -> None:
    system = FakeSystem(NOON)
    clock = clock_of(system)
    clock.look(NOON)
    system.shows += 259_200
    assert (clock.now(), clock.stepped(), clock.stepped(), clock.known) == (NOON + 259_200, 259_200, 0, False)
    clock.look(NOON)
    assert clock.known


@given(st.lists(st.tuples(st.floats(0.1, 500), st.floats(-25, 200)), max_size=20))
def test_whatever_small_steps_the_clock_makes_the_time_never_runs_back_and_comes_right(
    moves: list[tuple[float, float]],
) -> None:
    system = FakeSystem(NOON)
    clock = clock_of(system)
    clock.look(None)
    before = clock.now()
    for passes, step in moves:
        system.passes(passes)
        now = clock.now()
        assert now >= before
        # Steps of less than a second are followed as they are: they are a clock being kept right.
        system.shows += step if abs(step) > 1 else 0
        before = now
        clock.look(now)
        assert before <= clock.now()
        before = clock.now()
    system.passes(5_000 + 4_000)
    assert abs(clock.now() - system.time()) <= 1


def test_a_time_in_writing_is_found_again_in_this_boot_and_in_no_other() -> None:
    system = FakeSystem(NOON - 259_200)
    system.synchronised, system.from_file = False, True
    clock = clock_of(system)
    clock.look(None)
    written = clock.stamp(clock.now() - 10)
    assert clock.time_of(written) is None
    system.passes(100)
    system.shows, system.synchronised = NOON, True
    clock.look(None)
    assert clock.time_of(written) == NOON - 110
    assert clock.stamp(NOON) == str(NOON)
    other = clock_of(FakeSystem(NOON, "second"))
    other.look(None)
    assert (other.time_of(written), other.time_of(str(NOON))) == (None, NOON)


def test_what_was_told_outlives_the_program_and_not_the_boot_and_the_network_is_believed_more(tmp_path: Path) -> None:
    system = FakeSystem(NOON - 259_200)
    system.synchronised, system.from_file = False, True
    told = tmp_path / "clock"
    clock = clock_of(system, told)
    clock.tell(NOON)
    clock.look(None)
    assert (clock.trust, clock.now(), clock.stepped()) == (Trust.TOLD, NOON, 259_200)
    again = clock_of(system, told)
    again.look(None)
    assert (again.trust, again.now()) == (Trust.TOLD, NOON)
    system.boot = "second"
    other = clock_of(system, told)
    other.look(None)
    assert not other.known
    system.boot = "first"
    system.shows, system.synchronised = NOON + 5, True
    again.look(None)
    assert (again.trust, again.now(), again.stepped()) == (Trust.NETWORK, NOON + 5, 5)
    told.write_text("{")
    assert clock_of(system, told).now() == NOON + 5


def test_a_restart_in_a_spell_without_network_does_not_forget_the_time(tmp_path: Path) -> None:
    system = FakeSystem(NOON)
    system.from_file = True
    clock = clock_of(system, tmp_path / "clock")
    clock.look(None)
    system.passes(10 * 3600)
    system.synchronised = False  # the kernel's error bound passes 16 s after nine hours
    clock.look(NOON)
    again = clock_of(system, tmp_path / "clock")
    again.look(NOON)
    assert (clock.trust, again.trust) == (Trust.NETWORK, Trust.NETWORK)
    system.shows -= 3600  # set by hand since
    again = clock_of(system, tmp_path / "clock")
    again.look(None)
    assert not again.known


def test_a_battery_clock_that_drifted_for_months_is_believed_after_a_restart(tmp_path: Path) -> None:
    system = FakeSystem(NOON)
    system.synchronised, system.from_file, system.battery = False, True, NOON
    clock_of(system, tmp_path / "clock").look(None)
    system.passes(60 * 86_400)
    system.battery += 60 * 86_400 + 90  # 17 ppm
    again = clock_of(system, tmp_path / "clock")
    again.look(NOON)
    assert again.trust is Trust.BATTERY


def test_what_is_no_pc_is_taken_for_a_board_without_a_battery(tmp_path: Path) -> None:
    (tmp_path / "proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("b")
    found = {machine: System(tmp_path, machine).goes_on_from_a_file() for machine in ("aarch64", "armv7l", "x86_64")}
    assert found == {"aarch64": True, "armv7l": True, "x86_64": False}


def test_a_meters_time_is_believed_when_it_went_on_like_the_uptime() -> None:
    heard = Agreement()
    assert [heard.hear("linky", NOON + at, 100.0 + at) for at in (0, 2, 4)] == [False, False, True]
    assert not heard.hear("linky", NOON + 7200, 106.0)  # a damaged digit
    assert [heard.hear("linky", NOON + at, 100.0 + at) for at in (8, 10, 12)] == [False, False, True]
    assert not heard.hear("another", NOON, 112.0)


@pytest.mark.parametrize(
    ("said", "battery"),
    [
        ((12.0, float(NOON)), NOON),  # a Pi 5 without its cell, and a clock that was added
        ((None,), 0),  # the kernel refuses what a dead cell left: no reason to believe the system's
        ((), None),
    ],
)
def test_a_battery_clock_that_says_nothing_is_still_one_and_of_several_the_latest_counts(
    tmp_path: Path, said: tuple[float | None, ...], battery: float | None
) -> None:
    (tmp_path / "proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("b\n")
    for number, shown in enumerate(said):
        file = tmp_path / f"sys/class/rtc/rtc{number}/since_epoch"
        file.parent.mkdir(parents=True)
        if shown is None:
            file.mkdir()  # reading it is refused
        else:
            file.write_text(f"{shown}\n")
    assert System(tmp_path).battery_time() == battery


@pytest.mark.parametrize("utc", [-62_135_597_361.0, 0.0, NOT_BEFORE - 1, NOT_AFTER, 253_402_300_799.0])
def test_a_time_that_cannot_be_is_not_taken_nor_kept_for_the_next_start(tmp_path: Path, utc: float) -> None:
    system = FakeSystem(NOON)
    system.synchronised, system.from_file = False, True
    clock = clock_of(system, tmp_path / "clock")
    clock.tell(utc)
    clock.look(None)
    assert (clock.known, clock.now(), (tmp_path / "clock").exists()) == (False, NOON, False)


def test_how_long_nobody_has_said_the_time_outlives_the_program(tmp_path: Path) -> None:
    system = FakeSystem(NOON)
    system.synchronised, system.from_file = False, True
    clock = clock_of(system, tmp_path / "clock")
    clock.look(None)
    assert clock.unvouched_s is None, "it is not known at all: each page asks"
    clock.tell(NOON)
    clock.look(None)
    system.passes(30 * 86_400)
    again = clock_of(system, tmp_path / "clock")
    again.look(NOON)
    assert [each.unvouched_s for each in (clock, again)] == [30 * 86_400, 30 * 86_400]
    again.tell(NOON + 30 * 86_400 + 70)
    again.look(NOON)
    assert again.unvouched_s == 0


def test_a_linky_that_says_what_a_person_told_vouches_for_it_and_one_that_says_otherwise_does_not() -> None:
    for off_s, vouches in ((40, True), (90, False)):
        system = FakeSystem(NOON)
        system.synchronised, system.from_file = False, True
        clock = clock_of(system)
        clock.tell(NOON)
        clock.look(None)
        system.passes(40 * 86_400)
        for _ in range(3):
            system.passes(2)
            clock.hear("linky", system.shows + off_s)
        assert (clock.unvouched_s == 0) is vouches
        assert clock.now() == int(system.shows), "a person is believed more"


def test_the_network_vouches_each_day_and_when_it_is_gone_the_days_count(tmp_path: Path) -> None:
    system = FakeSystem(NOON)
    system.from_file = True
    clock = clock_of(system, tmp_path / "clock")
    for _ in range(60):
        clock.look(None)
        system.passes(86_400)
    assert clock.unvouched_s == 0
    system.synchronised = False
    again = clock_of(system, tmp_path / "clock")
    again.look(NOON)
    assert again.unvouched_s == 86_400
    for _ in range(3):
        system.passes(2)
        again.hear("linky", system.shows + 30)
    assert (again.unvouched_s, again.trust, again.now()) == (0, Trust.NETWORK, int(system.shows)), (
        "a Linky says the same"
    )
    system.battery, system.from_file = system.shows, True
    other = clock_of(system)
    other.look(None)
    assert (other.trust, other.unvouched_s) == (Trust.BATTERY, None)


def test_a_file_of_an_older_version_is_read_and_counts_from_now(tmp_path: Path) -> None:
    system = FakeSystem(NOON)
    system.synchronised, system.from_file = False, True
    (tmp_path / "clock").write_text(
        f'{{"boot": "first", "offset": {NOON - 100.0}, "teller": "person", "trust": "told"}}'
    )
    clock = clock_of(system, tmp_path / "clock")
    clock.look(None)
    assert (clock.trust, clock.unvouched_s) == (Trust.TOLD, 0)
