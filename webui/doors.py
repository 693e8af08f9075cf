"""The listening socket: how many connections the box holds at once, and whose goes when there are too many.

Without a bound, anybody on the network who opens connections and says nothing takes every file descriptor of the
process: then no page opens, no command is answered, no lost port is opened again, and each new caller fills the log.
"""

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from webui.auth import network

# A browser holds six; a household's tablets and a few programs stay far below. systemd grants 1024 descriptors.
CONNECTIONS_MAX = 200
# How long a connection may stay without a whole request: between two, or in the middle of one's head.
IDLE_S_MAX = 30.0
# Taken in one turn of the loop, before any can be closed again.
BACKLOG = 64
# The system would keep up to 4 MB of answers for each caller that does not read them.
UNREAD_BYTES_MAX = 128 * 1024

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def opened(app: web.Application, host: str, port: int, shutdown_s_max: float) -> AsyncIterator[int]:
    """Serve `app` until left; the port that was taken. OSError when it cannot be opened."""
    log.addFilter(_is_ours)
    runner = web.AppRunner(
        app, access_log=None, logger=log, keepalive_timeout=IDLE_S_MAX, shutdown_timeout=shutdown_s_max
    )
    await runner.setup()
    try:
        assert runner.server is not None
        doors = Doors(runner.server)
        # asyncio takes "::" for IPv6 alone, and nothing for IPv4 as well.
        server = await asyncio.get_running_loop().create_server(
            doors, None if host == "::" else host, port, backlog=BACKLOG
        )
        for listening in server.sockets:  # each connection takes it over
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD_BYTES_MAX)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
    finally:
        await runner.cleanup()


class Doors:
    """Takes in each new connection. Above the bound, the address that has most of them loses its oldest."""

    def __init__(self, server: web.Server) -> None:
        self._server = server

    def __call__(self) -> asyncio.BaseProtocol:
        present = [each for each in self._server.connections if each.transport is not None]
        while len(present) >= CONNECTIONS_MAX:
            ((greediest, _),) = Counter(map(_address, present)).most_common(1)
            oldest = next(each for each in present if _address(each) == greediest)
            present.remove(oldest)
            transport = oldest.transport
            oldest.force_close()
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()  # closing alone waits until all is sent, and it may be that nobody reads
        return self._server()


def _address(connection: web.RequestHandler) -> str:
    peer = connection.peername
    return network(str(peer[0])) if peer else ""


def _is_ours(record: logging.LogRecord) -> bool:
    """A stranger's bytes that are no HTTP are answered with 400; a trace of each would fill the card."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)
