"""What an app reads with its token, and nothing else: `/api/v1/granted`. docs/api.md describes it."""

import asyncio

from aiohttp import web

from gateway import granted
from gateway.granted import Columns, TooMuchError
from gateway.grants import Answer, BusyError, GrantError, NotDatingError
from webui import consent
from webui.api import Problem, answer, number, span
from webui.page import ACCESS, GRANTED, HOUSE, words_of

PATH = "/api/v1/granted"
ENDED = "a token of an access that stands is needed, as Authorization: Bearer TOKEN; this one is none, or its access has ended"


async def mine(request: web.Request) -> web.Response:
    """What may be read with this token, in words and for a program."""
    grant = request[GRANTED]
    data = {
        "grant": grant.id,
        "target": grant.target,
        "operator": grant.operator,
        "purpose": grant.purpose,
        "in_words": consent.plain_sentence(words_of(request), grant),
        "resolution": grant.resolution,
        "delay_s": grant.delay_s,
        "from": grant.start,
        "until": grant.until,
        "past": grant.past,
        "readings_from": grant.data_from if grant.past is False else None,
        "series": [
            {key: value for key, value in one.body().items() if key != "name"}  # the household's own word
            for one in grant.series
        ],
    }
    return answer(request, data)


async def readings(request: web.Request) -> web.Response:
    """Values of one series, as granted; written into the ledger before they are sent."""
    house, grant = request.app[HOUSE], request[GRANTED]
    asked = request.query.get("series", "")
    series = grant.one(asked)
    if series is None:  # whether it exists is nobody's business
        raise Problem(404, f"series: not granted: {asked[:80]!r}; GET {PATH} says which are")
    asked_span = span(request, house)
    try:
        async with request.app[ACCESS].grants.turn(grant):
            found = await granted.give(grant, series, house.zone, asked_span, house.now(), house.indexes, house.raw)
    except BusyError as error:
        raise Problem(429, str(error)) from None
    except TooMuchError as error:
        raise Problem(400, f"from, to: {error}") from None
    columns = await asyncio.to_thread(_in_digits, found.columns)
    response = answer(
        request,
        {
            "series": str(series.key),
            "quantity": series.quantity.word,
            "unit": series.quantity.unit,
            "kind": series.quantity.kind,
            "resolution": grant.resolution,
            "from": found.start,
            "to": found.end,
            **columns,
        },
    )
    body = response.body
    assert isinstance(body, bytes)
    try:
        await request.app[ACCESS].grants.note(grant, Answer(series.key, found.start, found.end, found.values, body))
    except NotDatingError as error:
        raise Problem(503, str(error)) from None
    except GrantError:
        raise Problem(401, ENDED) from None
    return response


def _in_digits(columns: Columns) -> dict[str, list[int] | list[str | None]]:
    return {
        name: list(values) if name in ("at", "until") else [number(value) for value in values]  # type: ignore[arg-type,misc]
        for name, values in columns.items()
    }
