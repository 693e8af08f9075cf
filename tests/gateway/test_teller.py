"""Messages handed out and told: in the ledger before they leave, once each over restarts, and none once it was taken back."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from gateway import ledger
from gateway.grants import Grant
from gateway.ledger import LedgerError
from gateway.messages import Due, Quiet, Text, What
from gateway.services.model import Finding, Service
from gateway.teller import QUIET, SUBJECT_CHARACTERS_MAX, Last, quiet_hours
from gateway.telling import Telling
from gateway.way import Form, Kind, Way
from tests.sync.box import BY, DAY, MAIL, TELLING, Box, box

NOTICE = Way(Kind.NTFY, "https://ntfy.example.org/maison", "", Form.NOTICE)


async def tell(home: Box, grant: Grant, said: dict[str, object] | None, answer: str = "250 OK") -> bool:
    assert said is not None
    digest = hashlib.sha256(str(said["text"]).encode()).hexdigest()
    return await home.teller.told(grant.id, str(said["name"]), 100, digest, answer)


async def entries(home: Box, kind: str) -> list[dict[str, Any]]:
    return [one.fields for one in reversed(await home.ledger.entries(99)) if one.kind == kind]


async def test_an_event_is_told_once_over_restarts_and_stands_in_the_ledger(tmp_path: Path) -> None:
    with box(tmp_path) as home:
        grant = await home.give_messages()
        assert not home.teller.is_due(grant.id)
        await home.leak()
        assert home.teller.is_due(grant.id)
        said = await home.teller.next(grant.id)
        assert said is not None
        assert said == {
            "name": said["name"], "about": "leak", "subject": "raised of Moi", "text": "leak-1-0",
            "at": home.home.now(), "urgent": False,
        }  # fmt: skip
        assert await entries(home, ledger.TELLING) == [{"grant": grant.id, "message": "leak-1-0"}]
        home.restart()  # the answer is lost
        await home.leak()
        again = await home.teller.next(grant.id)
        assert again is not None
        assert again["name"] == said["name"]
        assert len(await entries(home, ledger.TELLING)) == 1
        assert await tell(home, grant, again)
        assert not await tell(home, grant, again), "said twice"
        (told,) = await entries(home, ledger.TOLD)
        assert (told["message"], told["bytes"], told["answer"]) == ("leak-1-0", 100, "250 OK")
        assert told["in_all"] == {"reads": 1, "points": 0, "bytes": 100}
        assert home.teller.last(grant.id) == Last(home.home.now(), "leak", "250 OK")
        home.restart()
        await home.leak()
        assert not home.teller.is_due(grant.id)
        held = home.grants.get(grant.id)
        assert held is not None
        assert (held.total.reads, held.total.bytes, held.total.last_at) == (1, 100, home.home.now())


async def test_nothing_is_told_that_was_found_before_the_services_looked_again(tmp_path: Path) -> None:
    with box(tmp_path) as home:
        grant = await home.give_messages()
        await home.leak()
        home.restart()
        assert not home.teller.is_due(grant.id), "it may be over since"
        await home.alerts.tell(home.home.now(), Service.LEAK, [])
        assert not home.teller.is_due(grant.id)


async def test_what_was_taken_back_or_paused_tells_nothing_and_messages_are_no_readings(tmp_path: Path) -> None:
    with box(tmp_path) as home:
        grant = await home.give_messages()
        await home.leak()
        assert [(job["do"], job["grant"]) for job in home.outbox.jobs()] == [("tell", grant.id)]
        assert not await home.outbox.due(grant.id)
        assert await home.outbox.batch(grant.id) is None
        assert not await home.outbox.looks(grant.id)
        said = await home.teller.next(grant.id)
        await home.grants.pause(grant.id, BY, paused=True)
        assert not home.teller.is_due(grant.id)
        assert not home.teller.try_out(grant.id)
        await home.grants.pause(grant.id, BY, paused=False)
        assert home.teller.try_out(grant.id)
        await home.grants.withdraw(grant.id, BY, erase=True)
        assert await home.teller.next(grant.id) is None
        assert [job["do"] for job in home.outbox.jobs()] == ["leave"], "a message does not come back"
        assert await tell(home, grant, said), "that it arrived is true all the same"
        await home.outbox.left(grant.id)
        assert home.ledger.messages() == {}


async def test_nothing_leaves_that_the_ledger_does_not_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with box(tmp_path) as home:
        grant = await home.give_messages()
        await home.leak()

        async def refuses(*_: object) -> None:
            raise LedgerError("ledger.db: disk full")

        with monkeypatch.context() as full:
            full.setattr(home.ledger, "message", refuses)
            with pytest.raises(LedgerError):
                await home.teller.next(grant.id)
        said = await home.teller.next(grant.id)
        with monkeypatch.context() as full:
            full.setattr(home.ledger, "message", refuses)
            with pytest.raises(LedgerError):
                await tell(home, grant, said)
            with pytest.raises(LedgerError):
                await home.teller.next(grant.id)
        assert home.teller.is_due(grant.id), "it is to be written down"
        assert await home.teller.next(grant.id) is None, "it arrived: no second letter, however long the card refuses"
        assert not home.teller.is_due(grant.id)
        (told,) = await entries(home, ledger.TOLD)
        assert (told["message"], told["bytes"]) == ("leak-1-0", 100)
        home.restart()
        await home.leak()
        assert not home.teller.is_due(grant.id)


async def test_what_a_message_is_called_elsewhere_cannot_be_guessed_by_who_knows_the_grant(tmp_path: Path) -> None:
    with box(tmp_path) as home:
        grant = await home.give_messages(NOTICE, Telling(("leak",), "en", ""))
        await home.leak()
        said = await home.teller.next(grant.id)
        assert said is not None
        for digits in range(8, 65):
            assert said["name"] != hashlib.sha256(f"{grant.id} leak-1-0".encode()).hexdigest()[:digits]


async def test_of_what_was_taken_back_meanwhile_no_other_is_said_to_be_about_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with box(tmp_path) as home:
        grant = await home.give_messages()
        now = home.home.now()
        found = [Finding(Service.LEAK, point, "drip", now - 60, {}, 0) for point in ("eau", "jardin")]
        await home.alerts.tell(now, Service.LEAK, found)
        write = home.ledger.message

        async def slowly(*said: Any) -> None:
            await write(*said)
            await home.grants.withdraw(grant.id, BY)

        monkeypatch.setattr(home.ledger, "message", slowly)
        assert await home.teller.next(grant.id) is None
        assert len(await entries(home, ledger.TELLING)) == 1


async def test_a_message_and_a_trial_that_are_refused_let_the_others_pass(tmp_path: Path) -> None:
    with box(tmp_path) as home:
        grant = await home.give_messages()
        now = home.home.now()
        found = [Finding(Service.LEAK, point, "drip", now - 60, {}, 0) for point in ("eau", "jardin")]
        await home.alerts.tell(now, Service.LEAK, found)
        assert home.teller.try_out(grant.id)
        tried = [await home.teller.next(grant.id) for _ in range(4)]
        assert [one and one["about"] for one in tried] == ["trial", "leak", "leak", "trial"]
        assert [one and one["text"] for one in tried[1:3]] == ["leak-1-0", "leak-2-0"]


async def test_a_trial_goes_first_and_once(tmp_path: Path) -> None:
    with box(tmp_path) as home:
        grant = await home.give_messages()
        await home.leak()
        assert home.teller.try_out(grant.id)
        assert home.teller.is_trial(grant.id)
        said = await home.teller.next(grant.id)
        assert said is not None
        assert said["about"] == What.TRIAL
        assert await tell(home, grant, said)
        assert not home.teller.is_trial(grant.id)
        following = await home.teller.next(grant.id)
        assert following is not None
        assert following["about"] == "leak"


async def test_where_there_is_nothing_to_say_nothing_is_sent_and_it_is_not_asked_again(tmp_path: Path) -> None:
    with box(tmp_path) as home:
        grant = await home.give_messages()
        home.clock.at += (7 - 5) * DAY  # any Monday morning within a week
        while not home.teller.is_due(grant.id):
            home.clock.at += 3600
        assert await home.teller.next(grant.id) is None
        assert not home.teller.is_due(grant.id)
        assert await entries(home, ledger.TELLING) == []


async def test_a_notice_names_no_service_to_who_carries_it_and_a_subject_is_one_line(tmp_path: Path) -> None:
    with box(tmp_path) as home:

        async def speak(grant: Grant, due: Due) -> Text:
            return Text("a\r\nBcc: b@example.org " + "x" * 500, "text")

        home.teller.speak = speak
        grant = await home.give_messages(NOTICE, Telling(("leak",), "en", ""))
        await home.leak(rank=3)
        said = await home.teller.next(grant.id)
        assert said is not None
        assert (said["about"], said["urgent"]) == ("notice", True)
        assert "leak" not in str(said)
        assert str(said["subject"]).startswith("a Bcc: b@example.org x")
        assert len(str(said["subject"])) == SUBJECT_CHARACTERS_MAX


async def test_one_that_cannot_be_said_keeps_no_other_waiting(tmp_path: Path) -> None:
    with box(tmp_path) as home:

        async def speak(grant: Grant, due: Due) -> Text:
            assert due.story is not None
            return Text("leak", f"{due.story.finding.grounds['l_per_h']}")

        home.teller.speak = speak
        grant = await home.give_messages()
        now = home.home.now()
        found = [
            Finding(Service.LEAK, point, "drip", now - 60, grounds, rank)
            for point, grounds, rank in (("eau", {}, 3), ("jardin", {"l_per_h": 3.0}, 0))
        ]
        await home.alerts.tell(now, Service.LEAK, found)
        with pytest.raises(KeyError):
            await home.teller.next(grant.id)
        said = await home.teller.next(grant.id)
        assert said is not None
        assert said["text"] == "3.0"


@pytest.mark.parametrize(
    ("kept", "quiet"),
    [
        (None, Quiet(22 * 60, 7 * 60)), ([0, 0], Quiet(0, 0)), ([60, 120], Quiet(60, 120)), ([60], Quiet()),
        ([-1, 5], Quiet()), (["a", 5], Quiet()), ([0, 1440], Quiet()),
    ],
)  # fmt: skip
async def test_quiet_hours_are_a_setting_and_an_odd_one_is_what_the_box_proposes(
    tmp_path: Path, kept: object, quiet: Quiet
) -> None:
    with box(tmp_path) as home:
        home.home.catalog.set_setting(QUIET, kept)
        assert quiet_hours(home.home.catalog) == quiet


def test_a_way_of_messages_needs_an_address_to_write_to_and_no_other_has_one() -> None:
    MAIL.check()
    NOTICE.check()
    TELLING.check()
    for to in (
        (),
        ("ada",),
        ("a@b\r\nBcc: c@d",),
        ("a b@c.d",),
        ("@c.d",),
        ("a,b@c.d",),
        ("<a@b.c>",),
        ("ada@example.org",) * 6,
    ):
        with pytest.raises(ValueError, match="to: "):
            Way(Kind.MAIL, "smtps://mail.example.org", "", Form.WORDS, to=to).check()
    with pytest.raises(ValueError, match="to: "):
        Way(Kind.NTFY, "https://ntfy.example.org/x", "", Form.WORDS, to=("ada@example.org",)).check()
    for telling in (Telling((), "fr", ""), Telling(("gossip",), "fr", ""), Telling(("leak",), "de", "")):
        with pytest.raises(ValueError, match=r"(are|is) needed"):
            telling.check()
