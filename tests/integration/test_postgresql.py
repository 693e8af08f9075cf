"""Debian's PostgreSQL holds of each period just what was put last, and no box sees or touches another's rows."""

import asyncio
import shutil
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.way import Form, Kind, Way
from sync.model import Lies, Parcel, Piece, Put, Thing, Trouble, Why
from sync.net import Net
from sync.targets import postgresql
from tests.authority import authority
from tests.integration.databases import PostgresServer
from tests.parcels import GRANT, OTHER_GRANT, House, day, revised

pytestmark = pytest.mark.timeout(120)
NOTHING = Put("", 0, "", "")
Rows = dict[tuple[str, str, int], tuple[str, str]]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not one of pytest's: each run that begins shuts those to all but root."""
    with tempfile.TemporaryDirectory(prefix="releve-postgresql-") as made:
        yield Path(made)


@pytest.fixture
def server(folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(folder)
    try:
        server.found()
        yield server
    finally:
        server.kill()


def way(server: PostgresServer, user: str = "box_0001", *, at_home: bool = True) -> Way:
    return Way(Kind.POSTGRESQL, f"postgresql://127.0.0.1:{server.port}/releve", user, Form.ROWS, at_home=at_home)


async def put(
    server: PostgresServer, parcels: Sequence[Parcel], grant: str = GRANT, user: str = "box_0001"
) -> list[Put]:
    async with Net("127.0.0.1", at_home=True) as net:
        target = postgresql.make(way(server, user), {"password": server.password}, House(grant), net)
        try:
            await target.open()
            return await target.put(parcels)
        finally:
            await target.close()


async def look(server: PostgresServer, grant: str = GRANT) -> Lies | None:
    async with Net("127.0.0.1", at_home=True) as net:
        target = postgresql.make(way(server), {"password": server.password}, House(grant), net)
        try:
            await target.open()
            return await target.look()
        finally:
            await target.close()


async def erase(server: PostgresServer) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        target = postgresql.make(way(server), {"password": server.password}, House(), net)
        await target.open()
        await target.erase([Piece("2025-01-01", 0, 1, "1")])
        await target.leave()
        await target.close()


def rows(server: PostgresServer) -> Rows:
    said = server.ask("""
        SELECT grant_id, series, extract(epoch FROM at)::bigint, extract(epoch FROM until)::bigint, value
        FROM releve.readings JOIN releve.series ON id = series_id
    """)
    found = {(grant, series, int(at)): (until, value) for grant, series, at, until, value in said}
    assert len(found) == len(said)
    return found


def wanted(*parcels: Parcel, grant: str = GRANT) -> Rows:
    """Parcels in order: a moment is said by the period that begins with it."""
    found: Rows = {}
    for parcel in parcels:
        found = {key: row for key, row in found.items() if key[2] < parcel.start}
        for one in parcel.series:
            until = one.until or ("",) * len(one.at)
            for at, end, value in zip(one.at, until, one.value, strict=True):
                if value is not None:
                    found[grant, one.key, at] = str(end), value
    return found


async def test_what_was_put_twice_is_there_once_to_the_last_digit(server: PostgresServer) -> None:
    days = [day(number) for number in range(3)]
    await put(server, days)
    puts = await put(server, days)
    assert rows(server) == wanted(*days)
    assert len(rows(server)) == sum(one.values for one in days) + 4  # the four indexes at the end of the last day
    assert [one.held for one in puts] == ["244"] * 3


async def test_a_revision_changes_and_takes_away_and_leaves_the_days_beside_it(server: PostgresServer) -> None:
    before, between, after = (day(number) for number in range(3))
    _, first, _ = await put(server, [before, between, after])
    between = revised(between, first, s0_at0="7", s1_at5=None, s4_at47=None, s0_at48=None, without=2)
    (second,) = await put(server, [between])
    assert rows(server) == {**wanted(before, between, after)}
    (third,) = await put(server, [replace(between, revision=2, series=(), held=second.held)])
    assert (third.held, third.bytes) == ("", 0)
    assert rows(server) == wanted(before, replace(between, series=()), after)


async def test_a_last_bound_that_is_no_longer_known_goes(server: PostgresServer) -> None:
    (first,) = await put(server, [day()])
    gone = revised(day(), first, s0_at48=None)
    await put(server, [gone])
    assert rows(server) == wanted(gone)


async def test_erase_takes_all_of_the_grant_and_nothing_of_another(server: PostgresServer) -> None:
    await put(server, [day()], OTHER_GRANT)
    await put(server, [day()], user="box_0002")  # the same grant, of a house that was copied
    await put(server, [day()])
    await erase(server)
    await erase(server)
    assert rows(server) == {**wanted(day(), grant=OTHER_GRANT), **wanted(day())}
    roles = server.ask("SELECT DISTINCT role, grant_id FROM releve.series ORDER BY 1")
    assert roles == [["box_0001", OTHER_GRANT], ["box_0002", GRANT]]
    assert server.ask("SELECT count(*) FROM releve.readings") == [["488"]]


async def test_a_server_killed_in_the_middle_holds_all_of_it_once_after_another_try(server: PostgresServer) -> None:
    days = [day(number) for number in range(200)]
    await put(server, days[:10])
    putting = asyncio.create_task(put(server, days))
    active = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'box_0001' AND query LIKE '%INSERT INTO releve.readings%'"
    while await asyncio.to_thread(server.ask, active) == [["0"]]:
        await asyncio.sleep(0)
    server.kill()
    with pytest.raises(Trouble) as caught:
        await putting
    assert caught.value.why is Why.UNREACHABLE
    await asyncio.sleep(0.5)
    server.start()
    server.wait()
    assert rows(server) == wanted(*days[:10])  # all or nothing
    await put(server, days)
    assert rows(server) == wanted(*days)


async def test_one_that_was_cut_before_it_heard_the_answer_leaves_nothing_behind(server: PostgresServer) -> None:
    await put(server, [day()])
    changed = replace(revised(day(), NOTHING, s0_at3=None, s4_at9="1"), revision=0, held=None)
    await put(server, [changed])
    assert rows(server) == wanted(changed)


async def test_a_connection_that_was_ended_there_is_opened_anew(server: PostgresServer) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        target = postgresql.make(way(server), {"password": server.password}, House(), net)
        await target.open()
        server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'box_0001'")
        with pytest.raises(Trouble) as caught:
            await target.put([day()])
        assert caught.value.why is Why.UNREACHABLE
        await target.put([day()])
        await target.close()
    assert rows(server) == wanted(day())


FORBIDDEN = {
    "read figures": ("SELECT count(*) FROM releve.readings", "0"),
    "read series": ("SELECT count(*) FROM releve.series", "0"),
    "change": ("UPDATE releve.series SET medium = 'gas'; SELECT 0", "0"),
    "delete figures": ("DELETE FROM releve.readings; SELECT 0", "0"),
    "delete series": ("DELETE FROM releve.series; SELECT 0", "0"),
    "as the group": ("SET ROLE releve_box; SELECT count(*) FROM releve.readings", "0"),
}
REFUSED = {
    "figures of another": (
        "INSERT INTO releve.readings VALUES (1, 'epoch', NULL, 1, 'epoch')",
        "row-level security",
    ),
    "figures of another, beside": (
        "INSERT INTO releve.readings SELECT 1, at, NULL, 1, at FROM generate_series(now(), now(), '1 s') AS at"
        " ON CONFLICT DO NOTHING",
        "row-level security",
    ),
    "a series in another's name": (
        "INSERT INTO releve.series (role, grant_id, series, medium, quantity, unit, kind)"
        " VALUES ('box_0001', 'a', 'b', 'c', 'd', 'e', 'level')",
        "permission denied",
    ),
    "its name changed": ("UPDATE releve.series SET role = 'box_0001'", "permission denied"),
    "figures changed": ("UPDATE releve.readings SET value = 0", "permission denied"),
    "all of it": ("TRUNCATE releve.readings", "permission denied"),
    "the rule": ("ALTER TABLE releve.readings DISABLE ROW LEVEL SECURITY", "must be owner"),
    "the rule for a while": ("SET row_security = off; SELECT * FROM releve.readings", "row-level security"),
    "a table": ("CREATE TABLE releve.mine (a int)", "permission denied"),
    "a table elsewhere": ("CREATE TABLE public.mine (a int)", "permission denied"),
    "a function": ("CREATE FUNCTION releve.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "permission denied"),
    "another's role": ("SET ROLE box_0001", "permission denied"),
    "a new role": ("CREATE ROLE mine", "permission denied"),
    "a file": ("COPY releve.series TO '/tmp/releve-series'", "pg_write_server_files"),
}


async def test_a_box_neither_sees_nor_touches_what_another_wrote(server: PostgresServer) -> None:
    await put(server, [day()])
    for what, (sql, said) in FORBIDDEN.items():
        assert server.ask(sql, user="box_0002", password=server.password) == [[said]], what
    for what, (sql, said) in REFUSED.items():
        assert said in server.refusal(sql, "box_0002", server.password), what
    assert rows(server) == wanted(day())
    await put(server, [day()], user="box_0002")
    mine = server.ask("SELECT count(*) FROM releve.readings", user="box_0002", password=server.password)
    assert mine == [["244"]]
    assert server.ask("SELECT count(*) FROM releve.readings") == [["488"]]


@pytest.mark.parametrize(
    ("user", "password", "database", "why", "said"),
    [
        ("box_0001", "wrong", "releve", Why.REFUSED, "28P01"),
        ("nobody", "wrong", "releve", Why.REFUSED, "28P01"),
        ("", "", "releve", Why.REFUSED, "role that may write"),
        ("box_0001", None, "other", Why.REFUSED, "3D000"),
        ("box_0001", None, "postgres", Why.ODD, "docs/postgresql.sql"),
    ],
)
async def test_a_wrong_login_or_place_is_one_sentence(
    server: PostgresServer, user: str, password: str | None, database: str, why: Why, said: str
) -> None:
    there = replace(way(server, user), address=f"postgresql://127.0.0.1:{server.port}/{database}")
    async with Net("127.0.0.1", at_home=True) as net:
        secrets = {"password": server.password if password is None else password}
        target = postgresql.make(there, secrets, House(), net)
        with pytest.raises(Trouble, match=said) as caught:
            await target.open()
        await target.close()
    assert caught.value.why is why
    assert server.password not in str(caught.value)


async def test_a_role_whose_rights_were_taken_is_refused(server: PostgresServer) -> None:
    server.ask("REVOKE releve_box FROM box_0001")
    with pytest.raises(Trouble, match="42501") as caught:
        await put(server, [day()])
    assert caught.value.why is Why.REFUSED


class There(Net):
    """A host of the world, as far as the target can tell, that is on this machine."""

    def __init__(self, host: str, ca: Path | None) -> None:
        super().__init__(host, at_home=False)
        self._pinned = ("127.0.0.1",)
        self._ca = ca

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._ca)


@pytest.mark.parametrize(
    ("name", "trusted", "why"),
    [
        ("db.example", True, None),
        ("other.example", True, Why.CERTIFICATE),
        ("db.example", False, Why.CERTIFICATE),
    ],
)
async def test_away_from_home_its_certificate_must_be_that_of_its_name(
    tmp_path: Path, folder: Path, name: str, trusted: bool, why: Why | None
) -> None:
    signed = authority(tmp_path, "db", "db.example")
    server = PostgresServer(folder / "server")
    server.folder.mkdir()
    server.more = f"ssl = on\nssl_cert_file = '{server.folder}/cert'\nssl_key_file = '{server.folder}/key'\n"
    for path, to in ((signed.certificate, "cert"), (signed.key, "key")):
        shutil.copy(path, server.folder / to)
        shutil.chown(server.folder / to, "postgres")
        (server.folder / to).chmod(0o600)
    try:
        server.found()
        there = Way(Kind.POSTGRESQL, f"postgresql://{name}:{server.port}/releve", "box_0001", Form.ROWS)
        async with There(name, signed.ca if trusted else None) as net:
            target = postgresql.PostgreSQL(there, {"password": server.password}, House(), net)
            if why is None:
                await target.open()
                assert await target._connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            else:
                with pytest.raises(Trouble) as caught:
                    await target.open()
                assert caught.value.why is why
            await target.close()
    finally:
        server.kill()


async def test_away_from_home_one_without_tls_is_not_told_the_password(server: PostgresServer) -> None:
    there = Way(Kind.POSTGRESQL, f"postgresql://db.example:{server.port}/releve", "box_0001", Form.ROWS)
    async with There("db.example", None) as net:
        target = postgresql.make(there, {"password": server.password}, House(), net)
        with pytest.raises(Trouble, match="rejected SSL upgrade"):
            await target.open()


async def test_it_says_itself_what_lies_there_of_this_grant(server: PostgresServer) -> None:
    assert await look(server) == Lies(Thing.FIGURES, 0, 0)
    days = [day(number) for number in range(3)]
    _, put_between, _ = await put(server, days)
    await put(server, [day(5)], OTHER_GRANT)
    assert await look(server) == Lies(Thing.FIGURES, 3 * 240 + 4, 3)
    await put(server, [replace(days[1], revision=1, series=(), held=put_between.held)])
    assert await look(server) == Lies(Thing.FIGURES, 2 * 240 + 4, 2)
    await erase(server)
    assert await look(server) == Lies(Thing.FIGURES, 0, 0)
