"""Telegrams by MQTT: what a broker may say and how it may fail, with a broker of the test's own at the other end.

Against a real one: tests/integration/test_mqtt.py.
"""

import asyncio
import gc
import json
import ssl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode.wmbus import format_a, telegram
from drivers.model import Address, DecodeError, Frame, Telegram
from drivers.receivers import text
from drivers.talk import Identity
from gateway import config, lines
from gateway.ports.mqtt import PAYLOAD_BYTES_MAX, Broker, MqttPort, faults
from gateway.views import Listening
from tests.authority import authority
from tests.brokers import (
    ACCEPTED,
    ACCEPTED_3,
    BYE,
    CONNECT,
    GRANTED,
    GRANTED_3,
    SUBSCRIBE,
    Older,
    There,
    publish,
    serving,
)

TELEGRAM = telegram(Address("wmbus", "12345678", "REL", 1, 7), bytes.fromhex("041383580900"), 0x2A)
HEX = TELEGRAM.hex().encode()
OTHER = telegram(Address("wmbus", "87654321", "REL", 1, 7), bytes.fromhex("041301000000"), 0x2B)


class Sink:
    """Writes down what a port says."""

    def __init__(self) -> None:
        self.said: list[object] = []
        self.news = asyncio.Event()

    def opened(self, port: str) -> None:
        self._note("open")

    def identified(self, port: str, identity: Identity) -> None:
        raise AssertionError(identity)

    def listening(self, port: str, listening: Listening) -> None:
        raise AssertionError(listening)

    def frame(self, port: str, frame: Frame) -> None:
        self._note(frame)

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        raise AssertionError(read)

    def fault(self, port: str, error: DecodeError) -> None:
        self._note(error)

    def _note(self, thing: object) -> None:
        self.said.append(thing)
        self.news.set()

    async def count(self, number: int) -> list[object]:
        async with asyncio.timeout(10):
            while len(self.said) < number:
                self.news.clear()
                await self.news.wait()
        return self.said


def port(broker: Broker, sink: Sink, answer_s: float = 5.0) -> MqttPort:
    return MqttPort("radio", broker, text.Framer, sink, answer_s=answer_s)


async def heard(there: There, number: int) -> list[object]:
    """The first things that the port says of a broker."""
    sink = Sink()
    async with serving(there) as broker:
        task = asyncio.create_task(port(broker, sink).run())
        try:
            return list(await sink.count(number))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def lost(there: There, *, user: str | None = None, answer_s: float = 5.0) -> str:
    """Why the port says that its line is lost, without where."""
    async with serving(there) as where:
        broker = replace(where, user=user)
        with pytest.raises(OSError, match=f"^{broker}: ") as met:
            await port(broker, Sink(), answer_s).run()
    return str(met.value).removeprefix(f"{broker}: ")


RTL_433 = json.dumps({"time": "2026-11-21 14:30:00", "model": "Wireless-MBus", "data": TELEGRAM.hex(), "mic": "CRC"})


@pytest.mark.parametrize(
    "payload",
    [
        HEX,
        HEX.upper() + b"\r\n",
        format_a(TELEGRAM).hex().encode(),
        b"C1;1;1;2026-11-21 14:30:00.00Z;-60;;;0x" + HEX + b"\n",
        RTL_433.encode(),
    ],
    ids=["hex", "hex with its end", "hex with CRCs", "rtl_wmbus", "rtl_433"],
)
async def test_what_bridges_and_rtl_433_publish_is_heard(payload: bytes) -> None:
    assert await heard(There(ACCEPTED, GRANTED, publish(payload)), 2) == ["open", Frame(TELEGRAM)]


async def test_a_message_of_several_lines_is_as_many_telegrams() -> None:
    lines = publish(HEX + b"\n" + OTHER.hex().encode() + b"\n" + RTL_433.encode())
    assert await heard(There(ACCEPTED, GRANTED, lines), 4) == ["open", Frame(TELEGRAM), Frame(OTHER), Frame(TELEGRAM)]


async def test_half_a_line_never_joins_the_next_message() -> None:
    said = await heard(There(ACCEPTED, GRANTED, publish(HEX[:20]) + publish(HEX[20:]) + publish(HEX)), 4)
    assert [type(thing) for thing in said] == [str, DecodeError, DecodeError, Frame]


async def test_a_retained_message_is_counted_and_never_read_as_now() -> None:
    said = await heard(There(ACCEPTED, GRANTED, publish(HEX, retain=True) + publish(OTHER.hex().encode())), 3)
    assert said[1:] == [
        DecodeError("mqtt: a message that the broker retained: its time is not known"),
        Frame(OTHER),
    ]


async def test_a_message_too_long_is_counted_and_not_read() -> None:
    long = (HEX + b"\n") * (PAYLOAD_BYTES_MAX // len(HEX))
    said = await heard(There(ACCEPTED, GRANTED, publish(long) + publish(OTHER.hex().encode())), 3)
    assert said[1:] == [
        DecodeError(f"mqtt: {len(long)} bytes in a message, at most {PAYLOAD_BYTES_MAX} are read"),
        Frame(OTHER),
    ]


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        (TELEGRAM, "neither hex digits in pairs nor rtl_wmbus"),
        (b"\xff\xfe\x00", "neither hex digits in pairs nor rtl_wmbus"),
        (HEX[:-2], "cut short"),
        (b'{"model": ', "not JSON"),
        (b'{"media":"water","meter":"multical21","id":"12345678","total_m3":6.388}', "the telegram itself is needed"),
    ],
    ids=["raw bytes", "noise", "cut short", "half of JSON", "wmbusmeters"],
)
async def test_what_holds_no_telegram_is_a_fault_that_says_so(payload: bytes, fault: str) -> None:
    said = await heard(There(ACCEPTED, GRANTED, publish(payload)), 2)
    assert isinstance(said[1], DecodeError)
    assert fault in str(said[1])


async def test_an_empty_message_and_a_weather_station_say_nothing() -> None:
    station = publish(b'{"time":"2026-11-21 14:30:00","model":"Acurite-Tower","temperature_C":3.4}')
    assert await heard(There(ACCEPTED, GRANTED, publish(b"") + station + publish(HEX)), 2) == ["open", Frame(TELEGRAM)]


async def test_a_broker_of_mqtt_3_1_1_is_asked_again_in_its_own_words() -> None:
    there = Older(ACCEPTED_3, GRANTED_3, publish(HEX, newer=False))
    assert await heard(there, 2) == ["open", Frame(TELEGRAM)]
    assert [asked[7] for asked in there.asked if asked[0] >> 4 == CONNECT] == [5, 4]


async def test_the_broker_is_told_how_long_a_message_may_be_and_to_keep_nothing_for_us() -> None:
    there = There(ACCEPTED, GRANTED)
    await heard(there, 1)
    connect = there.asked[0][1:]
    assert connect[7] == 0b10  # clean start, no will, no user, no password
    # MQTT 5.0, section 3.1.2.11: the only property is the maximum packet size (27h).
    assert connect[10:16] == bytes.fromhex("05 27 00040000")


@pytest.mark.parametrize(
    ("connack", "user", "reason"),
    [
        ("2003008700", "box", "the broker refuses the user or the password (Not authorized)"),
        ("2003008600", "box", "the broker refuses the user or the password (Bad user name or password)"),
        ("2003008700", None, "the broker wants a user and a password (Not authorized)"),
        ("2003008800", None, "the broker refuses the connection (Server unavailable)"),
    ],
)
async def test_a_refused_connection_is_one_sentence(connack: str, user: str | None, reason: str) -> None:
    assert await lost(There(bytes.fromhex(connack)), user=user) == reason


async def test_a_login_that_an_older_broker_refuses_is_the_same_sentence() -> None:
    reason = "the broker refuses the user or the password (Not authorized)"
    assert await lost(Older(bytes.fromhex("20020005")), user="box") == reason


@pytest.mark.parametrize("older", [False, True])
async def test_a_refused_topic_is_named(older: bool) -> None:
    there = Older(ACCEPTED_3, bytes.fromhex("9003000180")) if older else There(ACCEPTED, bytes.fromhex("900400010087"))
    assert (await lost(there)).startswith("the broker refuses the topic 'w/+' (")


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        (There(ACCEPTED, GRANTED, BYE), "the broker ended the connection (Server shutting down)"),
        (There(ACCEPTED, GRANTED, ends=SUBSCRIBE), "the connection is lost"),
        (
            There(b"HTTP/1.1 400 Bad Request\r\n\r\n", ends=CONNECT),
            "the connection ended before a broker answered: is it MQTT",
        ),
        (There(b"\x15\x03\x01\x00\x02\x02\x50", ends=CONNECT), "the connection ended before a broker answered: is it"),
    ],
    ids=["bye", "gone", "http", "tls"],
)
async def test_a_connection_that_ends_says_why(there: There, reason: str) -> None:
    assert (await lost(there)).startswith(reason)


async def test_who_never_answers_is_no_broker() -> None:
    assert await lost(There(b""), answer_s=0.05) == "no answer of an MQTT broker in 0.05 s"


async def test_a_telegram_before_the_end_is_not_lost_with_the_connection() -> None:
    sink = Sink()
    async with serving(There(ACCEPTED, GRANTED, publish(HEX), ends=SUBSCRIBE)) as broker:
        with pytest.raises(OSError, match="the connection is lost"):
            await port(broker, sink).run()
    assert sink.said == ["open", Frame(TELEGRAM)]


async def test_telegrams_that_share_a_tls_record_with_the_end_are_all_heard_at_once(tmp_path: Path) -> None:
    """What OpenSSL holds already does not make the socket readable."""
    made, sink = authority(tmp_path, "home"), Sink()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    async with serving(There(ACCEPTED, GRANTED, publish(HEX) * 20 + BYE), context) as where, asyncio.timeout(3):
        with pytest.raises(OSError, match="the broker ended the connection"):
            await port(replace(where, tls=True, ca_file=made.ca), sink).run()
    assert sink.said == ["open", *[Frame(TELEGRAM)] * 20]


@pytest.mark.parametrize("certified", ["broker.home.arpa", "127.0.0.1"])
async def test_a_broker_at_home_is_connected_to_where_it_was_found_and_known_by_its_name(
    certified: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, sink = authority(tmp_path, "home", certified), Sink()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)

    async def found(host: str, port: int, **_: object) -> list[object]:
        assert host == "broker.home.arpa"
        return [(0, 0, 0, "", ("127.0.0.1", port))]

    why = (
        "the broker ended the connection" if "broker" in certified else "certificate is not trusted: Hostname mismatch"
    )
    async with serving(There(ACCEPTED, GRANTED, BYE), context) as where, asyncio.timeout(3):
        broker = replace(where, host="broker.home.arpa", tls=True, ca_file=made.ca, at_home=True)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
        with pytest.raises(OSError, match=why):
            await port(broker, sink).run()


async def test_nobody_there_is_one_sentence() -> None:
    async with serving(There(b"")) as broker:
        pass
    with pytest.raises(OSError, match=f"^{broker}: Connection refused$"):
        await port(broker, Sink()).run()


async def test_what_can_be_no_name_of_a_host_is_no_bug() -> None:
    with pytest.raises(OSError, match=r"^a\.\.b:1883: "):
        await port(Broker("a..b", 1883, ("w/+",)), Sink()).run()


async def test_a_port_that_is_stopped_while_it_connects_closes_what_it_opened() -> None:
    there = There(ACCEPTED, GRANTED)
    gc.disable()  # which would close it too, some day
    try:
        async with serving(there) as broker:
            task = asyncio.create_task(port(broker, Sink()).run())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with asyncio.timeout(5):
                while not there.asked:
                    await asyncio.sleep(0.01)
    finally:
        gc.enable()


@settings(max_examples=40)
@given(st.sampled_from([b"", ACCEPTED]), st.binary(max_size=200))
def test_whatever_a_broker_sends_the_port_says_at_last_that_its_line_is_lost(connack: bytes, noise: bytes) -> None:
    there = There(ACCEPTED, GRANTED, noise, ends=SUBSCRIBE) if connack else There(noise, ends=CONNECT)

    async def listen() -> None:
        async with serving(there) as broker:
            with pytest.raises(OSError, match=f"^{broker}: "):
                await port(broker, Sink(), answer_s=0.5).run()

    asyncio.run(listen())


# -- configuration ----------------------------------------------------------------------------------------------------
TOML = '[[port]]\nname = "radio"\nprotocol = "wmbus"\nmqtt = "127.0.0.1:1883"\ntopic = "w/#"\n'
SECRET = "korrekt horse battery"


@pytest.mark.parametrize("receiver", config.TEXT_RECEIVERS)
def test_every_kind_of_text_has_a_port(receiver: str) -> None:
    told = config.parse(f'{TOML}receiver = "{receiver}"', "a test").ports[0]
    loop = asyncio.new_event_loop()
    try:
        assert isinstance(lines.open_port(told, (), Sink()), MqttPort)
    finally:
        loop.close()


def test_a_house_without_mqtt_does_not_load_it() -> None:
    toml = '[[port]]\nname = "radio"\nprotocol = "wmbus"\ntcp = "127.0.0.1:9"'
    code = (
        "import sys; from gateway import app, lines; from gateway.config import parse\n"
        f"config = parse({toml!r}, 'a test'); app.check(config); lines.open_port(config.ports[0], (), None)\n"
        "sys.exit(any(name.startswith('paho') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "one line with the password alone is needed"),
        (b"two\nlines\n", "one line with the password alone is needed"),
        (b"caf\xe9\n", "one line with the password alone is needed"),
        (b"x" * 2000, "one line with the password alone is needed"),
        (SECRET.encode() + b"\r\n", None),
    ],
)
def test_a_file_of_a_password_that_is_no_good_is_named(
    tmp_path: Path, content: bytes | None, fault: str | None
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    found = list(faults(Broker("h", 1, ("w",), "box", path)))
    assert found == ([("password_file", f"{path}: {fault}")] if fault else [])


def test_a_file_that_holds_no_certificate_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("nothing")
    told = lines.faults(config.parse(f'{TOML}tls = true\nca_file = "{path}"', "a test").ports, ())
    assert told == [f"port[1].ca_file: {path}: a certificate in PEM form is needed"]


async def test_the_password_goes_to_the_broker_and_into_no_error_and_no_repr(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(SECRET + "\n")
    told = config.parse(f'{TOML}user = "box"\npassword_file = "{path}"', "a test")
    there = There(bytes.fromhex("2003008700"))
    async with serving(there) as where:
        broker = replace(where, user="box", password_file=path)
        with pytest.raises(OSError, match="refuses the user or the password") as met:
            await port(broker, Sink()).run()
    assert SECRET.encode() in there.asked[0]
    assert SECRET not in repr(met.value) + repr(broker) + repr(told)
