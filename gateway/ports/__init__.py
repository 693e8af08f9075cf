"""The only openers of lines. A port reads until its line fails, then raises OSError or TimeoutError."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from drivers.model import DecodeError, Frame, Telegram
from drivers.talk import Identity
from drivers.thing import Presence, Thing, Unread
from gateway.views import Listening

# A port that waits goes on at least so often, on a silent line too: else nobody could tell it from one that hangs.
TURN_S = 60.0


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


@runtime_checkable
class ThingSink(Sink, Protocol):
    """Where a port of a broker puts what the things there say."""

    def things(
        self, port: str, read: Callable[[int], Sequence[Thing | Presence | Unread | DecodeError]]
    ) -> Sequence[tuple[str, str]]:
        """A message came; `read` is the drivers saying what is in it, told when it was heard.

        The answer: the address and register of each index in it that was below the last believed.
        """


class Port(Protocol):
    """One line or radio."""

    name: str

    async def run(self) -> None:
        """Open the line and read until cancelled, or until OSError or TimeoutError says that it is lost.

        It waits for nothing longer than TURN_S at a time.
        """
