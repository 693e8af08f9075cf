"""Whether P1 is spoken on a line: one whole telegram decides, since its CRC or the parity of all its characters does."""

from dataclasses import dataclass

from drivers.model import Frame
from drivers.p1.framing import Framer


@dataclass(frozen=True, slots=True)
class Spoken:
    """A telegram says by itself whether it has parity, so there is no mode."""

    mode: None = None

    def framer(self) -> Framer:
        return Framer()

    def listener(self) -> "Listener":
        return Listener()


class Listener:
    """Hears whether a line speaks P1. Holds what its framer does."""

    def __init__(self) -> None:
        self._framer = Framer()

    def feed(self, data: bytes) -> Spoken | None:
        """Take bytes; what is spoken, once it is known."""
        return next((Spoken() for item in self._framer.feed(data) if isinstance(item, Frame)), None)
