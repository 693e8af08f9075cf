"""The file of the accounts, the sessions and the ledger's entries."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from gateway import chain
from gateway import ledger as module
from gateway.grants import Grants
from gateway.ledger import SEEN_PACE_S, SESSIONS_MAX, DamagedLedgerError, Ledger, LedgerError, Parcel, look
from gateway.people import People
from gateway.roles import Account, Role

NOW = 1_790_000_000


async def household(ledger: Ledger) -> Account:
    """The account of who lives here, made now."""
    people = People(ledger)
    assert await people.add(Role.OCCUPANT, "hash", NOW, first=True)
    return people.accounts[0]


def test_a_broken_or_newer_file_is_said_in_one_line_and_left_alone(tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"not a database, " * 100)
    with pytest.raises(LedgerError, match=r"broken\.db: file is not a database"):
        Ledger.open(broken)
    assert broken.read_bytes() == b"not a database, " * 100
    newer = tmp_path / "newer.db"
    db = sqlite3.connect(newer)
    db.execute(f"PRAGMA user_version = {module.SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(LedgerError, match="written by a newer version"):
        Ledger.open(newer)


@pytest.mark.parametrize("table", ["account", "story", "message", "page"])
def test_what_is_read_at_a_start_is_found_damaged_when_the_file_is_opened(tmp_path: Path, table: str) -> None:
    path = tmp_path / "ledger.db"
    Ledger.open(path).close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    data = bytearray(path.read_bytes())
    data[(root - 1) * size : root * size] = b"\xff" * size
    path.write_bytes(data)
    with pytest.raises(DamagedLedgerError):  # the gateway begins another one, and reads its meters
        Ledger.open(path)


async def test_nobody_else_on_the_box_may_read_the_file(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    await household(ledger)
    ledger.close()
    assert (tmp_path / "ledger.db").stat().st_mode & 0o077 == 0
    again = Ledger.open(tmp_path / "ledger.db")
    assert [account.hash for account in People(again).accounts] == ["hash"]
    again.close()


async def test_sessions_are_bounded_and_the_oldest_goes_first(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    account = await household(ledger)
    for number in range(SESSIONS_MAX + 3):
        await ledger.open_session(number.to_bytes(2, "big"), NOW + number, "192.0.2.1", "x" * 1000, account)
    sessions = await ledger.sessions(NOW + 200)
    assert len(sessions) == SESSIONS_MAX
    assert len(sessions[0].agent) == module.AGENT_CHARACTERS_MAX
    assert await ledger.session((0).to_bytes(2, "big"), NOW + 200) is None
    assert await ledger.session((3).to_bytes(2, "big"), NOW + 200) is not None
    ledger.close()


async def test_reading_a_page_is_seen_and_not_a_write_to_the_card_each_time(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    await ledger.open_session(b"token", NOW, "192.0.2.1", "a browser", await household(ledger))
    for late_s, on_card in ((SEEN_PACE_S - 1, NOW), (SEEN_PACE_S, NOW + SEEN_PACE_S)):
        await ledger.session(b"token", NOW + late_s)
        (session,) = await ledger.sessions(NOW + late_s)
        assert session.seen_at == NOW + late_s
        with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
            assert db.execute("SELECT seen_at FROM session").fetchone() == (on_card,)
    ledger.close()


async def test_a_session_that_takes_the_number_of_another_was_seen_by_itself(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    account = await household(ledger)
    await ledger.open_session(b"one", NOW, "192.0.2.1", "a browser", account)
    found = await ledger.session(b"one", NOW + 60)
    assert found is not None
    await ledger.end_session(found.id)
    await ledger.open_session(b"two", NOW + 120, "192.0.2.1", "a browser", account)
    (session,) = await ledger.sessions(NOW + 180)
    assert session.seen_at == NOW + 120
    ledger.close()


async def test_a_new_password_ends_every_session_in_the_same_commit(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    await ledger.open_session(b"token", NOW, "192.0.2.1", "a browser", await household(ledger))
    people = People(ledger)
    assert await people.set_password(people.accounts[0].id, "another", NOW)
    assert await ledger.session(b"token", NOW) is None
    ledger.close()


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6, 7])
async def test_a_file_of_an_older_version_keeps_its_password_and_its_sessions(tmp_path: Path, version: int) -> None:
    path = tmp_path / "ledger.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript((Path(__file__).parent / f"ledger_version_{version}.sql").read_text())
        assert db.execute("PRAGMA user_version").fetchone() == (version,)
    before = list(look(path))
    assert [one.kind for one in before] == ([] if version == 1 else ["given", "read"])
    ledger = Ledger.open(path)
    (account,) = People(ledger).accounts
    assert (account.role, account.hash) == (Role.OCCUPANT, "scrypt$32768$8$1$c2FsdA==$a2V5")
    assert (account.set_at, account.until) == (NOW, None)
    session = await ledger.session(b"token", NOW)
    assert session is not None
    assert (session.role, session.account) == (Role.OCCUPANT, account.id)
    (added,) = await ledger.append(NOW, ("withdrawn", {"grant": "a"}))
    ledger.close()
    assert list(look(path)) == [*before, added]
    assert chain.verify(look(path), before[0].hash if before else None).fault is None


async def test_what_lay_at_a_target_and_the_access_it_was_sent_under_stand_after_an_update(tmp_path: Path) -> None:
    path, id_ = tmp_path / "ledger.db", "00000000000000aa"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript((Path(__file__).parent / "ledger_version_4.sql").read_text())
        before = db.execute("SELECT period, start, stop, sha256, points, revision, held FROM parcel").fetchall()
    ledger = Ledger.open(path)
    grants = Grants(ledger, lambda: NOW, lambda: True)
    (held,) = grants.all()
    assert (held.grant.id, held.grant.target, grants.is_in_force(held)) == (id_, "Mon nuage", True)
    assert await ledger.pieces(id_, 9) == [Parcel(*row) for row in before]
    assert await ledger.lying(id_) == (5 * 48, 5)
    assert await ledger.open_from(id_) == before[1][1]
    assert [await ledger.kept(id_, row[0]) for row in before] == [""] * 5
    assert ledger.pages() == {}
    marks = ["ab" * 32, "underway", "taken", "taken, underway", f"lost {'cd' * 32}"]
    assert [one.sha256 for one in await ledger.pieces(id_, 9)] == marks
    ledger.lost()
    lost = [f"lost {'ab' * 32}", "lost underway", *marks[2:]]
    assert [one.sha256 for one in await ledger.pieces(id_, 9)] == lost
    await ledger.sound(id_, [row[0] for row in before])
    assert [one.sha256 for one in await ledger.pieces(id_, 9)] == [*marks[:4], "cd" * 32]
    ledger.close()


async def test_what_was_told_before_an_update_is_known_and_each_message_has_a_word_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript((Path(__file__).parent / "ledger_version_7.sql").read_text())
    ledger = Ledger.open(path)
    told = ledger.messages()["a"]
    assert {name: (one.at, one.told_at) for name, one in told.items()} == {
        "leak-1-0": (NOW, None), "leak-1-3": (NOW, NOW + 60),
    }  # fmt: skip
    assert len({one.word for one in told.values() if len(one.word) == 24}) == 2
    ledger.close()


async def test_entries_are_added_and_never_changed_removed_or_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger.open(path)
    written = await ledger.append(NOW, ("given", {"grant": "a"}), ("read", {"grant": "a"}))
    written += await ledger.append(NOW + 1, ("withdrawn", {"grant": "a"}))
    assert await ledger.entries(2) == written[:0:-1]
    assert await ledger.entries(2, before=3) == written[1::-1]
    assert await ledger.following(1, 1) == written[1:2]
    assert ledger.consents() == [written[0], written[2]]
    assert ledger.last_moved("a") == [written[1]]
    ledger.close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in (
            "UPDATE entry SET at = 1 WHERE i = 2",
            "DELETE FROM entry WHERE i = 3",
            "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE i = 2",
            "INSERT INTO entry SELECT i + 7, at, kind, body, hash FROM entry WHERE i = 3",
            "INSERT INTO entry VALUES (NULL, 1, 'given', '{}', x'00')",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="entry"):
                db.execute(statement)
    assert list(look(path)) == written
    assert chain.verify(look(path), written[1].hash).fault is None


async def test_entries_that_belong_together_are_all_written_or_none(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    for what in (object(), "\ud800", float("nan")):
        with pytest.raises((TypeError, ValueError)):
            await ledger.append(NOW, ("given", {"grant": "a"}), ("given", {"grant": what}))
    assert await ledger.entries(9) == []
    ledger.close()


async def test_a_back_up_carries_the_entries_and_says_that_it_is_one(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    ledger.backup(tmp_path / "nothing.db", NOW)
    assert list(look(tmp_path / "nothing.db")) == []
    written = await ledger.append(NOW, ("given", {"grant": "a"}))
    ledger.backup(tmp_path / "copy.db", NOW + 5)
    assert await ledger.entries(9) == written  # the box's own says nothing of it
    ledger.close()
    copied = list(look(tmp_path / "copy.db"))
    assert copied[:1] == written
    assert [(one.kind, one.at) for one in copied[1:]] == [("restored", NOW + 5)]
    assert chain.verify(copied, written[0].hash).fault is None
