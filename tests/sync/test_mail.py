"""A letter reaches a mail server once, to whom it is for and in words that can be read; what the server says otherwise is one sentence."""

import asyncio
import hashlib
import logging
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.way import Form, Kind, Way
from sync import smtp_line
from sync.messengers.mail import Mail, letter
from sync.model import Message, Trouble, Why
from sync.net import Net
from sync.smtp_line import ANSWER_S_MAX, SAID_BYTES_MAX
from tests.answering import saying
from tests.authority import Authority, authority
from tests.mail import PASSWORD, USER, Post, posting, serving
from tests.parcels import House

ALICE, BOB = "alice@example.org", "bob@example.net"
MESSAGE = Message(
    "leak 17 1",
    "leak",
    "Fuite d’eau probable depuis hier à 23 h 40 : relevé « Maison »",
    "De l’eau coule sans arrêt depuis 9 heures.\n.\n.. et toujours œuvre\n\nhttp://releve.local/alerts\n",
    1_795_000_000,
    urgent=True,
)


def way(
    port: int, scheme: str = "smtp", user: str = "", to: tuple[str, ...] = (ALICE,), *, at_home: bool = True
) -> Way:
    return Way(Kind.MAIL, f"{scheme}://127.0.0.1:{port}", user, Form.WORDS, to=to, at_home=at_home)


@asynccontextmanager
async def mail(there: Way, password: str = PASSWORD) -> AsyncIterator[Mail]:
    async with Net("127.0.0.1", at_home=True) as net:
        made = Mail(there, {"password": password}, House(), net)
        try:
            yield made
        finally:
            await made.close()


async def trouble(there: Way, password: str = PASSWORD, message: Message = MESSAGE) -> Trouble:
    async with mail(there, password) as one:
        try:
            await one.open()
            await one.tell(message)
        except Trouble as caught:
            return caught
    raise AssertionError("it was told")


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """A server's certificate, by an authority that this machine knows."""
    made = authority(tmp_path, "mail")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.ca))
    return made


def context(of: Authority) -> ssl.SSLContext:
    return serving(str(of.certificate), str(of.key))


@pytest.fixture(params=["smtp", "smtps"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def served(post: Post, scheme: str, of: Authority) -> AbstractAsyncContextManager[Post]:
    if scheme == "smtp":
        return posting(post, login=True, starttls=context(of))
    return posting(post, login=True, smtps=context(of))


# -- the letter -------------------------------------------------------------------------------------------------------
async def test_a_letter_comes_once_in_tls_by_a_login_whose_password_has_accents(scheme: str, signed: Authority) -> None:
    async with served(Post(), scheme, signed) as post:
        async with mail(way(post.port, scheme, USER, (ALICE, BOB), at_home=False)) as one:
            await one.open()
            told = await one.tell(MESSAGE)
        (envelope,) = post.letters
        assert (envelope.mail_from, envelope.rcpt_tos) == (USER, [ALICE, BOB])
        assert post.encrypted == [True]
        assert set(post.names) == {"[127.0.0.1]"}
        read = post.read()
    assert told.answer == "250 2.0.0 taken as 4711"
    assert isinstance(envelope.content, bytes)
    assert (told.bytes, told.sha256) == (len(envelope.content), hashlib.sha256(envelope.content).hexdigest())
    assert read["Subject"] == MESSAGE.subject
    assert read.get_content().replace("\r\n", "\n") == MESSAGE.text
    assert (read["From"], read["To"]) == (f"Relevé <{USER}>", f"{ALICE}, {BOB}")
    assert read["Date"].datetime.timestamp() == MESSAGE.at
    assert read["Auto-Submitted"] == "auto-generated"
    assert (read["X-Priority"], read["Importance"]) == ("1", "high")
    assert read.get_content_type() == "text/plain"


def test_what_is_not_urgent_is_a_letter_as_any_other() -> None:
    said = letter((ALICE,), USER, "0" * 32, replace(MESSAGE, urgent=False))
    assert not {"X-Priority", "Importance"} & set(message_from_bytes(said).keys())


async def test_a_second_try_is_the_same_letter_and_another_message_is_another(signed: Authority) -> None:
    async with served(Post(), "smtps", signed) as post:
        there = way(post.port, "smtps", USER)
        for message in (MESSAGE, MESSAGE, replace(MESSAGE, name="leak 17 2")):
            async with mail(there) as one:
                await one.tell(message)
        first, second, other = (post.read(number) for number in range(3))
    assert post.letters[0].content == post.letters[1].content
    assert first["Message-ID"] == second["Message-ID"] != other["Message-ID"]
    assert "leak" not in first["Message-ID"]


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_is_said_is_read_as_it_was_and_never_a_line_of_the_head(said: str, text: str) -> None:
    read = message_from_bytes(
        letter((ALICE, BOB), USER, "0" * 32, replace(MESSAGE, subject=said, text=text)), policy=default
    )
    assert list(read.keys()) == [
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Priority", "Importance"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    ]
    printed = said.encode("utf-8", "replace").decode()
    assert "".join(read["Subject"].split()) == "".join(
        "".join(character for character in printed if character.isprintable()).split()
    )
    assert not any(len(line) > 998 for line in read.as_bytes().splitlines())


def test_a_subject_that_would_be_a_second_line_is_one() -> None:
    said = letter((ALICE,), USER, "0" * 32, replace(MESSAGE, subject="A\r\nBcc: eve@example.com\nB"))
    assert message_from_bytes(said, policy=default)["Subject"] == "A Bcc: eve@example.com B"
    assert b"\nBcc" not in said


@pytest.mark.parametrize("to", ["a,b@example.org", "a@b>c", "<a@b", "a..b@c", "a@b@c", '"a"@b', "a@b.", "a@-é"])
async def test_an_address_that_is_none_is_said_before_anybody_is_asked(to: str) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="no address that a mail can be sent to"):
            Mail(way(1, to=(to,)), {}, House(), net)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1",
        "127.0.0.1:25",
        "smtp://",
        "smtp://127.0.0.1:99999",
        "smtp://u:secret@127.0.0.1",
        "smtp://h/x",
    ],
)
async def test_an_address_of_no_mail_server_is_one_sentence(address: str) -> None:
    async with Net("127.0.0.1", at_home=True) as net:
        with pytest.raises(Trouble, match="address: smtps://HOST") as caught:
            Mail(replace(way(1), address=address), {}, House(), net)
    assert "secret" not in str(caught.value)


# -- in clear, or not -------------------------------------------------------------------------------------------------
async def test_at_home_a_server_without_tls_and_login_is_told_in_clear() -> None:
    async with posting(Post()) as post:
        async with mail(way(post.port)) as one:
            await one.tell(MESSAGE)
        assert post.encrypted == [False]
        assert post.letters[0].mail_from == ALICE


@pytest.mark.parametrize(
    ("user", "at_home", "what"), [("", False, "message"), (USER, False, "password"), (USER, True, "password")]
)
async def test_neither_a_password_nor_a_word_leaves_home_in_clear(user: str, at_home: bool, what: str) -> None:
    async with posting(Post(), login=bool(user)) as post:
        caught = await trouble(way(post.port, user=user, at_home=at_home))
        assert (post.letters, post.logins) == ([], [])
    assert caught.why is Why.FORBIDDEN
    assert caught.detail == f"127.0.0.1: the server offers no STARTTLS, and no {what} is sent in clear"


@pytest.mark.parametrize("name", ["other", "unknown"])
async def test_away_from_home_a_server_that_cannot_show_who_it_is_is_told_nothing(
    scheme: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = authority(tmp_path, "mail", "192.0.2.1" if name == "other" else "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.ca if name == "other" else authority(tmp_path, "x").ca))
    async with served(Post(), scheme, made) as post:
        caught = await trouble(way(post.port, scheme, USER, at_home=False))
        assert (post.letters, post.logins) == ([], [])
    assert caught.why is Why.CERTIFICATE


async def test_at_home_a_certificate_that_nobody_knows_is_enough(scheme: str, tmp_path: Path) -> None:
    async with served(Post(), scheme, authority(tmp_path, "mail")) as post:
        async with mail(way(post.port, scheme, USER)) as one:
            await one.tell(MESSAGE)
        assert post.encrypted == [True]


async def test_what_was_said_before_tls_is_not_taken_for_what_is_said_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody in between adds to the answer in clear is thrown away (RFC 3207, 6)."""
    monkeypatch.setattr(smtp_line, "ANSWER_S_MAX", 0.3)
    answers = (b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n", b"220 go\r\n250-hi\r\n250 AUTH PLAIN\r\n235 in\r\n")
    async with talking(*answers) as (port, heard):
        caught = await trouble(way(port, user=USER))
    assert caught.why in (Why.CERTIFICATE, Why.UNREACHABLE)
    assert b"AUTH" not in heard


# -- refused ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("step", "reply", "why"),
    [
        ("AUTH", "535 5.7.8 no", Why.REFUSED),
        ("AUTH", "454 4.7.0 later", Why.BUSY),
        ("MAIL", "530 5.7.0 log in first", Why.REFUSED),
        ("MAIL", "452 4.3.1 no room", Why.BUSY),
        ("MAIL", "421 4.4.2 shutting down", Why.BUSY),
        (ALICE, "450 4.2.0 greylisted, come back in five minutes", Why.BUSY),
        (ALICE, "550 5.1.1 no such user", Why.REFUSED),
        (ALICE, "452 4.2.2 over quota", Why.FULL),
        (ALICE, "552 5.2.2 mailbox full", Why.FULL),
        (ALICE, "421 bye", Why.BUSY),
        ("DATA", "552 too much", Why.FULL),
        ("DATA", "554 5.7.1 spam, we think", Why.REFUSED),
        ("DATA", "451 4.3.0 later", Why.BUSY),
        ("DATA", "500 what?", Why.ODD),
        ("DATA", "999 what?", Why.ODD),
        ("DATA", "199 what?", Why.ODD),
    ],
)
async def test_each_refusal_says_why(step: str, reply: str, why: Why, signed: Authority) -> None:
    async with served(Post({step: reply}), "smtp", signed) as post:
        caught = await trouble(way(post.port, user=USER))
        assert post.letters == []
    assert caught.why is why
    assert caught.detail.startswith("127.0.0.1: ")
    if why is not Why.ODD:
        assert reply[:3] in caught.detail


async def test_of_several_the_others_are_told_and_who_is_refused_is_named() -> None:
    async with posting(Post({BOB: "550 5.1.1 no such user"})) as post:
        async with mail(way(post.port, to=(ALICE, BOB))) as one:
            told = await one.tell(MESSAGE)
        assert [each.rcpt_tos for each in post.letters] == [[ALICE]]
    assert told.answer == f"250 2.0.0 taken as 4711; refused: {BOB} (550 5.1.1 no such user)"


async def test_where_all_are_refused_and_one_may_not_be_later_it_is_tried_again() -> None:
    async with posting(Post({ALICE: "550 no", BOB: "450 greylisted"})) as post:
        caught = await trouble(way(post.port, to=(ALICE, BOB)))
    assert (caught.why, caught.detail) == (Why.BUSY, "127.0.0.1: 450 greylisted")


async def test_a_server_that_offers_no_login_is_said(signed: Authority) -> None:
    async with posting(Post(), starttls=context(signed), without=("PLAIN", "LOGIN")) as post:
        caught = await trouble(way(post.port, user=USER))
    assert caught.why is Why.REFUSED
    assert "no login with a password" in caught.detail


async def test_the_older_way_of_a_login_is_gone_where_it_is_the_only_one(signed: Authority) -> None:
    async with posting(Post(), starttls=context(signed), login=True, without=("PLAIN",)) as post:
        async with mail(way(post.port, user=USER)) as one:
            await one.tell(MESSAGE)
        assert post.logins == [PASSWORD.encode()]
        caught = await trouble(way(post.port, user=USER), "not this one")
    assert (caught.why, caught.detail) == (Why.REFUSED, "127.0.0.1: 535 5.7.8 the login is not taken")


async def test_a_wrong_password_is_in_no_sentence_though_the_server_repeats_it(
    signed: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, "mail.log")  # the double's own
    async with served(Post({"AUTH": "535 5.7.8 no: hunter2hunter2 AGNhbWlsbGU="}), "smtp", signed) as post:
        caught = await trouble(way(post.port, user=USER), "hunter2hunter2")
    assert caught.detail == "127.0.0.1: 535 5.7.8 the login is not taken"
    assert "hunter2" not in caplog.text
    async with served(Post({ALICE: f"550 you said {b64encode(PASSWORD.encode()).decode()}"}), "smtp", signed) as post:
        assert (await trouble(way(post.port, user=USER))).detail == "127.0.0.1: 550"


# -- servers that are none, or end ------------------------------------------------------------------------------------
@asynccontextmanager
async def talking(*answers: bytes, pause_s: float = 0) -> AsyncIterator[tuple[int, bytearray]]:
    """Says the first of these at once and each other one when it heard something; its port, and all that it heard."""
    heard = bytearray()
    talks: list[asyncio.Task[Any]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())  # type: ignore[arg-type] # there is one
        try:
            for number, answer in enumerate(answers):
                if number:
                    heard.extend(await reader.read(65_536))
                for piece in (answer[at : at + 1] for at in range(len(answer))) if pause_s else (answer,):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(pause_s)
            heard.extend(await reader.read())
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heard
        await asyncio.gather(*talks, return_exceptions=True)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n<html>",
        b"\xff" * 100 + b"\r\n",
        b"x" * 10_000 + b"\r\n",
        b"220-hi\r\n" * 10_000,
        b"1\r\n",
    ],
)
async def test_what_is_no_mail_server_is_one_sentence(answer: bytes) -> None:
    assert len(answer) <= SAID_BYTES_MAX * 2
    async with talking(answer) as (port, _):
        caught = await trouble(way(port))
    assert caught.why is Why.ODD


async def test_a_page_where_tls_is_expected_is_one_sentence() -> None:
    async with saying(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        caught = await trouble(way(int(url.rpartition(":")[2]), "smtps"))
    assert caught.why is Why.CERTIFICATE


@pytest.mark.parametrize(("reply", "why"), [(b"554 no service\r\n", Why.REFUSED), (b"421 too busy\r\n", Why.BUSY)])
async def test_a_server_that_greets_with_no_is_understood(reply: bytes, why: Why) -> None:
    async with talking(reply) as (port, _):
        assert (await trouble(way(port))).why is why


async def test_nobody_there_is_said() -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
    caught = await trouble(way(port))
    assert (caught.why, caught.detail) == (Why.UNREACHABLE, "127.0.0.1: Connection refused")


@pytest.mark.parametrize(
    ("answer", "pause_s"), [(b"", 0), (b"220-one\r\n220-two\r\n" * 100, 0.02)], ids=["hangs", "drips"]
)
async def test_a_server_that_hangs_or_drips_is_left(
    answer: bytes, pause_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_line, "TOTAL_S_MAX", 0.3)
    assert ANSWER_S_MAX > 1
    async with talking(answer, pause_s=pause_s) as (port, _):
        caught = await asyncio.wait_for(trouble(way(port)), 5)
    assert (caught.why, caught.detail) == (Why.UNREACHABLE, "127.0.0.1: no answer in time")


async def test_one_silent_answer_is_not_waited_for_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_line, "ANSWER_S_MAX", 0.2)
    async with talking(b"220 hi\r\n") as (port, _):
        caught = await asyncio.wait_for(trouble(way(port)), 5)
    assert (caught.why, caught.detail) == (Why.UNREACHABLE, "127.0.0.1: no answer in time")


async def test_a_withdrawal_meanwhile_ends_the_connection_at_once() -> None:
    async with talking(b"220 hi\r\n", b"") as (port, heard), mail(way(port)) as one:
        opening = asyncio.create_task(one.open())
        while not heard:
            await asyncio.sleep(0.01)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(opening, 5)


async def test_a_connection_that_the_server_ended_meanwhile_is_made_anew() -> None:
    async with posting(Post()) as post, mail(way(post.port)) as one:
        await one.open()
        assert one._line is not None
        one._line._smtp.cut()
        await one.tell(MESSAGE)
        await one.tell(MESSAGE)
        assert len(post.letters) == 2
        assert len(post.names) == 2
