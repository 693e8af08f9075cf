"""The box's clock: what time it is, and whether anybody knows."""

import contextlib
import ctypes
import json
import os
import struct
import threading
import time
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from gateway import files

# 1 January 2026: a clock that says less was never set.
NOT_BEFORE = 1_767_225_600
# 1 January 2100: nobody tells a later one but by a slip of the finger, and it would hold until the next start.
NOT_AFTER = 4_102_444_800
# Finer moves are a clock being kept right; what is set by more is a step.
STEP_S = 1.0
# A step back of up to this is walked off at half speed: no second comes twice, and no point takes another one's place.
WALK_S_MAX = 600.0
# How far a battery's clock may be from the system's, which was set from it at the start, and drifts.
BATTERY_S_MAX = 60.0
# `timedatectl` calls a clock synchronised on the same ground (systemd, basic/time-util): the kernel's error bound.
MAXERROR_US = 16_000_000
# PCs have a clock with a battery, and their virtual machines one of the host's, though it may be shown nowhere.
PCS = frozenset({"x86_64", "i686", "i386"})
# Who says a time within so much says the same. That one still does is written so often.
VOUCHED_S_MAX = 60.0
VOUCHED_S = 86_400
# A meter that told the time is heard again when the time is off by more.
DRIFT_S_MAX = 5.0
PERSON = "person"
TIMEX = struct.Struct("@I4l")  # adjtimex(2): modes, offset, freq, maxerror, esterror
TIMEX_BYTES = 512


class Trust(StrEnum):
    """On whose word the clock is right."""

    NETWORK = "network"  # the system keeps it by the network's time
    TOLD = "told"  # a meter or a person said it
    BATTERY = "battery"  # a clock that ran on while the box was off says the same
    PLAUSIBLE = "plausible"  # nobody said it, and nothing speaks against it
    NOBODY = "nobody"


class System:
    """What the machine says of time. A test brings another one."""

    def __init__(self, root: Path = Path("/"), machine: str | None = None) -> None:
        self._root = root
        self._machine = machine or os.uname().machine
        self.boot = (root / "proc/sys/kernel/random/boot_id").read_text().strip()

    def time(self) -> float:
        """What its clock shows, UTC seconds."""
        return time.time()

    def uptime(self) -> float:
        """Seconds since it was switched on, sleep included; nothing sets them."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def is_synchronised(self) -> bool:
        """Whether the network's time keeps it: the kernel knows, and where it may not be asked, systemd-timesyncd."""
        timex = ctypes.create_string_buffer(TIMEX_BYTES)  # modes = 0: only asks
        if ctypes.CDLL(None).adjtimex(timex) < 0:
            return (self._root / "run/systemd/timesync/synchronized").exists()
        return int(TIMEX.unpack_from(timex)[3]) < MAXERROR_US

    def battery_time(self) -> float | None:
        """What a clock with a battery shows, the latest of several; None where there is none."""
        said: float | None = None
        for file in (self._root / "sys/class/rtc").glob("rtc*/since_epoch"):
            try:
                shown = float(file.read_text())
            except (OSError, ValueError):
                shown = 0.0  # the kernel refuses what a dead cell left: that is a clock, and it says nothing
            said = max(said or 0.0, shown)
        return said

    def goes_on_from_a_file(self) -> bool:
        """Whether it begins each time with the time at which it was last seen running, as boards without a battery do.

        What is no PC is taken for such a board: a container on one does not see its files.
        """
        files = ("etc/fake-hwclock.data", "var/lib/systemd/timesync/clock")
        return self._machine not in PCS or any((self._root / file).exists() for file in files)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is to add to this boot's uptime; who told it, a person or a meter's address. None: what vouched was `trust`.

    `vouched_at` is the uptime at which somebody last said so.
    """

    offset: float
    teller: str | None
    trust: Trust
    vouched_at: float


class Clock:
    """UTC seconds that never come twice, and `known`: whether they are the world's.

    A box without a battery wakes in the past, until the network, a meter or a person tells it the time. What was told, and
    that the network or a battery said so, outlives a restart of the program: in the file `kept`, in a folder that
    the machine's next start empties. Any thread may ask.
    """

    def __init__(self, kept: Path | None = None, system: System | None = None) -> None:
        self._system = system or System()
        self._file = kept
        self._lock = threading.Lock()
        self._kept = self._read()
        self._synchronised = self._system.is_synchronised()
        self._at = self._steady_since = self._system.uptime()
        self._offset = self._right_offset(self._at)
        self._ahead = 0.0  # of the right time, after a small step back
        self._stepped = 0.0
        self._meters = Agreement()
        self.trust = Trust.NOBODY

    def now(self) -> int:
        """Whole UTC seconds."""
        with self._lock:
            return int(self._look())

    @property
    def known(self) -> bool:
        return self.trust is not Trust.NOBODY

    @property
    def vouched_s(self) -> float:
        """For how long the network, a meter or a person has said what time it is, whatever the card holds."""
        with self._lock:
            self._look()
            vouched = self._ground(self._at + self._offset) in (Trust.NETWORK, Trust.TOLD)
            return self._at - self._steady_since if vouched else 0.0

    @property
    def unvouched_s(self) -> float | None:
        """For how long nobody has said what time it is; None where that is of no weight, or it is not known at all."""
        with self._lock:
            self._look()
            if self.trust not in (Trust.NETWORK, Trust.TOLD) or self._kept is None:
                return None
            return 0.0 if self._synchronised else self._at - self._kept.vouched_at

    @property
    def steady_s(self) -> float:
        """For how long nobody has set it."""
        with self._lock:
            self._look()
            return self._at - self._steady_since

    def stamp(self, at: int) -> str:
        """A time of this clock in writing; as long as it is not known, which boot it was in, and how far into it."""
        with self._lock:
            now = self._look()
            return str(at) if self.known else f"{self._system.boot}/{self._at - (now - at):.1f}"

    def time_of(self, stamp: str) -> int | None:
        """What `stamp` wrote, in UTC seconds; None where nobody can tell: the time is not known, or it was another boot."""
        boot, of_boot, uptime = stamp.partition("/")
        if not of_boot:
            return int(stamp)
        with self._lock:
            now = self._look()
            return int(now - (self._at - float(uptime))) if self.known and boot == self._system.boot else None

    def is_of_this_boot(self, stamp: str) -> bool:
        """Whether this stamp has a time once the time is known."""
        boot, of_boot, _ = stamp.partition("/")
        return not of_boot or boot == self._system.boot

    def stepped(self) -> int:
        """By how many seconds `now` has leapt since this was last asked."""
        with self._lock:
            self._look()
            whole = int(self._stepped)
            self._stepped -= whole
            return whole

    def hear(self, meter: str, utc: float) -> None:
        """A meter says its own time: believed when it says so a few times, and nobody else has said anything."""
        teller = self._teller
        if self._synchronised or self.trust not in (Trust.NOBODY, Trust.TOLD, Trust.NETWORK):
            return
        uptime = self._system.uptime()
        if not self._meters.hear(meter, utc, uptime):
            return
        kept = self._kept
        off_s = 0.0 if kept is None else abs(utc - uptime - kept.offset)
        is_unsaid = self.trust is not Trust.NETWORK and (kept is None or teller is None)
        if is_unsaid or (teller == meter and off_s > DRIFT_S_MAX):
            self.tell(utc, meter)
        elif kept is not None and off_s <= VOUCHED_S_MAX:  # it says what somebody else has said
            with self._lock:
                self._vouch(kept, uptime)

    def tell(self, utc: float, teller: str = PERSON) -> None:
        """Somebody says what time it is; the network's time, where it comes, is believed more.

        One that cannot be (`may_be`) is not taken: pages could not be shown, and the store not be opened.
        """
        if not may_be(utc):
            return
        with self._lock:
            uptime = self._system.uptime()
            self._keep(Kept(utc - uptime, teller, Trust.TOLD, uptime))
            self._steady_since = uptime
            self._look()
            if self.known and not self._synchronised:
                self.trust = Trust.TOLD

    def look(self, newest: int | None) -> None:
        """Find out whether the time is known; `newest` is when the newest point on the card was heard."""
        synchronised = self._system.is_synchronised()
        with self._lock:
            if synchronised != self._synchronised:
                self._steady_since = self._system.uptime()
            self._synchronised = synchronised
            now = self._look()
            ground = self._ground(self._at + self._offset)
            if ground is Trust.NETWORK if self.known else newest is None or newest <= now:
                self.trust = ground
            if self.trust in (Trust.NETWORK, Trust.BATTERY) and not self._is_kept(self.trust):
                self._keep(Kept(self._offset, None, self.trust, self._at))
            elif self._synchronised and self._kept is not None and self._kept.trust is Trust.NETWORK:
                self._vouch(self._kept, self._at)

    @property
    def _teller(self) -> str | None:
        return None if self._kept is None else self._kept.teller

    def _right_offset(self, uptime: float) -> float:
        if self._kept is not None and self._kept.teller is not None and not self._synchronised:
            return self._kept.offset
        return self._system.time() - uptime

    def _look(self) -> float:
        uptime = self._system.uptime()
        offset = self._right_offset(uptime)
        moved = offset - self._offset
        ahead = max(0.0, self._ahead - (uptime - self._at) / 2)
        self._ahead, self._offset, self._at = ahead, offset, uptime
        if abs(moved) > STEP_S:
            left = ahead - moved
            self._ahead = left if self.known and 0 < left <= WALK_S_MAX else 0.0
            self._stepped += moved + self._ahead - ahead
            self._steady_since = uptime
            if not self._ahead:
                self.trust = Trust.NOBODY  # until `look` finds otherwise
        return uptime + offset + self._ahead

    def _ground(self, now: float) -> Trust:
        if not may_be(now):
            return Trust.NOBODY
        if self._synchronised:
            return Trust.NETWORK
        if self._teller is not None:
            return Trust.TOLD
        if self._kept is not None and self._is_kept(self._kept.trust):
            return self._kept.trust
        battery = self._system.battery_time()
        if battery is not None:
            return Trust.BATTERY if abs(battery - now) <= BATTERY_S_MAX else Trust.NOBODY
        return Trust.NOBODY if self._system.goes_on_from_a_file() else Trust.PLAUSIBLE

    def _is_kept(self, trust: Trust) -> bool:
        """Whether the clock went on, in this boot, from what this was kept for."""
        kept = self._kept
        return kept is not None and kept.trust is trust and abs(kept.offset - self._offset) <= BATTERY_S_MAX

    def _keep(self, kept: Kept) -> None:
        self._kept = kept
        if self._file is not None:
            said = {"boot": self._system.boot, **asdict(kept)}
            with contextlib.suppress(OSError):  # found again after a restart, or told again
                files.replace(self._file, json.dumps(said).encode())

    def _vouch(self, kept: Kept, uptime: float) -> None:
        """Whoever said the time says it again. What the file says of it is a day old at most."""
        if uptime - kept.vouched_at >= VOUCHED_S:
            self._keep(replace(kept, vouched_at=uptime))

    def _read(self) -> Kept | None:
        if self._file is None:
            return None
        try:
            said = json.loads(self._file.read_bytes())
            teller = None if said["teller"] is None else str(said["teller"])
            vouched_at = float(said.get("vouched_at", self._system.uptime()))  # an older version wrote none
            kept = Kept(float(said["offset"]), teller, Trust(said["trust"]), vouched_at)
            return kept if said["boot"] == self._system.boot else None
        except (OSError, ValueError, KeyError, TypeError):
            return None


def may_be(utc: float) -> bool:
    """Whether it may be the present time."""
    return NOT_BEFORE <= utc < NOT_AFTER


class Agreement:
    """A meter's own time, believed when it went on like this box's uptime from one telegram to the next, a few times."""

    TIMES = 3
    S_MAX = 3.0

    def __init__(self) -> None:
        self._said: dict[str, tuple[float, int]] = {}

    def hear(self, meter: str, utc: float, uptime: float) -> bool:
        """Whether it may be believed now."""
        before, times = self._said.get(meter, (0.0, 0))
        times = times + 1 if times and abs(utc - uptime - before) <= self.S_MAX else 1
        self._said[meter] = (utc - uptime, times)
        return times >= self.TIMES
