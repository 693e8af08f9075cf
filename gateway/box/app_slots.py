"""Which app runs: the root's own, or one of two update files on the card, each kept whole and verified at every start.

/data/box/app holds `a.update`, `b.update` and `state.json`:

    {"good": "a", "trial": {"kind": "app", "slot": "b", "version": "0.2.0", "left": 2, "house": false}, "back": null, "last": ...}

Everything that becomes of an update is one change of this one file, which is replaced whole.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.box import card
from gateway.box.card import Files
from gateway.box.fitting import Running
from gateway.box.update_file import Kind, Part, Refused, Update, head, ordered, parts

SLOTS = ("a", "b")
TRIES = 2  # starts that a new app has before the good one is back
STATE = "state.json"
ASIDE = re.compile(r"tried-[0-9.]+(-[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Trial:
    """An update that is to show whether it does well.

    `left`: starts that an app still has. `boot`: the kernel's id of the start in which a system was installed; its trial is the next one.
    `house`: the house before it lies in before/. `failed`: why it did not do well, once that is known.
    """

    kind: Kind
    slot: str
    version: str
    house: bool
    left: int = 0
    boot: str = ""
    was: str = ""
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Back:
    """A house that is being put back: `aside` is where that of the trial goes; `is_out` once it is there."""

    aside: str
    is_out: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """`last`: what is said of the last update, as gateway.box.said has it."""

    good: str | None = None
    trial: Trial | None = None
    back: Back | None = None
    last: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class App:
    """One that may run: `slot` None is the root's own. `at` and `bytes`: where it lies in the slot's file."""

    slot: str | None
    version: str
    schemas: Mapping[str, int]
    at: int = 0
    bytes: int = 0


class Slots:
    """The folder of slots; `known` are the keys of the root that runs."""

    def __init__(self, files: Files, folder: Path, known: tuple[bytes, ...]) -> None:
        self._files = files
        self._folder = folder
        self._known = known

    def path(self, slot: str) -> Path:
        return self._folder / f"{slot}.update"

    def read(self) -> State | None:
        """None: the card gave back something else than what was written."""
        data = self._files.read(self._folder / STATE)
        if data is None:
            return State() if STATE not in self._files.names(self._folder) else None
        try:
            return _state(json.loads(data))
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    def write(self, state: State) -> None:
        """On the card when this returns."""
        card.replace(self._files, self._folder / STATE, json.dumps(_said(state)).encode())

    def app(self, slot: str, running: Running, *, afresh: bool = False) -> App:
        """What lies in a slot, read whole and found as it was signed, for this system. Refused else."""
        try:
            with self._files.open(self.path(slot), afresh=afresh) as stream:
                update = head(stream, self._known)
                parts(stream, update)
        except FileNotFoundError:
            raise Refused("missing", f"slot {slot} is empty") from None
        except OSError as error:
            raise Refused("card", f"slot {slot} cannot be read: {error.strerror}") from error
        return self._app(slot, update, running)

    def _app(self, slot: str, update: Update, running: Running) -> App:
        manifest = update.manifest
        if manifest.kind is not Kind.APP:
            raise Refused("manifest", f"slot {slot} holds a {manifest.kind}", what="kind")
        if manifest.arch != running.arch or manifest.python != running.python:
            raise Refused("python", f"slot {slot} is for {manifest.arch} and Python {manifest.python}")
        if ordered(manifest.base) > ordered(running.system):
            raise Refused("base", f"slot {slot} needs system {manifest.base}")
        ((part, at),) = update.places()
        return App(slot, manifest.version, manifest.schemas, at, part.bytes)

    def guess(self, running: Running) -> State:
        """A state in the place of one that is lost: the higher version of the slots has to show once more that it does well."""
        found = []
        for slot in SLOTS:
            try:
                found.append(self.app(slot, running))
            except Refused:
                continue
        found.sort(key=lambda app: ordered(app.version))
        if not found or ordered(found[-1].version) <= ordered(running.system):
            return State()
        good = found[0].slot if len(found) > 1 else None
        assert found[-1].slot is not None
        return State(good, Trial(Kind.APP, found[-1].slot, found[-1].version, house=False, left=TRIES))

    def tidy(self, state: State) -> None:
        """Away with what no state speaks of."""
        kept = {STATE, *(f"{slot}.update" for slot in SLOTS if slot == state.good)}
        if state.trial is not None and state.trial.kind is Kind.APP:
            kept.add(f"{state.trial.slot}.update")
        left = [name for name in self._files.names(self._folder) if name not in kept]
        for name in left:
            self._files.remove(self._folder / name)
        if left:
            self._files.flush_names(self._folder)


class SlotSink:
    """Writes an app's update into a slot, the whole file; it has its name when it is whole."""

    def __init__(self, files: Files, path: Path, update: Update) -> None:
        self._files = files
        self._path = path
        self._stream = files.create(self._beside)
        self._stream.write(update.head)

    @property
    def _beside(self) -> Path:
        return self._path.with_name(self._path.name + ".new")

    def begin(self, part: Part) -> None: ...

    def write(self, data: bytes) -> None:
        self._stream.write(data)

    def end(self, part: Part) -> None: ...

    def keep(self) -> None:
        """All was read and found good."""
        self._files.flush(self._stream)
        self._stream.close()
        self._files.rename(self._beside, self._path)
        self._files.flush_names(self._path.parent)

    def drop(self) -> None:
        self._stream.close()
        self._files.remove(self._beside)


def other(slot: str | None) -> str:
    return SLOTS[1] if slot == SLOTS[0] else SLOTS[0]


def tried(trial: Trial) -> Trial:
    """With one start less."""
    return replace(trial, left=trial.left - 1)


def own(running: Running, schemas: Mapping[str, int]) -> App:
    """The root's own app."""
    return App(None, running.system, schemas)


def _said(state: State) -> dict[str, Any]:
    trial, back = state.trial, state.back
    return {
        "good": state.good,
        "trial": None
        if trial is None
        else {
            name: getattr(trial, name) for name in ("kind", "slot", "version", "house", "left", "boot", "was", "failed")
        },
        "back": None if back is None else {"aside": back.aside, "is_out": back.is_out},
        "last": dict(state.last),
    }


def _state(said: Any) -> State:
    """What another version of this program adds is left aside. ValueError, KeyError, TypeError: it is no state."""
    good, trial, back = said["good"], said["trial"], said.get("back")
    if good is not None and good not in SLOTS:
        raise ValueError("good")
    last = said.get("last") or {}
    if not isinstance(last, dict):
        raise TypeError("last")
    return State(
        good,
        None if trial is None else _trial(trial),
        None if back is None else _back(back),
        last,
    )


def _back(said: Any) -> Back:
    if not ASIDE.fullmatch(said["aside"]):
        raise ValueError("aside")
    return Back(said["aside"], said["is_out"] is True)


def _trial(said: Any) -> Trial:
    version, left = said["version"], said.get("left", 0)
    ordered(version)
    if said["slot"] not in SLOTS or type(left) is not int:
        raise ValueError("trial")
    return Trial(
        Kind(said.get("kind", Kind.APP)),
        said["slot"],
        version,
        said.get("house") is True,
        min(left, TRIES),
        str(said.get("boot", "")),
        str(said.get("was", "")),
        str(said.get("failed", "")),
    )
