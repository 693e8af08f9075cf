"""Messages through servers of other projects: Debian's mosquitto, and its mail server exim."""

import json
import os
import shutil
import smtplib
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from email import message_from_binary_file
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from gateway.way import Form, Kind, Way
from sync.messengers.event import SETTLE_S, Event
from sync.messengers.mail import Mail
from sync.model import Message, Trouble, Why
from sync.net import Net
from tests.authority import Authority, authority
from tests.integration.conftest import Start
from tests.integration.mosquitto import PASSWORD, USER, Broke, Mosquitto, until
from tests.loopback import free_port
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
    assert pause.asked_s == [SETTLE_S], "Home Assistant is given time for a device that it does not know, once"
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
# Exim's specification, chapters 14, 29, 33 and 34: two people have a mailbox, who is logged in writes to them, and to nobody else.
EXIM = """
primary_hostname = mail.home.test
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
pid_file_path = {folder}/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {starttls} : {smtps}
tls_on_connect_ports = {smtps}
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {key}
auth_advertise_hosts = ${{if def:tls_in_cipher{{*}}}}
rfc1413_query_timeout = 0s
host_lookup =
acl_smtp_rcpt = rcpt
acl_smtp_data = data
begin acl
rcpt:
  deny !authenticated = *
       message = log in first
  accept domains = home.test
         local_parts = alice : bob
  defer local_parts = grey
        message = come back in five minutes
  deny message = no such user
data:
  accept
begin routers
box:
  driver = accept
  local_parts = alice : bob
  transport = box
begin transports
box:
  driver = appendfile
  directory = {folder}/box/$local_part_data
  maildir_format
  user = {runs_as}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""
RUNS_AS = "Debian-exim"
MAIL_USER, MAIL_PASSWORD = "camille@home.test", "cheval réglo à piles"
ALICE, BOB, GREY, NOBODY = (f"{name}@home.test" for name in ("alice", "bob", "grey", "nobody"))


@dataclass(frozen=True)
class Exim:
    folder: Path
    ports: dict[str, int]
    signed: Authority

    def box(self, name: str) -> list[EmailMessage]:
        return [read(path) for path in sorted((self.folder / "box" / name / "new").glob("*"))]

    @asynccontextmanager
    async def mail(self, scheme: str, to: tuple[str, ...], password: str = MAIL_PASSWORD) -> AsyncIterator[Mail]:
        """As to a server beyond the home: its certificate is looked at."""
        way = Way(Kind.MAIL, f"{scheme}://127.0.0.1:{self.ports[scheme]}", MAIL_USER, Form.WORDS, to=to)
        async with Net("127.0.0.1", at_home=True) as net:
            made = Mail(way, {"password": password}, House(), net)
            try:
                yield made
            finally:
                await made.close()


@pytest.fixture
def exim(start: Start, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exim]:
    """Debian's, as a user of its own, who may not see what tests of root keep."""
    assert os.geteuid() == 0, "it changes its user"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        signed, ports = authority(folder, "mail"), {"smtp": free_port(), "smtps": free_port()}
        monkeypatch.setenv("SSL_CERT_FILE", str(signed.ca))
        config = folder / "exim.conf"
        config.write_text(
            EXIM.format(
                folder=folder,
                starttls=ports["smtp"],
                smtps=ports["smtps"],
                certificate=signed.certificate,
                key=signed.key,
                runs_as=RUNS_AS,
                user=MAIL_USER,
                password=MAIL_PASSWORD,
            )
        )
        for path in (folder, signed.certificate, signed.key):
            shutil.chown(path, RUNS_AS)
        start("exim4", "-bdf", "-C", str(config), ready=lambda: greets(ports["smtp"]))
        yield Exim(folder, ports, signed)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_letter_in_french_and_one_in_english_lie_in_the_mailbox_once(exim: Exim, scheme: str) -> None:
    async with exim.mail(scheme, (ALICE, BOB)) as one:
        await one.open()
        for message in (FRENCH, ENGLISH):
            assert (await one.tell(message)).answer.startswith("250 OK id=")
    until(lambda: len(exim.box("alice")) == len(exim.box("bob")) == 2, "the letters are there")
    for name in ("alice", "bob"):
        letters = {str(letter["Subject"]): letter for letter in exim.box(name)}
        assert letters.keys() == {FRENCH.subject, ENGLISH.subject}
        for message in (FRENCH, ENGLISH):
            assert letters[message.subject].get_content() == message.text
        assert str(letters[FRENCH.subject]["From"]) == f"Relevé <{MAIL_USER}>"
        assert "with esmtpsa" in str(letters[FRENCH.subject]["Received"]), "in TLS and logged in"


async def test_a_second_try_is_known_by_its_number(exim: Exim) -> None:
    for _ in range(2):
        async with exim.mail("smtps", (ALICE,)) as one:
            await one.tell(FRENCH)
    until(lambda: len(exim.box("alice")) == 2, "both are there")
    first, second = exim.box("alice")
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize(
    ("to", "why", "said"),
    [((NOBODY,), Why.REFUSED, "550 no such user"), ((GREY, NOBODY), Why.BUSY, "451 come back in five minutes")],
)
async def test_who_takes_nothing_is_said(exim: Exim, to: tuple[str, ...], why: Why, said: str) -> None:
    async with exim.mail("smtp", to) as one:
        with pytest.raises(Trouble) as caught:
            await one.tell(FRENCH)
    assert (caught.value.why, caught.value.detail) == (why, f"127.0.0.1: {said}")


async def test_of_two_who_is_there_is_told_and_who_is_not_is_named(exim: Exim) -> None:
    async with exim.mail("smtp", (NOBODY, BOB)) as one:
        assert (await one.tell(FRENCH)).answer.endswith(f"; refused: {NOBODY} (550 no such user)")
    until(lambda: len(exim.box("bob")) == 1, "the letter is there")


async def test_a_wrong_password_of_the_mail_server_is_said(exim: Exim) -> None:
    async with exim.mail("smtps", (ALICE,), "not this one") as one:
        with pytest.raises(Trouble) as caught:
            await one.open()
    assert (caught.value.why, caught.value.detail) == (Why.REFUSED, "127.0.0.1: 535 the login is not taken")
    assert "not this one" not in (exim.folder / "mainlog").read_text()


def greets(port: int) -> bool:
    try:
        with smtplib.SMTP("127.0.0.1", port, "test", timeout=1) as there:
            return there.noop()[0] == 250
    except OSError:
        return False


def read(path: Path) -> EmailMessage:
    with path.open("rb") as file:
        letter = message_from_binary_file(file, policy=default)
    assert isinstance(letter, EmailMessage)
    return letter
