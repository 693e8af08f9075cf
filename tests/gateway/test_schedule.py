"""Back-ups by themselves: written when due, the newest few kept, and said when they cannot be."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway import app
from gateway.backup import load_age
from gateway.clock import Clock as RealClock
from gateway.config import ConfigError, load, parse
from gateway.schedule import RETRY_S, Schedule
from tests.gateway.test_backup import furnish, restore, standing
from tests.gateway.test_command import configured
from tests.house import NOON, Clock

IDENTITY = load_age().x25519.Identity.generate()
RECIPIENT = str(IDENTITY.to_public())
DAY = 86_400


def table(folder: Path, more: str = "") -> str:
    return f'[backup]\nfolder = "{folder}"\nrecipient = "{RECIPIENT}"\n{more}'


class Scheduled:
    """A house, the folder of its back-ups on another disk, and a clock that a test moves."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self.stick = folder / "stick"
        self.stick.mkdir()
        self.path = configured(folder, table(self.stick, "keep = 3\n"))
        furnish(self.path)
        self.config = load(self.path)
        assert self.config.backup is not None
        self.clock = Clock()
        backups = app._open(self.config, RealClock(), opened)[2]
        self.schedule = Schedule(self.config.backup, backups, self.clock)

    async def turn(self, after_s: int = 0) -> list[str]:
        """The files, after so long."""
        self.clock.at += after_s
        await self.schedule.turn()
        return sorted(path.name for path in self.stick.iterdir())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Scheduled]:
    with ExitStack() as opened:
        yield asyncio.run(asyncio.to_thread(Scheduled, tmp_path, opened))


async def test_one_is_written_when_it_is_due_and_not_before(house: Scheduled) -> None:
    (first,) = await house.turn()
    assert first == "releve-20260921T141320Z.backup"
    assert (house.schedule.last_at, house.schedule.trouble, house.schedule.late) == (NOON, None, False)
    assert await house.turn(DAY - 60) == [first]
    assert len(await house.turn(60)) == 2


async def test_the_newest_are_kept_and_no_other_file_is_touched(house: Scheduled) -> None:
    (house.stick / "photos.backup").write_text("not ours")
    (house.stick / "releve-by-hand.backup").write_text("not made by itself")
    for _ in range(4):
        await house.turn(DAY)
    assert await house.turn(DAY) == [
        "photos.backup",
        "releve-20260924T141320Z.backup",
        "releve-20260925T141320Z.backup",
        "releve-20260926T141320Z.backup",
        "releve-by-hand.backup",
    ]


async def test_a_stick_that_is_pulled_out_is_said_and_found_again(house: Scheduled) -> None:
    await house.turn()
    shutil.move(house.stick, house.stick.with_name("pulled"))
    house.clock.at += DAY
    await house.schedule.turn()
    assert house.schedule.trouble == f"{house.stick}: No such file or directory"
    assert not house.stick.exists(), "nothing is written onto the card in its place"
    house.clock.at += 2 * DAY
    assert house.schedule.late
    shutil.move(house.stick.with_name("pulled"), house.stick)
    assert len(await house.turn(RETRY_S)) == 2
    assert house.schedule.trouble is None


async def test_one_of_a_clock_that_was_ahead_does_not_stop_the_next(house: Scheduled) -> None:
    (house.stick / "releve-20990101T000000Z.backup").write_text("of a wrong clock")
    (house.stick / "releve-99999999T999999Z.backup").write_text("of no clock")
    for _ in range(4):
        await house.turn(DAY)
    assert len(await house.turn(DAY)) == 2 + 3, "neither takes the place of one that is good"


async def test_what_was_written_by_itself_is_a_whole_house(house: Scheduled, tmp_path: Path) -> None:
    (name,) = await house.turn()
    (tmp_path / "other").mkdir()
    (tmp_path / "identity").write_text(str(IDENTITY))
    other = configured(tmp_path / "other")
    done = await asyncio.to_thread(restore, other, house.stick / name, "--identity-file", tmp_path / "identity")
    assert (done.returncode, done.stderr) == (0, "")
    assert (await asyncio.to_thread(standing, other))["password"] == [("occupant", "hashed")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[backup]\n", "backup.folder: is needed\nbackup.recipient: is needed"),
        (table(Path("/media/stick")).replace("age1", "age2"), "backup.recipient: an age recipient "),
        (table(Path("/var/lib/releve/backups")), "backup.folder: a folder outside box.data is needed"),
        (table(Path("/media/stick"), "keep = 0\n"), "backup.keep: "),
        (table(Path("/media/stick"), 'every = "hour"\n'), "backup.every: one of day, week is needed"),
    ],
)
def test_a_table_that_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as met:
        parse(text, "a test")
    assert str(met.value).startswith(says)
