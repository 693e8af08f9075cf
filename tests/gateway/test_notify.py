"""What systemd is told, read from a socket such as its own."""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway import app
from gateway.config import parse
from gateway.notify import Notifier
from gateway.store import Store
from tests.loopback import free_port


class Listener:
    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def said(self) -> list[str]:
        """The messages since the last call."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self._socket.recv(4096).decode())
        return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Listener]:
    listener = Listener(str(tmp_path / "notify"))
    yield listener
    listener.close()


def test_who_asked_is_told_by_a_path_and_by_an_abstract_name(systemd: Listener) -> None:
    abstract = Listener(f"@releve-{secrets.token_hex(8)}")
    for listener in (systemd, abstract):
        Notifier(listener.address).tell("READY=1", "STATUS=the pages are at http://192.168.1.5:8080/")
        assert listener.said() == ["READY=1\nSTATUS=the pages are at http://192.168.1.5:8080/"]
    abstract.close()


def test_what_is_said_to_this_process_reaches_none_that_it_starts() -> None:
    environment = {"NOTIFY_SOCKET": "/run/systemd/notify", "WATCHDOG_USEC": "60000000", "HOME": "/"}
    assert Notifier.take(environment).watchdog_s == 60
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid() + 1)},
    ],
)
def test_a_watchdog_that_is_none_or_another_process_s_is_not_fed(words: dict[str, str]) -> None:
    assert Notifier.take(dict(words)).watchdog_s is None


def test_a_systemd_that_is_gone_or_not_there_costs_nothing_but_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Notifier().tell("READY=1")
    assert caplog.messages == []
    Notifier(str(tmp_path / "gone")).tell("READY=1")
    assert "cannot be told READY=1" in caplog.text


async def test_the_watchdog_is_fed_twice_in_its_time_and_only_while_all_moves(
    systemd: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    found = iter([None, None, "the port linky has not moved for 121 s", "the port linky has not moved for 151 s", None])
    slept: list[float] = []
    said: list[list[str]] = []

    async def sleep(pause_s: float) -> None:
        slept.append(pause_s)
        said.append(systemd.said())
        if len(slept) == 5:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError), caplog.at_level(logging.ERROR):
        await Notifier(systemd.address, 60).feed(lambda: next(found), sleep)
    fed = ["WATCHDOG=1"]
    assert said == [
        fed,
        fed,
        ["STATUS=the port linky has not moved for 121 s"],
        [],
        [*fed, "STATUS=all moves again"],
    ]
    assert slept == [30] * 5
    assert len(caplog.messages) == 1


async def test_nothing_is_fed_where_no_watchdog_is(systemd: Listener) -> None:
    await Notifier(systemd.address).feed(lambda: None)
    assert systemd.said() == []


async def _run(folder: Path, running: app.Running) -> None:
    config = parse(
        f'[box]\ndata = "{folder}/data"\nruntime = "{folder}/run"\n'
        f'[web]\nlisten = "127.0.0.1:{free_port()}"\nmdns = false',
        "test.toml",
    )
    await app.run(config, running)


async def test_a_gateway_says_that_it_is_ready_when_its_pages_can_be_opened_and_that_it_stops(
    systemd: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
    monkeypatch.setenv("WATCHDOG_USEC", "100000")
    opened: list[str] = []

    def running(urls: tuple[str, ...], setup_code: str | None) -> None:
        assert systemd.said() == []
        opened.extend(urls)

    life = asyncio.create_task(_run(tmp_path, running))
    said: list[str] = []
    async with asyncio.timeout(10):
        while said.count("WATCHDOG=1") < 3:
            await asyncio.sleep(0.01)
            said += systemd.said()
    assert said[0] == f"READY=1\nSTATUS=the pages are at {opened[0]}"
    os.kill(os.getpid(), signal.SIGTERM)
    await life
    assert systemd.said()[-1].startswith("STOPPING=1")


async def test_a_gateway_whose_store_hangs_no_longer_feeds_the_watchdog(
    systemd: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
    monkeypatch.setenv("WATCHDOG_USEC", "100000")
    monkeypatch.setattr("gateway.beats.STORE_S_MAX", 0.1)
    monkeypatch.setattr("gateway.app.WATCH_S", 0.01)
    released = threading.Event()
    opened: list[Store] = []
    open_ = Store.open

    def keep(path: Path, tail: Path, *, zone: ZoneInfo, now: Callable[[], int], commit_s: float) -> Store:
        opened.append(open_(path, tail, zone=zone, now=now, commit_s=commit_s))
        return opened[0]

    monkeypatch.setattr(Store, "open", keep)
    life = asyncio.create_task(_run(tmp_path, lambda urls, setup_code: None))
    try:
        async with asyncio.timeout(10):
            while "WATCHDOG=1" not in systemd.said():
                await asyncio.sleep(0.01)
            hanging = asyncio.create_task(asyncio.to_thread(opened[0].wait, released.wait))
            while not any("STATUS=the store has not moved" in each for each in systemd.said()):
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
        assert systemd.said() == []
    finally:
        released.set()
        await hanging
        os.kill(os.getpid(), signal.SIGTERM)
        await life
