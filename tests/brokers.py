"""A broker of a test's own: answers CONNECT and SUBSCRIBE with given bytes, and says what it is told to."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from gateway.ports.mqtt import Broker

# MQTT 5.0, sections 3.2, 3.9 and 3.14; each with no properties.
ACCEPTED = bytes.fromhex("2003000000")
GRANTED = bytes.fromhex("9004000100 00")
BYE = bytes.fromhex("E0028B00")
# MQTT 3.1.1, the same without properties.
ACCEPTED_3 = bytes.fromhex("20020000")
GRANTED_3 = bytes.fromhex("9003000100")
TOO_NEW = bytes.fromhex("20020001")
CONNECT, SUBSCRIBE = 1, 8


def publish(payload: bytes, topic: str = "w/1", *, retain: bool = False, newer: bool = True) -> bytes:
    """A message of QoS 0 (MQTT 5.0, section 3.3)."""
    name = topic.encode()
    body = struct.pack("!H", len(name)) + name + (b"\0" if newer else b"") + payload
    size, left = b"", len(body)
    while left > 127 or not size:
        size += bytes((left & 127 | (128 if left > 127 else 0),))
        left >>= 7
    return bytes((0x31 if retain else 0x30,)) + size + (bytes((left,)) if left else b"") + body


class There:
    """The broker of a test: answers CONNECT and SUBSCRIBE with given bytes, and keeps what it was asked.

    With `ends` it closes the connection after that answer.
    """

    def __init__(self, connack: bytes, suback: bytes = b"", then: bytes = b"", *, ends: int = 0) -> None:
        self._answers = {CONNECT: connack, SUBSCRIBE: suback + then}
        self._ends = ends
        self.asked: list[bytes] = []
        self.talks: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self.talks.append(talk)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                kind, size = await reader.readexactly(2)
                if size > 127:  # MQTT 5.0, section 1.5.5; nobody asks for more than two bytes of length here
                    size += ((await reader.readexactly(1))[0] - 1) * 128
                body = await reader.readexactly(size)
                self.asked.append(bytes((kind,)) + body)
                writer.write(self._answer(kind >> 4, body))
                if self._ends == kind >> 4:
                    break
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def _answer(self, kind: int, body: bytes) -> bytes:
        return self._answers.get(kind, b"")


class Older(There):
    """A broker of MQTT 3.1.1, which says so to a newer client and ends the connection."""

    def _answer(self, kind: int, body: bytes) -> bytes:
        return TOO_NEW if kind == CONNECT and body[6] > 4 else super()._answer(kind, body)


@asynccontextmanager
async def serving(there: There, tls: ssl.SSLContext | None = None) -> AsyncIterator[Broker]:
    async with await asyncio.start_server(there.serve, "127.0.0.1", 0, ssl=tls) as server:
        yield Broker("127.0.0.1", server.sockets[0].getsockname()[1], ("w/+",))
        server.close()
        async with asyncio.timeout(5):  # whoever came must go, or a connection was left open
            heard = -1
            while heard != len(there.talks):  # one that was accepted in the last moment begins to talk only now
                heard = len(there.talks)
                await asyncio.gather(*there.talks)
                await asyncio.sleep(0.01)
