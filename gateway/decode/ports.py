"""`releve decode p1` and `releve decode sml`: a byte stream of a customer port in, one JSON object a meter out."""

from collections.abc import Callable, Iterator
from typing import BinaryIO, TextIO

from drivers.model import DecodeError, Frame, Framer, Telegram
from gateway.decode.readings import refusal_line, telegram_line

PIECE_BYTES_MAX = 4096


def run(protocol: str, stdin: BinaryIO, stdout: TextIO) -> None:
    """Print what each frame says, and a line of state `invalid` for each refusal."""
    framer, decode = _driver(protocol)
    for piece in _pieces(stdin):
        stdout.writelines(_answer(item, decode) for item in framer.feed(piece))
        stdout.flush()


def _driver(protocol: str) -> tuple[Framer, Callable[[Frame], Telegram]]:
    """Without a memory: a capture is read frame by frame, and one without CRC says what it says."""
    if protocol == "p1":
        from drivers import p1

        return p1.Framer(), p1.decode
    from drivers import sml

    return sml.Framer(), sml.decode


def _pieces(stdin: BinaryIO) -> Iterator[bytes]:
    while piece := stdin.readline(PIECE_BYTES_MAX):
        yield piece


def _answer(item: Frame | DecodeError, decode: Callable[[Frame], Telegram]) -> str:
    if isinstance(item, Frame):
        try:
            return telegram_line(decode(item))
        except DecodeError as fault:
            return refusal_line(str(fault))
    return refusal_line(str(item))
