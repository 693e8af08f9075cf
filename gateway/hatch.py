"""The hatch: the unix socket through which the sync process gets granted parcels and messages, and says what became of them. Nothing else.

Whoever may open it gets what was granted to targets, and what opens these: it is for the sync process alone. What that one
says is checked nevertheless, word by word: it reads what servers elsewhere answer, and may have been taken over by one.
"""

import re
import secrets as randomness
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from gateway.keys import KeysError
from gateway.ledger import LedgerError
from gateway.outbox import BATCH_PARCELS_MAX, PIECES_MAX, Outbox
from gateway.store import StoreError
from gateway.teller import Teller
from gateway.way import ANSWER_CHARACTERS_MAX, DETAIL_CHARACTERS_MAX, HELD_CHARACTERS_MAX

SOCKET = "sync.sock"
BODY_BYTES_MAX = 4_000_000

NUMBER_MAX = 2**53
PERIOD_CHARACTERS_MAX = 20
MESSAGE_CHARACTERS_MAX = 80
WHY_CHARACTERS_MAX = 40
LINK_CHARACTERS_MAX = 2000
SECRETS_MAX, SECRET_CHARACTERS_MAX = 20, 10_000
NEXT_S_MAX = 30 * 86_400
SHA256 = re.compile("[0-9a-f]{64}")
# The words of sync.model.Thing.
THINGS = frozenset({"files", "documents", "figures", "periods", "days"})

Handler = Callable[[web.Request], Awaitable[web.Response]]


def make_app(outbox: Outbox, teller: Teller, now: Callable[[], int]) -> web.Application:
    """What the sync process may ask and say."""
    # A sync process that was another gateway's child sees by it that it is not this one's.
    run = randomness.token_hex(8)

    async def jobs(_: web.Request) -> web.Response:
        # A way that is in trouble is tried again in an hour or so: what cannot wait begins it anew.
        for held in outbox.sent():
            if outbox.live(held.grant.id).trouble is not None and teller.hurries(held.grant.id):
                outbox.poke(held.grant.id)
        found = outbox.jobs()
        said = {"wanted": outbox.wanted(), "jobs": found, "page": outbox.page, "now": now(), "run": run}
        return web.json_response(said)

    async def due(request: web.Request) -> web.Response:
        id_ = _grant(request)
        return web.json_response({"due": teller.is_due(id_) or await outbox.due(id_), "now": now()})

    async def batch(request: web.Request) -> web.Response:
        found = await outbox.batch(_grant(request))
        number, parcels = found or (0, [])
        return web.json_response({"batch": number, "parcels": parcels})

    async def put(request: web.Request) -> web.Response:
        said = await _said(request)
        batch, puts = _number(said, "batch"), [_put(one) for one in _some(said, "puts", BATCH_PARCELS_MAX)]
        if len({put["period"] for put in puts}) < len(puts):
            raise ValueError("puts: each period stands there once")
        return web.json_response({"done": await outbox.acknowledge(_grant(request), batch, puts)})

    async def message(request: web.Request) -> web.Response:
        id_ = _grant(request)
        found = await teller.next(id_)
        if found is None:
            outbox.settled(id_)
        return web.json_response({"message": found})

    async def told(request: web.Request) -> web.Response:
        id_, said = _grant(request), await _said(request)
        name, answer = _text(said, "name", MESSAGE_CHARACTERS_MAX), _text(said, "answer", ANSWER_CHARACTERS_MAX)
        done = await teller.told(id_, name, _number(said, "bytes"), _sha256(said), answer)
        if done:
            outbox.well(id_)
        return web.json_response({"done": done})

    async def trouble(request: web.Request) -> web.Response:
        said = await _said(request)
        next_s = None if said["next_s"] is None else _number(said, "next_s", NEXT_S_MAX)
        why, detail = _text(said, "why", WHY_CHARACTERS_MAX), _text(said, "detail", DETAIL_CHARACTERS_MAX)
        outbox.tell(_grant(request), why, detail, next_s)
        return web.json_response({})

    async def well(request: web.Request) -> web.Response:
        outbox.well(_grant(request))
        return web.json_response({})

    async def look(request: web.Request) -> web.Response:
        return web.json_response({"look": await outbox.looks(_grant(request))})

    async def lies(request: web.Request) -> web.Response:
        said = (await _said(request))["lies"]
        await outbox.lies(_grant(request), None if said is None else _lies(said))
        return web.json_response({})

    async def link(request: web.Request) -> web.Response:
        outbox.show(_grant(request), _text(await _said(request), "link", LINK_CHARACTERS_MAX))
        return web.json_response({})

    async def secrets(request: web.Request) -> web.Response:
        said = await _said(request)
        if len(said) > SECRETS_MAX:
            raise ValueError(f"secrets: {SECRETS_MAX} at most are possible")
        kept = {name: _text(said, name, SECRET_CHARACTERS_MAX) for name in said if _is_text(name, WHY_CHARACTERS_MAX)}
        if len(kept) < len(said):
            raise ValueError(f"secrets: a name is printable text of at most {WHY_CHARACTERS_MAX} characters")
        outbox.keep(_grant(request), kept)
        return web.json_response({})

    async def brought(request: web.Request) -> web.Response:
        return web.json_response({"fields": await outbox.brought(_grant(request))})

    async def pieces(request: web.Request) -> web.Response:
        found = await outbox.pieces(_grant(request))
        body = [{"period": one.period, "from": one.start, "to": one.stop, "held": one.held} for one in found]
        return web.json_response({"pieces": body})

    async def erased(request: web.Request) -> web.Response:
        every = _some(await _said(request), "periods", PIECES_MAX)
        periods = [_text({"period": one}, "period", PERIOD_CHARACTERS_MAX) for one in every]
        await outbox.erased(_grant(request), list(dict.fromkeys(periods)))
        return web.json_response({})

    async def left(request: web.Request) -> web.Response:
        id_ = _grant(request)
        if not any(held.grant.id == id_ and held.end is not None for held in outbox.sent()):
            raise ValueError("this grant has not ended")
        await outbox.left(id_)
        return web.json_response({})

    def _grant(request: web.Request) -> str:
        """Of one at whose target something is to be done."""
        id_ = request.match_info["grant"]
        if not any(held.grant.id == id_ for held in outbox.sent()):
            raise LookupError("there is no such grant, or nothing is to be done at its target")
        return id_

    app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[_in_one_sentence])
    app.add_routes(
        [
            web.get("/jobs", jobs),
            web.get("/grants/{grant}/due", due),
            web.post("/grants/{grant}/batch", batch),
            web.post("/grants/{grant}/put", put),
            web.post("/grants/{grant}/message", message),
            web.post("/grants/{grant}/told", told),
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
    except KeyError as error:
        return web.json_response({"error": f"{error.args[0]} is missing"}, status=400)
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        return web.json_response({"error": str(error)}, status=400)
    return response


async def _said(request: web.Request) -> Mapping[str, Any]:
    said = await request.json()
    if not isinstance(said, dict):
        raise ValueError("a JSON object is needed")
    return said


def _put(said: object) -> Mapping[str, Any]:
    """What became of one parcel (sync.model.Put), with nothing else in it."""
    if not isinstance(said, dict):
        raise ValueError("puts: JSON objects are needed")
    return {
        "period": _text(said, "period", PERIOD_CHARACTERS_MAX),
        "held": _text(said, "held", HELD_CHARACTERS_MAX),
        "bytes": _number(said, "bytes"),
        "sha256": _sha256(said),
        "answer": _text(said, "answer", ANSWER_CHARACTERS_MAX),
    }


def _sha256(said: Mapping[str, Any]) -> str:
    sha256 = _text(said, "sha256", 64)
    if not SHA256.fullmatch(sha256):
        raise ValueError("sha256: 64 hexadecimal digits are needed")
    return sha256


def _lies(said: object) -> Mapping[str, Any]:
    """What a target says lies there (sync.model.Lies), with nothing else in it."""
    if not isinstance(said, dict):
        raise ValueError("lies: a JSON object, or nothing, is needed")
    thing = _text(said, "thing", WHY_CHARACTERS_MAX)
    if thing not in THINGS:
        raise ValueError("thing: it is none that can be counted")
    rest = {name: None if said[name] is None else _number(said, name) for name in ("periods", "bytes")}
    return {"thing": thing, "count": _number(said, "count"), **rest}


def _text(said: Mapping[str, Any], name: str, characters_max: int) -> str:
    text = said[name]
    if not _is_text(text, characters_max):
        raise ValueError(f"{name}: printable text of at most {characters_max} characters is needed")
    assert isinstance(text, str)
    return text


def _is_text(said: object, characters_max: int) -> bool:
    return isinstance(said, str) and len(said) <= characters_max and said.isprintable()


def _number(said: Mapping[str, Any], name: str, most: int = NUMBER_MAX) -> int:
    number = said[name]
    if type(number) is not int or not 0 <= number <= most:
        raise ValueError(f"{name}: a whole number from 0 to {most} is needed")
    return number


def _some(said: Mapping[str, Any], name: str, most: int) -> list[Any]:
    found = said[name]
    if not isinstance(found, list) or len(found) > most:
        raise ValueError(f"{name}: a list of at most {most} is needed")
    return found
