"""What may stand where a PostgreSQL is expected, and what a home without the library is told."""

import asyncio
import struct
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.way import Form, Kind, Way
from sync.model import Trouble, Why
from sync.net import Net
from sync.targets import postgresql
from sync.targets.postgresql import PostgreSQL
from tests.answering import saying
from tests.parcels import House, day

WORD = "korrekt horse"


def made(net: Net, url: str, path: str = "/releve", user: str = "box", *, at_home: bool = True) -> PostgreSQL:
    there = Way(Kind.POSTGRESQL, url.replace("http:", "postgresql:") + path, user, Form.ROWS, at_home=at_home)
    return PostgreSQL(there, {"password": WORD}, House(), net)


def message(kind: bytes, body: bytes) -> bytes:
    """PostgreSQL 15, 55.7: a letter, the length with itself, the body."""
    return kind + struct.pack("!I", len(body) + 4) + body


def error(code: bytes, text: bytes) -> bytes:
    return message(b"E", b"SFATAL\0VFATAL\0C" + code + b"\0M" + text + b"\0\0")


async def trouble(answer: bytes, *, ends: bool = True) -> Trouble:
    async with (
        saying(*([b"N", answer[1:]] if answer[:1] == b"N" else [answer]), ends=ends) as url,
        Net("127.0.0.1", at_home=True) as net,
    ):
        target = made(net, url)
        with pytest.raises(Trouble) as caught:
            await asyncio.wait_for(target.open(), 10)
        await target.close()
    assert WORD not in str(caught.value)
    return caught.value


# Each begins with what is answered to the question for TLS: N, no (55.2.11).
HOSTILE = {
    "nothing": b"",
    "a page": b"HTTP/1.1 400 Bad Request\r\n\r\n<html>",
    "no tls, and silence": b"N",
    "an unknown way to log in": b"N" + message(b"R", struct.pack("!I", 99)),
    "kerberos": b"N" + message(b"R", struct.pack("!I", 7)),
    "a message without end": b"N" + b"R" + struct.pack("!I", 2**31 - 1) + b"x" * 100,
    "a message shorter than its length": b"N" + b"R" + struct.pack("!I", 0),
    "a login that is none": b"N"
    + message(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0")
    + message(b"R", b"\0\0\0\x0bx"),
    "ready and no more": b"N" + message(b"R", struct.pack("!I", 0)) + message(b"Z", b"I"),
    "letters of no message": b"N" + message(b"~", b"~" * 40),
    "an error without words": b"N" + message(b"E", b"\0"),
    "an error that is none": b"N" + message(b"E", b"SFATAL"),
    "a length below nought": b"N" + b"R" + struct.pack("!i", -8),
    "no letter": b"N" + bytes(40),
}
# What is said once it let us in: to the login, to a first statement, and to its being run.
LOGIN = [
    b"N",
    message(b"R", struct.pack("!I", 0))
    + message(b"S", b"server_version\00015.0\0")
    + message(b"K", struct.pack("!II", 1, 1))
    + message(b"Z", b"I"),
    message(b"1", b"")
    + message(b"t", struct.pack("!HI", 1, 25))
    + message(b"T", struct.pack("!H", 1) + b"x\0" + struct.pack("!IHIhih", 0, 0, 25, -1, -1, 0)),
]
ROW = message(b"D", struct.pack("!HI", 1, 1000) + b"x" * 1000)
# Found by trying each letter with each of ten lengths at asyncpg 0.32: these hold it, and the interpreter, for ever.
HOLDING = {
    "of a length below nought": b"R" + struct.pack("!i", -1) + bytes(40),
    "of no length": b"T" + struct.pack("!i", 0) + bytes(40),
    "without a letter": bytes(80),
    "with a letter that is none": message(b"\xff", b"x" * 40),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_is_no_postgresql_is_one_sentence(name: str) -> None:
    assert (await trouble(HOSTILE[name])).why in (Why.UNREACHABLE, Why.ODD, Why.REFUSED)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (b"28P01", Why.REFUSED),
        (b"28000", Why.REFUSED),
        (b"3D000", Why.REFUSED),
        (b"53300", Why.BUSY),
        (b"53100", Why.FULL),
        (b"57P03", Why.BUSY),
        (b"57P01", Why.UNREACHABLE),
        (b"XX000", Why.ODD),
        (b"42P01", Why.ODD),
    ],
)
async def test_each_refusal_has_its_reason(code: bytes, why: Why) -> None:
    assert (await trouble(b"N" + error(code, b"no\n\x1b[2Jmore"))).why is why


@pytest.mark.parametrize("name", HOLDING)
async def test_a_message_that_would_hold_the_library_for_ever_is_one_sentence(name: str) -> None:
    async with (
        saying(*LOGIN, message(b"2", b"") + HOLDING[name], ends=False) as url,
        Net("127.0.0.1", at_home=True) as net,
    ):
        target = made(net, url)
        with pytest.raises(Trouble) as caught:
            await asyncio.wait_for(target.open(), 10)
        await target.close()
    assert caught.value.why is Why.ODD


async def test_rows_without_end_fill_no_memory() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (*LOGIN, message(b"2", b"")):
            await reader.read(65_536)
            writer.write(answer)
        try:
            for _ in range(1000):
                writer.write(ROW * 60)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    tracemalloc.start()
    try:
        async with server, Net("127.0.0.1", at_home=True) as net:
            target = made(net, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            with pytest.raises(Trouble) as caught:
                await asyncio.wait_for(target.open(), 15)
            peak = tracemalloc.get_traced_memory()[1]
            await target.close()
    finally:
        tracemalloc.stop()
    assert caught.value.why is Why.ODD
    assert peak < 5 * postgresql.ANSWER_BYTES_MAX


WHOLE = st.lists(st.tuples(st.sampled_from(b"RSKZ123tTDCEn"), st.binary(max_size=30)), max_size=12)


def fed(stream: bytes, cuts: list[int]) -> bool:
    """Whether a stream in these pieces is taken."""
    messages = postgresql.Messages()
    at = 0
    for cut in [*cuts, len(stream)]:
        if not messages.feed(stream[at : at + cut]):
            return False
        at += cut
    return True


@given(WHOLE, st.lists(st.integers(1, 20), max_size=60))
def test_whole_messages_in_pieces_of_any_size_pass(every: list[tuple[int, bytes]], cuts: list[int]) -> None:
    assert fed(b"".join(message(bytes([letter]), body) for letter, body in every), cuts)


@given(WHOLE, st.integers(-(2**31), 3), st.binary(max_size=20), st.lists(st.integers(1, 20), max_size=60))
def test_a_length_that_is_none_never_passes(
    every: list[tuple[int, bytes]], length: int, rest: bytes, cuts: list[int]
) -> None:
    whole = b"".join(message(bytes([letter]), body) for letter, body in every)
    assert not fed(whole + b"D" + struct.pack("!i", length) + rest, cuts)


async def test_a_server_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "TOTAL_S_MAX", 0.2)
    assert (await trouble(b"N" + b"R\0\0", ends=False)).why is Why.UNREACHABLE


@pytest.mark.parametrize("path", ["", "/", "/a/b", "/releve?sslmode=disable", "/releve?host=192.0.2.1"])
async def test_an_address_that_is_none_is_one_sentence(path: str) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="address: postgresql://HOST:PORT/DATABASE"):
            await made(net, "http://127.0.0.1:1", path).open()


async def test_a_password_in_the_address_is_not_taken() -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="is needed") as caught:
            await made(net, f"http://box:{WORD}@127.0.0.1:1").open()
    assert WORD not in str(caught.value)


async def test_where_the_library_is_missing_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    async with Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="32-bit"):
            await made(net, "http://127.0.0.1:1").open()


async def test_an_address_at_home_is_refused_where_the_grant_does_not_say_so() -> None:
    async with Net("127.0.0.1", at_home=False) as net:
        with pytest.raises(Trouble) as caught:
            await made(net, "http://127.0.0.1:1", at_home=False).open()
    assert caught.value.why is Why.FORBIDDEN


def test_what_the_ledger_says_of_a_parcel_changes_with_each_figure() -> None:
    one, other = postgresql._Put(day(0), "a").done, postgresql._Put(day(1), "a").done
    assert (one.held, one.answer) == ("244", "committed")
    assert one.sha256 != other.sha256
    assert one.bytes > 244 * 20


def test_a_mean_has_its_end_and_an_index_none() -> None:
    parcel = day()
    assert list(postgresql._rows(day().series[0], parcel))[-1][1:3] == (parcel.end, None)
    *_, (_, at, until, _) = postgresql._rows(parcel.series[4], parcel)
    assert (at, until) == (parcel.end - 1800, parcel.end)
