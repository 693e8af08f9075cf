"""VictoriaMetrics, by Prometheus remote write: samples under names of base units.

Prometheus keeps no two samples of one moment and takes none of last year, and nobody else can take one back: it is refused.
VictoriaMetrics keeps both of two samples of one moment, and takes back a series as a whole only. So each period is a series of its own,
by its label `period`, and what lies there is asked before it is added to: docs/databases.md. VictoriaMetrics documentation, "How to
export data in JSON line format", "How to delete time series", "Prometheus remote_write".
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import aiohttp
from yarl import URL

from gateway.way import Way
from sync import measures, remote_write
from sync.model import Home, Lies, Parcel, Piece, Put, Target, Thing, Trouble, Why
from sync.net import Answer, Net, of_status

FIGURES_MAX = 20_000  # asked about, and written, at once: 0.9 MB
# VictoriaMetrics keeps the numbers of a series with one exponent for many, and twelve digits of one that has a fraction.
NEAR = 1e-11
NO_PERIOD = "none"
LOOKS_MAX, PAUSE_S = 10, 0.5
# No reading is older; a span that reaches back beyond 1970 is answered with nothing.
Y2000, AHEAD_S = 946_684_800, 86_400
NOT_OPEN = (401, 403, 404)  # to a login that may do all else
EXPORTED = "application/stream+json"

Sample = tuple[int, float]  # UTC seconds and the value
# Of one period: under a name and a series' key, in order of time.
Rows = dict[tuple[str, str], list[Sample]]


def make(way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> Target:
    return Prometheus(way, secrets, home, net)


class Prometheus:
    """Adds what is missing where the rest of a period lies there already; else takes the period back and writes all of it anew.

    What lies there is asked before, so that a try that was cut doubles nothing; and after, since what is older than the database's
    retention is dropped there without a word.
    """

    def __init__(self, way: Way, secrets: Mapping[str, str], home: Home, net: Net, *, pause_s: float = PAUSE_S) -> None:
        self._way, self._secrets, self._home, self._net, self._pause_s = way, secrets, home, net, pause_s

    async def open(self) -> None:
        """Prove the login, and that it may read and take back, before anything is sent: of a period that no parcel has."""
        await self._lies([NO_PERIOD], 0)
        await self._take_away([NO_PERIOD])

    async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
        puts: list[Put] = []
        for some in _portions(parcels):
            puts += await self._put(some)
        return puts

    async def look(self) -> Lies | None:
        """Each period is a series of its own. Asked as a query: the names of labels outlive what is taken back."""
        await self._flush()
        until = self._home.now + AHEAD_S
        query = f"count(count(count_over_time({self._match(None)}[{until - Y2000}s])) by (period))"
        answer = await self._ask("api/v1/query", {"query": query, "time": str(until)})
        if answer.status in NOT_OPEN:
            return None
        if answer.status != 200:
            raise of_status(answer, "query")
        try:
            found = json.loads(answer.body)["data"]["result"]
            (periods,) = [int(one["value"][1]) for one in found] or [0]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise Trouble(Why.ODD, "query: an answer that is none of VictoriaMetrics'") from None
        return Lies(Thing.PERIODS, periods, periods)

    async def erase(self, pieces: Sequence[Piece]) -> None:
        """All that the grant wrote, whatever the pieces are called: its label says what is ours."""
        await self._flush()
        await self._take_away(None)

    async def leave(self) -> None:
        """The login is its owner's: nothing was made there that could be given back."""

    async def close(self) -> None:
        """Connections are the Net's."""

    async def _put(self, parcels: Sequence[Parcel]) -> list[Put]:
        wanted = {parcel.period: _wanted(parcel) for parcel in parcels}
        until = max(parcel.end for parcel in parcels) + 1
        lies = await self._lies(list(wanted), until)
        missing = {period: _missing(of_it, lies.get(period, {})) for period, of_it in wanted.items()}
        wrong = [period for period, of_it in missing.items() if of_it is None]
        if wrong:
            await self._take_away(wrong)
        bodies = {parcel.period: self._body(parcel, missing[parcel.period]) for parcel in parcels}
        answer = ""
        if any(bodies.values()):
            answer = await self._write(bodies.values())
        if wrong or answer:
            await self._seen(wanted, until)
        return [
            Put(
                str(sum(map(len, wanted[period].values())) or ""),
                len(body),
                hashlib.sha256(body).hexdigest(),
                answer if body else "it is there",
            )
            for period, body in bodies.items()
        ]

    async def _seen(self, wanted: Mapping[str, Rows], until: int) -> None:
        """Until just this lies there. What another flush has in hand is found by none for a moment."""
        unlike: set[str] = set()
        for _ in range(LOOKS_MAX):
            lies = await self._lies(list(wanted), until)
            unlike = {period for period, of_it in wanted.items() if _missing(of_it, lies.get(period, {})) != {}}
            if not unlike:
                return
            await asyncio.sleep(self._pause_s)
        raise Trouble(
            Why.FULL, f"write: of {min(unlike)} there is not afterwards what was sent: is -retentionPeriod long enough?"
        )

    def _body(self, parcel: Parcel, missing: Rows | None) -> bytes:
        """The time series of a period: all of it where None is said to be missing."""
        of_it = _wanted(parcel) if missing is None else missing
        return b"".join(
            remote_write.time_series(
                f"{measures.measurement(series)}_{measures.field(series)}",
                {**measures.labels(series, self._home.grant), "period": parcel.period},
                samples,
            )
            for series in parcel.series
            if (samples := of_it.get(_key(measures.measurement(series), measures.field(series), series.key)))
        )

    async def _write(self, bodies: Iterable[bytes]) -> str:
        answer = await self._ask("api/v1/write", remote_write.request(bodies), remote_write.HEADERS)
        if answer.status != 204:
            raise of_status(answer, "write")
        return answer.line

    async def _lies(self, periods: Sequence[str], until: int) -> dict[str, Rows]:
        """What lies there of these periods. What was written just now is not found before it is flushed.

        `until`: it would look no farther than its own clock, which may be behind ours.
        """
        await self._flush()
        answer = await self._ask("api/v1/export", {"match[]": self._match(periods), "end": str(until)})
        if answer.status != 200:
            raise of_status(answer, "export")
        if not answer.headers.get("Content-Type", "").startswith(EXPORTED):
            raise Trouble(Why.ODD, "export: an answer that is none of VictoriaMetrics'")
        found: dict[str, Rows] = {}
        try:
            for line in answer.body.splitlines():
                said = json.loads(line)
                labels = said["metric"]
                samples = [
                    (int(at) // 1000, float(value))
                    for at, value in zip(said["timestamps"], said["values"], strict=True)
                ]
                found.setdefault(labels["period"], {})[labels["__name__"], labels["series"]] = sorted(samples)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            raise Trouble(Why.ODD, "export: an answer that is none of VictoriaMetrics'") from None
        return found

    async def _flush(self) -> None:
        answer = await self._ask("internal/force_flush", {})
        if answer.status != 200:
            raise of_status(answer, "force_flush")

    async def _take_away(self, periods: Sequence[str] | None) -> None:
        answer = await self._ask("api/v1/admin/tsdb/delete_series", {"match[]": self._match(periods)})
        if answer.status != 204:
            raise of_status(answer, "delete_series")

    def _match(self, periods: Sequence[str] | None) -> str:
        """What the grant wrote, of these periods or at all."""
        which = [f'grant="{self._home.grant}"']
        if periods is not None:
            assert all(re.fullmatch(r"[0-9A-Za-z-]+", period) for period in periods)
            which.append(f'period=~"{"|".join(periods)}"')
        return "{" + ",".join(which) + "}"

    async def _ask(self, path: str, data: bytes | Mapping[str, str], more: Mapping[str, str] | None = None) -> Answer:
        url = self._where() / path
        headers = dict(more or {})
        if "token" in self._secrets:
            headers["Authorization"] = f"Bearer {self._secrets['token']}"
        elif self._way.user:
            login = self._way.user, self._secrets.get("password", "")
            headers["Authorization"] = aiohttp.encode_basic_auth(*login, encoding="utf-8")
        return await self._net.ask("POST", str(url), headers=headers, data=data)

    def _where(self) -> URL:
        try:
            url = URL(self._way.address)
        except ValueError:
            raise Trouble(Why.ODD, "address: https://HOST:PORT/api/v1/write is needed") from None
        if url.query_string:
            raise Trouble(Why.ODD, "address: https://HOST:PORT/api/v1/write is needed, and nothing behind it")
        if ":" in self._way.user:
            raise Trouble(Why.ODD, "user: no colon is possible in it (RFC 7617, section 2)")
        return url.with_path(re.sub(r"/api/v1/write/?$|/$", "", url.path))


def _portions(parcels: Sequence[Parcel]) -> Iterator[list[Parcel]]:
    """Parcels that are asked about and written together: bounded, and no period twice."""
    some: dict[str, Parcel] = {}
    figures = 0
    for parcel in parcels:
        own = sum(len(series.at) for series in parcel.series)
        if some and (figures + own > FIGURES_MAX or parcel.period in some):
            yield list(some.values())
            some, figures = {}, 0
        some[parcel.period] = parcel
        figures += own
    if some:
        yield list(some.values())


def _key(measurement: str, field: str, series: str) -> tuple[str, str]:
    return f"{measurement}_{field}", series


def _wanted(parcel: Parcel) -> Rows:
    found: Rows = {}
    for series in parcel.series:
        if samples := sorted(measures.figures(series, parcel)):
            found[_key(measures.measurement(series), measures.field(series), series.key)] = samples
    return found


def _missing(wanted: Rows, lies: Rows) -> Rows | None:
    """What is wanted and does not lie there; None where something lies there that is not wanted, or twice."""
    missing: Rows = {}
    if not lies.keys() <= wanted.keys():
        return None
    for key, samples in wanted.items():
        there = dict(lies.get(key, []))
        right = dict(samples)
        near = NEAR * max(abs(value) for _, value in samples)
        if len(there) != len(lies.get(key, [])) or not there.keys() <= right.keys():
            return None
        if not all(abs(value - right[at]) <= near for at, value in there.items()):
            return None
        if more := [(at, value) for at, value in samples if at not in there]:
            missing[key] = more
    return missing
