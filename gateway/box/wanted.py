"""What the gateway asks of root, by a file in /run/releve, and the files that it means: opened as what a stranger laid there."""

import json
import os
import stat
from pathlib import Path
from typing import IO

from gateway.box.update_file import Refused

RUNTIME, HOUSE, STICK = Path("/run/releve"), Path("/var/lib/releve"), Path("/data/box/stick/offered.update")
INSTALL, RESET = "update.wanted", "reset.wanted"
WANTED_BYTES_MAX = 1000


def take(name: str, runtime: Path = RUNTIME) -> str | None:
    """Whether something is wanted, and which source: "arrived" or "stick". It is taken away first, so that it is done once."""
    path = runtime / name
    said = b""
    try:
        with os.fdopen(_opened(path, None), "rb") as stream:
            said = stream.read(WANTED_BYTES_MAX)
    except FileNotFoundError:
        return None
    except (OSError, Refused):
        pass  # whatever lies there, it is wanted
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    try:
        source = json.loads(said).get("source")
    except (ValueError, AttributeError, RecursionError):
        source = None
    return "stick" if source == "stick" else "arrived"


def arrived(house: Path = HOUSE) -> IO[bytes]:
    """What came by the page. Refused where there is none; each folder on the way is the gateway's, and may be a link by now."""
    folder = os.open(house, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        within = os.open("update", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            return os.fdopen(_opened(Path("arrived"), within), "rb")
        finally:
            os.close(within)
    except FileNotFoundError:
        raise missing() from None
    except OSError as error:
        raise Refused("missing", f"the update file cannot be opened: {error.strerror}") from error
    finally:
        os.close(folder)


def from_stick(path: Path = STICK) -> IO[bytes]:
    """What was copied from a stick. Refused where there is none."""
    try:
        return os.fdopen(_opened(path, None), "rb")
    except FileNotFoundError:
        raise missing() from None


def missing() -> Refused:
    return Refused("missing", "the update file is no longer there")


def _opened(path: Path, folder: int | None) -> int:
    """A plain file, and nothing that would be waited for or followed."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Refused("missing", f"{path} is no plain file")
    return file
