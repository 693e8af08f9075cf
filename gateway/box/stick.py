"""An update on a USB stick: looked for in its top folder, copied to the card, and offered on the page. Never installed by itself."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gateway.box import fitting, updating
from gateway.box.app_slots import SlotSink
from gateway.box.before import SPARED_BYTES, no_room
from gateway.box.card import clear
from gateway.box.update_file import FILE_BYTES_MAX, Refused, Update, head, ordered, parts
from gateway.box.updating import Box

NAMES_MAX = 1000  # of the top folder; a stick with more is looked at so far
UPDATES_MAX = 20
OFFERED = "offered.update"


def offer(box: Box, stick: Path) -> None:
    """Say what a mounted stick has for this box: the highest version that fits, or why the one that is there does not."""
    best: tuple[Update, Path] | None = None
    refused: Refused | None = None
    running = updating.running(box)
    for path in _updates(stick):
        try:
            with _opened(path) as stream:
                update = head(stream, box.known)
            fitting.check(update.manifest, running)
        except (Refused, OSError) as error:
            refused = (
                error if isinstance(error, Refused) else Refused("stick", f"the stick cannot be read: {error.strerror}")
            )
            continue
        if best is None or ordered(update.manifest.version) > ordered(best[0].manifest.version):
            best = update, path
    try:
        if best is not None:
            _take(box, best[0].head, best[1])
        elif refused is not None:
            raise refused
    except Refused as error:
        box.say("refused", str(error), code=error.code, **error.fields)
    except OSError as error:
        box.say("refused", f"the card or the stick refuses: {error.strerror or error}", code="card")


def _take(box: Box, said: bytes, path: Path) -> None:
    """Copy it whole, verified on the way; it is read once more from the stick, and has to begin as it did."""
    folder = box.data / "box/stick"
    clear(box.files, folder)
    box.files.make_folder(folder)
    box.files.flush_names(folder.parent)
    with _opened(path) as stream:
        update = head(stream, box.known)
        if update.head != said:
            raise Refused("stick", "the stick gave back something else the second time")
        free = box.files.bytes_free(folder) - SPARED_BYTES
        if update.bytes > free:
            raise no_room(update.bytes, free, "this update")
        sink = SlotSink(box.files, folder / OFFERED, update)
        try:
            parts(stream, update, sink)
            sink.keep()
        except (Refused, OSError):
            sink.drop()
            raise
    manifest = update.manifest
    box.say("offered", kind=manifest.kind.value, version=manifest.version, bytes=update.bytes)


def _updates(stick: Path) -> Iterator[Path]:
    names = []
    with os.scandir(stick) as entries:
        for number, entry in enumerate(entries):
            if number >= NAMES_MAX:
                break
            if entry.name.lower().endswith(".update") and not entry.name.startswith("."):
                names.append(entry.name)
    for name in sorted(names)[:UPDATES_MAX]:
        yield stick / name


def _opened(path: Path) -> IO[bytes]:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        os.close(file)
        raise Refused("stick", "what is called an update on the stick is no file")
    if found.st_size > FILE_BYTES_MAX:
        os.close(file)
        raise Refused(
            "too-big", f"an update has at most {FILE_BYTES_MAX // 1_000_000} MB", max_mb=FILE_BYTES_MAX // 1_000_000
        )
    return os.fdopen(file, "rb")
