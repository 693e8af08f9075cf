"""What VictoriaMetrics is asked, and what may stand where it is expected."""

import json
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from gateway.way import Form, Kind, Way
from sync.model import Piece, Trouble, Why
from sync.net import Net
from sync.targets.prometheus import Prometheus
from tests.answering import HOSTILE, Asked, answering, hostile
from tests.parcels import GRANT, House, day
from tests.sync.test_remote_write import read

WORD = "korrekt horse"
OF_NONE = '{grant="0123456789abcdef",period=~"none"}'


def way(url: str, path: str = "/api/v1/write", user: str = "box") -> Way:
    return Way(Kind.PROMETHEUS, url + path, user, Form.ROWS, at_home=True)


def made(net: Net, there: Way, **secrets: str) -> Prometheus:
    return Prometheus(there, secrets or {"password": WORD}, House(), net, pause_s=0)


def exported(body: bytes = b"") -> web.Response:
    return web.Response(body=body, headers={"Content-Type": "application/stream+json; charset=utf-8"})


class Keeps:
    """Answers as VictoriaMetrics does, and exports what it was sent."""

    def __init__(self) -> None:
        self.body = b""

    def __call__(self, asked: Asked) -> web.Response:
        if asked.path.endswith("/export"):
            return exported(self.body)
        if asked.path.endswith("/force_flush"):
            return web.Response()
        if asked.path.endswith("/write"):
            self.body = b"\n".join(
                json.dumps(
                    {
                        "metric": dict(labels),
                        "timestamps": [at for at, _ in samples],
                        "values": [value for _, value in samples],
                    }
                ).encode()
                for labels, samples in read(asked.body)
            )
        return web.Response(status=204)


async def test_each_question_is_of_this_grant_alone() -> None:
    async with answering(Keeps()) as there, Net("127.0.0.1", at_home=True) as net:
        target = made(net, way(there.url, "/victoria/api/v1/write"))
        await target.open()
        (put,) = await target.put([day()])
        await target.erase([Piece("2025-01-01", 0, 1, put.held)])
    asked = [each for each in there.asked if not each.path.endswith("force_flush")]
    assert [each.path.removeprefix("/victoria/api/v1/") for each in asked] == [
        *("export", "admin/tsdb/delete_series", "export", "write", "export", "admin/tsdb/delete_series")
    ]
    matches = [parse_qs(each.body.decode())["match[]"][0] for each in asked if not each.path.endswith("write")]
    of_day = '{grant="0123456789abcdef",period=~"2025-01-01"}'
    assert matches == [OF_NONE, OF_NONE, of_day, of_day, '{grant="0123456789abcdef"}']
    assert {each.headers["Authorization"] for each in there.asked} == {"Basic Ym94OmtvcnJla3QgaG9yc2U="}
    (wrote,) = (each for each in asked if each.path.endswith("write"))
    assert wrote.headers["Content-Encoding"] == "snappy"
    assert len(read(wrote.body)) == 5
    assert dict(read(wrote.body)[0][0]) == {
        "__name__": "releve_energy_joules_total",
        "grant": GRANT,
        "medium": "electricity",
        "period": "2025-01-01",
        "series": "maison:EAST:0",
    }


async def test_a_token_is_borne() -> None:
    async with answering(Keeps()) as there, Net("127.0.0.1", at_home=True) as net:
        await made(net, way(there.url, "", user=""), token=WORD).open()
    assert {each.headers["Authorization"] for each in there.asked} == {f"Bearer {WORD}"}


async def test_what_lies_twice_is_taken_away_and_written_once() -> None:
    keeps = Keeps()
    async with answering(keeps) as there, Net("127.0.0.1", at_home=True) as net:
        target = made(net, way(there.url))
        await target.put([day()])
        keeps.body += b"\n" + keeps.body.splitlines()[0].replace(b"[17", b"[1735689600000, 17").replace(
            b'"values": [', b'"values": [1.0, '
        )
        del there.asked[:]
        await target.put([day()])
    assert [each.path.rpartition("/")[2] for each in there.asked if "flush" not in each.path] == [
        *("export", "delete_series", "write", "export")
    ]


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_is_no_victoriametrics_is_never_sent_a_figure(name: str) -> None:
    async with answering(lambda _: hostile(name)) as there, Net("127.0.0.1", at_home=True) as net:
        target = made(net, way(there.url))
        with pytest.raises(Trouble) as caught:
            await target.open()
        with pytest.raises(Trouble):
            await target.put([day()])
    assert WORD not in str(caught.value)
    assert not [each for each in there.asked if each.path.endswith("write")]


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_does_not_take_a_figure_is_never_thanked(name: str) -> None:
    keeps = Keeps()

    def reply(asked: Asked) -> web.Response:
        return hostile(name) if asked.path.endswith("/write") else keeps(asked)

    async with answering(reply) as there, Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble):
            await made(net, way(there.url)).put([day()])


ODD_EXPORTS = {
    "text": b"no json",
    "no metric": b"{}",
    "no period": b'{"metric":{"__name__":"a","series":"b"},"timestamps":[],"values":[]}',
    "unlike lengths": b'{"metric":{"__name__":"a","series":"b","period":"p"},"timestamps":[1],"values":[]}',
    "no numbers": b'{"metric":{"__name__":"a","series":"b","period":"p"},"timestamps":["x"],"values":[1]}',
    "a list": b"[1]",
    "infinite": b'{"metric":{"__name__":"a","series":"b","period":"p"},"timestamps":[1e999],"values":[1]}',
    "in depth": b"[" * 100_000,
}


@pytest.mark.parametrize("name", ODD_EXPORTS)
async def test_an_export_that_is_none_is_one_sentence(name: str) -> None:
    keeps = Keeps()
    keeps.body = ODD_EXPORTS[name]
    async with answering(keeps) as there, Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="export: an answer that is none") as caught:
            await made(net, way(there.url)).put([day()])
    assert caught.value.why is Why.ODD


@pytest.mark.parametrize("what", ["drops", "keeps what it was to take back"])
async def test_one_that_thanks_and_does_it_not_is_not_believed(what: str) -> None:
    keeps = Keeps()
    left = b'{"metric":{"__name__":"releve_x","series":"gone","period":"2025-01-01"},"timestamps":[1],"values":[1]}'

    def reply(asked: Asked) -> web.Response:
        return exported(left if what != "drops" else b"") if asked.path.endswith("/export") else keeps(asked)

    async with answering(reply) as there, Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="not afterwards what was sent"):
            await made(net, way(there.url)).put([day()])


@pytest.mark.parametrize(
    ("address", "user", "said"),
    [("/api/v1/write?token=x", "box", "nothing behind it"), ("/api/v1/write", "a:b", "no colon")],
)
async def test_what_cannot_be_asked_is_one_sentence(address: str, user: str, said: str) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match=said):
            await made(net, way("http://127.0.0.1:1", address, user)).open()
