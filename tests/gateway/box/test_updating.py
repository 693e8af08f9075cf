"""What root does with real files: what is asked, what lies there, what a stick holds, and how a trial is watched."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest

from gateway.box import before, card, said, stick, updating, wanted
from gateway.box.app_slots import App, Slots, State, Trial
from gateway.box.card import Card
from gateway.box.fitting import Running
from gateway.box.system_slots import RootPart
from gateway.box.update_file import Kind, Refused
from gateway.box.updating import Box, Gateway
from tests.gateway.box.making import PUBLIC, app

RUNNING = Running("0.1.0", "0.1.0", "amd64", "3.13", {})


class Units:
    """systemd, as told: `looks` are what is seen of the gateway, one after the other."""

    def __init__(self, *looks: Gateway, well: bool = True) -> None:
        self._looks = list(looks)
        self._well = well
        self.done: list[str] = []

    def stop(self) -> None:
        self.done.append("stop")

    def restart(self) -> None:
        self.done.append("restart")

    def reboot(self, *arguments: str) -> None:
        self.done.append("reboot")

    def gateway(self) -> Gateway:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]

    def answers(self) -> bool:
        return self._well

    def mount(self, app: App, path: Path | None) -> None:
        self.done.append(f"mount {app.version}")


def box_at(folder: Path, units: Units | None = None, files: Card | None = None) -> Box:
    for name in ("data/house", "data/box", "p1", "run"):
        (folder / name).mkdir(parents=True, exist_ok=True)

    def no_root(slot: str) -> RootPart:
        raise Refused("no-root", slot)

    return Box(
        *(folder / "data", folder / "p1", folder / "run", files or Card(), units or Units(Gateway(None, 0)), (PUBLIC,)),
        *("0.1.0", "amd64", "3.13"),
        lambda: {"series": 1, "ledger": 8},
        None,
        "boot",
        None,
        no_root,
        lambda: datetime(2026, 11, 27, 10, tzinfo=UTC),
    )


def install(box: Box, data: bytes, tmp_path: Path) -> said.Said:
    path = tmp_path / "arrived"
    path.write_bytes(data)
    with path.open("rb") as stream:
        updating.install(box, stream, len(data))
    found = said.read(said.UPDATE, box.run)
    assert found is not None
    return found


# -- a trial is watched -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("looks", "well", "fault"),
    [
        ([Gateway(None, 0), Gateway(3, 0), Gateway(200, 0)], True, ""),
        ([Gateway(3, 0), Gateway(None, 1)], True, "ended"),
        ([Gateway(200, 1)], True, "ended"),
        ([Gateway(None, 0)], True, "no-start"),
        ([Gateway(119, 0)], True, "no-start"),
        ([Gateway(121, 0), Gateway(181, 0)], False, "no-answer"),
    ],
)
def test_a_trial_that_does_not_do_well_is_seen(looks: list[Gateway], well: bool, fault: str) -> None:
    clock = [0.0]

    def sleep(pause: float) -> None:
        clock[0] += pause

    assert updating.watch(Units(*looks, well=well), updating.HEALTHY_S, sleep, lambda: clock[0]) == fault
    assert clock[0] <= updating.SETTLE_S_MAX


# -- the card refuses -------------------------------------------------------------------------------------------------
class Refusing(Card):
    """It refuses to flush, as a worn one does."""

    def flush(self, file: object) -> None:
        raise OSError(5, "Input/output error")


class Lying(Card):
    """What it gives back afresh is not what was written."""

    def open(self, path: Path, *, afresh: bool = False) -> IO[bytes]:
        if afresh:
            data = bytearray(path.read_bytes())
            data[-1] ^= 1
            path.write_bytes(data)
        return super().open(path, afresh=afresh)


class Full(Card):
    def bytes_free(self, folder: Path) -> int:
        return before.SPARED_BYTES + 100


@pytest.mark.parametrize(("kind", "code"), [(Refusing, "card"), (Lying, "card"), (Full, "no-room")])
def test_a_card_that_refuses_leaves_what_runs(tmp_path: Path, kind: Callable[[], Card], code: str) -> None:
    units = Units(Gateway(None, 0))
    box = box_at(tmp_path, units, kind())
    found = install(box, app(), tmp_path)
    assert (found.state, found.text("code")) == ("refused", code)
    assert "restart" not in units.done
    assert updating.choose(box_at(tmp_path, units)).version == "0.1.0"
    assert [path.name for path in (tmp_path / "data/box/app").iterdir()] in ([], ["state.json"])


def test_a_card_that_cannot_count_runs_the_good_one(tmp_path: Path) -> None:
    assert install(box_at(tmp_path), app(), tmp_path).state == "restarting"
    units = Units(Gateway(None, 0))
    assert updating.choose(box_at(tmp_path, units, Refusing())).version == "0.1.0"
    assert units.done == ["mount 0.1.0"]
    assert updating.choose(box_at(tmp_path, units)).version == "0.2.0"


def test_one_update_at_a_time(tmp_path: Path) -> None:
    box = box_at(tmp_path)
    assert install(box, app(), tmp_path).state == "restarting"
    found = install(box, app(version="0.3.0"), tmp_path)
    assert (found.state, found.text("code"), found.text("version")) == ("refused", "trial", "0.2.0")
    state = box.slots.read()
    assert state is not None
    assert state.trial is not None
    assert state.trial.version == "0.2.0"


def test_a_file_beyond_all_bounds_is_not_even_read(tmp_path: Path) -> None:
    box = box_at(tmp_path)
    with (tmp_path / "large").open("wb+") as stream:
        assert not updating.install(box, stream, 600_000_001)
    found = said.read(said.UPDATE, box.run)
    assert found is not None
    assert (found.text("code"), found.number("max_mb")) == ("too-big", 600)


# -- the state --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"good":"c","trial":null}', b'{"good":null}', b"[" * 60_000])
def test_a_state_that_the_card_lost_is_guessed_and_has_to_do_well_again(tmp_path: Path, content: bytes) -> None:
    box = box_at(tmp_path)
    folder = tmp_path / "data/box/app"
    folder.mkdir()
    (folder / "a.update").write_bytes(app(version="0.2.0"))
    (folder / "b.update").write_bytes(app(version="0.3.0"))
    (folder / "state.json").write_bytes(content)
    assert updating.choose(box).version == "0.3.0"
    state = box.slots.read()
    assert state is not None
    assert state.good == "a"
    assert state.trial is not None
    assert (state.trial.slot, state.trial.left) == ("b", 1)


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    slots = Slots(Card(), tmp_path, ())
    trial = Trial(Kind.SYSTEM, "b", "0.2.0", house=True, boot="x", was="0.1.0", failed="ended")
    state = State("a", trial, None, {"state": "refused", "why": None})
    slots.write(state)
    assert slots.read() == state


# -- the house --------------------------------------------------------------------------------------------------------
def test_a_house_is_copied_as_it_is_and_nothing_is_followed(tmp_path: Path) -> None:
    house, secret = tmp_path / "house", tmp_path / "secret"
    (house / "aside").mkdir(parents=True, mode=0o750)
    (house / "update").mkdir()
    (house / "update/arrived").write_bytes(b"x" * 1000)
    (house / "series.db").write_bytes(b"series")
    (house / "series.db").chmod(0o640)
    (house / "aside/1").write_bytes(b"aside")
    secret.write_text("root's")
    (house / "link").symlink_to(secret)
    (house / "folder").symlink_to(tmp_path)
    os.mkfifo(house / "pipe")
    before.copy(Card(), house, tmp_path / "before")
    found = sorted(str(path.relative_to(tmp_path / "before")) for path in (tmp_path / "before").rglob("*"))
    assert found == ["aside", "aside/1", "series.db"]
    assert (tmp_path / "before/series.db").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "before/aside").stat().st_mode & 0o777 == (house / "aside").stat().st_mode & 0o777
    (house / "series.db").write_bytes(b"changed")
    before.put_aside(Card(), house, tmp_path / "tried-0.2.0")
    before.put_back(Card(), tmp_path / "before", house, tmp_path / "tried-0.2.0")
    assert (house / "series.db").read_bytes() == b"series"
    assert (tmp_path / "tried-0.2.0/series.db").read_bytes() == b"changed"
    assert (house / "update/arrived").exists()
    assert secret.read_text() == "root's"
    assert before.free_folder(Card(), tmp_path, "0.2.0").name == "tried-0.2.0-2"


def test_clearing_a_folder_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_text("kept")
    (tmp_path / "old/more").mkdir(parents=True)
    (tmp_path / "old/more/link").symlink_to(tmp_path / "kept")
    card.clear(Card(), tmp_path / "old")
    assert not (tmp_path / "old").exists()
    assert (tmp_path / "kept/file").read_text() == "kept"


# -- what is wanted ---------------------------------------------------------------------------------------------------
def test_what_is_wanted_is_wanted_once(tmp_path: Path) -> None:
    assert wanted.take(wanted.INSTALL, tmp_path) is None
    for content, source in (
        (b'{"source": "stick", "version": "0.2.0"}', "stick"),
        (b'{"source": "arrived"}', "arrived"),
        (b"", "arrived"),
        (b"[]", "arrived"),
        (b'{"source": "/etc/shadow"}', "arrived"),
        (b"[" * 5000, "arrived"),
    ):
        (tmp_path / wanted.INSTALL).write_bytes(content)
        assert wanted.take(wanted.INSTALL, tmp_path) == source
        assert wanted.take(wanted.INSTALL, tmp_path) is None


def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / wanted.INSTALL)
    assert wanted.take(wanted.INSTALL, tmp_path) == "arrived"
    (tmp_path / wanted.INSTALL).mkdir()
    assert wanted.take(wanted.INSTALL, tmp_path) == "arrived"
    (tmp_path / wanted.INSTALL).symlink_to("/dev/zero")
    assert wanted.take(wanted.INSTALL, tmp_path) == "arrived"
    assert list(tmp_path.iterdir()) == []


def test_no_link_is_followed_to_what_arrived(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no longer there"):
        wanted.arrived(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "arrived").write_bytes(b"root's")
    (tmp_path / "update").symlink_to(elsewhere)
    with pytest.raises(Refused):
        wanted.arrived(tmp_path)
    (tmp_path / "update").unlink()
    (tmp_path / "update").mkdir()
    (tmp_path / "update/arrived").symlink_to(elsewhere / "arrived")
    with pytest.raises(Refused):
        wanted.arrived(tmp_path)
    (tmp_path / "update/arrived").unlink()
    os.mkfifo(tmp_path / "update/arrived")
    with pytest.raises(Refused):
        wanted.arrived(tmp_path)
    (tmp_path / "update/arrived").unlink()
    (tmp_path / "update/arrived").write_bytes(b"it")
    with wanted.arrived(tmp_path) as stream:
        assert stream.read() == b"it"


# -- sticks -----------------------------------------------------------------------------------------------------------
def test_the_best_update_of_a_stick_is_offered_and_nothing_installed(tmp_path: Path) -> None:
    units = Units(Gateway(None, 0))
    box, there = box_at(tmp_path, units), tmp_path / "stick"
    there.mkdir()
    (there / "old.update").write_bytes(app(version="0.1.0"))
    (there / "good.update").write_bytes(app(version="0.3.0"))
    (there / "Other.UPDATE").write_bytes(app(version="0.2.0"))
    (there / "newer.update").write_bytes(app(private="22" * 32, version="0.9.0"))
    (there / "photo.jpg").write_bytes(app(version="0.8.0"))
    (there / "link.update").symlink_to("/etc/shadow")
    (there / "folder.update").mkdir()
    os.mkfifo(there / "pipe.update")
    stick.offer(box, there)
    found = said.read(said.UPDATE, box.run)
    assert found is not None
    assert (found.state, found.text("kind"), found.text("version")) == ("offered", "app", "0.3.0")
    assert found.number("bytes") == len(app(version="0.3.0"))
    with wanted.from_stick(tmp_path / "data/box/stick/offered.update") as stream:
        assert stream.read() == app(version="0.3.0")
    assert units.done == []


def test_a_stick_with_nothing_of_ours_says_nothing(tmp_path: Path) -> None:
    box, there = box_at(tmp_path), tmp_path / "stick"
    there.mkdir()
    (there / "photo.jpg").write_bytes(b"photo")
    stick.offer(box, there)
    assert said.read(said.UPDATE, box.run) is None


@pytest.mark.parametrize(
    ("data", "code"), [(app()[:-1], "truncated"), (app(version="0.1.0"), "same"), (b"x", "not-update")]
)
def test_why_a_stick_s_update_is_not_offered_is_said(tmp_path: Path, data: bytes, code: str) -> None:
    box, there = box_at(tmp_path), tmp_path / "stick"
    there.mkdir()
    (there / "releve.update").write_bytes(data)
    stick.offer(box, there)
    found = said.read(said.UPDATE, box.run)
    assert found is not None
    assert (found.state, found.text("code")) == ("refused", code)
    assert not (tmp_path / "data/box/stick/offered.update").exists()


def test_the_root_s_own_app_measures_slots(tmp_path: Path) -> None:
    slots = Slots(Card(), tmp_path, (PUBLIC,))
    (tmp_path / "a.update").write_bytes(app(base="0.2.0"))
    with pytest.raises(Refused, match=r"needs system 0\.2\.0"):
        slots.app("a", RUNNING)
    (tmp_path / "a.update").write_bytes(app(python="3.14"))
    with pytest.raises(Refused, match=r"3\.14"):
        slots.app("a", RUNNING)
    with pytest.raises(Refused, match="empty"):
        slots.app("b", RUNNING)
