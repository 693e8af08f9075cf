"""The folders of a house are its own: nobody else may lay links and files there before us."""

import os
import stat
from pathlib import Path

from gateway.trouble import Trouble


def own(folder: Path, what: str) -> None:
    """Make the folder, or refuse one that is somebody else's; `what` names it in the configuration."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    if found.st_uid != os.geteuid() or found.st_mode & stat.S_IWOTH:
        raise Trouble(
            f"{what}: {folder} belongs to another user, or anybody may write there; choose a folder of your own"
        )
