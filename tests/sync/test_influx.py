"""Lines as InfluxDB reads them, both of its interfaces, and what may stand where it is expected."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from gateway.way import Form, Kind, Way
from sync.model import Parcel, Piece, Series, Trouble, Why
from sync.net import Net
from sync.targets import influx
from tests.answering import HOSTILE, Asked, answering, hostile, saying
from tests.parcels import GRANT, House, day, revised

WORD = "korrekt horse"


def way(url: str, query: str = "?db=releve", user: str = "box") -> Way:
    return Way(Kind.INFLUX, url + query, user, Form.ROWS, at_home=True)


def made(net: Net, there: Way, secrets: Mapping[str, str] | None = None) -> influx.Influx:
    return influx.Influx(there, {"password": WORD} if secrets is None else secrets, House(), net)


def friendly(asked: Asked) -> web.Response:
    if asked.path.endswith("/query"):
        return web.json_response({"results": [{"statement_id": 0}]})
    return web.Response(status=204)


def one(key: str, value: str = "1.5") -> Parcel:
    series = Series(key, "A", "water", "volume", "L", "index", (0,), (), (value,))
    return Parcel("1970-01-01T00", 0, 3600, "raw", 0, (series,))


def read(line: str) -> tuple[dict[str, str], dict[str, str], str]:
    """Measurement and tags, fields, time of a line (line protocol, "Special characters")."""
    parts = re.split(r"(?<!\\) ", line.removesuffix("\n"))
    head, fields, at = parts
    measurement, *tags = re.split(r"(?<!\\),", head)

    def pairs(texts: list[str]) -> dict[str, str]:
        split = (re.split(r"(?<!\\)=", text) for text in texts)
        return {name: re.sub(r"\\([,= ])", r"\1", value) for name, value in split}

    return {"": measurement, **pairs(tags)}, pairs([fields]), at


def test_a_line_is_a_figure_with_its_labels() -> None:
    assert list(influx.lines(one("eau:volume:0", "1500"), GRANT)) == [
        b"releve_volume,grant=0123456789abcdef,medium=water,series=eau:volume:0 cubic_meters_total=1.5 0\n"
    ]


@given(st.text(min_size=1), st.text(min_size=1))
def test_whatever_a_series_is_called_it_is_one_line_and_no_other_series(first: str, second: str) -> None:
    found = []
    for key in (first, second):
        (line,) = influx.lines(one(key), GRANT)
        assert line.count(b"\n") == 1
        text = line.decode("utf-8", "surrogatepass")
        head, fields, at = read(text)
        assert head.keys() == {"", "grant", "medium", "series"}
        assert (fields, at) == ({"cubic_meters_total": "0.0015"}, "0")
        found.append(head["series"])
    assert (found[0] == found[1]) is (first == second)


async def test_the_older_interface_is_asked_with_user_and_password() -> None:
    async with answering(friendly) as there, Net("127.0.0.1", at_home=True) as net:
        target = made(net, way(there.url + "/influx/", "?db=releve&rp=long"))
        await target.open()
        (put,) = await target.put([day()])
        await target.erase([Piece("2025-01-01", 0, 1, put.held)])
    checked, taken, wrote, erased = there.asked
    assert [each.path for each in there.asked] == ["/influx/query", "/influx/query", "/influx/write", "/influx/query"]
    assert {each.headers["Authorization"] for each in there.asked} == {"Basic Ym94OmtvcnJla3QgaG9yc2U="}
    assert wrote.query == {"db": "releve", "rp": "long", "precision": "s"}
    assert checked.query == {"db": "releve"}
    assert b"time+%3E%3D+1735689600s+AND+time+%3C+1735776000s" in taken.body
    assert b"time" not in erased.body
    assert (put.bytes, put.held) == (len(wrote.body), "244")


async def test_the_newer_interface_is_asked_with_a_token() -> None:
    async with answering(friendly) as there, Net("127.0.0.1", at_home=True) as net:
        target = made(net, way(there.url, "/api/v2/write?bucket=b&org=o", user=""), {"token": WORD})
        (put,) = await target.put([revised(day(), (await target.put([day()]))[0], s1_at48=None)])
        await target.erase([Piece("2025-01-01", 0, 1, put.held)])
    taken, wrote, _, bound, _, erased = there.asked
    assert {each.headers["Authorization"] for each in there.asked} == {f"Token {WORD}"}
    assert wrote.path == "/api/v2/write"
    assert wrote.query == {"bucket": "b", "org": "o", "precision": "s"}
    assert taken.path == "/api/v2/delete"
    assert json.loads(taken.body) == {
        "start": "2025-01-01T00:00:00.000000000Z",
        "stop": "2025-01-01T23:59:59.999999999Z",
        "predicate": f'grant="{GRANT}"',
    }
    assert json.loads(bound.body) == {
        "start": "2025-01-02T00:00:00.000000000Z",
        "stop": "2025-01-02T00:00:00.999999999Z",
        "predicate": f'grant="{GRANT}" AND series="eau:volume:0"',
    }
    assert json.loads(erased.body)["predicate"] == f'grant="{GRANT}"'


async def test_many_parcels_go_in_bounded_bodies_and_each_is_answered() -> None:
    days = [day(number) for number in range(60)]
    async with answering(friendly) as there, Net("127.0.0.1", at_home=True) as net:
        puts = await made(net, way(there.url)).put(days)
    bodies = [each.body for each in there.asked if each.path == "/write"]
    assert len(bodies) > 1
    assert max(map(len, bodies)) <= influx.BODY_BYTES_MAX
    assert b"".join(bodies) == b"".join(line for each in days for line in influx.lines(each, GRANT))
    assert [each.held for each in puts] == ["244"] * 60
    assert sum(each.bytes for each in puts) == sum(map(len, bodies))
    assert len([each for each in there.asked if each.path == "/query"]) == 1  # one span


async def test_days_apart_leave_the_days_between_alone() -> None:
    async with answering(friendly) as there, Net("127.0.0.1", at_home=True) as net:
        await made(net, way(there.url)).put([day(0), day(2), day(3)])
    assert len([each for each in there.asked if each.path == "/query"]) == 2


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("query", ["?db=releve", "?bucket=b&org=o"])
async def test_what_is_no_influxdb_is_never_sent_a_figure(name: str, query: str) -> None:
    async with answering(lambda _: hostile(name)) as there, Net("127.0.0.1", at_home=True) as net:
        target = made(net, way(there.url, query))
        with pytest.raises(Trouble) as caught:
            await target.open()
        with pytest.raises(Trouble):
            await target.put([day()])
    assert WORD not in str(caught.value)
    assert not [each for each in there.asked if each.path.endswith("write")]


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_does_not_take_a_figure_is_never_thanked(name: str) -> None:
    def reply(asked: Asked) -> web.Response:
        return hostile(name) if asked.path == "/write" else friendly(asked)

    async with answering(reply) as there, Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble):
            await made(net, way(there.url)).put([day()])


async def test_a_server_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    drip = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"
    async with saying(drip, ends=False) as url, Net("127.0.0.1", at_home=True) as net:
        ask = net.ask
        monkeypatch.setattr(net, "ask", lambda *args, **more: ask(*args, **more, total_s=0.1))
        with pytest.raises(Trouble) as caught:
            await asyncio.wait_for(made(net, way(url)).open(), 5)
    assert caught.value.why is Why.UNREACHABLE


async def test_victoriametrics_which_takes_nothing_back_by_time_is_told_apart() -> None:
    def victoria(asked: Asked) -> web.Response:
        databases = {"name": "databases", "columns": ["name"], "values": [["_internal"]]}
        return web.json_response({"results": [{"statement_id": 0, "series": [databases]}]})

    async with answering(victoria) as there, Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="VictoriaMetrics is `prometheus`"):
            await made(net, way(there.url)).open()


async def test_the_servers_own_reason_is_told() -> None:
    def reply(asked: Asked) -> web.Response:
        if asked.path == "/write":
            return web.json_response({"error": "partial write: points beyond retention policy\n dropped=1"}, status=400)
        return friendly(asked)

    async with answering(reply) as there, Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="beyond retention policy dropped=1"):
            await made(net, way(there.url)).put([day()])


@pytest.mark.parametrize(
    "query", ["", "/", "?db=a&bucket=b&org=o", "?bucket=b", "?db=a&u=root&p=word", "?org=o", "?db=a&precision=ns"]
)
async def test_an_address_without_a_place_is_one_sentence(query: str) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="address: it ends with"):
            await made(net, way("http://127.0.0.1:1", query)).open()


async def test_a_user_that_no_login_can_say_is_one_sentence() -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="user: no colon"):
            await made(net, replace(way("http://127.0.0.1:1"), user="a:b")).open()
