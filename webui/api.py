"""The JSON interface, `/api/v1/`: the same answers as the pages, for programs. docs/api.md describes it.

Numbers are decimal strings in the quantity's own unit; times are UTC seconds; unknown is null.
"""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from itertools import pairwise

from aiohttp import web

from gateway.control import heard_as, quality_as
from gateway.house import House
from gateway.model import EARLIEST, SeriesKey
from gateway.views import PointView, Value
from webui import days, notices
from webui.page import COMPRESS_BYTES_MIN, HOUSE, STANDING
from webui.tries import Adopted, Fault, NotTaken, take

# A year of half-hours; more is asked in several requests.
SLOTS_MAX = 17_600
BUCKETS_MAX = 2000
BUCKETS = 288
DIGITS_MAX = 18
STEPS_S = {"30m": 1800, "hour": 3600}


def number(value: Decimal | None) -> str | None:
    """Digits as the meter states them, without an exponent."""
    return None if value is None else f"{value:f}"


def answer(request: web.Request, data: Mapping[str, object], status: int = 200) -> web.Response:
    house = request.app[HOUSE]
    text = json.dumps(
        {"now": house.now(), "dating": house.dating, "saved_to": house.saved_to, **data}, ensure_ascii=False
    )
    response = web.json_response(text=text, status=status)
    if len(text) >= COMPRESS_BYTES_MIN:
        response.enable_compression()
    return response


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """What was wrong with the request, in one clear sentence (RFC 9457)."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def problem(request: web.Request, status: int, detail: str) -> web.Response:
    response = answer(
        request, {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}, status
    )
    response.content_type = "application/problem+json"
    return response


async def health(request: web.Request) -> web.Response:
    """Whether the box works and keeps what it shows; says nothing about the home."""
    saves = request.app[HOUSE].store_trouble is None and not notices.in_memory(request.app[STANDING])
    return answer(request, {"status": "ok" if saves else "not-saving"})


async def points(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    return answer(request, {"points": [_point(house, view) for view in house.points()]})


async def consumption(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    view = _view(house, request.match_info["id"])
    step = request.query.get("step", "hour")
    bounds = _bounds(house, request, step)
    amounts = await house.consumption(view.point.id, bounds)
    slots = [
        {"from": low, "to": high, "value": number(value)}
        for (low, high), value in zip(pairwise(bounds), amounts, strict=True)
    ]
    unit = view.quantity.unit if view.quantity else None
    return answer(request, {"point": view.point.id, "unit": unit, "step": step, "consumption": slots})


async def files(request: web.Request) -> web.Response:
    """What companies' files say of a point, as they cut it: beside what the meter says, never in its place."""
    house = request.app[HOUSE]
    view = _view(house, request.match_info["id"])
    start, end = span(request, house)
    rows = 0
    found = []
    for given in (False, True):
        for quantity, registers in (await house.said(view.point.id, start, end, given=given)).items():
            for one in registers:
                rows += len(one.rows)
                amounts = [{"from": low, "to": high, "value": number(one.decimal(n))} for low, high, n in one.rows]
                found.append(
                    {
                        "holder": one.holder,
                        "register": one.register,
                        "quantity": quantity.word,
                        "unit": quantity.unit,
                        "given": given,
                        "amounts": amounts,
                    }
                )
    if rows > SLOTS_MAX:
        raise Problem(400, f"from, to: {rows} amounts are in this span, at most {SLOTS_MAX} an answer")
    return answer(request, {"point": view.point.id, "files": found})


async def curve(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    try:
        series = SeriesKey.parse(request.match_info["key"])
    except ValueError as error:
        raise Problem(400, str(error)) from None
    if not house.knows(series):
        raise Problem(404, f"there is no series {series}")
    start, end = span(request, house)
    buckets = _whole(request, "buckets", BUCKETS)
    if not 1 <= buckets <= BUCKETS_MAX:
        raise Problem(400, f"buckets: 1 to {BUCKETS_MAX} are possible, not {buckets}")
    found = await house.curve(series, start, end, buckets)
    data = {
        "series": str(series),
        "at": list(found.at),
        "low": [number(value) for value in found.low],
        "mean": [number(value) for value in found.mean],
        "high": [number(value) for value in found.high],
    }
    return answer(request, data)


async def heard(request: web.Request) -> web.Response:
    meters = [
        {
            "address": meter.address,
            "medium": meter.medium,
            "encrypted": meter.encrypted,
            "port": meter.port,
            "count": meter.count,
            "rssi_dbm": meter.rssi_dbm,
            "first_at": meter.first_at,
            "last_at": meter.last_at,
            **({"name": meter.name, "kind": meter.kind, "values": meter.values} if meter.kind else {}),
        }
        for meter in request.app[HOUSE].heard()
    ]
    return answer(request, {"heard": meters})


async def ports(request: web.Request) -> web.Response:
    lines = [
        {
            "name": port.name,
            "protocol": port.protocol,
            "open": port.open,
            "since": port.since,
            "reason": port.reason,
            "heard_at": port.heard_at,
            "counts": port.counts,
            "last_fault": port.last_fault,
            "receiver": port.receiver,
            "listening": heard_as(port.listening),
            "quality": quality_as(port.quality),
        }
        for port in request.app[HOUSE].ports()
    ]
    return answer(request, {"ports": lines})


async def adopt(request: web.Request) -> web.Response:
    """Make a heard meter the home's own. JSON only: a form of another site cannot send that unasked."""
    if request.content_type != "application/json":
        raise Problem(415, f"application/json is needed, not {request.content_type}")
    try:
        fields = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise Problem(400, "the body is not JSON") from None
    if not isinstance(fields, dict) or not all(
        isinstance(fields.get(name, ""), str) for name in ("address", "name", "key")
    ):
        raise Problem(400, "an object with the texts address, name and key (may be left out) is needed")
    taken = await take(request.app[HOUSE], fields.get("address", ""), fields.get("name", ""), fields.get("key", ""))
    match taken:
        case Adopted(adoption):
            data = {
                "point": adoption.point,
                "state": adoption.state,
                "values": [value_of(value) for value in adoption.values],
            }
            return answer(request, data, 201)
        case NotTaken(Fault.NOT_KEPT, detail):
            raise Problem(503, f"{Fault.NOT_KEPT}: {detail}")
        case NotTaken(fault):
            raise Problem(422, str(fault))


def value_of(value: Value) -> dict[str, object]:
    return {
        "series": str(value.series),
        "quantity": value.quantity.word,
        "unit": value.quantity.unit,
        "at": value.at,
        "value": number(value.value),
    }


def _point(house: House, view: PointView) -> dict[str, object]:
    return {
        "id": view.point.id,
        "name": view.point.name,
        "medium": view.point.medium,
        "address": view.address,
        "state": view.state,
        "port": view.port,
        "rssi_dbm": view.rssi_dbm,
        "heard_at": view.heard_at,
        "telegrams": view.telegrams,
        "history_start": house.history_start(view.point.id),
        "unit": view.quantity.unit if view.quantity else None,
        "index": value_of(view.index) if view.index else None,
        "level": value_of(view.level) if view.level else None,
        "texts": view.texts | (view.meaning.words() if view.meaning else {}),
        "mean": value_of(view.mean) if view.mean else None,
        "injected": value_of(view.injected) if view.injected else None,
        "status": list(view.status),
        "reading": view.reading,
        "error": view.error,
        "in_clear": view.in_clear,
        "waits": {"telegrams": view.waits.telegrams, "since": view.waits.since} if view.waits else None,
        "held": [
            {
                "series": str(held.series),
                "unit": held.quantity.unit,
                "at": held.at,
                "value": number(held.value),
                "believed": number(held.believed),
            }
            for held in view.held
        ],
        "turned": [
            {
                "series": str(turned.series),
                "unit": turned.quantity.unit,
                "at": turned.at,
                "last": number(turned.last),
            }
            for turned in view.turned
        ],
        "exchange": {"at": view.exchange.at, "before": view.exchange.before, "after": view.exchange.after}
        if view.exchange
        else None,
        "series": [str(series) for series in house.series(view.point.id)],
    }


def _view(house: House, point: str) -> PointView:
    view = house.point(point)
    if view is None:
        raise Problem(404, f"there is no metering point {point!r}")
    return view


def _whole(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdecimal() or len(text) > DIGITS_MAX:
        raise Problem(400, f"{name}: a whole number is needed, not {text[:40]!r}")
    return int(text)


def _moment(request: web.Request, name: str, default: int, house: House) -> int:
    """UTC seconds, or a local date: `2026-11-19` is that day's midnight in the home."""
    text = request.query.get(name)
    if text is None:
        return default
    if text.isdecimal() and 8 < len(text) <= DIGITS_MAX:
        at = int(text)
    else:
        try:
            at = days.midnight(house.zone, date.fromisoformat(text))
        except ValueError:
            raise Problem(
                400, f"{name}: UTC seconds or a date such as 2026-11-19 are needed, not {text[:40]!r}"
            ) from None
    if not EARLIEST <= at <= house.now() + 400 * 86400:
        raise Problem(400, f"{name}: {text[:40]} is outside 2000 and next year")
    return at


def span(request: web.Request, house: House) -> tuple[int, int]:
    """`from` and `to`; without them, today so far."""
    now = house.now()
    start = _moment(request, "from", days.midnight(house.zone, days.today(house.zone, now)), house)
    end = _moment(request, "to", now, house)
    if end <= start:
        raise Problem(400, "to: a moment after from is needed")
    return start, end


def _bounds(house: House, request: web.Request, step: str) -> list[int]:
    """Bounds of whole half-hours, hours, local days or local months that cover the span."""
    start, end = span(request, house)
    first, last = days.today(house.zone, start), days.today(house.zone, end - 1)
    if step in STEPS_S:
        size = STEPS_S[step]
        bounds = (
            list(range(start // size * size, -(-end // size) * size + 1, size))
            if (end - start) <= SLOTS_MAX * size
            else []
        )
    elif step == "day":
        bounds = [
            days.midnight(house.zone, date.fromordinal(n)) for n in range(first.toordinal(), last.toordinal() + 2)
        ]
    elif step == "month":
        months = (last.year - first.year) * 12 + last.month - first.month + 1
        bounds = [days.midnight(house.zone, days.add_months(first.replace(day=1), n)) for n in range(months + 1)]
    else:
        raise Problem(400, f"step: 30m, hour, day or month is needed, not {step[:40]!r}")
    if not 2 <= len(bounds) <= SLOTS_MAX + 1:
        raise Problem(400, f"{SLOTS_MAX} slots are possible in one answer; ask for a shorter span or a longer step")
    return bounds
