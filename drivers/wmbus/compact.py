"""Compact frames (EN 13757-3, compact M-Bus frame): values without their DIF and VIF, which an earlier full frame gave."""

from collections.abc import Iterable
from functools import lru_cache

from drivers import meters
from drivers.model import DecodeError
from drivers.wmbus.link import Identity, crc, letters
from drivers.wmbus.values import lvar

FORMATS_MAX = 256

IDLE = 0x2F
LVAR = 0x0D
_DATA_BYTES = (0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, LVAR, 6, None)


class Formats:
    """Formats learned from full frames, by signature. The oldest one goes when there are more than FORMATS_MAX.

    `known` can be kept and given back at the next start, so that nobody waits for a full frame again.
    """

    def __init__(self, known: Iterable[bytes] = ()) -> None:
        self._headers: dict[int, tuple[bytes, ...]] = {}
        for heads in known:
            self._keep(_split(heads, data=False))

    @property
    def known(self) -> tuple[bytes, ...]:
        return tuple(b"".join(heads) for heads in self._headers.values())

    def learn(self, records: bytes) -> None:
        """Remember how a full frame was laid out."""
        self._keep(_split(records, data=True))

    def learn_format(self, content: bytes) -> None:
        """Remember the format that a meter sends by itself. DecodeError where it does not agree with its signature."""
        # LL SS SS heads     L: bytes that follow it   S: signature, as in a compact frame
        heads = _split(content[3:], data=False)
        if not heads or crc(b"".join(heads)) != int.from_bytes(content[1:3], "little"):
            raise DecodeError("format frame: its signature does not agree", content)
        self._keep(heads)

    def expand(self, content: bytes) -> bytes | None:
        """The full frame a compact one stands for; None while its format is unknown.

        The CRC is taken over the full frame, so another format with the same signature gives DecodeError, not values.
        """
        # SS SS KK KK values     S: signature, the CRC of all DIF and VIF bytes   K: CRC of the full frame
        if len(content) < 4:
            raise DecodeError(f"compact frame: 4 bytes are needed, not {len(content)}", content)
        heads = self._headers.get(int.from_bytes(content[:2], "little"))
        if heads is None:
            return None
        full, at = b"", 4
        for head in heads:
            size = _data_bytes(head[0], content[at:])
            if size is None or at + size > len(content):
                raise DecodeError("compact frame: shorter than its format", content)
            full += head + content[at : at + size]
            at += size
        if crc(full) != int.from_bytes(content[2:4], "little"):
            raise DecodeError("compact frame: CRC of the full frame does not agree", content)
        return full

    def _keep(self, heads: tuple[bytes, ...]) -> None:
        if not heads:
            return
        signature = crc(b"".join(heads))
        self._headers.pop(signature, None)
        self._headers[signature] = heads
        if len(self._headers) > FORMATS_MAX:
            del self._headers[next(iter(self._headers))]


def full_frame(body: bytes, meter: Identity, formats: Formats | None) -> bytes | None:
    """The full frame behind a compact one, by a format heard before or one that is known of this maker."""
    full = formats.expand(body) if formats is not None else None
    return full if full is not None else _known(letters(meter.manufacturer)).expand(body)


@lru_cache(maxsize=16)
def _known(manufacturer: str) -> Formats:
    return Formats(meters.formats(manufacturer))


def _split(records: bytes, *, data: bool) -> tuple[bytes, ...]:
    """DIF and VIF bytes of each record, from records with their data or without; nothing where they are not whole."""
    heads = []
    at = 0
    while at < len(records):
        if records[at] == IDLE:
            at += 1
            continue
        start = at
        at = _chain(records, _chain(records, at))
        if at > len(records):
            return ()
        head = records[start:at]
        size = _data_bytes(head[0], records[at:]) if data else 0
        if size is None or at + size > len(records) or _data_bytes(head[0], b"\x00") is None:
            return ()
        heads.append(head)
        at += size
    return tuple(heads)


def _chain(records: bytes, at: int) -> int:
    """Behind a DIF with its DIFEs, or a VIF with its VIFEs: bit 7 says that one more follows."""
    while at < len(records) and records[at] & 0x80:
        at += 1
    return at + 1


def _data_bytes(dif: int, data: bytes) -> int | None:
    """Length of a record's data; None where a format cannot say it (manufacturer's own data, reserved LVAR)."""
    size = _DATA_BYTES[dif & 0x0F]
    if size != LVAR:
        return size
    known = lvar(data[0]) if data else None
    return None if known is None else 1 + known[1]
