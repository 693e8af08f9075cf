"""Debian's mosquitto brings telegrams to a running gateway: with a password, over TLS, refused, killed and started anew."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drivers.encode import records, wmbus
from drivers.model import Address, DecodeError, Frame, Telegram
from drivers.receivers import text
from drivers.talk import Identity
from gateway import control
from gateway.ports.mqtt import PACKET_BYTES_MAX, PAYLOAD_BYTES_MAX, Broker, MqttPort
from gateway.views import Listening
from tests.authority import Authority, authority
from tests.integration.conftest import answers, free_port

USER, PASSWORD = "releve", "korrekt horse battery"
SOON_S = 15.0
PLUGIN = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), None)


def telegram(number: str, access_number: int = 1) -> str:
    return wmbus.telegram(Address("wmbus", number, "REL", 1, 7), records.volume(612_373), access_number).hex()


def rtl_433(number: str) -> str:
    return json.dumps({"time": "2026-11-21 14:30:00", "model": "Wireless-MBus", "data": telegram(number)})


# -- the broker -------------------------------------------------------------------------------------------------------
@dataclass
class Mosquitto:
    """A broker of Debian's on a port of its own, which may be killed and started anew."""

    folder: Path
    port: int
    more: str = ""
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        path = self.folder / "mosquitto.conf"
        path.write_text(f"user root\nlistener {self.port} 127.0.0.1\npersistence false\n{self.more}\n")
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen(("mosquitto", "-c", str(path)), stdout=log, stderr=log)
        until(lambda: answers(self.port), "mosquitto listens")

    def end(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait(5)
            self.process = None

    def publish(self, topic: str, message: str | bytes, *options: str) -> None:
        command = ("mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.port), *self.options, "-t", topic, *options)
        data = message if isinstance(message, bytes) else message.encode()
        subprocess.run((*command, "-s"), input=data, check=True, timeout=10)


def until(holds: Callable[[], bool], what: str, within_s: float = SOON_S) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, f"not within {within_s:g} s: {what}"
        time.sleep(0.05)


Broke = Callable[..., Mosquitto]


@pytest.fixture
def mosquitto(tmp_path: Path, port: int) -> Iterator[Broke]:
    """mosquitto(more, options): a broker with these lines in its configuration; it is ended with the test."""
    brokers: list[Mosquitto] = []

    def start(more: str = "allow_anonymous true", *options: str) -> Mosquitto:
        broker = Mosquitto(tmp_path, port, more, options)
        brokers.append(broker)
        broker.start()
        return broker

    yield start
    for broker in brokers:
        broker.end()


@pytest.fixture
def guarded(mosquitto: Broke, tmp_path: Path) -> Mosquitto:
    """A broker that wants a password."""
    passwords = tmp_path / "passwords"
    subprocess.run(("mosquitto_passwd", "-c", "-b", str(passwords), USER, PASSWORD), check=True, capture_output=True)
    return mosquitto(f"allow_anonymous false\npassword_file {passwords}", "-u", USER, "-P", PASSWORD)


# -- the gateway ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Gateway:
    """A running `releve run`, and how its port does."""

    config: Path

    def status(self) -> dict[str, Any]:
        return control.ask(self.config.parent / "run", "GET", "/status")

    @property
    def sky(self) -> dict[str, Any]:
        port: dict[str, Any] = self.status()["ports"][0]
        return port

    def counted(self, what: str) -> int:
        return int(self.sky["counts"].get(what, 0))

    def lost(self) -> str:
        """Why the port is not open, without where."""
        return str(self.sky["reason"]).split(": ", 1)[-1]

    def said(self) -> str:
        """The port's line of `releve status`, as a person reads it."""
        done = releve("status", "--config", str(self.config))
        return next(line for line in done.stdout.splitlines() if line.startswith("port sky"))


def releve(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = (sys.executable, "-m", "gateway", *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=15, check=False)


def configured(folder: Path, broker: Mosquitto, more: str = "") -> Path:
    path = folder / "releve.toml"
    path.write_text(f"""
        [box]
        data = "{folder}/data"
        runtime = "{folder}/run"
        [web]
        listen = "127.0.0.1:{free_port()}"
        mdns = false
        [[port]]
        name = "sky"
        protocol = "wmbus"
        mqtt = "127.0.0.1:{broker.port}"
        topic = ["wmbus_bridge/+/telegram", "rtl_433/#"]
        {more}
    """)
    return path


@contextmanager
def running(config: Path) -> Iterator[Gateway]:
    checked = releve("check", "--config", str(config))
    assert (checked.returncode, checked.stderr) == (0, "")
    log = config.parent / "gateway.log"
    with log.open("wb") as output:
        command = (sys.executable, "-m", "gateway", "run", "--config", str(config))
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        until(lambda: b"Relev" in log.read_bytes(), "the gateway runs")
        yield Gateway(config)
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(5)
    assert PASSWORD.encode() not in log.read_bytes()
    assert b"Traceback" not in log.read_bytes()


def password_file(folder: Path, password: str = PASSWORD) -> Path:
    path = folder / "password"
    path.write_text(password + "\n")
    path.chmod(0o600)
    return path


# -- tests ------------------------------------------------------------------------------------------------------------
@pytest.mark.timeout(60)
def test_what_bridges_and_rtl_433_publish_becomes_heard_meters(mosquitto: Broke, tmp_path: Path) -> None:
    broker = mosquitto()
    broker.publish("wmbus_bridge/attic/telegram", telegram("10000001"), "-r")
    with running(configured(tmp_path, broker)) as gateway:
        until(lambda: gateway.counted("faults") == 1, "the retained telegram is counted")
        assert gateway.said() == "port sky: open; 1 faults"
        assert "its time is not known" in gateway.sky["last_fault"]
        broker.publish("wmbus_bridge/attic/telegram", telegram("10000002"))
        broker.publish("wmbus_bridge/cellar/telegram", telegram("10000002", 2).upper() + "\n", "-r")
        broker.publish("rtl_433/pi/events", rtl_433("10000003"))
        broker.publish("elsewhere", telegram("10000004"))
        until(lambda: gateway.counted("frames") == 3, "three telegrams")
        assert gateway.status()["heard"] == 2
        broker.publish("wmbus_bridge/attic/telegram", "0" * (PAYLOAD_BYTES_MAX + 2))
        until(lambda: gateway.counted("faults") == 2, "the long message is counted")
        assert str(PAYLOAD_BYTES_MAX) in gateway.sky["last_fault"]
        # Longer still is kept back by the broker, as it was asked; the connection lives on.
        broker.publish("wmbus_bridge/attic/telegram", "0" * PACKET_BYTES_MAX)
        broker.publish("wmbus_bridge/attic/telegram", telegram("10000005"))
        until(lambda: gateway.status()["heard"] == 3, "the telegram after it")
        assert gateway.sky["counts"] == {"frames": 4, "faults": 2, "not adopted": 4}


@pytest.mark.timeout(60)
def test_a_wrong_password_is_one_sentence_and_the_right_one_is_taken_without_a_new_start(
    guarded: Mosquitto, tmp_path: Path
) -> None:
    path = password_file(tmp_path, "not this one")
    config = configured(tmp_path, guarded, f'user = "{USER}"\npassword_file = "{path}"')
    with running(config) as gateway:
        until(lambda: gateway.counted("lost") >= 2, "it is tried again")
        refused = "the broker refuses the user or the password (Not authorized)"
        assert gateway.said().startswith(f"port sky: 127.0.0.1:{guarded.port}: {refused}; ")
        password_file(tmp_path)
        until(lambda: gateway.sky["open"], "the right password is taken")
        guarded.publish("wmbus_bridge/attic/telegram", telegram("10000001"))
        until(lambda: gateway.status()["heard"] == 1, "the telegram is heard")


@pytest.mark.timeout(60)
def test_no_user_where_the_broker_wants_one_is_said(guarded: Mosquitto, tmp_path: Path) -> None:
    with running(configured(tmp_path, guarded)) as gateway:
        until(lambda: gateway.lost() == "the broker wants a user and a password (Not authorized)", "it is said")


@pytest.mark.timeout(60)
def test_a_broker_that_is_killed_is_heard_again_when_it_is_back(mosquitto: Broke, tmp_path: Path) -> None:
    broker = mosquitto()
    with running(configured(tmp_path, broker)) as gateway:
        until(lambda: gateway.sky["open"], "it is open")
        broker.end()
        until(lambda: gateway.lost() == "Connection refused", "it is said")
        broker.start()
        until(lambda: gateway.sky["open"], "it is open again", 10.0)
        broker.publish("wmbus_bridge/attic/telegram", telegram("10000001"))
        until(lambda: gateway.status()["heard"] == 1, "the telegram is heard")


@pytest.mark.timeout(60)
def test_a_broker_that_is_not_there_yet_is_waited_for(mosquitto: Broke, tmp_path: Path) -> None:
    broker = mosquitto()
    broker.end()
    with running(configured(tmp_path, broker)) as gateway:
        until(lambda: gateway.lost() == "Connection refused", "it is tried")
        broker.start()
        until(lambda: gateway.sky["open"], "it is open")


# -- TLS --------------------------------------------------------------------------------------------------------------
def certificate(of: Authority) -> str:
    """The lines of mosquitto's configuration."""
    return f"certfile {of.certificate}\nkeyfile {of.key}"


@pytest.mark.timeout(60)
def test_a_telegram_comes_over_tls_with_a_password(mosquitto: Broke, tmp_path: Path) -> None:
    home = authority(tmp_path, "home")
    passwords = tmp_path / "passwords"
    subprocess.run(("mosquitto_passwd", "-c", "-b", str(passwords), USER, PASSWORD), check=True, capture_output=True)
    login = ("-u", USER, "-P", PASSWORD, "--cafile", str(home.ca))
    broker = mosquitto(f"allow_anonymous false\npassword_file {passwords}\n{certificate(home)}", *login)
    secret = f'user = "{USER}"\npassword_file = "{password_file(tmp_path)}"\ntls = true\nca_file = "{home.ca}"'
    with running(configured(tmp_path, broker, secret)) as gateway:
        until(lambda: gateway.sky["open"], "it is open")
        for number in range(1, 6):
            broker.publish("wmbus_bridge/attic/telegram", "\n".join([telegram("10000001", number)] * 20))
        until(lambda: gateway.counted("frames") == 100, "the telegrams are heard")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("ip", "trusted", "reason"),
    [
        ("127.0.0.1", "other", "the broker's certificate is not trusted: "),
        ("127.0.0.1", "", "the broker's certificate is not trusted: "),
        ("192.0.2.1", "home", "the broker's certificate is not trusted: IP address mismatch"),
    ],
)
def test_a_broker_that_cannot_show_who_it_is_is_told_no_password(
    mosquitto: Broke, tmp_path: Path, ip: str, trusted: str, reason: str
) -> None:
    made = {"home": authority(tmp_path, "home", ip), "other": authority(tmp_path, "other")}
    broker = mosquitto(f"allow_anonymous true\n{certificate(made['home'])}", "--cafile", str(made["home"].ca))
    secret = f'user = "{USER}"\npassword_file = "{password_file(tmp_path)}"\ntls = true\n'
    secret += f'ca_file = "{made[trusted].ca}"' if trusted else ""
    with running(configured(tmp_path, broker, secret)) as gateway:
        until(lambda: gateway.lost().startswith(reason), reason)
    assert USER not in (tmp_path / "mosquitto.log").read_text()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("tls", [True, False])
def test_tls_where_there_is_none_and_none_where_there_is_are_said(mosquitto: Broke, tmp_path: Path, tls: bool) -> None:
    home = authority(tmp_path, "home")
    broker = mosquitto("allow_anonymous true\n" + ("" if tls else certificate(home)))
    with running(configured(tmp_path, broker, f'tls = true\nca_file = "{home.ca}"' if tls else "")) as gateway:
        said = "no TLS there: " if tls else "is it MQTT, and `tls` as it is there?"
        until(lambda: said in gateway.lost(), said)


# -- the port alone ---------------------------------------------------------------------------------------------------
class Sink:
    def __init__(self) -> None:
        self.open = asyncio.Event()

    def opened(self, port: str) -> None:
        self.open.set()

    def identified(self, port: str, identity: Identity) -> None:
        raise AssertionError(identity)

    def listening(self, port: str, listening: Listening) -> None:
        raise AssertionError(listening)

    def frame(self, port: str, frame: Frame) -> None:
        raise AssertionError(frame)

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        raise AssertionError(read)

    def fault(self, port: str, error: DecodeError) -> None:
        raise AssertionError(error)


async def test_a_broker_that_hangs_is_noticed_by_its_missing_sign_of_life(mosquitto: Broke) -> None:
    broker, sink = mosquitto(), Sink()
    where = Broker("127.0.0.1", broker.port, ("#",))
    task = asyncio.create_task(MqttPort("sky", where, text.Framer, sink, keep_alive_s=1).run())
    async with asyncio.timeout(10):
        await sink.open.wait()
        await asyncio.sleep(2.5)
        assert not task.done(), "signs of life go on"
        assert broker.process is not None
        os.kill(broker.process.pid, signal.SIGSTOP)
        with pytest.raises(OSError, match="no sign of life from the broker in 1 s"):
            await task


async def test_a_topic_that_the_broker_does_not_give_us_is_named(mosquitto: Broke, tmp_path: Path) -> None:
    """Debian's dynamic security plugin: whom it was told nothing of may subscribe to nothing."""
    rights = tmp_path / "rights.json"
    admin = ("-h", "127.0.0.1", "-u", "admin", "-P", PASSWORD)
    ctrl(*admin, "dynsec", "init", str(rights), "admin", PASSWORD)
    broker = mosquitto(f"allow_anonymous false\nplugin {PLUGIN}\nplugin_opt_config_file {rights}")
    ctrl(*admin, "-p", str(broker.port), "dynsec", "createClient", USER, "-p", PASSWORD)
    where = Broker("127.0.0.1", broker.port, ("w/+",), USER, password_file(tmp_path))
    async with asyncio.timeout(10):
        with pytest.raises(OSError, match=r"the broker refuses the topic 'w/\+' \(Not authorized\)"):
            await MqttPort("sky", where, text.Framer, Sink()).run()


def ctrl(*arguments: str) -> None:
    done = subprocess.run(("mosquitto_ctrl", *arguments), capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 0, done.stderr
