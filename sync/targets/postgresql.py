"""PostgreSQL: rows of a table that whoever owns the database made with docs/postgresql.sql, under a role that sees its own rows only.

A parcel replaces all of its period in one transaction with the others of its batch; a try that was cut leaves nothing of itself.
"""

import asyncio
import hashlib
import importlib
import json
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

from gateway.way import Way
from sync.model import Home, Lies, Parcel, Piece, Put, Series, Target, Thing, Trouble, Why
from sync.net import CONNECT_S_MAX, TOTAL_S_MAX, Net

PORT = 5432
SCHEMES = ("postgresql", "postgres")
ERROR_CHARACTERS_MAX = 160
# Nothing that we ask for at once is answered by more: the ids of a grant's series, and some lines a parcel.
ANSWER_BYTES_MAX = 4_000_000
# A letter, and the length of all that follows, its own four bytes included (PostgreSQL 15, 55.7).
HEAD_BYTES, LENGTH_MIN = 5, 4
NONE_OF_ITS = "an answer that is none of PostgreSQL's"
# What asyncpg meets in bytes of which no server of its kind speaks.
NO_POSTGRESQL = (BufferError, LookupError, ValueError, AttributeError, struct.error, MemoryError)

SERIES = """
    INSERT INTO releve.series AS s (grant_id, series, medium, quantity, unit, kind)
    SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    ON CONFLICT (role, grant_id, series) DO UPDATE
    SET medium = EXCLUDED.medium, quantity = EXCLUDED.quantity, unit = EXCLUDED.unit, kind = EXCLUDED.kind
    WHERE (s.medium, s.quantity, s.unit, s.kind) <> (EXCLUDED.medium, EXCLUDED.quantity, EXCLUDED.unit, EXCLUDED.kind)
"""
# The role, too: row level security asks nothing of who owns the tables.
IDS = "SELECT series, id FROM releve.series WHERE grant_id = $1 AND role = session_user"
CLEAR = """
    DELETE FROM releve.readings
    WHERE series_id IN (SELECT id FROM releve.series WHERE grant_id = $1 AND role = session_user)
    AND at >= $2 AND at <= $3 AND (at < $3 OR period = $2)
"""
# What is at the period's end belongs to the next one, which may have come before this revision.
READINGS = """
    INSERT INTO releve.readings (series_id, at, until, value, period)
    SELECT *, $5 FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::numeric[])
    ON CONFLICT (series_id, at) DO NOTHING
"""
LIES = """
    SELECT count(*), count(DISTINCT period) FROM releve.readings
    WHERE series_id IN (SELECT id FROM releve.series WHERE grant_id = $1 AND role = session_user)
"""
ERASE = "DELETE FROM releve.series WHERE grant_id = $1 AND role = session_user"

# SQLSTATE (PostgreSQL 15, appendix A), by its beginning.
WHY = (
    ("28", Why.REFUSED),
    ("3D", Why.REFUSED),
    ("42501", Why.REFUSED),
    ("53100", Why.FULL),
    ("53", Why.BUSY),
    ("57P03", Why.BUSY),
    ("57P", Why.UNREACHABLE),
    ("08", Why.UNREACHABLE),
    ("40", Why.BUSY),
    ("55", Why.BUSY),
)
NO_TABLES = ("3F", "42P01", "42703", "42P10")


def make(way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> Target:
    return PostgreSQL(way, secrets, home, net)


class PostgreSQL:
    def __init__(self, way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> None:
        self._way, self._secrets, self._home, self._net = way, secrets, home, net
        self._connection: Any = None
        self._messages = Messages()

    async def open(self) -> None:
        """Log in, and see that the tables are there."""
        await self._do(self._look)

    async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
        puts = [_Put(parcel, self._home.grant) for parcel in parcels]
        await self._do(self._replace, puts)
        return [each.done for each in puts]

    async def look(self) -> Lies | None:
        found: list[Lies] = []

        async def count(connection: Any) -> None:
            figures, periods = await connection.fetchrow(LIES, self._home.grant)
            found.append(Lies(Thing.FIGURES, figures, periods))

        await self._do(count)
        return found[0]

    async def erase(self, pieces: Sequence[Piece]) -> None:
        """All that the grant wrote, whatever the pieces are called."""
        await self._do(lambda connection: connection.execute(ERASE, self._home.grant))

    async def leave(self) -> None:
        """The role is the database owner's to drop: the same may serve this home's next grant."""

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _do(self, work: Callable[..., Awaitable[object]], *arguments: object) -> None:
        """With a connection, that of the last time if there is one; what the world does to it is a Trouble."""
        driver = _driver()
        self._messages.heard_bytes = 0
        try:
            async with asyncio.timeout(TOTAL_S_MAX):
                if self._connection is None:
                    self._connection = await self._connect(driver)
                    self._messages = self._connection._protocol.messages
                await work(self._connection, *arguments)
        except driver.PostgresError as error:
            if self._messages.odd:
                raise Trouble(Why.ODD, f"{self._net.host}: {NONE_OF_ITS}") from None
            raise _refusal(error) from None
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or "no TLS there"
            raise Trouble(Why.CERTIFICATE, f"{self._net.host}: {reason}") from None
        except driver.ClientConfigurationError as error:  # what the server wants of a login
            raise Trouble(Why.REFUSED, f"{self._net.host}: {_short(error)}") from None
        except (OSError, TimeoutError, driver.InterfaceError) as error:
            raise Trouble(Why.UNREACHABLE, f"{self._net.host}: {_short(error) or type(error).__name__}") from None
        except (driver.InternalClientError, *NO_POSTGRESQL):
            raise Trouble(Why.ODD, f"{self._net.host}: {NONE_OF_ITS}") from None
        finally:
            if self._connection is not None and self._connection.is_closed():
                self._connection = None

    async def _connect(self, driver: Any) -> Any:
        try:
            parts = urlsplit(self._way.address)
            port, database = parts.port or PORT, unquote(parts.path.removeprefix("/"))
        except ValueError:
            parts, port, database = urlsplit(""), PORT, ""
        if parts.scheme not in SCHEMES or parts.username is not None or parts.query or "/" in database or not database:
            raise Trouble(Why.ODD, "address: postgresql://HOST:PORT/DATABASE is needed")
        if not self._way.user:
            raise Trouble(Why.REFUSED, "user: the role that may write there is needed")
        lost: Exception | None = None
        for host in await self._net.addresses():
            try:
                return await driver.connect(
                    host=host,
                    port=port,
                    database=database,
                    user=self._way.user,
                    password=self._secrets.get("password", ""),
                    ssl="prefer" if self._way.at_home else _named(self._net.tls(), self._net.host),
                    timeout=CONNECT_S_MAX,
                    command_timeout=TOTAL_S_MAX,
                    target_session_attrs="any",
                    statement_cache_size=0,  # a pooler between us and it may give each transaction to another session
                    server_settings={"application_name": "releve"},
                )
            except ssl.SSLError:
                raise
            except OSError as error:
                lost = error
        assert lost is not None
        raise lost

    async def _look(self, connection: Any) -> None:
        await connection.fetch(IDS, self._home.grant)
        await connection.fetch("SELECT at, until, value, period FROM releve.readings LIMIT 0")

    async def _replace(self, connection: Any, puts: Sequence["_Put"]) -> None:
        async with connection.transaction():
            every = {series.key: series for put in puts for series in put.parcel.series}
            words = [(one.key, one.medium, one.quantity, one.unit, one.kind) for one in every.values()]
            if words:
                await connection.execute(SERIES, self._home.grant, *map(list, zip(*words, strict=True)))
            ids = dict(await connection.fetch(IDS, self._home.grant))
            for put in puts:
                start, end = _time(put.parcel.start), _time(put.parcel.end)
                await connection.execute(CLEAR, self._home.grant, start, end)
                rows = [
                    (ids[key], _time(at), until and _time(until), Decimal(value)) for key, at, until, value in put.rows
                ]
                if rows:
                    await connection.execute(READINGS, *map(list, zip(*rows, strict=True)), start)


class _Put:
    """A parcel, its rows, and what the ledger says of them once they are there."""

    def __init__(self, parcel: Parcel, grant: str) -> None:
        self.parcel = parcel
        self.rows = [row for series in parcel.series for row in _rows(series, parcel)]
        said = json.dumps([grant, self.rows], separators=(",", ":")).encode()
        held = str(len(self.rows) or "")
        self.done = Put(held, len(said) if held else 0, hashlib.sha256(said).hexdigest(), "committed")


def _rows(series: Series, parcel: Parcel) -> Iterator[tuple[str, int, int | None, str]]:
    """Series, from, until, figure; that of an index at the period's end included."""
    until = series.until or (None,) * len(series.at)
    for at, end, value in zip(series.at, until, series.value, strict=True):
        if value is not None and parcel.start <= at <= parcel.end:
            yield series.key, at, end, value


def _time(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


class Messages:
    """Looks at a server's bytes before the library does.

    It takes a length below nought, or a message without a letter, for one that it has not read yet: it reads the same again for
    ever, or what lies before the buffer, and holds the interpreter meanwhile. Nor does it have a bound on what it keeps.
    """

    def __init__(self) -> None:
        self.heard_bytes = 0
        self.odd = False
        self._head = b""
        self._left_bytes = 0

    def feed(self, data: bytes) -> bool:
        """Whether they go on with messages as PostgreSQL has them, in pieces of any size; once they do not, never again."""
        self.heard_bytes += len(data)
        self.odd = self.odd or self.heard_bytes > ANSWER_BYTES_MAX
        at = 0
        while at < len(data) and not self.odd:
            if self._left_bytes:
                passed = min(self._left_bytes, len(data) - at)
                self._left_bytes -= passed
                at += passed
                continue
            taken = data[at : at + HEAD_BYTES - len(self._head)]
            self._head += taken
            at += len(taken)
            if len(self._head) == HEAD_BYTES:
                letter, length = struct.unpack("!ci", self._head)
                self.odd = not letter.isalnum() or not LENGTH_MIN <= length <= ANSWER_BYTES_MAX
                self._left_bytes, self._head = length - LENGTH_MIN, b""
        return not self.odd


def _driver() -> Any:
    """The library, loaded by a home that has such a target, and made to look first. It has no place of its own for that."""
    try:
        driver = importlib.import_module("asyncpg")
    except ImportError:
        raise Trouble(Why.ODD, "the package asyncpg is missing: there is none for 32-bit systems") from None
    protocol: Any = driver.protocol
    if not hasattr(protocol.Protocol, "messages"):
        protocol.Protocol = _looking(protocol.Protocol)
    return driver


def _looking(protocol: Any) -> Any:
    class Looking(protocol):  # type: ignore[misc] # it has no types
        messages: Messages

        def __init__(self, address: Any, connected: "asyncio.Future[None]", *more: Any) -> None:
            super().__init__(address, connected, *more)
            self.messages = Messages()
            self._connected = connected

        def data_received(self, data: bytes) -> None:
            if self.messages.feed(data):
                super().data_received(data)
                return
            if not self._connected.done():
                self._connected.set_exception(BufferError(NONE_OF_ITS))
            self.abort()

    return Looking


def _named(context: ssl.SSLContext, name: str) -> ssl.SSLContext:
    """Have the certificate be that of `name`, whatever address is connected to: asyncpg would ask for the address's."""
    wrap = context.wrap_bio

    def wrap_named(
        incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, server_side: bool = False, server_hostname: str | None = None
    ) -> ssl.SSLObject:
        return wrap(incoming, outgoing, server_side, name)

    context.wrap_bio = wrap_named  # type: ignore[assignment,method-assign] # as asyncio calls it
    return context


def _refusal(error: Any) -> Trouble:
    code = str(error.sqlstate or "")
    if code.startswith(NO_TABLES):
        return Trouble(Why.ODD, f"{code}: the tables of docs/postgresql.sql are not there")
    why = next((why for begins, why in WHY if code.startswith(begins)), Why.ODD)
    return Trouble(why, f"{code}: {_short(error)}")


def _short(said: object) -> str:
    return "".join(filter(str.isprintable, str(said)))[:ERROR_CHARACTERS_MAX]
