"""A box whose power is cut before any step of an update, again and again, on a card as unkind as a real one.

Always an app that was verified runs, never another; the good one is never lost; a trial runs so often and no more; the house
can be read by what runs, and no reading that it ever kept is gone.
"""

import copy
import io
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.box import app_slots, said, system_slots, updating
from gateway.box.app_slots import App
from gateway.box.system_slots import Loader
from gateway.box.update_file import Kind, ordered
from gateway.box.updating import Box, Gateway
from tests.gateway.box import making
from tests.gateway.box.cut_card import DATA, P1, Cut, CutCard, CutPart

AT = datetime(2026, 11, 27, 10, tzinfo=UTC)
HOUSE = DATA / "house/series.db"
STARTS_MAX = 12  # of one switching on, until something runs

CONFIG = "# mine\narm_64bit=1\nos_prefix=releve-a/\n"
ENTRY = "title Relevé\nsort-key releve\nlinux /releve-a/linux\ninitrd /releve-a/initrd\noptions root=PARTUUID=52656c76-02 ro\n"
LINE = "root=PARTUUID=52656c76-02 ro quiet\n"


class Rebooted(BaseException):
    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments


@dataclass(frozen=True)
class Soft:
    """An app, or a system with its app: what it does is what its bytes say. `boots`: a system comes up at all."""

    kind: Kind
    version: str
    schema: int = 1
    healthy: bool = True
    boots: bool = True

    @property
    def content(self) -> bytes:
        return json.dumps([self.kind, self.version, self.schema, self.healthy, self.boots]).encode()

    def update(self) -> bytes:
        fields: dict[str, Any] = {"version": self.version, "schemas": {"series": self.schema}, "base": "0.1.0"}
        if self.kind is Kind.APP:
            return making.app(self.content, **fields)
        boot = {f"boot/{name}": self.boot(name) for name in ("linux", "initrd", "overlays/w1.dtbo")}
        boot |= {"boot/cmdline.txt": LINE.encode(), "boot/entry.conf": ENTRY.encode()}
        return making.update({"root": self.content, **boot}, **fields)

    def boot(self, name: str) -> bytes:
        return f"{name} {self.version}".encode()


def soft(content: bytes) -> Soft | None:
    """None: bytes that nobody made."""
    try:
        kind, *rest = json.loads(content)
        return Soft(Kind(kind), *rest)
    except (ValueError, TypeError):
        return None


FIRST = Soft(Kind.SYSTEM, "0.1.0")


class World:
    """A box with its card; also what systemd does for it (updating.Units)."""

    def __init__(self, folder: Path, loader: Loader, seed: int = 0) -> None:
        self.card = CutCard(seed)
        self.parts = {"a": CutPart(self.card, FIRST.content), "b": CutPart(self.card, b"")}
        self.loader = loader
        self.run = folder
        for path, text in (
            ("config.txt", CONFIG),
            ("loader/loader.conf", "timeout 0\ndefault releve-a.conf\neditor no\n"),
            ("loader/entries/releve-a.conf", ENTRY),
            ("releve-a/cmdline.txt", LINE),
        ):
            self.card.put(P1 / path, text.encode())
        for name in ("linux", "initrd"):
            self.card.put(P1 / "releve-a" / name, FIRST.boot(name))
        self.card.put(HOUSE, b"1\n")
        self.card.put(DATA / "house/aside/1", b"aside")
        self.card.put(DATA / "house/update/arrived", b"x" * 100)
        self.boots = 0
        self.slot = "a"
        self.trials: dict[str, int] = {}
        self.good: set[bytes] = {FIRST.content}
        self.newest = FIRST.version
        self.mounted: Soft | None = None
        self.tokens = 0
        self.fit = True  # what runs does well
        self.on()
        self.ran = {path.name: path.read_bytes() for path in self.run.iterdir()}

    def copied(self, seed: int) -> "World":
        """The same box once more, all that it wrote on its card."""
        self.card.settled()
        world = copy.deepcopy(self)
        world.card.random.seed(seed)
        world.remember()
        return world

    def remember(self) -> None:
        """/run as this box had it: a copy of the box has used it meanwhile."""
        shutil.rmtree(self.run)
        self.run.mkdir()
        for name, data in self.ran.items():
            (self.run / name).write_bytes(data)

    # -- updating.Units
    def stop(self) -> None:
        self.power()

    def restart(self) -> None:
        self.power()
        self.start()

    def reboot(self, *arguments: str) -> None:
        self.power()
        raise Rebooted(*arguments)

    def gateway(self) -> Gateway:
        raise AssertionError

    def answers(self) -> bool:
        raise AssertionError

    def mount(self, app: App, path: Path | None) -> None:
        if path is None:
            self.mounted = soft(bytes(self.parts[self.slot].inode.data))
        else:
            with self.card.open(path) as stream:
                self.mounted = soft(stream.read()[app.at : app.at + app.bytes])
        assert self.mounted is not None, "what nobody signed runs"
        assert self.mounted.version == app.version

    # -- power
    def power(self) -> None:
        if self.card.cut_in == 0:
            raise Cut

    def cut(self) -> None:
        self.card.cut()
        for part in self.parts.values():
            part.cut()
        self.on()

    def on(self, tryboot: bool = False) -> None:
        """Until something runs that does not start the machine anew; cuts come through."""
        for _ in range(STARTS_MAX):
            self.boots += 1
            shutil.rmtree(self.run, ignore_errors=True)
            self.run.mkdir()
            self.slot = self.started_slot(tryboot)
            tryboot = False
            if not self.runs(self.slot).boots:
                continue  # it stands still; the watchdog, or somebody, starts it anew
            try:
                self.start()
            except Rebooted as anew:
                self.card.settled()
                tryboot = "0 tryboot" in anew.arguments
                continue
            return
        raise AssertionError("it starts again and again")

    def runs(self, slot: str) -> Soft:
        """The system of a root, which its kernel must be of."""
        found = soft(bytes(self.parts[slot].inode.data))
        assert found is not None, f"root {slot} is no system"
        files = {path.name: data for path, data in self.card.files(P1 / f"releve-{slot}")}
        assert files["linux"] == found.boot("linux")
        assert files["initrd"] == found.boot("initrd")
        number = system_slots.PARTITIONS[slot]
        assert f"root=PARTUUID=52656c76-0{number}".encode() in files["cmdline.txt"]
        return found

    def started_slot(self, tryboot: bool) -> str:
        match self.loader:
            case Loader.PI:
                name = "tryboot.txt" if tryboot and self.card.is_file(P1 / "tryboot.txt") else "config.txt"
                config = (self.card.read(P1 / name) or b"").decode()
                assert config.startswith("# mine\narm_64bit=1\nos_prefix=releve-"), f"{name}: {config}"
                return config.split("os_prefix=releve-")[1][0]
            case Loader.UEFI:
                return self.counted()
            case Loader.NONE:
                return "a"

    def counted(self) -> str:
        """As systemd-boot does: entries without tries left last, then the higher version, then the name."""
        found = []
        for path, data in list(self.card.files(P1 / "loader/entries")):
            if path.suffix != ".conf":
                continue
            name, _, count = path.name.removesuffix(".conf").partition("+")
            left, _, done = count.partition("-")
            lines = dict(line.split(" ", 1) for line in data.decode().splitlines())
            assert lines["sort-key"] == "releve"
            slot = name.removeprefix("releve-")
            assert f"linux /releve-{slot}/linux" in data.decode()
            version = ordered(lines["version"]) if "version" in lines else (-1,)
            found.append((left == "0", tuple(-n for n in version), name, path, left, done))
        assert found, "nothing to start"
        _, _, name, path, left, done = min(found)
        default = (self.card.read(P1 / "loader/loader.conf") or b"").decode()
        if "default releve-a.conf" in default and any(each[2] == "releve-a" for each in found):
            return "a"
        if left:
            now = path.with_name(f"{name}+{max(0, int(left) - 1)}-{int(done or 0) + 1}.conf")
            self.card.put(now, self.card.read(path) or b"")
            for names in (self.card.names_now, self.card._names):
                del names[path]
        return name.removeprefix("releve-")

    # -- what runs
    def box(self) -> Box:
        system = self.runs(self.slot)
        boot = system_slots.boot_of(self.loader, self.card, P1)
        return Box(
            *(DATA, P1, self.run, self.card, self, (making.PUBLIC,), system.version, "amd64", "3.13"),
            lambda: {"series": system.schema},
            self.slot,
            str(self.boots),
            boot,
            lambda slot: self.parts[slot],
            lambda: AT,
        )

    def start(self) -> None:
        """What is chosen is mounted, and the gateway writes into the house."""
        box = self.box()
        updating.choose(box)
        assert self.mounted is not None
        is_trial = updating.on_trial(box)
        if is_trial:
            self.trials[self.mounted.version] = self.trials.get(self.mounted.version, 0) + 1
            most = {Kind.APP: app_slots.TRIES, Kind.SYSTEM: system_slots.TRIES}[self.mounted.kind]
            assert self.trials[self.mounted.version] <= most
        else:
            assert self.mounted.content in self.good, f"{self.mounted} runs, and nobody found it good"
            assert ordered(self.mounted.version) >= ordered(self.newest), "the good one is lost"
        house = (self.card.read(HOUSE) or b"").decode().splitlines()
        assert house, "the house is lost"
        self.fit = self.mounted.healthy and int(house[0]) <= self.mounted.schema
        if not is_trial:
            assert self.fit, f"{self.mounted} cannot read the house, which has form {house[0]}"
        if self.fit or self.mounted.schema > int(house[0]):
            self.tokens += 1
            lines = [str(self.mounted.schema), *house[1:], str(self.tokens)]
            self.card.put(HOUSE, ("\n".join(lines) + "\n").encode())
        assert self.kept() == {str(n + 1) for n in range(self.tokens)}, "a reading is lost"
        assert self.card.read(DATA / "house/aside/1") == b"aside"

    def kept(self) -> set[str]:
        """Every reading that is still somewhere where a house lies."""
        found: set[str] = set()
        for path, data in self.card.files(DATA):
            if path.name == "series.db" and (path == HOUSE or path.parent.name.startswith("tried-")):
                found |= set(data.decode().splitlines()[1:])
        return found

    # -- what is done to it
    def install(self, data: bytes) -> bool:
        box = self.box()
        state = box.slots.read()
        if state is not None and state.trial is None:
            self.trials = {}  # one that failed may be brought once more
        return updating.install(box, io.BytesIO(data), len(data))

    def settle(self) -> None:
        box = self.box()
        if not updating.on_trial(box):
            return
        assert self.mounted is not None
        on_trial, fit = self.mounted, self.fit
        if fit:
            self.good.add(on_trial.content)
        updating.decide(box, "" if fit else "ended")
        if fit:
            self.newest = on_trial.version

    def do(self, what: Any, cut_in: int | None = None) -> None:
        """One thing, and what comes of it, perhaps with the power cut."""
        self.card.cut_in = cut_in
        try:
            self._do(what)
        except Cut:
            self.cut()
        self.card.cut_in = None
        self.ran = {path.name: path.read_bytes() for path in self.run.iterdir()}

    def _do(self, what: Any) -> None:
        try:
            match what:
                case bytes():
                    self.install(what)
                case "settle":
                    self.settle()
                case "restart":
                    self.start()
                case _:
                    raise Rebooted
        except Rebooted as anew:
            self.card.settled()
            self.on("0 tryboot" in anew.arguments)

    def last(self) -> said.Said:
        found = said.read(said.UPDATE, self.run)
        assert found is not None
        return found


LOADERS = (Loader.UEFI, Loader.PI)
APP = Soft(Kind.APP, "0.2.0")
BETTER = Soft(Kind.APP, "0.3.0", schema=2)
BAD = Soft(Kind.APP, "0.4.0", schema=3, healthy=False)
SYSTEM = Soft(Kind.SYSTEM, "0.5.0", schema=3)
BAD_SYSTEM = Soft(Kind.SYSTEM, "0.6.0", schema=4, healthy=False)
DEAD_SYSTEM = Soft(Kind.SYSTEM, "0.6.1", schema=4, boots=False)
NEXT = Soft(Kind.APP, "0.9.0", 9).update()
STORIES: Mapping[str, tuple[Any, ...]] = {
    "an app": (APP.update(), "settle"),
    "an app in another form": (BETTER.update(), "settle"),
    "a bad app": (APP.update(), "settle", BAD.update(), "settle"),
    "a bad app that is started again": (BAD.update(), "boot", "boot", "boot"),
    "a system": (SYSTEM.update(), "settle"),
    "a system over an app": (BETTER.update(), "settle", SYSTEM.update(), "settle", BAD.update()),
    "a bad system": (APP.update(), "settle", BAD_SYSTEM.update(), "settle"),
    "a dead system": (DEAD_SYSTEM.update(), "settle"),
    "system after system": (
        SYSTEM.update(),
        "settle",
        BAD_SYSTEM.update(),
        "settle",
        Soft(Kind.SYSTEM, "0.7.0", 3).update(),
        "settle",
    ),
}
ENDS = {
    "an app": "0.2.0",
    "an app in another form": "0.3.0",
    "a bad app": "0.2.0",
    "a bad app that is started again": "0.1.0",
    "a system": "0.5.0",
    "a system over an app": "0.5.0",
    "a bad system": "0.2.0",
    "a dead system": "0.1.0",
    "system after system": "0.7.0",
}


@pytest.fixture
def memory() -> Iterator[Path]:
    """As /run is."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("story", STORIES)
def test_without_a_cut_it_ends_as_it_should(memory: Path, story: str, loader: Loader) -> None:
    world = World(memory / "run", loader)
    for what in STORIES[story]:
        world.do(what)
    assert world.mounted is not None
    assert world.mounted.version == ENDS[story]


@pytest.mark.timeout(300)  # hundreds of boxes, each some seconds of a processor in all
@pytest.mark.parametrize(
    ("story", "loader"),
    [(story, loader) for story in STORIES for loader in (LOADERS if "system" in story else (Loader.NONE,))],
)
def test_cut_at_any_step_the_good_one_runs(memory: Path, story: str, loader: Loader) -> None:
    before = World(memory / "run", loader)
    for what in STORIES[story]:
        cut_in, steps = 0, before.card.steps
        while True:
            world = before.copied(seed=cut_in)
            world.do(what, cut_in)
            if world.card.steps - steps < cut_in:
                break  # it was over before
            world.do("settle")
            world.do("boot")
            if cut_in % 4 == 0:  # nothing that is left over is in the way of the next one
                world.do(NEXT)
                world.do("settle")
                assert world.mounted is not None
                assert world.mounted.version == "0.9.0", world.last()
            cut_in += 1
        before.remember()
        before.do(what)


WHATS = st.one_of(
    st.sampled_from(["settle", "boot", "boot", "restart"]),
    st.builds(
        lambda kind, version, schema, healthy, boots: Soft(kind, f"0.{version}.0", schema, healthy, boots).update(),
        st.sampled_from(Kind),
        st.integers(0, 12),
        st.integers(1, 4),
        st.booleans(),
        st.booleans(),
    ),
    st.sampled_from(
        [BETTER.update()[:-1], BETTER.update() + b"x", making.app(APP.content, "22" * 32, version="0.8.0"), b"photo"]
    ),
)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(st.tuples(WHATS, st.none() | st.integers(0, 120)), max_size=12),
    st.sampled_from([*LOADERS, Loader.NONE]),
    st.integers(0, 1 << 30),
)
def test_whatever_comes_and_whenever_the_power_goes(
    memory: Path, story: list[tuple[Any, int | None]], loader: Loader, seed: int
) -> None:
    world = World(memory / "run", loader, seed)
    for what, cut_in in story:
        world.do(what, cut_in)
