"""Cuts a stream into lines of text, for the receivers that speak in lines."""

from collections.abc import Iterator

from drivers.model import DecodeError


class Lines:
    """Lines without their end and never empty. One that is too long is given up until its end."""

    def __init__(self, name: str, bytes_max: int) -> None:
        self._name = name
        self._bytes_max = bytes_max
        self._line = bytearray()
        self._overlong = False

    def feed(self, data: bytes) -> Iterator[str | DecodeError]:
        *whole, rest = data.replace(b"\r", b"\n").split(b"\n")
        for piece in whole:
            self._keep(piece)
            line, overlong = bytes(self._line), self._overlong
            self._line.clear()
            self._overlong = False
            if overlong:
                yield DecodeError(f"{self._name}: a line longer than {self._bytes_max} bytes", line)
            elif text := line.decode("ascii", "replace").strip():
                yield text
        self._keep(rest)

    def _keep(self, piece: bytes) -> None:
        room = self._bytes_max - len(self._line)
        self._overlong = self._overlong or len(piece) > room
        self._line += piece[:room]
