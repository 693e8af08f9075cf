"""Form ECOLYO: documents as the app Ecolyo reads them, beside those of a konnector and never over them.

Shapes: self-data-technical-doc of the Métropole de Lyon, docs/ecolyo/project_architecture/doctypes.md. The app adds nothing up: months and
years are documents too, and are here the sums of the days that lie there.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gateway.fluids import Fluid
from gateway.model import SeriesKey
from sync.cozy.device import Device, Json
from sync.cozy.documents import Doctypes, Documents
from sync.cozy.loads import DAY, MINUTE, MONTH, PARIS, YEAR, Key, Loads, check, days, half_hours, key_of, spans
from sync.cozy.timeseries import metadata
from sync.model import Home, Lies, Parcel, Piece, Put, Thing, Trouble, Why

KINDS = {
    Fluid.ELECTRICITY: (MINUTE, DAY, MONTH, YEAR),
    Fluid.GAS: (DAY, MONTH, YEAR),
    Fluid.WATER: (DAY, MONTH, YEAR),
}
# Each doctype by its name: `com.grandlyon.enedis.*` would open what the app works out from them, too.
SCOPE = " ".join(f"com.grandlyon.{fluid}.{kind}:GET,POST" for fluid, kinds in KINDS.items() for kind in kinds)
# Whoever wrote a day in so many days writes on: the konnector for water comes back to the last 18 (docs/konnectors/egl.md).
LIVES_DAYS = 31
PREFIX = "releve"
METER_CHARACTERS = 8


@dataclass
class _Told:
    """What is told of a parcel: its documents as they left, which fluids lie there, and what was left to others."""

    bodies: list[bytes] = field(default_factory=list)
    fluids: dict[Fluid, None] = field(default_factory=dict)
    left: int = 0


class Ecolyo:
    """What `put` and `erase` of a target are, in this form.

    Half-hours and days are written first: what a kill leaves out is made up by the next call, as months and years are summed from what
    lies there.
    """

    def __init__(self, device: Device, home: Home) -> None:
        self._doctypes = Doctypes(device)
        self._home = home
        self._lives: dict[tuple[Fluid, str], bool] = {}
        self._line = "200 OK"

    async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
        told = [_Told() for _ in parcels]
        counted = [check(parcel) for parcel in parcels]
        others: dict[Fluid, None] = {}
        self._line = "200 OK"
        for fluid in Fluid:
            some = [
                (parcel, keys.get(fluid, ()), what)
                for parcel, keys, what in zip(parcels, counted, told, strict=True)
                if fluid in keys or not parcel.series
            ]
            if not some:
                continue
            point = next((keys[0].point for _, keys, _ in some if keys), None)
            if point is None:
                await self._take_away(fluid, [(parcel.start, parcel.end) for parcel, _, _ in some])
            elif await self._somebody_else(fluid, _meter(point)):
                others[fluid] = None
            else:
                await self._put(fluid, _meter(point), some)
        wanted = {fluid for keys in counted for fluid in keys}
        if wanted and wanted <= set(others):
            raise Trouble(
                Why.REFUSED,
                f"a konnector, or a grant of another meter, writes {_names(wanted)} there already; nothing is sent, so that nothing counts twice",
            )
        return [self._told(one, others) for one in told]

    async def look(self) -> Lies | None:
        """Of how many days; half-hours are too many to be asked for. Not every period has a day, so that none can be missed."""
        days_held: set[Key | None] = set()
        for fluid in Fluid:
            found = await self._doctypes.find(_doctype(fluid, DAY), ("grant",), {"grant": self._home.grant})
            days_held |= {key_of(document) for document in found}
        return Lies(Thing.DAYS, len(days_held - {None}))

    async def erase(self, pieces: Sequence[Piece]) -> None:
        # Of each fluid, whatever `held` says: an answer that was lost may have been of more.
        for fluid in Fluid:
            await self._take_away(fluid, [(piece.start, piece.end) for piece in pieces])

    async def _put(self, fluid: Fluid, meter: str, some: Sequence[tuple[Parcel, tuple[SeriesKey, ...], _Told]]) -> None:
        touched: set[tuple[int, int]] = set()
        for kind in KINDS[fluid]:
            if kind in (MONTH, YEAR) or (kind == MINUTE and any(parcel.resolution == "day" for parcel, _, _ in some)):
                continue
            loads = [
                (
                    Loads(span=spans(kind, parcel.start, parcel.end))
                    if not keys
                    else half_hours(parcel, fluid, keys)
                    if kind == MINUTE
                    else days(parcel, fluid, keys),
                    what,
                )
                for parcel, keys, what in some
            ]
            months = {key[:2] for one, _ in loads for key in one.span}
            held = await self._held(fluid, kind, meter, months)
            wished: Documents = {}
            for one, what in loads:
                for key in one.span:
                    id_ = _id(meter, kind, key)
                    if key not in one.known:
                        wished[id_] = {}
                    elif key in held.others:
                        what.left += 1
                        wished[id_] = {}
                    else:
                        wished[id_] = self._document(key, one.known[key])
                        what.fluids[fluid] = None
            bodies = await self._write(fluid, kind, wished, held)
            for one, what in loads:
                what.bodies += [bodies[id_] for key in sorted(one.span) if (id_ := _id(meter, kind, key)) in bodies]
            if kind == DAY:
                touched |= months
        some[-1][2].bodies.extend(await self._sum_up(fluid, meter, touched))

    async def _take_away(self, fluid: Fluid, times: Sequence[tuple[int, int]]) -> None:
        """What this grant wrote of these times, of whatever meter, and what it adds to months and years."""
        months: set[tuple[int, int]] = set()
        meters: set[str] = set()
        for kind in KINDS[fluid]:
            if kind in (MINUTE, DAY):
                span = {key for start, end in times for key in spans(kind, start, end)}
                months |= {key[:2] for key in span}
                found = await self._find(fluid, kind, months)
                gone = {
                    str(document["_id"]): document
                    for document in found
                    if _meter_of(document) and document.get("grant") == self._home.grant and key_of(document) in span
                }
                await self._doctypes.write(_doctype(fluid, kind), {id_: {} for id_ in gone}, gone)
            else:  # looked at too: a call may have been killed before it came to them
                found = await self._find(fluid, kind, months, of_year=True)
            meters |= {_meter_of(document) for document in found}
        for meter in sorted(meters - {""}):
            await self._sum_up(fluid, meter, months)

    async def _sum_up(self, fluid: Fluid, meter: str, months: set[tuple[int, int]]) -> list[bytes]:
        """Months and years as the sum of the days that lie there, ours or not; there is one where one of them is ours."""
        days_held = await self._held(fluid, DAY, meter, months)
        months_held = await self._held(fluid, MONTH, meter, months, of_year=True)
        wished: Documents = {}
        for year, month in months:
            parts = {key: one for key, one in days_held.all.items() if key[:2] == (year, month)}
            key = (year, month, 1, 0, 0)
            own = [days_held.own[one] for one in sorted(parts) if one in days_held.own]
            wished[_id(meter, MONTH, key)] = self._sum(key, parts.values(), own, months_held, "days")
        bodies = list((await self._write(fluid, MONTH, wished, months_held)).values())
        months_held = await self._held(fluid, MONTH, meter, months, of_year=True)
        years_held = await self._held(fluid, YEAR, meter, months, of_year=True)
        wished = {}
        for year in {year for year, _ in months}:
            parts = {key: one for key, one in months_held.all.items() if key[0] == year}
            key = (year, 1, 1, 0, 0)
            own = [months_held.own[one] for one in sorted(parts) if one in months_held.own]
            wished[_id(meter, YEAR, key)] = self._sum(key, parts.values(), own, years_held, "months")
        return bodies + list((await self._write(fluid, YEAR, wished, years_held)).values())

    def _sum(self, key: Key, parts: Iterable[Json], own: Sequence[Json], held: "_Held", counted: str) -> Json:
        if not own or key in held.others:
            return {}
        loads = [Decimal(one["load"]) for one in parts]
        return {
            **self._document(key, sum(loads, Decimal())),
            counted: len(loads),
            "grant": own[-1].get("grant", self._home.grant),
        }

    async def _somebody_else(self, fluid: Fluid, meter: str) -> bool:
        """Whether another writes the days of this fluid: a konnector, or a grant of another meter."""
        if (fluid, meter) not in self._lives:
            today = datetime.fromtimestamp(self._home.now, UTC).astimezone(PARIS).date()
            since = today - timedelta(days=LIVES_DAYS)
            months = {(since.year, since.month), (today.year, today.month)}
            held = await self._held(fluid, DAY, meter, months)
            first = (since.year, since.month, since.day, 0, 0)
            self._lives[fluid, meter] = any(key >= first for key in held.others)
        return self._lives[fluid, meter]

    async def _held(
        self, fluid: Fluid, kind: str, meter: str, months: set[tuple[int, int]], *, of_year: bool = False
    ) -> "_Held":
        held = _Held()
        for document in await self._find(fluid, kind, months, of_year=of_year):
            key = key_of(document)
            if key is None or not isinstance(document.get("load"), int | Decimal):
                continue
            if kind in (MONTH, YEAR):  # a konnector may say 0 where there is no day
                key = (key[0], key[1] if kind == MONTH else 1, 1, 0, 0)
            if document["_id"] == _id(meter, kind, key):
                held.own[key] = document
            else:
                held.others[key] = document
        return held

    async def _find(
        self, fluid: Fluid, kind: str, months: set[tuple[int, int]], *, of_year: bool = False
    ) -> list[Json]:
        doctype = _doctype(fluid, kind)
        found: list[Json] = []
        if of_year:
            for year in sorted({year for year, _ in months}):
                found += await self._doctypes.find(doctype, ("year",), {"year": year})
            return found
        for year, month in sorted(months):
            found += await self._doctypes.find(doctype, ("year", "month"), {"year": year, "month": month})
        return found

    async def _write(self, fluid: Fluid, kind: str, wished: Documents, held: "_Held") -> Mapping[str, bytes]:
        there = {document["_id"]: document for document in held.own.values()}
        written = await self._doctypes.write(_doctype(fluid, kind), wished, there)
        self._line = written.line
        return written.bodies

    def _document(self, key: Key, load: Decimal) -> Json:
        year, month, day, hour, minute = key
        return {
            "load": load,
            "year": year,
            "month": month,
            "day": day,
            "hour": hour,
            "minute": minute,
            "grant": self._home.grant,
            "cozyMetadata": metadata(self._home.now),
        }

    def _told(self, told: _Told, others: Mapping[Fluid, None]) -> Put:
        sent = b"".join(told.bodies)
        notes = [self._line]
        if others:
            notes.append(f"another writes {_names(others)}")
        if told.left:
            notes.append(f"{told.left} left as another wrote them")
        held = " ".join(told.fluids)
        return Put(held, len(sent), hashlib.sha256(sent).hexdigest(), "; ".join(notes))


@dataclass
class _Held:
    """Documents of some months, by their key: ours of this meter, and whoever else's."""

    own: dict[Key, Json] = field(default_factory=dict)
    others: dict[Key, Json] = field(default_factory=dict)

    @property
    def all(self) -> dict[Key, Json]:
        """One a key: a konnector that came later may have written one that is ours, too."""
        return {**self.others, **self.own}


def _doctype(fluid: Fluid, kind: str) -> str:
    return f"com.grandlyon.{fluid}.{kind}"


def _meter(point: str) -> str:
    """Of which metering point a document is, in its id: documents of Ecolyo have no place for it."""
    return hashlib.sha256(point.encode()).hexdigest()[:METER_CHARACTERS]


def _id(meter: str, kind: str, key: Key) -> str:
    year, month, day, hour, minute = key
    match kind:
        case "minute":
            stamp = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}"
        case "day":
            stamp = f"{year:04}-{month:02}-{day:02}"
        case "month":
            stamp = f"{year:04}-{month:02}"
        case _:
            stamp = f"{year:04}"
    return f"{PREFIX}-{meter}-{stamp}"


def _meter_of(document: Json) -> str:
    """Whose it is, if it is one of ours."""
    prefix, _, rest = str(document.get("_id")).partition("-")
    return rest.partition("-")[0] if prefix == PREFIX else ""


def _names(fluids: Iterable[Fluid]) -> str:
    return " and ".join(sorted(fluid.name.lower() for fluid in fluids))
