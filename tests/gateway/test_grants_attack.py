"""What would give an app more than was granted, or have the ledger say less than was read."""

import sqlite3
from functools import partial
from pathlib import Path

import pytest

from gateway import app, chain
from gateway.chain import ChainError
from gateway.grants import ASKING_MAX, BusyError, GrantError, Grants, NotDatingError, new_id
from gateway.ledger import Ledger, LedgerError, look
from gateway.people import People
from tests.gateway.test_grants import BY, DAY, NOW, POWER, WISH, Box, answer, box
from tests.house import Clock

__all__ = ["box"]


def refuse(box: Box, word: str) -> None:
    box.ledger._executor.submit(box.ledger._db.execute, f"PRAGMA query_only = {word}").result()


async def test_who_looks_into_the_file_for_long_does_not_stop_the_ledger_for_ever(box: Box) -> None:
    box.ledger._executor.submit(box.ledger._db.execute, "PRAGMA busy_timeout = 0").result()
    other = sqlite3.connect(box.path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM entry").fetchone()
    with pytest.raises(LedgerError, match="locked"):
        await box.grants.give(new_id(), WISH, BY)
    other.close()
    await box.grants.give(new_id(), WISH, BY)
    assert box.kinds() == ["given"]


async def test_taken_back_it_reads_nothing_though_the_card_refuses_the_entry(box: Box) -> None:
    grant, token = await box.grants.give(new_id(), WISH, BY)
    await box.grants.note(grant, answer())
    refuse(box, "ON")
    with pytest.raises(LedgerError):
        await box.grants.withdraw(grant.id, BY)
    assert box.grants.opened_by(token) is None
    with pytest.raises(GrantError):
        await box.grants.note(grant, answer())
    await box.grants.look()
    refuse(box, "OFF")
    await box.grants.look()
    assert box.kinds() == ["given", "read", "reads", "withdrawn"]
    assert list(look(box.path))[-1].fields == {"grant": grant.id, "by": BY.body()}


async def test_taken_back_and_refused_by_the_card_it_is_written_when_the_program_ends(box: Box) -> None:
    grant, _ = await box.grants.give(new_id(), WISH, BY)
    refuse(box, "ON")
    with pytest.raises(LedgerError):
        await box.grants.withdraw(grant.id, BY)
    refuse(box, "OFF")
    await box.grants.stop()
    assert box.kinds() == ["given", "withdrawn"]


async def test_an_app_is_not_told_that_its_access_has_ended_when_only_the_time_is_unknown(box: Box) -> None:
    grant, _ = await box.grants.give(new_id(), WISH, BY)
    box.dating = False
    with pytest.raises(NotDatingError):
        await box.grants.note(grant, answer())


async def test_an_app_that_asks_faster_than_it_is_answered_leaves_a_few_requests_behind_and_no_more(box: Box) -> None:
    grant, _ = await box.grants.give(new_id(), WISH, BY)
    other, _ = await box.grants.give(new_id(), WISH, BY)
    box.grants._asking[grant.id] = ASKING_MAX
    with pytest.raises(BusyError):
        async with box.grants.turn(grant):
            pass
    async with box.grants.turn(other):  # another app has turns of its own
        assert box.grants._asking[other.id] == 1
    assert box.grants._asking[other.id] == 0


@pytest.mark.parametrize(
    ("field", "wrong"),
    [('"i":1', '"i":true'), ('"i":1', '"i":1.0'), ('"kind":"a"', '"kind":5'), ('"kind":"a"', '"kind":null')],
)
def test_a_changed_line_of_a_copy_is_named(field: str, wrong: str) -> None:
    line = chain.line(chain.entry(None, NOW, "a", {}))
    assert chain.verify(chain.read([line.encode()])).fault is None
    assert field in line
    with pytest.raises(ChainError, match="line 1"):
        chain.verify(chain.read([line.replace(field, wrong).encode()]))


async def test_a_grant_that_was_changed_on_the_card_opens_nothing(box: Box) -> None:
    grant, token = await box.grants.give(new_id(), WISH, BY)
    box.kill()
    longer = str(grant.until), str(grant.until + 3650 * DAY)
    with sqlite3.connect(box.path) as other:
        other.execute("DROP TRIGGER entry_changed")
        other.execute("UPDATE entry SET body = replace(body, ?, ?)", longer)
    other.close()
    assert chain.verify(look(box.path)).fault is not None
    box.now += 40 * DAY
    box.ledger = Ledger.open(box.path)
    grants = Grants(box.ledger, lambda: box.now, lambda: True)
    assert grants.opened_by(token) is None


async def test_a_grant_given_while_the_clock_was_ahead_does_not_wake_up_a_year_later(box: Box) -> None:
    box.now = NOW + 300 * DAY
    _, token = await box.grants.give(new_id(), WISH, BY)
    box.now = NOW
    await box.grants.look()
    assert box.grants.opened_by(token) is None
    box.now = NOW + 301 * DAY
    assert box.grants.opened_by(token) is None


async def test_which_series_were_read_before_a_kill_is_in_the_ledger(box: Box) -> None:
    grant, _ = await box.grants.give(new_id(), WISH, BY)
    await box.grants.note(grant, answer())
    await box.grants.note(grant, answer(points=17_000, series=POWER))
    box.kill()
    box.start()
    assert any(str(POWER.key) in entry.body for entry in look(box.path) if entry.kind != "given")


def test_a_damaged_ledger_gives_nothing_and_the_gateway_starts_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"x" * 4096)
    with pytest.raises(LedgerError):
        app._open_ledger(path, Clock(NOW), healing=False)
    ledger = app._open_ledger(path, Clock(NOW), healing=True)
    assert (People(ledger).accounts, [entry.kind for entry in ledger.consents()]) == ((), ["anew"])
    ledger.close()
    assert [each.name for each in tmp_path.glob("ledger.db.damaged-*")] == [f"ledger.db.damaged-{NOW}"]


async def test_a_card_that_only_refuses_at_a_start_takes_neither_the_password_nor_an_access(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = await box.grants.give(new_id(), WISH, BY)
    box.kill()
    other = sqlite3.connect(box.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")  # somebody looks into it
    monkeypatch.setattr("gateway.ledger.sqlite3.connect", partial(sqlite3.connect, timeout=0))
    with pytest.raises(LedgerError, match="locked"):
        app._open_ledger(box.path, Clock(NOW), healing=True)
    other.close()
    box.start()
    box.ledger._executor.submit(box.ledger._db.execute, "PRAGMA busy_timeout = 0").result()
    other = sqlite3.connect(box.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerError, match="locked"):
        Grants(box.ledger, lambda: box.now, lambda: True)
    other.close()
    assert box.grants.opened_by(token) is not None
    assert list(box.path.parent.glob("*.damaged-*")) == []


async def test_what_stands_begins_anew_behind_an_entry_that_cannot_be_read(box: Box) -> None:
    _, before = await box.grants.give(new_id(), WISH, BY)
    box.kill()
    with sqlite3.connect(box.path) as other:
        other.execute("DROP TRIGGER entry_changed")
        other.execute("UPDATE entry SET body = '{}'")
    other.close()
    box.start()
    assert (box.grants.opened_by(before), box.grants.anew_at) == (None, box.now)
    _, after = await box.grants.give(new_id(), WISH, BY)
    box.kill()
    box.start()
    assert box.grants.opened_by(before) is None
    assert box.grants.opened_by(after) is not None
    assert chain.verify(look(box.path)).fault is not None


async def test_nothing_is_written_down_as_ended_on_the_word_of_a_clock_that_was_set_just_now(box: Box) -> None:
    settled = False
    _, token = await box.grants.give(new_id(), WISH, BY)
    grants = Grants(box.ledger, lambda: box.now, lambda: True, lambda: settled)
    box.now = NOW + 3650 * DAY  # a year was mistyped
    await grants.look()
    assert grants.opened_by(token) is None
    box.now = NOW
    assert grants.opened_by(token) is not None
    box.now, settled = NOW + 3650 * DAY, True
    await grants.look()
    box.now = NOW
    assert grants.opened_by(token) is None
