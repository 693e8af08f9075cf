"""The part of the card that any computer reads, FAT: what a person puts there is taken and erased, and one page is written.

It is mounted while somebody looks at it (/boot/firmware). The power may be cut in every line.
"""

import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from gateway.box import said, wifi
from gateway.files import flush_names, replace

WIFI_FILES_MAX = 16
PAGE_BYTES_MAX = 1_000_000
WANTED_BYTES_MAX = 65_536
# As browsers and systems call a second one of the same name, and one whose ending is hidden.
WIFI_NAME = re.compile(r"wi-?fi ?(- ?copie|- ?copy)?[ _-]?(\(?\d{1,2}\)?)?\.txt(\.txt)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Places:
    card: Path = Path("/boot/firmware")
    connections: Path = Path("/etc/NetworkManager/system-connections")
    box: Path = Path("/data/box")
    said: Path = said.FOLDER
    # Both are the gateway's: eight digits, or nothing once the box is set up; and {"text": what a wifi.txt would say}.
    code: Path = Path("/var/lib/releve/setup-code")
    wanted: Path = Path("/run/releve/wifi.wanted")


def take_wifi(places: Places) -> bool:
    """Read what `wifi.txt` says, keep it as a connection, and erase it: True where there was one.

    What came of it is kept in the box's folder (`wifi.json`) before the file is erased, so that a cut in between repeats it.
    Where the card holds no house but memory does, the file stays: it is all there is at the next start.
    """
    files = wifi_files(places.card)
    if not files:
        return False
    keep(places, _read(files[0], wifi.FILE_BYTES_MAX + 1))
    data = said.read(said.DATA, places.said)
    if data is None or data.state != "memory":
        for file in files:
            erase(file)
    return True


def keep(places: Places, data: bytes) -> None:
    """Let the box join the network that this `wifi.txt` names from now on; or let it be known what is wrong with it."""
    try:
        network = wifi.parse(data)
    except wifi.WifiError as error:
        said.write(
            said.WIFI,
            "wrong",
            str(error),
            folder=places.box,
            why_fr=error.french,
            code=error.fault.value,
            line=error.line,
        )
    else:
        replace(places.connections / f"{wifi.CONNECTION}.nmconnection", wifi.keyfile(network))
        said.write(said.WIFI, "kept", folder=places.box, ssid=network.name, country=network.country)
    with (places.box / f"{said.WIFI}.json").open("rb") as kept:
        os.fsync(kept.fileno())
    flush_names(places.box)


def take_wanted(places: Places) -> bool:
    """The same, of what the gateway left in its folder for root: True where there was something.

    It is another user's, who may have been taken over: no link is followed, and it says no more than a file on the card may.
    """
    try:
        data = _read(places.wanted, WANTED_BYTES_MAX)
    except FileNotFoundError:
        return False
    finally:
        _take_away(places.wanted)
    try:
        text = json.loads(data)["text"].encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    keep(places, text)
    return True


def wifi_files(card: Path) -> list[Path]:
    """Those that could be meant, the newest first: a browser that has saved one already calls the next `wifi (1).txt`."""
    with os.scandir(card) as entries:
        found = [
            (entry.stat(follow_symlinks=False).st_mtime, entry.name)
            for entry in entries
            if WIFI_NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        ]
    return [card / name for _, name in sorted(found, reverse=True)[:WIFI_FILES_MAX]]


def erase(path: Path) -> None:
    """Its bytes are overwritten before its name is taken away, as far as that holds on a card, which may keep them elsewhere."""
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        left = os.fstat(file).st_size
        while left > 0:
            left -= os.write(file, bytes(min(left, 65_536)))
        os.fsync(file)
    finally:
        os.close(file)
    path.unlink()
    flush_names(path.parent)


def write_page(places: Places, text: str, name: str) -> bool:
    """Let the card's page say this; False where it does already, and nothing is written."""
    path, data = places.card / name, text.encode()
    try:
        if _read(path, len(data) + 1) == data:
            return False
    except OSError:
        pass  # not there, or not to be read: written anew
    replace(path, data)
    return True


def page_has(places: Places, name: str, text: str) -> bool:
    """Whether the card's page has this in it already."""
    try:
        return text.encode() in _read(places.card / name, PAGE_BYTES_MAX)
    except OSError:
        return False


def read_code(places: Places) -> str | None:
    """The code of the first visit as the gateway says it; empty once the box is set up, None where it says nothing.

    The file is another user's, who may have been taken over: no link is followed, and only digits are believed.
    """
    try:
        found = _read(places.code, 64).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return found if not found or re.fullmatch(r"\d{4}-\d{4}", found) else None


def _take_away(path: Path) -> None:
    """Also a folder laid in its place, which would be found again and again."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def _read(path: Path, bytes_max: int) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(f"{path}: a file is needed")
        return stream.read(bytes_max)
