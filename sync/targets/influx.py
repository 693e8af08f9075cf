"""InfluxDB 1.x and 2.x: rows by line protocol over HTTP, one a figure, overwritten by what is sent again.

InfluxDB 1.8 documentation, "InfluxDB line protocol reference" and "InfluxDB API reference" (/write, /query); 2.x, "InfluxDB v2 API"
(/api/v2/write, /api/v2/delete). docs/databases.md says what lies there.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

import aiohttp
from yarl import URL

from gateway.way import Way
from sync import measures
from sync.model import Home, Lies, Parcel, Piece, Put, Series, Target, Thing, Trouble, Why
from sync.net import Answer, Net, of_status

BODY_BYTES_MAX = 1_000_000
ERROR_CHARACTERS_MAX = 160
# Of the address; anything else in it would be sent along unseen, a password for instance.
FIELDS_1 = frozenset({"db", "rp"})
FIELDS_2 = frozenset({"bucket", "org"})
NOT_OPEN = (401, 403, 404)  # to a login that may do all else
FIRST, LAST = -(2**62), 2**62  # nanoseconds: the years 1823 and 2116


def make(way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> Target:
    return Influx(way, secrets, home, net)


class Influx:
    """Puts by taking away what lies in the parcels' time and writing it anew: what was cut in between is absent, never false.

    A moment belongs to the period that begins with it. What an index was at the end of the last period is there, too, so that the
    consumption of each period is whole; the next period has the last word on it.
    """

    def __init__(self, way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> None:
        self._way, self._secrets, self._home, self._net = way, secrets, home, net

    async def open(self) -> None:
        """Prove the login, and that it may take back, before anything is sent: by taking away nothing."""
        await self._take_away(0, 1)

    async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
        puts: list[Put] = []
        for joined in _in_a_row(parcels):
            await self._take_away(joined[0].start, joined[-1].end)
            for parcel in joined:
                for series in _without_end(parcel):
                    await self._take_away(parcel.end, parcel.end + 1, series)
            puts += await self._write(joined)
        return puts

    async def look(self) -> Lies | None:
        """How many figures; None where the login may not read."""
        older, url, fields = self._where()
        if older:
            policy = f"{json.dumps(fields['rp'])}." if "rp" in fields else ""
            query = f"SELECT count(*) FROM {policy}/^{measures.PREFIX}/ WHERE \"grant\" = '{self._home.grant}'"  # noqa: S608 - our own words
            answer = await self._ask("POST", (url / "query").with_query({"db": fields["db"]}), {"q": query})
        else:
            query = (
                f"from(bucket: {json.dumps(fields['bucket'])}) |> range(start: {_nanoseconds(FIRST)}, stop: {_nanoseconds(LAST)}) "
                f"|> filter(fn: (r) => r.grant == {json.dumps(self._home.grant)}) |> group() |> count()"
            )
            body = json.dumps({"query": query, "type": "flux"}).encode()
            answer = await self._ask("POST", (url / "api/v2/query").with_query(org=fields["org"]), body)
        if answer.status in NOT_OPEN:
            return None
        if answer.status != 200:
            raise _refusal(answer, "count")
        try:
            figures = _counted(answer.body) if older else _counted_by_flux(answer.body)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, csv.Error):
            raise Trouble(Why.ODD, "count: an answer that is none of InfluxDB's") from None
        return None if figures is None else Lies(Thing.FIGURES, figures)

    async def erase(self, pieces: Sequence[Piece]) -> None:
        """All that the grant wrote, whatever the pieces are called: its label says what is ours."""
        await self._take_away(None, None)

    async def leave(self) -> None:
        """The login is its owner's: nothing was made there that could be given back."""

    async def close(self) -> None:
        """Connections are the Net's."""

    async def _write(self, parcels: Sequence[Parcel]) -> list[Put]:
        """Bodies of whole lines, several parcels in one; each parcel is answered by the body that has its last line."""
        puts: list[Put] = []
        waiting: list[tuple[Parcel, bytes]] = []
        body = b""
        for parcel in parcels:
            whole = b"".join(lines(parcel, self._home.grant))
            waiting.append((parcel, whole))
            for line in whole.splitlines(keepends=True):
                if len(body) + len(line) > BODY_BYTES_MAX:
                    done = await self._send(body)
                    puts += [_put(*each, done) for each in waiting[:-1]]
                    del waiting[:-1]
                    body = b""
                body += line
        done = await self._send(body) if body else ""
        return puts + [_put(*each, done) for each in waiting]

    async def _send(self, body: bytes) -> str:
        older, url, fields = self._where()
        path = "write" if older else "api/v2/write"
        answer = await self._ask("POST", (url / path).with_query({**fields, "precision": "s"}), body)
        if answer.status != 204:
            raise _refusal(answer, "write")
        return answer.line

    async def _take_away(self, start: int | None, end: int | None, series: Series | None = None) -> None:
        """What the grant wrote, or one series of it, from `start` until before `end`, UTC seconds; None: all of time."""
        older, url, fields = self._where()
        tags = {"grant": self._home.grant, **({"series": _plain(series.key)} if series else {})}
        if older:
            which = " AND ".join(f"\"{name}\" = '{_quoted(value)}'" for name, value in tags.items())
            when = "" if start is None else f" AND time >= {start}s AND time < {end}s"
            await self._query(url, fields["db"], f"DELETE WHERE {which}{when}")
            return
        # Whether the last moment is taken, too, its documentation leaves open; no figure of ours is at a broken second.
        first, last = (FIRST, LAST) if start is None or end is None else (start * 10**9, end * 10**9 - 1)
        body = {
            "start": _nanoseconds(first),
            "stop": _nanoseconds(last),
            "predicate": " AND ".join(
                f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in tags.items()
            ),
        }
        answer = await self._ask("POST", (url / "api/v2/delete").with_query(fields), json.dumps(body).encode())
        if answer.status != 204:
            raise _refusal(answer, "delete")

    async def _query(self, url: URL, database: str, query: str) -> None:
        answer = await self._ask("POST", (url / "query").with_query({"db": database}), {"q": query})
        if answer.status != 200:
            raise _refusal(answer, "query")
        try:
            results = json.loads(answer.body)["results"]
            said = results[0].get("error") if len(results) == 1 else None
            # VictoriaMetrics answers any query with a list of databases, and does nothing.
            done = len(results) == 1 and not said and "series" not in results[0]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise Trouble(Why.ODD, "query: an answer that is none of InfluxDB's") from None
        if said:
            raise Trouble(Why.REFUSED, f"query: {_short(said)}")
        if not done:
            raise Trouble(
                Why.ODD,
                "query: this server takes nothing back by time, as InfluxDB does; VictoriaMetrics is `prometheus`",
            )

    async def _ask(self, method: str, url: URL, data: bytes | Mapping[str, str]) -> Answer:
        headers = {}
        if "token" in self._secrets:
            headers["Authorization"] = f"Token {self._secrets['token']}"
        elif self._way.user:
            login = self._way.user, self._secrets.get("password", "")
            headers["Authorization"] = aiohttp.encode_basic_auth(*login, encoding="utf-8")
        if isinstance(data, bytes):
            headers["Content-Type"] = "text/plain; charset=utf-8" if "write" in url.path else "application/json"
        return await self._net.ask(method, str(url), headers=headers, data=data)

    def _where(self) -> tuple[bool, URL, Mapping[str, str]]:
        """Whether it is a 1.x, the address of its API, and what names the place there."""
        try:
            url = URL(self._way.address)
        except ValueError:
            raise Trouble(Why.ODD, "address: https://HOST:PORT/?db=NAME is needed") from None
        fields = dict(url.query)
        older = "db" in fields
        if not (older and fields.keys() <= FIELDS_1) and fields.keys() != FIELDS_2:
            raise Trouble(Why.ODD, "address: it ends with ?db=NAME (InfluxDB 1), or with ?bucket=NAME&org=NAME (2)")
        if ":" in self._way.user:
            raise Trouble(Why.ODD, "user: no colon is possible in it (RFC 7617, section 2)")
        path = re.sub(r"/(api/v2/)?write/?$|/$", "", url.path)
        return older, url.with_path(path).with_query(None), fields


def lines(parcel: Parcel, grant: str) -> Iterator[bytes]:
    """A line a figure, its time in seconds: `releve_energy,grant=...,medium=...,series=... joules_total=1.5 1793574000`."""
    for series in parcel.series:
        tags = ",".join(f"{name}={_tag(value)}" for name, value in measures.labels(series, grant).items())
        head = f"{measures.measurement(series)},{tags} {measures.field(series)}="
        for at, value in measures.figures(series, parcel):
            yield f"{head}{value!r} {at}\n".encode()


def _in_a_row(parcels: Sequence[Parcel]) -> Iterator[list[Parcel]]:
    """Parcels of which each begins where the one before ends."""
    breaks = 0
    numbered = []
    for number, parcel in enumerate(parcels):
        breaks += number > 0 and parcels[number - 1].end != parcel.start
        numbered.append((breaks, parcel))
    for _, joined in groupby(numbered, key=lambda each: each[0]):
        yield [parcel for _, parcel in joined]


def _without_end(parcel: Parcel) -> Iterator[Series]:
    """Indexes that have no figure at the period's end: a figure that was sent for it is gone, and no span holds that moment."""
    for series in parcel.series:
        if series.kind == "index" and (parcel.end, None) in zip(series.at, series.value, strict=True):
            yield series


def _put(parcel: Parcel, body: bytes, answer: str) -> Put:
    held = str(body.count(b"\n")) if body else ""
    return Put(held, len(body), hashlib.sha256(body).hexdigest(), answer)


def _counted(body: bytes) -> int | None:
    """All that `SELECT count(*)` of some measurements says, a column a field; None where it was not let read."""
    (result,) = json.loads(body)["results"]
    if "error" in result:
        return None
    return sum(
        int(cell)
        for one in result.get("series", ())
        for row in one["values"]
        for name, cell in zip(one["columns"], row, strict=True)
        if name != "time" and cell is not None
    )


def _counted_by_flux(body: bytes) -> int:
    """The one number of an annotated CSV (InfluxDB v2, "Annotated CSV"); nothing there has no table."""
    rows = [row for row in csv.reader(io.StringIO(body.decode())) if row and not row[0].startswith("#")]
    if not rows:
        return 0
    names, *cells = rows
    (figures,) = (int(row[names.index("_value")]) for row in cells)
    return figures


def _plain(value: str) -> str:
    """A tag's value without what line protocol cannot say in one: line breaks, and a backslash at its end."""
    return re.sub(r"[\x00-\x1f\x7f\\%]", lambda found: f"%{ord(found[0]):02X}", value)


def _tag(value: str) -> str:
    return re.sub(r"([,= ])", r"\\\1", _plain(value))


def _quoted(value: str) -> str:
    """In a string of InfluxQL."""
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _nanoseconds(at: int) -> str:
    seconds, rest = divmod(at, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _refusal(answer: Answer, what: str) -> Trouble:
    """With the server's own reason, where it says one as InfluxDB does."""
    try:
        said = json.loads(answer.body)
        reason = said.get("error") or said.get("message") or ""
    except (ValueError, AttributeError, RecursionError):
        reason = ""
    return of_status(answer, f"{what}: {_short(reason)}" if reason else what)


def _short(said: object) -> str:
    return "".join(filter(str.isprintable, str(said)))[:ERROR_CHARACTERS_MAX]
