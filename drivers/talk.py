"""The words of a receiver beside telegrams: what it says of itself, and what must be written to it next."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from drivers.model import DecodeError, Frame


@dataclass(frozen=True, slots=True)
class Identity:
    """What a dongle answered: its name and firmware, and which modes of EN 13757-4 it listens to now."""

    name: str
    firmware: str = ""
    listens: str = ""

    def __str__(self) -> str:
        return ", ".join(part for part in (f"{self.name} {self.firmware}".strip(), self.listens) if part)


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes that a framer wants written to its dongle: the next step of the talk."""

    data: bytes


Said = Frame | DecodeError | Identity | Request


class Dongle(Protocol):
    """A framer that talks. Each answer of the dongle brings the next request, until it gave its Identity.

    The bytes it is fed decide alone what it says: no clock. Whoever holds the line writes the receiver's `start`,
    and again when no Identity came.
    """

    def feed(self, data: bytes) -> Iterator[Said]: ...


@runtime_checkable
class Unprotected(Protocol):
    """A framer of a dongle whose telegrams carry no checksum: one cut short would be filled up with the next one.

    Whoever holds the line says when nothing came for longer than a telegram can stand still.
    """

    def pause(self) -> Iterator[DecodeError]: ...
