"""Form ECOLYO: documents as the app Ecolyo reads them, beside those of a konnector; in their place only where the grant says so.

Shapes: self-data-technical-doc of the Métropole de Lyon, docs/ecolyo/project_architecture/doctypes.md. The app adds nothing up: months and
years are documents too, and are here the sums of the days that lie there.
"""

import hashlib
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gateway.fluids import Fluid
from gateway.model import SeriesKey
from sync.cozy import adopted
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
MONTHS = 12


@dataclass
class _Told:
    """What is told of a parcel: its documents as they left, which fluids lie there, what was left to others and what was put in place of theirs."""

    bodies: list[bytes] = field(default_factory=list)
    fluids: dict[Fluid, None] = field(default_factory=dict)
    left: int = 0
    replaced: int = 0


class Ecolyo:
    """What `put` and `erase` of a target are, in this form.

    Half-hours and days are written first: what a kill leaves out is made up by the next call, as months and years are summed from what
    lies there.
    """

    def __init__(self, device: Device, home: Home, *, adopt: bool) -> None:
        """`adopt`: where a konnector wrote a figure before, ours takes its place (sync/cozy/adopted.py)."""
        self._doctypes = Doctypes(device)
        self._adopt = adopt
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
            theirs: Documents = {}
            for one, what in loads:
                for key in one.span:
                    id_, load = _id(meter, kind, key), one.known.get(key)
                    wished[id_] = {}
                    taken, other = held.taken.get(key), self._adoptable(held, key)
                    if taken is not None and (load is None or key in held.twice):
                        theirs[taken["_id"]] = adopted.given_back(taken)
                    if load is None:
                        continue
                    if other is not None:
                        theirs[other["_id"]] = adopted.in_place(other, load, self._home.grant, meter)
                        what.replaced += 1
                        what.fluids[fluid] = None
                    elif key in held.others or taken is not None:
                        what.left += 1
                    else:
                        wished[id_] = self._document(key, load)
                        what.fluids[fluid] = None
            bodies = await self._write(fluid, kind, wished, theirs, held)
            for one, what in loads:
                ids = [id_ for key in sorted(one.span) for id_ in held.ids(meter, kind, key)]
                what.bodies += [bodies[id_] for id_ in ids if id_ in bodies]
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
                ours = {
                    str(document["_id"]): document
                    for document in found
                    if document.get("grant") == self._home.grant and _meter_of(document) and key_of(document) in span
                }
                own = {id_ for id_ in ours if id_.startswith(f"{PREFIX}-")}
                await self._doctypes.write(_doctype(fluid, kind), {id_: {} for id_ in own}, ours)
                back = {id_: adopted.given_back(document) for id_, document in ours.items() if id_ not in own}
                await self._doctypes.write(_doctype(fluid, kind), back, ours, tries=1)
            else:  # looked at too: a call may have been killed before it came to them
                found = await self._find(fluid, kind, months, of_year=True)
            meters |= {_meter_of(document) for document in found}
        for meter in sorted(meters - {""}):
            await self._sum_up(fluid, meter, months)

    async def _sum_up(self, fluid: Fluid, meter: str, months: set[tuple[int, int]]) -> list[bytes]:
        """Months and years as the sum of the days that lie there, ours or not; there is one where one of them is ours."""
        days_held = await self._held(fluid, DAY, meter, months)
        months_held = await self._held(fluid, MONTH, meter, months, of_year=True)
        sums: list[_Sum] = []
        for year, month in months:
            parts = {key: one for key, one in days_held.all.items() if key[:2] == (year, month)}
            own = [one for key, one in sorted(days_held.ours.items()) if key in parts]
            whole = len(parts) == monthrange(year, month)[1]
            sums.append(_Sum((year, month, 1, 0, 0), parts.values(), own, whole, "days"))
        bodies = await self._write_sums(fluid, MONTH, meter, sums, months_held)
        months_held = await self._held(fluid, MONTH, meter, months, of_year=True)
        years_held = await self._held(fluid, YEAR, meter, months, of_year=True)
        sums = []
        for year in {year for year, _ in months}:
            parts = {key: one for key, one in months_held.all.items() if key[0] == year}
            own = [one for key, one in sorted(months_held.ours.items()) if key in parts]
            whole = len(parts) == MONTHS and all(
                one["days"] == monthrange(*key[:2])[1] for key, one in months_held.own.items() if key in parts
            )
            sums.append(_Sum((year, 1, 1, 0, 0), parts.values(), own, whole, "months"))
        return bodies + await self._write_sums(fluid, YEAR, meter, sums, years_held)

    async def _write_sums(
        self, fluid: Fluid, kind: str, meter: str, sums: Sequence["_Sum"], held: "_Held"
    ) -> list[bytes]:
        wished: Documents = {}
        theirs: Documents = {}
        for one in sums:
            id_, key = _id(meter, kind, one.key), one.key
            wished[id_] = {}
            taken, other = held.taken.get(key), self._adoptable(held, key)
            # Where days are missing, a konnector's month may know of them: a sum would say less than it does.
            if one.own and one.whole and key not in held.twice and (there := taken or other) is not None:
                theirs[there["_id"]] = adopted.in_place(there, one.load, one.grant, meter)
            elif taken is not None:
                theirs[taken["_id"]] = adopted.given_back(taken)
            elif other is not None and adopted.marked_for(other) == meter and not one.own:
                theirs[other["_id"]] = adopted.given_back(other)
            elif one.own and key not in held.others:
                document = self._document(key, one.load)
                wished[id_] = {**document, one.counted: len(one.loads), "grant": one.grant}
        return list((await self._write(fluid, kind, wished, theirs, held)).values())

    def _adoptable(self, held: "_Held", key: Key) -> Json | None:
        """The konnector's document in whose place ours may stand, or does."""
        there, other = held.taken.get(key), held.others.get(key)
        if there is None and other is not None and adopted.may_be_adopted(other):
            there = other
        return there if self._adopt and key not in held.twice else None

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
                continue
            if key in held.taken or key in held.others:
                held.twice.add(key)
            if adopted.meter_of(document) == meter:
                held.taken[key] = document
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

    async def _write(
        self, fluid: Fluid, kind: str, wished: Documents, theirs: Documents, held: "_Held"
    ) -> Mapping[str, bytes]:
        """Ours, and documents of others. Whoever changes one of these meanwhile is right: then all is looked at anew."""
        doctype = _doctype(fluid, kind)
        written = await self._doctypes.write(doctype, wished, {one["_id"]: one for one in held.own.values()})
        self._line, bodies = written.line, written.bodies
        if theirs:
            there = {one["_id"]: one for one in (*held.others.values(), *held.taken.values())}
            written = await self._doctypes.write(doctype, theirs, there, tries=1)
            self._line, bodies = written.line, {**bodies, **written.bodies}
        return bodies

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
        if told.replaced:
            notes.append(f"{told.replaced} in the place of what another wrote")
        held = " ".join(told.fluids)
        return Put(held, len(sent), hashlib.sha256(sent).hexdigest(), "; ".join(notes))


@dataclass(frozen=True)
class _Sum:
    """What a month or a year is to say: its parts, those that are ours, and whether none is missing."""

    key: Key
    parts: Iterable[Json]
    own: Sequence[Json]
    whole: bool
    counted: str

    @property
    def loads(self) -> list[Decimal]:
        return [Decimal(one["load"]) for one in self.parts]

    @property
    def load(self) -> Decimal:
        return sum(self.loads, Decimal())

    @property
    def grant(self) -> str:
        return str(self.own[-1].get("grant"))


@dataclass
class _Held:
    """Documents of some months, by their key: ours of this meter, a konnector's with our figure in it, and whoever else's.

    `twice`: of which others wrote two (the night of 25 hours, say), so that none of them is the one whose place ours could take.
    """

    own: dict[Key, Json] = field(default_factory=dict)
    taken: dict[Key, Json] = field(default_factory=dict)
    others: dict[Key, Json] = field(default_factory=dict)
    twice: set[Key] = field(default_factory=set)

    @property
    def ours(self) -> dict[Key, Json]:
        return {**self.taken, **self.own}

    @property
    def all(self) -> dict[Key, Json]:
        """One a key: a konnector that came later may have written one that is ours, too."""
        return {**self.others, **self.ours}

    def ids(self, meter: str, kind: str, key: Key) -> list[str]:
        """Under which its documents may lie: ours, and others'."""
        return [_id(meter, kind, key), *(held[key]["_id"] for held in (self.taken, self.others) if key in held)]


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
    """Of which meter it is, if it is one of ours, or has our figure in it or had."""
    prefix, _, rest = str(document.get("_id")).partition("-")
    return rest.partition("-")[0] if prefix == PREFIX else adopted.marked_for(document)


def _names(fluids: Iterable[Fluid]) -> str:
    return " and ".join(sorted(fluid.name.lower() for fluid in fluids))
