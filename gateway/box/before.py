"""The house as it was before a trial that writes it in another form: copied, and put back where the trial fails.

Nothing is ever deleted of a house: what the trial wrote lies aside in a folder of its own afterwards.
"""

import shutil
from pathlib import Path

from gateway.box.card import Files, clear
from gateway.box.update_file import Refused

# The update itself lies in the house, where its gateway could put it.
NOT_OF_THE_HOUSE = frozenset({"update", "lost+found"})
SPARED_BYTES = 32 << 20  # that the house needs to go on


def bytes_of(files: Files, house: Path) -> int:
    """What a copy takes."""
    return sum(
        bytes_of(files, house / name) + 4096 if files.is_folder(house / name) else _up(files, house / name)
        for name in files.names(house)
        if name not in NOT_OF_THE_HOUSE
    )


def copy(files: Files, house: Path, before: Path) -> None:
    """Into `before`, which has that name only when it is whole. Nobody may write the house meanwhile. Refused without room."""
    beside = before.with_name(before.name + ".new")
    clear(files, beside)
    need, free = bytes_of(files, house), files.bytes_free(before.parent) - SPARED_BYTES
    if need > free:
        raise no_room(need, free, "a copy of what is kept here, in case the update does not do well")
    _copy(files, house, beside)
    clear(files, before)
    files.rename(beside, before)
    files.flush_names(before.parent)


def put_aside(files: Files, house: Path, aside: Path) -> None:
    """Everything in the house into `aside`. Done again after a cut, it goes on."""
    files.make_folder(aside)
    files.flush_names(aside.parent)
    _move(files, house, aside)


def put_back(files: Files, before: Path, house: Path, aside: Path) -> None:
    """What was copied takes its place again. Done again after a cut, it goes on."""
    for name in files.names(before):
        if files.is_file(house / name) or files.is_folder(house / name):
            files.rename(house / name, _free_name(files, aside / name))
    _move(files, before, house)
    files.remove(before)
    files.flush_names(before.parent)


def free_folder(files: Files, folder: Path, version: str) -> Path:
    """Where the house of a trial of `version` may lie."""
    return _free_name(files, folder / f"tried-{version}")


def no_room(need: int, free: int, what: str) -> Refused:
    mega = 1_000_000
    return Refused(
        "no-room",
        f"the card has no room for {what}: {-(-need // mega)} MB are needed, {max(0, free) // mega} MB are free",
        mb=-(-need // mega),
        free_mb=max(0, free) // mega,
    )


def _copy(files: Files, source: Path, target: Path) -> None:
    files.make_folder(target, like=source)
    for name in files.names(source):
        if name in NOT_OF_THE_HOUSE:
            continue
        if files.is_folder(source / name):
            _copy(files, source / name, target / name)
        elif files.is_file(source / name):  # a socket or a link is nothing of the house
            with files.open(source / name) as old, files.create(target / name, like=source / name) as new:
                shutil.copyfileobj(old, new, 1 << 20)
                files.flush(new)
    files.flush_names(target)


def _move(files: Files, source: Path, target: Path) -> None:
    for name in files.names(source):
        if name not in NOT_OF_THE_HOUSE:
            files.rename(source / name, target / name)
    files.flush_names(target)
    files.flush_names(source)


def _free_name(files: Files, path: Path) -> Path:
    names, number, free = files.names(path.parent), 1, path
    while free.name in names:
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _up(files: Files, path: Path) -> int:
    """What a file takes of a card, in blocks."""
    return -(-files.bytes_of(path) // 4096) * 4096
