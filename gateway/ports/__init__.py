"""The only openers of lines. A port reads until its line fails, then raises OSError or TimeoutError."""

from collections.abc import Callable
from typing import Protocol

from drivers.model import DecodeError, Frame, Telegram
from drivers.talk import Identity
from gateway.views import Listening


class Sink(Protocol):
    """Where a port puts what it hears. Calls never block and never raise."""

    def opened(self, port: str) -> None:
        """The line is open; nothing need have been heard yet."""

    def identified(self, port: str, identity: Identity) -> None:
        """The receiver on this line said who it is."""

    def listening(self, port: str, listening: Listening) -> None:
        """What comes on this line is another thing than before."""

    def frame(self, port: str, frame: Frame) -> None:
        """A frame was cut; it is not decoded yet."""

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        """A port that asks its meters (Modbus) was answered; `read` is the driver saying what."""

    def fault(self, port: str, error: DecodeError) -> None:
        """Bytes were refused."""


class Port(Protocol):
    """One line or radio."""

    name: str

    async def run(self) -> None:
        """Open the line and read until cancelled, or until OSError or TimeoutError says that it is lost."""
