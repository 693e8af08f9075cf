"""What root does about updates: install one, choose the app at a start, and settle whether a trial did well (docs/updates.md).

Everything is one change of one small file (app_slots.State) after what it speaks of is on the card, so that a power cut at any
moment leaves the state before or the one after. The house of a failed trial is put back by a step that may be done again.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol

from gateway.box import before, card, fitting, said
from gateway.box.app_slots import TRIES, App, Back, Slots, SlotSink, State, Trial, other, own, tried
from gateway.box.before import SPARED_BYTES, no_room
from gateway.box.card import Files
from gateway.box.fitting import Running
from gateway.box.system_slots import Boot, RootPart, SystemSink
from gateway.box.update_file import FILE_BYTES_MAX, Kind, Refused, Update, head, ordered, parts

log = logging.getLogger(__name__)

APP = "app"  # what said.read tells of the app in use: root's own word to itself
TRIAL = "trial"  # the file in /run/releve-box that is there while a trial runs; releve-settle.service waits for it

HEALTHY_S = 120.0  # without a break, before a trial did well
# A house of ten years that is brought into another form may take a quarter of an hour (TimeoutStartSec of releve.service).
SETTLE_S_MAX = 1200.0
ANSWER_S_MAX = 60.0  # from HEALTHY_S on, until its page has to answer
LOOK_S = 5.0

TROUBLES = {
    "ended": "the program ended by itself, and was started again",
    "no-start": "the program did not come up within twenty minutes",
    "no-answer": "the program runs, but its page did not answer",
    "power": "it was started as often as a new version may be, and never ran for long enough to be known as good",
    "boot": "the new system did not come up, or never ran for long enough to be known as good",
    "damaged": "the card does not give back what was written to it",
    "mount": "the new program could not be mounted",
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """How its unit does. `active_s`: since when it is up without a break, None while it is not."""

    active_s: float | None
    restarts: int


class Units(Protocol):
    """What is asked of systemd and the kernel."""

    def stop(self) -> None:
        """The gateway, and what sends for it: nobody writes the house when this returns."""

    def restart(self) -> None:
        """With the app that `choose` mounts; what settles a trial is started too."""

    def reboot(self, *arguments: str) -> None: ...

    def gateway(self) -> Gateway: ...

    def answers(self) -> bool:
        """Whether its page says that it is well."""

    def mount(self, app: App, path: Path | None) -> None:
        """Where programs look for it, in the place of the one before; `path` None: the root's own. OSError: it cannot be."""


@dataclass(frozen=True)
class Box:
    """Where everything is. `slot`: the root that runs, None where it is neither A nor B; `boot_id`: the kernel's, another at each start."""

    data: Path
    p1: Path
    run: Path
    files: Files
    units: Units
    known: tuple[bytes, ...]
    system: str
    arch: str
    python: str
    schemas: Callable[[], Mapping[str, int]]
    slot: str | None
    boot_id: str
    boot: Boot | None
    root_part: Callable[[str], RootPart]
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @property
    def slots(self) -> Slots:
        return Slots(self.files, self.data / "box/app", self.known)

    @property
    def house(self) -> Path:
        return self.data / "house"

    @property
    def before(self) -> Path:
        return self.data / "box/before"

    def running_root(self) -> Running:
        """The root's own app, by which slots are measured."""
        return Running(self.system, self.system, self.arch, self.python, {})

    def say(self, state: str, why: str | None = None, **fields: object) -> dict[str, Any]:
        """To the pages and to the log; what was said, for State.last."""
        at = self.now()
        if why:
            log.warning("update: %s: %s", state, why)
        said.write(said.UPDATE, state, why, folder=self.run, at=at, **fields)
        return self.told(state, why, at, **fields)

    def told(self, state: str, why: str | None = None, at: datetime | None = None, **fields: object) -> dict[str, Any]:
        """The same for State.last, where it is to be on the card before it is said."""
        return {"state": state, "why": why, "at": (at or self.now()).isoformat(), **fields}


# -- choose: before the gateway, at each start of it ------------------------------------------------------------------
def choose(box: Box) -> App:
    """Mount the app that is to run, and say which. Whatever the card does, one is mounted."""
    state = State()
    try:
        state = recovered(box)
        _tell_again(box, state)
    except OSError as error:
        box.say("refused", f"the card refuses: {error}", code="card")
    app = _trial(box, state)
    if app is None:
        # Read once more: a trial that is over changed it.
        app = _good(box, _read(box, state))
    if app is None:
        app = own(box.running_root(), {})  # its schemas are asked for when they are needed: that takes a second
        box.units.mount(app, None)
        _say_app(box, "own", app)
    return app


def recovered(box: Box) -> State:
    """The state, after what a cut left half done is done. OSError: the card refuses."""
    box.files.make_folder(box.data / "box")
    box.files.make_folder(box.data / "box/app")
    state = box.slots.read()
    if state is None:
        state = box.slots.guess(box.running_root())
        log.warning(
            "update: which version is the good one was lost with %s", box.slots.path("a").with_name("state.json")
        )
        box.slots.write(state)
    state = _put_back(box, state)
    trial = state.trial
    if trial is not None and trial.kind is Kind.SYSTEM:
        if trial.slot == box.slot:
            if trial.failed:
                _leave(box, trial)
        elif trial.boot != box.boot_id:
            state = _go_back(box, state, trial.failed or "boot")
    box.slots.tidy(state)
    if state.trial is None:
        card.clear(box.files, box.before)
    return state


def _guessed(box: Box) -> State:
    """In the place of a state that is lost; a house that was copied was so for the trial."""
    state = box.slots.guess(box.running_root())
    if not box.files.is_folder(box.before):
        return state
    if state.trial is not None:
        return replace(state, trial=replace(state.trial, house=True))
    return replace(state, back=Back(before.free_folder(box.files, box.data / "box", "0").name))


def _read(box: Box, state: State) -> State:
    try:
        return box.slots.read() or state
    except OSError:
        return replace(state, trial=None)


def _trial(box: Box, state: State) -> App | None:
    """The app on trial, mounted; None where there is none, or it is over."""
    trial, marker = state.trial, box.run / TRIAL
    marker.unlink(missing_ok=True)
    if trial is None:
        return None
    if trial.kind is Kind.SYSTEM:
        if trial.slot == box.slot and not trial.failed:
            marker.touch()
            box.say("trial", kind=trial.kind.value, version=trial.version, before=trial.was)
        return None
    try:
        if trial.left <= 0:
            _go_back(box, state, "power")
            return None
        box.slots.write(replace(state, trial=tried(trial)))
        try:
            app = box.slots.app(trial.slot, box.running_root())
            box.units.mount(app, box.slots.path(trial.slot))
        except Refused as error:
            log.warning("update: %s", error)
            _go_back(box, state, "damaged")
            return None
        except OSError as error:
            log.warning("update: %s: %s", box.slots.path(trial.slot), error)
            _go_back(box, state, "mount")
            return None
    except OSError as error:
        # A start that cannot be counted is none of the trial's.
        box.say("refused", f"the card refuses: {error}", code="card")
        return None
    marker.touch()
    box.say("trial", kind=trial.kind.value, version=trial.version, before=trial.was)
    _say_app(box, "trial", app)
    return app


def _good(box: Box, state: State) -> App | None:
    """The app that did well, mounted; None where the root's own is not older, or the card lost it."""
    if state.good is None:
        return None
    try:
        app = box.slots.app(state.good, box.running_root())
        if ordered(app.version) <= ordered(box.system):
            return None
        box.units.mount(app, box.slots.path(state.good))
    except (Refused, OSError) as error:
        box.say(
            "lost", f"the version in use is lost, and the one that the box came with runs: {error}", version=box.system
        )
        return None
    _say_app(box, "good", app)
    return app


def _say_app(box: Box, state: str, app: App) -> None:
    said.write(APP, state, folder=box.run, version=app.version, slot=app.slot, schemas=dict(app.schemas))


def _tell_again(box: Box, state: State) -> None:
    """After a start, what was said last: /run has forgotten it."""
    last = dict(state.last)
    try:
        at = datetime.fromisoformat(str(last.pop("at")))
        said.write(said.UPDATE, last.pop("state"), last.pop("why"), folder=box.run, at=at, **last)
    except (KeyError, ValueError, TypeError):
        return


# -- install: when the owner says so ----------------------------------------------------------------------------------
def install(box: Box, stream: IO[bytes], size: int) -> bool:
    """What the owner wants installed, read once. Whether it is on its way; what comes of it is said."""
    try:
        _install(box, stream, size)
    except Refused as error:
        last = box.say("refused", str(error), code=error.code, **error.fields)
    except OSError as error:
        last = box.say("refused", f"the card refuses: {error.strerror or error}", code="card")
    else:
        return True
    try:
        state = recovered(box)
        box.slots.write(replace(state, last=last))
    except OSError as error:
        log.warning("update: nothing can be kept: %s", error)
    return False


def running(box: Box) -> Running:
    """What an update is measured by: the app in use, and the root."""
    found = said.read(APP, box.run)
    if found is None or found.state == "own":
        return Running(box.system, box.system, box.arch, box.python, box.schemas())
    schemas = found.fields.get("schemas")
    numbers = (
        {name: number for name, number in schemas.items() if type(number) is int} if isinstance(schemas, dict) else {}
    )
    return Running(found.text("version"), box.system, box.arch, box.python, numbers)


def _install(box: Box, stream: IO[bytes], size: int) -> None:
    state = recovered(box)
    if state.trial is not None:
        raise Refused(
            "trial",
            f"version {state.trial.version} is on trial: wait until it is known whether it does well",
            version=state.trial.version,
        )
    if size > FILE_BYTES_MAX:
        raise Refused(
            "too-big", f"an update has at most {FILE_BYTES_MAX // 1_000_000} MB", max_mb=FILE_BYTES_MAX // 1_000_000
        )
    update = head(stream, box.known)
    now = running(box)
    fitting.check(update.manifest, now)
    box.say("installing", kind=update.manifest.kind.value, version=update.manifest.version, before=now.version)
    if update.manifest.kind is Kind.APP:
        _install_app(box, state, now, update, stream)
    else:
        _install_system(box, state, now, update, stream)


def _install_app(box: Box, state: State, now: Running, update: Update, stream: IO[bytes]) -> None:
    slot = other(state.good)
    path, manifest = box.slots.path(slot), update.manifest
    free = box.files.bytes_free(path.parent) - SPARED_BYTES
    if update.bytes > free:
        raise no_room(update.bytes, free, "this update")
    sink = SlotSink(box.files, path, update)
    try:
        parts(stream, update, sink)
        sink.keep()
    except (Refused, OSError):
        sink.drop()
        raise
    try:
        box.slots.app(slot, box.running_root(), afresh=True)
    except Refused as error:
        if error.code in {"python", "base"}:
            raise
        raise Refused("card", f"the card does not give back what was written to it: {error}") from error
    with _house_kept(box, now, update) as house:
        trial = Trial(Kind.APP, slot, manifest.version, house, left=TRIES, was=now.version)
        _begin(box, state, trial)
    box.say("restarting", kind=manifest.kind.value, version=manifest.version, before=now.version)
    box.units.restart()


def _install_system(box: Box, state: State, now: Running, update: Update, stream: IO[bytes]) -> None:
    if box.slot is None:
        raise Refused("no-root", "this box was not started from one of its own two systems, so none can be replaced")
    if box.boot is None:
        raise Refused("loader", "what starts this machine cannot be told to try another system")
    slot, manifest = other(box.slot), update.manifest
    sink = SystemSink(box.files, box.p1, slot, box.root_part(slot))
    box.boot.forget(slot)
    try:
        sink.make_room(update)
        parts(stream, update, sink)
        sink.read_back(update)
        sink.name_it()
    finally:
        sink.close()
    with _house_kept(box, now, update) as house:
        trial = Trial(Kind.SYSTEM, slot, manifest.version, house, boot=box.boot_id, was=now.version)
        _begin(box, state, trial)
        try:
            box.boot.try_once(slot, manifest.version)
        except (Refused, OSError):
            box.slots.write(state)
            box.boot.forget(slot)
            raise
    box.say("restarting", kind=manifest.kind.value, version=manifest.version, before=now.version)
    box.units.reboot(*box.boot.reboot)


def _begin(box: Box, state: State, trial: Trial) -> None:
    try:
        box.slots.write(replace(state, trial=trial))
    except OSError:
        with suppress(OSError):  # it may be on the card though it was refused
            box.slots.write(state)
        raise


@contextmanager
def _house_kept(box: Box, now: Running, update: Update) -> Iterator[bool]:
    """Whether the house as it is now lies in before/: where the update keeps it in another form. Nobody writes it meanwhile."""
    if dict(update.manifest.schemas) == dict(now.schemas):
        yield False
        return
    box.units.stop()
    try:
        before.copy(box.files, box.house, box.before)
        yield True
    except BaseException:
        box.units.restart()
        raise


# -- settle: while a trial runs ---------------------------------------------------------------------------------------
def settle(box: Box, healthy_s: float = HEALTHY_S) -> None:
    """Watch the trial that runs, until it did well or did not, and act on that."""
    if not on_trial(box):
        return
    fault = watch(box.units, healthy_s)
    decide(box, fault)


def on_trial(box: Box) -> bool:
    return (box.run / TRIAL).exists()


def watch(
    units: Units,
    healthy_s: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Why the gateway does not do well, of TROUBLES; "" when it does."""
    end = clock() + SETTLE_S_MAX
    while clock() < end:
        found = units.gateway()
        if found.restarts:
            return "ended"
        if found.active_s is not None and found.active_s >= healthy_s:
            if units.answers():
                return ""
            if found.active_s >= healthy_s + ANSWER_S_MAX:
                return "no-answer"
        sleep(LOOK_S)
    return "no-start"


def decide(box: Box, fault: str) -> None:
    """Let a trial be the good one, or go back."""
    state = box.slots.read()
    trial = state.trial if state is not None else None
    if state is None or trial is None or (trial.kind is Kind.SYSTEM and trial.slot != box.slot):
        return
    if fault:
        if trial.kind is Kind.SYSTEM:
            box.slots.write(replace(state, trial=replace(trial, failed=fault)))
            _leave(box, trial)
            return
        box.units.stop()
        try:
            _go_back(box, state, fault)
        finally:
            box.units.restart()
        return
    good = trial.slot if trial.kind is Kind.APP else state.good
    if trial.kind is Kind.SYSTEM:
        assert box.boot is not None
        box.boot.keep(trial.slot)
        if _is_passed(box, good):
            good = None
    state = State(good, last=box.told("installed", kind=trial.kind.value, version=trial.version, before=trial.was))
    box.slots.write(state)
    _tell_again(box, state)
    (box.run / TRIAL).unlink(missing_ok=True)
    box.slots.tidy(state)
    card.clear(box.files, box.before)


def _is_passed(box: Box, good: str | None) -> bool:
    """Whether the new root's own app runs, and not the one in this slot."""
    found = said.read(APP, box.run)
    return good is not None and (found is None or found.text("slot") != good)


def _leave(box: Box, trial: Trial) -> None:
    """Out of a system that did not do well: what is left to do is done by the one before."""
    assert box.boot is not None
    box.boot.forget(trial.slot)
    box.say("restarting", TROUBLES.get(trial.failed), kind=trial.kind.value, version=trial.was, before=trial.version)
    box.units.reboot()


def _go_back(box: Box, state: State, fault: str) -> State:
    """No trial from now on; the house as it was before."""
    trial = state.trial
    assert trial is not None
    if trial.kind is Kind.SYSTEM and box.boot is not None:
        box.boot.forget(trial.slot)  # first: it may have starts left, which nothing would settle
    why = f"version {trial.version} did not do well: {TROUBLES.get(fault, fault)}; version {trial.was} is back"
    last = box.say(
        "back", why, code=fault, kind=trial.kind.value, version=trial.version, before=trial.was, house=trial.house
    )
    back = None
    if trial.house and box.files.is_folder(box.before):
        back = Back(before.free_folder(box.files, box.data / "box", trial.version).name)
    (box.run / TRIAL).unlink(missing_ok=True)
    state = State(state.good, None, back, last)
    box.slots.write(state)
    state = _put_back(box, state)
    box.slots.tidy(state)
    return state


def _put_back(box: Box, state: State) -> State:
    """The house as it was, where that was begun. Done again after a cut, it goes on."""
    if state.back is None:
        return state
    aside = box.data / "box" / Path(state.back.aside).name
    if not state.back.is_out:
        before.put_aside(box.files, box.house, aside)
        state = replace(state, back=replace(state.back, is_out=True))
        box.slots.write(state)
    before.put_back(box.files, box.before, box.house, aside)
    state = replace(state, back=None)
    box.slots.write(state)
    return state
