"""Debian's mosquitto brings telegrams to a running gateway: with a password, over TLS, refused, killed and started anew."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.encode import records, wmbus
from drivers.model import Address, DecodeError, Frame, Telegram
from drivers.receivers import text
from drivers.talk import Identity
from gateway.ports.mqtt import PACKET_BYTES_MAX, PAYLOAD_BYTES_MAX, Broker, MqttPort
from gateway.views import Listening
from tests.authority import Authority, authority
from tests.integration.mosquitto import PASSWORD, USER, Broke, Mosquitto, password_file, running, until
from tests.loopback import free_port

PLUGIN = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), None)


def telegram(number: str, access_number: int = 1) -> str:
    return wmbus.telegram(Address("wmbus", number, "REL", 1, 7), records.volume(612_373), access_number).hex()


def rtl_433(number: str) -> str:
    return json.dumps({"time": "2026-11-21 14:30:00", "model": "Wireless-MBus", "data": telegram(number)})


# -- the gateway ----------------------------------------------------------------------------------------------------
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
