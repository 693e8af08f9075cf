"""The code of the first visit: eight digits that stay the same until they were used, also over a power cut.

They lie in the house's folder, where a box that was made as an image finds them to write them on its card (docs/first-boot.md).
"""

import contextlib
import logging
import secrets
from pathlib import Path

from gateway.files import replace

NAME = "setup-code"
DIGITS = 8
FILE_BYTES_MAX = 64

log = logging.getLogger(__name__)


class SetupCode:
    """`is_used`: the box is set up already, and no code is needed. A card that takes nothing costs only that the code changes."""

    def __init__(self, folder: Path, *, is_used: bool) -> None:
        self._path = folder / NAME
        kept = self._kept()
        self.digits = kept or f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        if is_used:
            self.end()
        elif kept is None:
            self._keep(shown(self.digits))

    def change(self, digits: str | None = None) -> None:
        """Another code, or the one that whoever stands at the box has chosen."""
        self.digits = digits or f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        self._keep(shown(self.digits))

    def end(self) -> None:
        """It was used: the file stays, and is empty."""
        with contextlib.suppress(OSError):
            if self._path.read_bytes() == b"":
                return
        self._keep("")

    def _kept(self) -> str | None:
        try:
            with self._path.open("rb") as stream:
                text = stream.read(FILE_BYTES_MAX).decode("ascii", errors="replace")
        except OSError:
            return None
        digits = text.strip().replace("-", "")
        return digits if len(digits) == DIGITS and digits.isdecimal() else None

    def _keep(self, text: str) -> None:
        try:
            replace(self._path, f"{text}\n".encode() if text else b"")
        except OSError as error:
            log.warning("%s: the code of the first visit cannot be kept: %s", self._path, error.strerror)


def shown(digits: str) -> str:
    """As a person types it."""
    return f"{digits[:4]}-{digits[4:]}"
