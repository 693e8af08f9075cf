"""What the radio's decoder has learned of the meters it hears, kept over a restart: formats and message counters."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from drivers.model import Frame, Telegram

if TYPE_CHECKING:
    from drivers.wmbus import Formats, Replay

Decode = Callable[[Frame, bytes | None, int], Telegram]


class Remembered:
    """One for all radios of the house: a copy that a second stick hears is a copy. Loads wireless M-Bus when asked.

    `kept` is what `state` gave before; anything else in it is forgotten, and learned again.
    """

    def __init__(self, kept: object = None) -> None:
        self._kept = kept if isinstance(kept, Mapping) else {}
        self._at = 0
        self._memories: tuple[Formats, Replay] | None = None

    def decoder(self) -> Decode:
        """A port's `decode`, told when each frame was heard. Fragments are put together by the radio that heard them."""
        from drivers import wmbus

        formats, replay = self._loaded()
        fragments = wmbus.Fragments(self._heard_at)

        def decode(frame: Frame, key: bytes | None, at: int) -> Telegram:
            self._at = at
            return wmbus.decode(frame, key, formats, fragments, replay)

        return decode

    def state(self) -> dict[str, object]:
        """As JSON, to be kept; nothing where there is no radio."""
        if self._memories is None:
            return {}
        formats, replay = self._memories
        return {"formats": [each.hex() for each in formats.known], "counters": replay.counters}

    @property
    def formats(self) -> tuple[bytes, ...]:
        """DIF and VIF bytes of the compact frames heard; nothing where there is no radio."""
        return () if self._memories is None else self._memories[0].known

    def forget(self, address: str) -> int | None:
        """A meter whose key was typed counts its messages from the start, as does one whose past is read; its counter."""
        return None if self._memories is None else self._memories[1].forget(address)

    def at_least(self, address: str, counter: int) -> None:
        """Its past was read: no message older than this one is new."""
        if self._memories is not None:
            self._memories[1].at_least(address, counter)

    def _heard_at(self) -> float:
        return self._at

    def _loaded(self) -> "tuple[Formats, Replay]":
        if self._memories is None:
            from drivers import wmbus

            counters = self._kept.get("counters")
            known = self._kept.get("formats")
            self._memories = (
                wmbus.Formats(_hex_texts(known)),
                wmbus.Replay(
                    self._heard_at,
                    {str(address): n for address, n in counters.items() if type(n) is int}
                    if isinstance(counters, Mapping)
                    else None,
                ),
            )
        return self._memories


def _hex_texts(known: object) -> list[bytes]:
    found = []
    for each in known if isinstance(known, list) else ():
        try:
            found.append(bytes.fromhex(each))
        except (TypeError, ValueError):
            continue
    return found
