"""A box whose readings are sent: a house, its grants, its outbox, and a shelf that stands for any target."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from drivers.model import Medium, Quantity
from gateway.alerts import Alerts
from gateway.grants import By, Grant, GrantedSeries, Grants, Resolution, Wish, new_id
from gateway.house import House
from gateway.ledger import Ledger
from gateway.messages import Due, Text
from gateway.model import Point, SeriesKey
from gateway.outbox import Outbox
from gateway.services.model import Finding, Service
from gateway.teller import Teller
from gateway.telling import Telling
from gateway.way import Form, Kind, Way
from sync.model import Lies, Parcel, Piece, Put, Thing, Trouble, Why
from tests.house import NOON, Clock, house

DAY = 86_400
BY = By("Firefox, Android", "192.0.2.7")
INDEX = GrantedSeries(SeriesKey("maison", "EAST"), "Maison", Medium.ELECTRICITY, Quantity.ENERGY)
POWER = GrantedSeries(SeriesKey("maison", "SINSTS"), "Maison", Medium.ELECTRICITY, Quantity.POWER)
WAY = Way(Kind.WEBDAV, "https://cloud.example/dav/", "ada", Form.FILES)
MAIL = Way(Kind.MAIL, "smtps://mail.example.org", "ada@example.org", Form.WORDS, to=("ada@example.org",))
TELLING = Telling(("leak", "week"), "fr", "http://192.0.2.1:8080")
TOML = '[dwelling]\ntime_zone = "Europe/Paris"\n'


async def say_its_name(grant: Grant, due: Due) -> Text | None:
    return None if due.what == "week" else Text(f"{due.what} of {grant.target}", due.name)


class Shelf:
    """A target that keeps what it is given, by period; and fails where a test says so."""

    def __init__(self) -> None:
        self.parcels: dict[str, Parcel] = {}
        self.puts = 0
        self.fails_after: int | None = None
        self.why = Why.UNREACHABLE
        self.opened = self.left = 0
        self.counts, self.mute = True, False

    async def open(self) -> None:
        self.opened += 1
        if self.fails_after == 0:
            raise Trouble(self.why, "the shelf is away")

    async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
        done = []
        for parcel in parcels:
            if self.fails_after is not None:
                if self.fails_after == 0:
                    raise Trouble(self.why, "the shelf is away")
                self.fails_after -= 1
            before = self.parcels.get(parcel.period)
            assert before is None or before.revision <= parcel.revision
            assert parcel.held is None or parcel.held == f"at {parcel.period}"
            self.puts += 1
            if parcel.series:
                self.parcels[parcel.period] = parcel
                done.append(Put(f"at {parcel.period}", len(parcel.document()), "ab" * 32, "201 Created"))
            else:
                self.parcels.pop(parcel.period, None)
                done.append(Put("", 0, "cd" * 32, "204 No Content"))
        return done

    async def look(self) -> Lies | None:
        if self.mute:
            raise Trouble(Why.BUSY, "the shelf is not counted now")
        return Lies(Thing.DOCUMENTS, len(self.parcels), len(self.parcels)) if self.counts else None

    async def erase(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            assert piece.held in ("", f"at {piece.period}")
            self.parcels.pop(piece.period, None)

    async def leave(self) -> None:
        self.left += 1

    async def close(self) -> None:
        pass

    def values(self, series: GrantedSeries) -> dict[int, str]:
        """All that lies here of a series, by its time; each time stands in one parcel."""
        found: dict[int, str] = {}
        for parcel in self.parcels.values():
            for one in parcel.series:
                for at, value in zip(one.at, one.value, strict=True):
                    if one.key == str(series.key) and value is not None and at < parcel.end:
                        assert at not in found
                        found[at] = value
        return found


class Box:
    """What a restart takes is made again by `restart`."""

    def __init__(self, home: House, clock: Clock, folder: Path) -> None:
        self.home, self.clock, self.path = home, clock, folder / "ledger.db"
        self.shelf = Shelf()
        self.saves = True
        self.ledger = Ledger.open(self.path)
        self.restart()

    def restart(self) -> None:
        """As after a kill: only what is on the card is known."""
        self.ledger.close()
        self.ledger = Ledger.open(self.path)
        self.grants = Grants(self.ledger, self.home.now, lambda: self.home.dating)
        self.outbox = Outbox(self.grants, self.ledger, self.home, self.home.catalog)
        self.alerts = Alerts(self.ledger)
        self.teller = Teller(self.grants, self.ledger, self.alerts, self.home)
        self.teller.speak = say_its_name
        self.home.store.on_removal, self.home.store.on_change = self.outbox.take_away, self.outbox.changed

    def say(self, start: int, end: int, step_s: int = 1800, series: GrantedSeries = INDEX, per_s: int = 0) -> None:
        """The meter says its index each `step_s`: what it counted since noon, a Wh each ten seconds."""
        first = -(-start // step_s) * step_s
        points = [
            Point(series.key, series.quantity, at, 10_000_000 + (at - NOON) // 10 + per_s, 0, main=True)
            for at in range(first, end, step_s)
        ]
        self.home.store.add(points)
        self.save()

    def save(self) -> None:
        """As each hour: what came until now is on the card."""
        if self.saves:
            assert self.home.store.commit()

    async def give(
        self, resolution: Resolution = Resolution.HALF_HOUR, *, past: bool = True, delay_s: int = 0, way: Way = WAY,
        series: tuple[GrantedSeries, ...] = (INDEX,), lasts_s: int = 30 * DAY,
    ) -> Grant:  # fmt: skip
        wish = Wish("Mon nuage", "moi", "garder mes relevés", series, resolution, delay_s, lasts_s, past, way)
        return (await self.grants.give(new_id(), wish, BY))[0]

    async def give_messages(self, way: Way = MAIL, telling: Telling = TELLING) -> Grant:
        wish = Wish("Moi", "moi", "être prévenu", (), Resolution.RAW, 0, 30 * DAY, False, way, telling)
        return (await self.grants.give(new_id(), wish, BY))[0]

    async def leak(self, rank: int = 0, point: str = "eau") -> None:
        """The service of leaks finds one, and no other."""
        now = self.home.now()
        await self.alerts.tell(now, Service.LEAK, [Finding(Service.LEAK, point, "drip", now - 60, {}, rank)])

    async def send(self, grant: Grant, *, acknowledged: bool = True) -> int:
        """As the sync process does, until nothing is due; how many batches went. Trouble where the shelf fails."""
        batches = 0
        while True:
            self.save()
            found = await self.outbox.batch(grant.id)
            if found is None:
                return batches
            number, said = found
            parcels = [Parcel.read(one) for one in said]
            puts = await self.shelf.put(parcels)
            if not acknowledged:
                return batches
            await self.acknowledge(grant, number, parcels, puts)
            batches += 1

    async def acknowledge(self, grant: Grant, number: int, parcels: Sequence[Parcel], puts: Sequence[Put]) -> None:
        said: list[Mapping[str, object]] = [
            {"period": parcel.period, "held": put.held, "bytes": put.bytes, "sha256": put.sha256, "answer": put.answer}
            for parcel, put in zip(parcels, puts, strict=True)
        ]
        assert await self.outbox.acknowledge(grant.id, number, said)

    async def expected(self, series: GrantedSeries, start: int, end: int, step_s: int = 1800) -> dict[int, str]:
        """What the house says at each bound, start <= at < end."""
        bounds = list(range(-(-start // step_s) * step_s, end, step_s))
        found = await self.home.indexes(series.key, bounds)
        return {at: format(Decimal(value), "f") for at, value in zip(bounds, found, strict=True) if value is not None}


@contextmanager
def box(folder: Path) -> Iterator[Box]:
    clock = Clock(NOON)
    with house(folder, TOML, clock) as home:
        made = Box(home, clock, folder)
        try:
            yield made
        finally:
            made.ledger.close()
