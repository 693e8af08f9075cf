"""The hatch: the unix socket through which the sync process gets granted parcels and says what became of them. Nothing else.

Whoever may open it gets what was granted to targets, and what opens these: it is for the sync process alone.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from gateway.keys import KeysError
from gateway.ledger import LedgerError
from gateway.outbox import Outbox
from gateway.store import StoreError

SOCKET = "sync.sock"
BODY_BYTES_MAX = 4_000_000

Handler = Callable[[web.Request], Awaitable[web.Response]]


def make_app(outbox: Outbox, now: Callable[[], int]) -> web.Application:
    """What the sync process may ask and say."""

    async def jobs(_: web.Request) -> web.Response:
        found = outbox.jobs()
        return web.json_response({"wanted": outbox.wanted(), "jobs": found, "page": outbox.page, "now": now()})

    async def due(request: web.Request) -> web.Response:
        return web.json_response({"due": await outbox.due(_grant(request)), "now": now()})

    async def batch(request: web.Request) -> web.Response:
        found = await outbox.batch(_grant(request))
        number, parcels = found or (0, [])
        return web.json_response({"batch": number, "parcels": parcels})

    async def put(request: web.Request) -> web.Response:
        said = await request.json()
        return web.json_response({"done": await outbox.acknowledge(_grant(request), said["batch"], said["puts"])})

    async def trouble(request: web.Request) -> web.Response:
        said = await request.json()
        outbox.tell(_grant(request), said["why"], said["detail"], said["next_s"])
        return web.json_response({})

    async def well(request: web.Request) -> web.Response:
        outbox.well(_grant(request))
        return web.json_response({})

    async def look(request: web.Request) -> web.Response:
        return web.json_response({"look": await outbox.looks(_grant(request))})

    async def lies(request: web.Request) -> web.Response:
        await outbox.lies(_grant(request), (await request.json())["lies"])
        return web.json_response({})

    async def link(request: web.Request) -> web.Response:
        outbox.show(_grant(request), str((await request.json())["link"]))
        return web.json_response({})

    async def secrets(request: web.Request) -> web.Response:
        said: dict[str, str] = await request.json()
        outbox.keep(_grant(request), said)
        return web.json_response({})

    async def brought(request: web.Request) -> web.Response:
        return web.json_response({"fields": await outbox.brought(_grant(request))})

    async def pieces(request: web.Request) -> web.Response:
        found = await outbox.pieces(_grant(request))
        body = [{"period": one.period, "from": one.start, "to": one.stop, "held": one.held} for one in found]
        return web.json_response({"pieces": body})

    async def erased(request: web.Request) -> web.Response:
        await outbox.erased(_grant(request), (await request.json())["periods"])
        return web.json_response({})

    async def left(request: web.Request) -> web.Response:
        await outbox.left(_grant(request))
        return web.json_response({})

    app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[_in_one_sentence])
    app.add_routes(
        [
            web.get("/jobs", jobs),
            web.get("/grants/{grant}/due", due),
            web.post("/grants/{grant}/batch", batch),
            web.post("/grants/{grant}/put", put),
            web.post("/grants/{grant}/trouble", trouble),
            web.post("/grants/{grant}/well", well),
            web.post("/grants/{grant}/look", look),
            web.post("/grants/{grant}/lies", lies),
            web.post("/grants/{grant}/link", link),
            web.post("/grants/{grant}/secrets", secrets),
            web.get("/grants/{grant}/brought", brought),
            web.get("/grants/{grant}/pieces", pieces),
            web.post("/grants/{grant}/erased", erased),
            web.post("/grants/{grant}/left", left),
        ]
    )
    return app


@web.middleware
async def _in_one_sentence(request: web.Request, handler: Any) -> web.StreamResponse:
    """A card that refuses is said, and the sync process asks again later: nothing is sent that the ledger does not hold."""
    try:
        response: web.StreamResponse = await handler(request)
    except (LedgerError, KeysError, StoreError, OSError) as error:
        return web.json_response({"error": str(error)}, status=507)
    except (KeyError, TypeError, ValueError) as error:
        return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)
    return response


def _grant(request: web.Request) -> str:
    return request.match_info["grant"]
