"""Messages through servers of other projects: Debian's mosquitto, and a mail server that is a process of its own."""

import json
import smtplib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from email import message_from_binary_file
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from gateway.way import Form, Kind, Way
from sync.messengers.event import Event
from sync.messengers.mail import Mail
from sync.model import Message, Trouble, Why
from sync.net import Net
from tests.integration.conftest import Start
from tests.integration.mosquitto import PASSWORD, USER, Broke, Mosquitto, until
from tests.parcels import GRANT, House

pytestmark = pytest.mark.timeout(90)

FRENCH = Message(
    "leak 17 1", "leak", "Fuite d’eau probable à l’étage", "De l’eau coule\ndepuis 9 h.\n", 1_795_000_000, urgent=True
)
ENGLISH = replace(FRENCH, name="leak 17 2", subject="Water is probably leaking", text="For 9 hours: “upstairs”.\n")


# -- Home Assistant's topics ------------------------------------------------------------------------------------------
class Pause:
    """Takes no time, and says how long it was asked for."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked_s.append(seconds)


@asynccontextmanager
async def event(broker: Mosquitto, password: str = "", pause: Pause | None = None) -> AsyncIterator[Event]:
    way = Way(Kind.EVENT, f"mqtt://127.0.0.1:{broker.port}", USER if password else "", Form.WORDS, at_home=True)
    async with Net("127.0.0.1", at_home=True) as net:
        made = Event(way, {"password": password}, House(), net, sleep=pause or Pause())
        try:
            yield made
        finally:
            await made.close()


@contextmanager
def hearing(broker: Mosquitto, file: Path, topic: str = "#") -> Iterator[None]:
    """What the broker brings to somebody else, a line each: retained or not, topic, message."""
    command = ("mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), *broker.options)
    with file.open("wb") as output:
        process = subprocess.Popen((*command, "-t", topic, "-F", "%r %t %p"), stdout=output)
    try:
        until(lambda: knock(broker, file), "it listens")
        yield
    finally:
        process.kill()
        process.wait(5)


def knock(broker: Mosquitto, file: Path) -> bool:
    broker.publish("knock", "knock")
    return b"knock" in file.read_bytes()


def heard(file: Path, topic: str) -> list[tuple[str, str]]:
    lines = [line.split(" ", 2) for line in file.read_text().splitlines()]
    return [(retained, payload) for retained, where, payload in lines if where == topic]


async def test_an_event_comes_once_and_the_last_message_stays(mosquitto: Broke, tmp_path: Path) -> None:
    broker, live, late, pause = mosquitto(), tmp_path / "live", tmp_path / "late", Pause()
    with hearing(broker, live):
        async with event(broker, pause=pause) as one:
            await one.open()
            told = await one.tell(FRENCH)
            await one.tell(FRENCH)
        async with event(broker, pause=pause) as again:
            assert (await again.tell(FRENCH)).answer == "it was told before"
            await again.tell(ENGLISH)
        until(lambda: len(heard(live, f"releve/{GRANT}/message")) == 2, "both are heard")
    assert pause.asked_s == [5.0], "Home Assistant is given time for a device that it does not know, once"
    assert told.answer == "2 messages"
    french, english = (json.loads(payload) for _, payload in heard(live, f"releve/{GRANT}/event"))
    assert french == {
        "event_type": "leak",
        "title": FRENCH.subject,
        "message": "De l’eau coule\ndepuis 9 h.",
        "urgent": True,
        "at": FRENCH.at,
        "id": french["id"],
    }
    assert english["title"] == ENGLISH.subject
    assert english["id"] != french["id"]
    with hearing(broker, late):
        config, last = (
            heard(late, topic)
            for topic in (f"homeassistant/device/releve_{GRANT}_messages/config", f"releve/{GRANT}/message")
        )
        assert [retained for retained, _ in (*config, *last)] == ["1", "1"]
        assert json.loads(last[0][1])["title"] == ENGLISH.subject
        assert heard(late, f"releve/{GRANT}/event") == []


async def test_what_is_left_at_the_broker_is_nothing(mosquitto: Broke, tmp_path: Path) -> None:
    broker, late = mosquitto(), tmp_path / "late"
    async with event(broker) as one:
        await one.open()
        await one.tell(FRENCH)
    async with event(broker) as one:
        await one.leave()
    with hearing(broker, late):
        assert [line for line in late.read_text().splitlines() if "knock" not in line] == []


async def test_a_message_after_a_broker_that_was_killed_is_told(mosquitto: Broke, tmp_path: Path) -> None:
    broker, live = mosquitto(), tmp_path / "live"
    async with event(broker) as one:
        await one.open()
        broker.end()
        with pytest.raises(Trouble) as caught:
            await one.tell(FRENCH)
        assert caught.value.why is Why.UNREACHABLE
        broker.start()
        with hearing(broker, live):
            await one.tell(FRENCH)
            until(lambda: len(heard(live, f"releve/{GRANT}/event")) == 1, "it is heard")


async def test_a_wrong_password_and_a_right_that_is_missing_are_said(guarded: Mosquitto, tmp_path: Path) -> None:
    async with event(guarded, "not this one") as one:
        with pytest.raises(Trouble) as caught:
            await one.open()
    assert caught.value.why is Why.REFUSED
    assert "not this one" not in str(caught.value)
    access = tmp_path / "access"
    access.write_text(f"user {USER}\ntopic readwrite releve/#\ntopic read homeassistant/#\n")
    guarded.end()
    guarded.more += f"\nacl_file {access}"
    guarded.start()
    async with event(guarded, PASSWORD) as one:
        with pytest.raises(Trouble, match="does not take what is said to homeassistant/device") as caught:
            await one.open()
    assert caught.value.why is Why.REFUSED


# -- a mail server ----------------------------------------------------------------------------------------------------
async def test_a_letter_in_french_and_one_in_english_lie_in_the_mailbox_once(
    start: Start, port: int, tmp_path: Path
) -> None:
    box = tmp_path / "Maildir"
    command = ("-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", "-c", "aiosmtpd.handlers.Mailbox", str(box))
    start(sys.executable, *command, ready=lambda: greets(port))
    way = Way(Kind.MAIL, f"smtp://127.0.0.1:{port}", "", Form.WORDS, to=("camille@example.org",), at_home=True)
    async with Net("127.0.0.1", at_home=True) as net:
        one = Mail(way, {}, House(), net)
        await one.open()
        for message in (FRENCH, ENGLISH):
            assert (await one.tell(message)).answer.startswith("250")
        await one.close()
    letters = sorted((read(path) for path in (box / "new").iterdir()), key=lambda letter: str(letter["Subject"]))
    assert [str(letter["Subject"]) for letter in letters] == [FRENCH.subject, ENGLISH.subject]
    assert [letter.get_content() for letter in letters] == [FRENCH.text, ENGLISH.text]
    assert {str(letter["To"]) for letter in letters} == {"camille@example.org"}


def greets(port: int) -> bool:
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=1) as there:
            return there.noop()[0] == 250
    except OSError:
        return False


def read(path: Path) -> EmailMessage:
    with path.open("rb") as file:
        letter = message_from_binary_file(file, policy=default)
    assert isinstance(letter, EmailMessage)
    return letter
