"""A locked meter on an IM871A stick: it is taken as ours, the key comes later, the history is there from the first word."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from drivers.encode import records, wmbus
from drivers.model import Address
from gateway.collect import INDEX_PACE_S
from tests.e2e.sticks import Stick

pytestmark = pytest.mark.timeout(180)

METER = Address("wmbus", "41873260", "RLV", 0x1B, 0x07)
ENGRAVED = "41\u00a0873\u00a0260"
KEY = bytes(range(0x10, 0x20))
PASSWORD = "le chat dort sur le radiateur"
FIRST_LITRES = 612_483


class Meter:
    """The locked meter, which a stick hears."""

    def __init__(self, path: Path) -> None:
        self._stick = Stick(path)

    def says(self, litres: int) -> None:
        number = litres - FIRST_LITRES + 1
        said = records.volume(litres) + records.flow(12)
        self._stick.hands_on(wmbus.telegram_mode_7(METER, said, number % 256, key=KEY, counter=number))


class Box:
    """`releve run`, which may be killed and started again on the same files."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.file = folder / "releve.toml"
        self.file.write_text(
            f'[box]\ndata = "{folder}/data"\nruntime = "{folder}/run"\nsecret = "{folder}/secret"\n'
            f'[web]\nlisten = "127.0.0.1:{port}"\nmdns = false\n'
            f'[[port]]\nname = "radio"\nprotocol = "wmbus"\ndevice = "{folder}/stick"\n'
        )
        self.code = ""

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", "--config", str(self.file)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        said = ""
        while self.url not in said:
            line = self.process.stdout.readline()
            assert line, said
            said += line
        if not self.code:
            self.code = self.process.stdout.readline().rpartition("code is ")[2].strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def api(self, page: Page, path: str) -> dict[str, object]:
        answer = page.request.get(f"{self.url}/api/v1/{path}")
        assert answer.ok, answer.text()
        return dict(json.loads(answer.text()))


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    running = Box(tmp_path)
    yield running
    running.kill()


def wait_until(box: Box, page: Page, true: Callable[[dict[str, Any]], bool]) -> None:
    """Of the radio's line; a stick that is still being asked who it is drops what it hears."""
    heard: Any = None
    for _ in range(200):
        heard = box.api(page, "ports")["ports"]
        if heard and true(heard[0]):
            return
        time.sleep(0.1)
    pytest.fail(f"not so in 20 s: {heard}")


def wait_until_found(box: Box, page: Page) -> None:
    wait_until(box, page, lambda port: port["receiver"] is not None and "C1+T1" in port["receiver"])


def wait_until_heard(box: Box, page: Page, count: int) -> None:
    """The box heard this meter so often; what it keeps of it is on the card or with the system."""
    wait_until(box, page, lambda port: port["counts"].get("frames", 0) >= count)


def wait_since(began: int, wait_s: float) -> None:
    time.sleep(max(0.0, began + wait_s - time.time()))


def test_the_history_begins_with_the_first_telegram_though_the_key_was_typed_after_a_kill(box: Box, page: Page) -> None:
    meter = Meter(box.folder / "stick")
    box.start()
    page.goto(box.url)
    page.get_by_label("Code").fill(box.code)
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("main button").click()
    page.wait_for_url(re.compile(r"/$"))

    wait_until_found(box, page)
    began = int(time.time())
    meter.says(FIRST_LITRES)
    wait_until_heard(box, page, 1)
    page.goto(f"{box.url}/meters")
    page.locator("tr", has_text=ENGRAVED).get_by_role("link").click()
    page.get_by_label("Comment l’appelez-vous").fill("Eau du jardin")
    page.get_by_role("button", name="mien").click()
    expect(page.locator("main")).to_contain_text("Ses messages attendent la clé")
    wait_since(began, INDEX_PACE_S + 1)
    meter.says(FIRST_LITRES + 5)
    wait_until_heard(box, page, 2)

    box.kill()
    box.start()
    wait_until_found(box, page)
    wait_since(began, 2 * (INDEX_PACE_S + 1))
    meter.says(FIRST_LITRES + 12)
    wait_until_heard(box, page, 1)
    page.goto(f"{box.url}/meters")
    mine = page.locator("li.meter", has_text="Eau du jardin")
    expect(mine).to_contain_text(re.compile(r"3\smessages sont gardés"), timeout=10_000)
    expect(mine).to_contain_text("illisible sans la clé")
    assert str(FIRST_LITRES)[:3] not in mine.inner_text()

    mine.get_by_label("La clé").fill(KEY.hex())
    mine.get_by_role("button", name="Essayer").click()
    expect(page.locator("main")).to_contain_text("Ce compteur est le vôtre, et il se lit")
    expect(page.locator(".drum").first).to_be_visible()
    points = box.api(page, "points")["points"]
    assert isinstance(points, list)
    (point,) = points
    assert (point["state"], point["waits"], point["index"]["value"]) == ("speaking", None, str(FIRST_LITRES + 12))
    assert began <= point["history_start"] <= began + 15
    (volume,) = [key for key in point["series"] if ":volume:" in key]
    page.goto(f"{box.url}/history/eau-du-jardin?by=day")
    expect(page.locator("main")).to_contain_text(re.compile(r"\b12\sL"))
    flow = box.api(page, f"series/{volume.replace('volume', 'flow')}/curve?from={began - 60}&to={began + 120}")
    assert isinstance(flow["at"], list)
    assert len(flow["at"]) == 3, "one value of each telegram, the first heard before the meter was ours"
    for file in box.folder.rglob("*"):
        if file.is_file():
            assert KEY not in file.read_bytes(), file
