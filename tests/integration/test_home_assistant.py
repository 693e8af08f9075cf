"""Debian's mosquitto holds what Home Assistant finds: devices, the last figure of each series, and whether we are there."""

import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.way import Form, Kind, Way
from sync.model import Piece, Trouble, Why
from sync.net import Net
from sync.targets.mqtt import Mqtt
from tests.integration.mosquitto import PASSWORD, USER, Broke, Mosquitto
from tests.parcels import GRANT, House, day, revised

pytestmark = pytest.mark.timeout(90)


@asynccontextmanager
async def target(broker: Mosquitto, password: str = "") -> AsyncIterator[Mqtt]:
    way = Way(Kind.MQTT, f"mqtt://127.0.0.1:{broker.port}", USER if password else "", Form.LIVE, at_home=True)
    async with Net("127.0.0.1", at_home=True) as net:
        made = Mqtt(way, {"password": password}, House(), net)
        try:
            yield made
        finally:
            await made.close()


def retained(broker: Mosquitto) -> dict[str, str]:
    command = (
        "mosquitto_sub",
        "-h",
        "127.0.0.1",
        "-p",
        str(broker.port),
        "-t",
        "#",
        "-v",
        "-W",
        "1",
        "--retained-only",
    )
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout
    return dict(line.split(" ", 1) for line in said.splitlines())


async def test_the_last_figures_stay_there_and_go_when_they_are_erased(mosquitto: Broke) -> None:
    broker = mosquitto()
    async with target(broker) as first:
        await first.open()
        (put,) = await first.put([day()])
        there = retained(broker)
        assert there[f"releve/{GRANT}/status"] == "online"
        for topic, key, power in (
            ("eau_3a_volume_3a_0", "eau:volume:0", 0),
            ("gaz_3a_volume_3a_0", "gaz:volume:0", -3),
        ):
            one = next(one for one in day().series if one.key == key)
            value = format(Decimal(one.value[-1] or "").scaleb(power).normalize(), "f")  # litres of water, m³ of gas
            assert there[f"releve/{GRANT}/{topic}"] == f'{{"value":{value},"at":{one.at[-1]}}}'
        assert len([topic for topic in there if topic.startswith("homeassistant/device/")]) == 4
        assert put.answer == "9 messages"
    assert retained(broker)[f"releve/{GRANT}/status"] == "offline"
    async with target(broker) as again:
        await again.open()
        (put,) = await again.put([day()])
        assert (put.answer, put.bytes) == ("0 messages", 0)
        await again.erase([Piece("2025-01-01", 0, 1, put.held)])
    assert retained(broker) == {}


async def test_an_older_or_lower_index_is_not_published_by_a_new_process(mosquitto: Broke) -> None:
    broker = mosquitto()
    async with target(broker) as first:
        await first.open()
        (put,) = await first.put([day(1)])
    before = retained(broker)
    async with target(broker) as again:
        await again.open()
        (older,) = await again.put([day(0)])
        assert older.answer == "0 messages, 5 not sent: older or less than what is there"
        (lower,) = await again.put([revised(day(1), put, s0_at48="7")])
        assert lower.answer == "0 messages, 1 not sent: older or less than what is there"
    assert retained(broker) == before


async def test_home_assistant_that_starts_is_told_of_the_devices_again(mosquitto: Broke) -> None:
    broker = mosquitto()
    async with target(broker) as one:
        await one.open()
        await one.put([day()])
        broker.publish("homeassistant/status", "online")
        line = one._line
        assert line is not None
        await line._until(lambda: line.asked_again)
        (put,) = await one.put([day()])
        assert put.answer == "4 messages"


async def test_a_process_that_is_cut_is_offline_and_a_broker_that_is_killed_is_said(mosquitto: Broke) -> None:
    broker = mosquitto()
    async with target(broker) as one:
        await one.open()
        line = one._line
        assert line is not None
        assert line._client is not None
        sock = line._client.socket()
        assert sock is not None
        assert isinstance(sock, socket.socket)
        sock.shutdown(socket.SHUT_RDWR)
        end = time.monotonic() + 10
        while retained(broker).get(f"releve/{GRANT}/status") != "offline":
            assert time.monotonic() < end
    async with target(broker) as one:
        await one.open()
        broker.end()
        with pytest.raises(Trouble) as caught:
            await one.put([day()])
        assert caught.value.why is Why.UNREACHABLE


async def test_a_wrong_password_is_refused_and_told_to_nobody(guarded: Mosquitto) -> None:
    async with target(guarded, "wrong-word") as one:
        with pytest.raises(Trouble) as caught:
            await one.open()
    assert caught.value.why is Why.REFUSED
    assert "wrong-word" not in str(caught.value)
    async with target(guarded, PASSWORD) as one:
        await one.open()
        assert (await one.put([replace(day())]))[0].answer == "9 messages"
