"""The file of the password and the sessions."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from gateway import ledger as module
from gateway.ledger import SEEN_PACE_S, SESSIONS_MAX, Ledger, LedgerError

NOW = 1_790_000_000


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


async def test_nobody_else_on_the_box_may_read_the_file(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    await ledger.set_password("hash", NOW)
    ledger.close()
    assert (tmp_path / "ledger.db").stat().st_mode & 0o077 == 0
    again = Ledger.open(tmp_path / "ledger.db")
    assert (again.password_set, await again.password()) == (True, "hash")
    again.close()


async def test_sessions_are_bounded_and_the_oldest_goes_first(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    for number in range(SESSIONS_MAX + 3):
        await ledger.open_session(number.to_bytes(2, "big"), NOW + number, "192.0.2.1", "x" * 1000)
    sessions = await ledger.sessions(NOW + 200)
    assert len(sessions) == SESSIONS_MAX
    assert len(sessions[0].agent) == module.AGENT_CHARACTERS_MAX
    assert await ledger.session((0).to_bytes(2, "big"), NOW + 200) is None
    assert await ledger.session((3).to_bytes(2, "big"), NOW + 200) is not None
    ledger.close()


async def test_reading_a_page_is_seen_and_not_a_write_to_the_card_each_time(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    await ledger.open_session(b"token", NOW, "192.0.2.1", "a browser")
    for late_s, on_card in ((SEEN_PACE_S - 1, NOW), (SEEN_PACE_S, NOW + SEEN_PACE_S)):
        await ledger.session(b"token", NOW + late_s)
        (session,) = await ledger.sessions(NOW + late_s)
        assert session.seen_at == NOW + late_s
        with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
            assert db.execute("SELECT seen_at FROM session").fetchone() == (on_card,)
    ledger.close()


async def test_a_session_that_takes_the_number_of_another_was_seen_by_itself(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    await ledger.open_session(b"one", NOW, "192.0.2.1", "a browser")
    found = await ledger.session(b"one", NOW + 60)
    assert found is not None
    await ledger.end_session(found.id)
    await ledger.open_session(b"two", NOW + 120, "192.0.2.1", "a browser")
    (session,) = await ledger.sessions(NOW + 180)
    assert session.seen_at == NOW + 120
    ledger.close()


async def test_a_new_password_ends_every_session_in_the_same_commit(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    await ledger.open_session(b"token", NOW, "192.0.2.1", "a browser")
    await ledger.set_password("hash", NOW)
    assert await ledger.session(b"token", NOW) is None
    ledger.close()
