"""One Shelly, asked over HTTP on loopback: what it measures, who may read it, and how it fails."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import web

from drivers.model import DecodeError, Frame, Telegram
from drivers.mqtt.message import PAYLOAD_BYTES_MAX
from drivers.talk import Identity
from drivers.thing import Presence, Thing, Unread
from gateway import config, lines
from gateway.config import Port as PortConfig
from gateway.ports.lan import AwayError, at_home, is_at_home
from gateway.ports.shelly import MISSES_MAX, FirstGenerationError, ShellyPort
from gateway.supervise import keep_running
from gateway.trial import Trial, tried
from gateway.views import Listening
from tests.shelly import ID, Shelly

SECRET = "korrekt horse battery"
STATUS = "/rpc/Shelly.GetStatus"
SOON_S = 0.005

Instead = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Sink:
    """Writes down what the port says."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.heard: dict[str, Telegram] = {}
        self.faults: list[str] = []
        self.news = asyncio.Event()

    def opened(self, port: str) -> None:
        self._note("open")

    def identified(self, port: str, identity: Identity) -> None:
        self._note(str(identity))

    def listening(self, port: str, listening: Listening) -> None:
        raise AssertionError(listening)

    def frame(self, port: str, frame: Frame) -> None:
        raise AssertionError(frame)

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        raise AssertionError(read)

    def things(
        self, port: str, read: Callable[[int], Sequence[Thing | Presence | Unread | DecodeError]]
    ) -> Sequence[tuple[str, str]]:
        for item in read(0):
            assert isinstance(item, Thing)
            self.heard[str(item.telegram.address)] = item.telegram
        self._note("things")
        return ()

    def fault(self, port: str, error: DecodeError) -> None:
        self.faults.append(str(error))
        self._note("fault")

    def _note(self, what: str) -> None:
        self.log.append(what)
        self.news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():
                self.news.clear()
                await self.news.wait()


def said(telegram: Telegram) -> dict[str, object]:
    return {reading.register: reading.value for reading in telegram.readings}


@asynccontextmanager
async def asking(port: int, sink: Sink, password: str | None = None) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(ShellyPort("plug", ("127.0.0.1", port), sink, every_s=SOON_S, password=password).run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, OSError):
            await task


async def lost(shelly: Shelly, *, answer_s: float = 5.0, password: str | None = None) -> str:
    """Why the port says that its line is lost, without where."""
    sink = Sink()
    async with shelly.serving() as port:
        run = ShellyPort("plug", ("127.0.0.1", port), sink, every_s=SOON_S, answer_s=answer_s, password=password).run()
        with pytest.raises(OSError, match=f"^127.0.0.1:{port}: ") as met:
            await run
    return str(met.value).removeprefix(f"127.0.0.1:{port}: ")


def saying(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Instead:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers=headers)

    return answer


# -- what it measures -----------------------------------------------------------------------------------------------------
async def test_each_channel_is_a_meter_with_the_index_that_stands_beside_it() -> None:
    sink, shelly = Sink(), Shelly()
    async with shelly.serving() as port, asking(port, sink):
        await sink.until(lambda: len(sink.heard) == 2)
    first, second = (sink.heard[f"thing:shelly/{ID}/em1:{number}"] for number in (0, 1))
    assert said(first)["power"] == Decimal("480.5")
    assert said(first)["import_energy"] == Decimal("1234567.89")
    assert said(first)["export_energy"] == Decimal("12.5")
    assert (said(second)["power"], said(second)["import_energy"]) == (Decimal(0), Decimal(42))
    assert sink.log[:3] == ["open", "Shelly ProEM50", "things"]  # who it is outlives the opening
    assert sink.faults == []


async def test_it_is_asked_again_and_again_and_says_what_is_new() -> None:
    sink, shelly = Sink(), Shelly()
    channel = f"thing:shelly/{ID}/em1:0"
    async with shelly.serving() as port, asking(port, sink):
        await sink.until(lambda: channel in sink.heard)
        shelly.status["em1data:0"]["total_act_energy"] = 1234600.5
        await sink.until(lambda: said(sink.heard[channel])["import_energy"] == Decimal("1234600.5"))
    assert shelly.asked.count("/shelly") == 1
    assert set(shelly.asked) == {"/shelly", STATUS}  # nothing is ever switched


@pytest.mark.parametrize("mac", ["08F9E0E5C0A9", "", None])
async def test_another_device_that_got_the_address_is_not_taken_for_this_one(mac: str | None) -> None:
    sink, shelly = Sink(), Shelly()
    channel = f"thing:shelly/{ID}/em1:0"
    async with shelly.serving() as port, asking(port, sink) as task:
        await sink.until(lambda: channel in sink.heard)
        shelly.status["sys"]["mac"] = mac
        shelly.status["em1data:0"]["total_act_energy"] = 99.0
        async with asyncio.timeout(5):
            with pytest.raises(OSError, match="another device answers than the one that said who it is"):
                await task
    assert said(sink.heard[channel])["import_energy"] == Decimal("1234567.89")


async def test_the_model_of_a_device_is_a_short_line_or_nothing() -> None:
    shelly = Shelly()
    for strange in ("x" * 5000, "two\nlines", {"a": 1}, None):
        shelly.info["app"] = strange
        sink = Sink()
        async with shelly.serving() as port, asking(port, sink):
            await sink.until(lambda: "things" in sink.log)  # noqa: B023 - awaited here
        assert sink.log[1] == "Shelly"


# -- its password ---------------------------------------------------------------------------------------------------------
async def test_with_its_password_it_is_read_and_the_password_is_never_on_the_wire() -> None:
    sink, shelly = Sink(), Shelly(SECRET)
    heads: list[str] = []
    known = shelly._knows

    def noted(request: web.Request) -> bool:
        heads.append(str(request.headers) + request.path_qs)
        return known(request)

    shelly._knows = noted  # type: ignore[method-assign]
    async with shelly.serving() as port, asking(port, sink, password=SECRET):
        await sink.until(lambda: sink.log.count("things") == 3)
    assert len(sink.heard) == 2
    assert shelly.refused == 1  # the first request, which gets the nonce; the next ones use it
    assert SECRET not in "".join(heads)


async def test_a_password_may_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(SECRET + "\n")
    sink, shelly = Sink(), Shelly(SECRET)
    async with shelly.serving() as port:
        told = config.parse(
            f'[[port]]\nname = "a"\nprotocol = "shelly"\ntcp = "127.0.0.1:{port}"\npassword_file = "{path}"', "a test"
        )
        task = asyncio.create_task(lines.open_port(told.ports[0], (), sink).run())
        await sink.until(lambda: "things" in sink.log)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("password", "reason"), [(None, "it wants its password"), ("wrong", "the password is not this device's")]
)
async def test_without_the_right_password_one_sentence_says_so_at_once(password: str | None, reason: str) -> None:
    shelly = Shelly(SECRET)
    assert await lost(shelly, password=password) == reason
    assert shelly.refused <= 2  # it is not tried again and again: a device may lock itself


async def test_a_device_that_has_no_password_is_read_with_one() -> None:
    sink = Sink()
    async with Shelly().serving() as port, asking(port, sink, password=SECRET):
        await sink.until(lambda: len(sink.heard) == 2)


@pytest.mark.parametrize(
    "challenge",
    ["Basic realm=x", "Digest", "Digest qop=auth", 'Digest realm="x", nonce="y", algorithm=MAGIC', "\u00ff"],
)
async def test_a_challenge_that_makes_no_sense_is_a_sentence(challenge: str) -> None:
    shelly = Shelly()
    shelly.instead[STATUS] = saying(b"", 401, {"WWW-Authenticate": challenge})
    assert await lost(shelly, password=SECRET) in {
        "the password is not this device's",
        "what answers does not speak HTTP as a Shelly does",
    }


async def test_the_password_is_in_no_error_no_repr_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reason = await lost(Shelly("another"), password=SECRET)
    told = PortConfig("a", "shelly", tcp=("127.0.0.1", 9), password=SECRET)
    opened = ShellyPort("a", ("127.0.0.1", 9), Sink(), password=SECRET)
    assert SECRET not in reason + repr(told) + repr(opened) + caplog.text


# -- who else may answer there --------------------------------------------------------------------------------------------
async def test_a_shelly_of_the_first_generation_is_called_so() -> None:
    shelly = Shelly()
    shelly.info = {"type": "SHEM", "mac": "98CDAC1F0000", "auth": False, "fw": "20230913-114150/v1.14.0-gcb84623"}
    async with shelly.serving() as port:
        with pytest.raises(
            FirstGenerationError, match="a Shelly of the first generation is read through an MQTT broker"
        ):
            await ShellyPort("plug", ("127.0.0.1", port), Sink()).run()
    assert shelly.asked == ["/shelly"]


@pytest.mark.parametrize(
    "info",
    [{}, {"gen": 2}, {"gen": "2", "id": ID}, {"gen": True, "id": ID}, {"gen": 2, "id": "../rpc"}, {"type": "TV"}],
)
async def test_what_is_no_shelly_is_refused_and_not_asked_further(info: dict[str, object]) -> None:
    shelly = Shelly()
    shelly.info = info
    assert await lost(shelly) == "what answers is no Shelly of the second generation or later"
    assert shelly.asked == ["/shelly"]


@pytest.mark.parametrize("path", ["/shelly", STATUS])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "not JSON"),
        (b"", "not JSON"),
        (b"[1]", "a JSON object is needed"),
        (b"\xff", "text in UTF-8 is needed"),
        (b'{"a": NaN}', "NaN is no number"),
        (b" " * (PAYLOAD_BYTES_MAX + 1), f"more than {PAYLOAD_BYTES_MAX} bytes in an answer"),
        (b"[" * 10_000, "nested too deeply"),
    ],
    ids=["html", "empty", "list", "latin", "nan", "long", "deep"],
)
async def test_an_answer_that_cannot_be_read_is_a_lost_line_and_no_bug(path: str, body: bytes, reason: str) -> None:
    shelly = Shelly()
    shelly.instead[path] = saying(body)
    assert await lost(shelly) == reason


async def test_an_endless_answer_ends_at_the_bound() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse()
        await answer.prepare(request)
        with suppress(ConnectionError):
            while sent < 100 * PAYLOAD_BYTES_MAX:
                await answer.write(b" " * 4096)
                sent += 4096
                await asyncio.sleep(0)
        return answer

    shelly = Shelly()
    shelly.instead["/shelly"] = endless
    assert await lost(shelly) == f"more than {PAYLOAD_BYTES_MAX} bytes in an answer"
    assert sent < 100 * PAYLOAD_BYTES_MAX


async def test_an_answer_that_was_pressed_together_is_not_blown_up() -> None:
    shelly = Shelly()
    shelly.instead["/shelly"] = saying(b"\x1f\x8b\x08\x00" + bytes(20), headers={"Content-Encoding": "gzip"})
    assert await lost(shelly) == "text in UTF-8 is needed"


@pytest.mark.parametrize(("status", "path"), [(301, "/shelly"), (302, STATUS), (307, STATUS), (308, "/shelly")])
async def test_a_redirect_is_never_followed(status: int, path: str) -> None:
    elsewhere = Shelly()
    async with elsewhere.serving() as other:
        shelly = Shelly()
        shelly.instead[path] = saying(b"", status, {"Location": f"http://127.0.0.1:{other}{path}"})
        assert await lost(shelly, password=SECRET) == f"it answers {status} where a Shelly says what it is"
    assert elsewhere.asked == []


async def test_a_server_that_is_no_web_server_is_a_sentence() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(
            OSError, match=f"^127.0.0.1:{port}: (what answers does not speak HTTP|the connection is lost)"
        ):
            await ShellyPort("plug", ("127.0.0.1", port), Sink()).run()


async def test_nobody_there_is_one_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(OSError, match=f"^127.0.0.1:{port}: Connection refused$"):
            await ShellyPort("plug", ("127.0.0.1", port), Sink()).run()


# -- a device that falls silent -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [(b"", 500, "it answers 500"), (b"oops", 200, "not JSON"), (b"", 503, "it answers 503")],
)
async def test_a_line_is_lost_after_some_bad_answers_in_a_row_each_of_which_is_counted(
    body: bytes, status: int, reason: str
) -> None:
    sink, shelly = Sink(), Shelly()
    async with shelly.serving() as port, asking(port, sink) as task:
        await sink.until(lambda: "things" in sink.log)
        shelly.instead[STATUS] = saying(body, status)
        with pytest.raises(OSError, match=f"{reason}$"):
            await task
    assert len(sink.faults) == MISSES_MAX
    assert all(fault.endswith(reason) for fault in sink.faults)


async def test_a_bad_answer_between_good_ones_does_not_lose_the_line() -> None:
    sink, shelly = Sink(), Shelly()
    turn = 0

    async def moody(request: web.Request) -> web.StreamResponse:
        nonlocal turn
        turn += 1
        return web.json_response(shelly.status) if turn % MISSES_MAX else web.Response(status=500)

    shelly.instead[STATUS] = moody
    async with shelly.serving() as port, asking(port, sink) as task:
        await sink.until(lambda: len(sink.faults) >= MISSES_MAX + 1)
        assert not task.done()


async def test_a_device_that_stops_answering_is_lost_tried_again_and_found_again() -> None:
    sink, shelly = Sink(), Shelly()
    released = asyncio.Event()
    reasons: list[str] = []

    async def mute(request: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.json_response(shelly.status)

    def note_lost(reason: str) -> None:
        reasons.append(reason)
        shelly.instead.clear()

    async with shelly.serving() as port:
        opened = ShellyPort("plug", ("127.0.0.1", port), sink, every_s=SOON_S, answer_s=0.05)
        task = asyncio.create_task(keep_running(opened.run, note_lost, sleep=lambda _: asyncio.sleep(0)))
        await sink.until(lambda: "things" in sink.log)
        shelly.instead[STATUS] = mute
        await sink.until(lambda: sink.log.count("open") == 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        released.set()
    assert reasons == [f"127.0.0.1:{port}: no answer in 0.05 s"]
    assert len(sink.faults) == MISSES_MAX


async def test_a_device_that_goes_away_altogether_is_tried_again() -> None:
    sink, shelly = Sink(), Shelly()
    async with shelly.serving() as port, asking(port, sink) as task:
        await sink.until(lambda: "things" in sink.log)
        shelly.instead = {STATUS: saying(b"", 500)}
        with suppress(OSError):
            await task
    shelly.instead = {}
    async with shelly.serving(port) as again, asking(again, sink):
        await sink.until(lambda: sink.log.count("open") == 2)


async def test_a_device_whose_password_was_changed_under_way_is_lost_with_that_reason() -> None:
    sink, shelly = Sink(), Shelly()
    async with shelly.serving() as port, asking(port, sink) as task:
        await sink.until(lambda: "things" in sink.log)
        shelly.password = SECRET
        with pytest.raises(PermissionError, match="it wants its password"):
            await task


# -- beyond the home ------------------------------------------------------------------------------------------------------
AWAY = [
    "8.8.8.8",
    "2001:4860:4860::8888",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.251",
    "ff02::fb",
    "100.64.0.1",
    "240.0.0.1",
    "198.18.0.1",
    "::ffff:8.8.8.8",
    "2001::1",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("address", AWAY)
async def test_an_address_beyond_the_home_is_refused_before_anything_is_sent(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_session(*arguments: object, **options: object) -> None:
        raise AssertionError("a session was made")

    monkeypatch.setattr("aiohttp.ClientSession", no_session)
    with pytest.raises(AwayError, match="lies beyond the home's network, and the box asks nobody there"):
        await ShellyPort("plug", (address, 80), Sink()).run()


@pytest.mark.parametrize(
    "address", ["192.168.1.20", "10.0.0.1", "172.31.0.1", "169.254.3.4", "127.0.0.1", "fd00::1", "::1"]
)
async def test_the_addresses_of_a_home_are_taken_as_they_are(address: str) -> None:
    assert is_at_home(address)
    assert await at_home(address, 80) == address


async def test_a_name_is_at_home_only_if_all_its_addresses_are(monkeypatch: pytest.MonkeyPatch) -> None:
    async def two(*arguments: object, **options: object) -> list[object]:
        return [(socket.AF_INET, 1, 6, "", ("192.168.1.20", 80)), (socket.AF_INET, 1, 6, "", ("8.8.8.8", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
    with pytest.raises(AwayError, match=r"8\.8\.8\.8 lies beyond"):
        await at_home("shelly.example", 80)


@pytest.mark.parametrize("name", ["a..b", "x" * 70 + ".local", ""])
async def test_what_can_be_no_name_of_a_host_is_a_sentence(name: str) -> None:
    if name:
        with pytest.raises(OSError, match="nothing of this name answers at home"):
            await at_home(name, 80)
    assert not is_at_home(name)


# -- tried before it is kept ----------------------------------------------------------------------------------------------
async def test_a_device_is_tried_without_becoming_one_of_the_house() -> None:
    trial, shelly = Trial(), Shelly()
    async with shelly.serving() as port:
        told = PortConfig("a", "shelly", tcp=("127.0.0.1", port))
        async with tried(lambda sink: lines.open_port(told, (), sink), trial):
            async with asyncio.timeout(5):
                await trial.heard.wait()
    assert trial.identity == Identity("Shelly ProEM50")
    assert [str(telegram.address) for telegram in trial.telegrams] == [f"thing:shelly/{ID}/em1:{n}" for n in (0, 1)]


async def test_what_a_trial_cannot_read_is_an_error_of_the_world_and_not_ours() -> None:
    shelly = Shelly()
    shelly.instead["/shelly"] = saying(b"<html>")
    async with shelly.serving() as port:
        told = PortConfig("a", "shelly", tcp=("127.0.0.1", port))
        with pytest.raises(OSError, match="not JSON"):
            async with tried(lambda sink: lines.open_port(told, (), sink), Trial()):
                pass
