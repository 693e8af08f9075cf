"""Accounts and the handover of a box, in `ledger.db`: each change is on the card, with its entry, or none of it is."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import TypeVar

from gateway.ledger import Ledger, add_entry
from gateway.roles import Account, Handover, Role

# Kinds of entries. They say who could come in, and change nothing of what apps may read.
LET_IN, LET_OUT, CODE_MADE, TAKEN_OVER, RECOVERED, HANDED_BACK = KINDS = (
    "let_in",
    "let_out",
    "code_made",
    "taken_over",
    "recovered",
    "handed_back",
)
Note = tuple[str, Mapping[str, object]]

T = TypeVar("T")


class People:
    """One account a role. What is asked is answered from memory; what changes is awaited, and LedgerError from the card."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.accounts, self.handover = ledger.ask(_all)
        # When somebody at the box itself ended every access, the last time.
        self.recovered_at: int | None = ledger.ask(_recovered_at)

    def of(self, role: Role) -> Account | None:
        return next((account for account in self.accounts if account.role is role), None)

    @property
    def vacant(self) -> bool:
        """Somebody sets it up for others: nobody lives with it yet, or any longer."""
        return self.handover is not None and self.handover.taken_at is None

    async def add(
        self,
        role: Role,
        hashed: str,
        now: int,
        *,
        name: str = "",
        until: int | None = None,
        first: bool = False,
        note: Note | None = None,
    ) -> bool:
        """A new account; False where somebody has this role, or where it was to be the `first` and is not.

        The first account of an occupant ends a vacancy, that of anybody else begins one.
        """

        def work(db: sqlite3.Connection) -> bool:
            accounts, handover = _all(db)
            if any(account.role is role for account in accounts) or (first and accounts):
                return False
            _insert(db, role, name, hashed, now, until)
            if first and role is Role.OCCUPANT:
                db.execute("DELETE FROM handover")
            elif first and (handover is None or handover.taken_at is not None):
                db.execute("INSERT OR REPLACE INTO handover VALUES (1, ?, NULL, NULL, NULL)", (now,))
            _note(db, now, note)
            return True

        return await self._change(work)

    async def set_password(self, account: int, hashed: str, now: int) -> bool:
        """Replace a password; all its sessions end. False where there is no such account any longer."""

        def work(db: sqlite3.Connection) -> bool:
            found = db.execute("UPDATE account SET hash = ?, set_at = ? WHERE id = ?", (hashed, now, account))
            db.execute("DELETE FROM session WHERE account = ?", (account,))
            return found.rowcount == 1

        return await self._change(work)

    async def end(self, account: int, now: int, note: Note) -> bool:
        """The account and its sessions are gone; False where they were already. An occupant's ends by no such way."""

        def work(db: sqlite3.Connection) -> bool:
            found = db.execute("DELETE FROM account WHERE id = ? AND role <> ?", (account, Role.OCCUPANT))
            if found.rowcount != 1:
                return False
            db.execute("DELETE FROM session WHERE account = ?", (account,))
            _note(db, now, note)
            return True

        return await self._change(work)

    async def make_code(self, hashed: str, until: int, now: int, note: Note) -> bool:
        """Another code for whoever will live here; the one before is of no use. False where somebody lives here."""

        def work(db: sqlite3.Connection) -> bool:
            found = db.execute("UPDATE handover SET hash = ?, until = ? WHERE taken_at IS NULL", (hashed, until))
            if found.rowcount != 1:
                return False
            _note(db, now, note)
            return True

        return await self._change(work)

    async def take_over(self, code: str, hashed: str, now: int, note: Note) -> bool:
        """Somebody lives here: an installer's account, a code's use and all sessions end.

        `code` is the hash of the code that was looked at; False where it no longer is the one in force.
        """

        def work(db: sqlite3.Connection) -> bool:
            found = db.execute("UPDATE handover SET taken_at = ? WHERE taken_at IS NULL AND hash = ?", (now, code))
            if found.rowcount != 1:
                return False
            db.execute("DELETE FROM account WHERE role <> ?", (Role.LANDLORD,))
            db.execute("DELETE FROM session")
            _insert(db, Role.OCCUPANT, "", hashed, now, None)
            _note(db, now, note)
            return True

        return await self._change(work)

    async def begin(self, account: Account | None, now: int, note: Note) -> None:
        """In a file that is new: this account as it was, and nobody lives here unless it is an occupant's."""

        def work(db: sqlite3.Connection) -> None:
            if account is None or account.role is not Role.OCCUPANT:
                db.execute("INSERT INTO handover VALUES (1, ?, NULL, NULL, NULL)", (now,))
            if account is not None:
                _insert(db, account.role, account.name, account.hash, account.set_at, None)
            _note(db, now, note)

        await self._change(work)

    async def recover(self, now: int, note: Note) -> None:
        """Every account and every session ends, and the box is set up as for the first time; what is kept stays."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM account")
            db.execute("DELETE FROM session")
            db.execute("DELETE FROM handover WHERE taken_at IS NOT NULL")
            db.execute("UPDATE handover SET hash = NULL, until = NULL")
            _note(db, now, note)

        await self._change(work)
        self.recovered_at = now

    async def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        done, (self.accounts, self.handover) = await self._ledger.change(lambda db: (work(db), _all(db)))
        return done


def _all(db: sqlite3.Connection) -> tuple[tuple[Account, ...], Handover | None]:
    rows = db.execute("SELECT id, role, name, hash, set_at, until FROM account ORDER BY id").fetchall()
    accounts = tuple(Account(id_, Role(role), *rest) for id_, role, *rest in rows)
    row = db.execute("SELECT since, hash, until, taken_at FROM handover").fetchone()
    return accounts, Handover(*row) if row else None


def _recovered_at(db: sqlite3.Connection) -> int | None:
    row = db.execute("SELECT at FROM entry WHERE kind = ? ORDER BY i DESC LIMIT 1", (RECOVERED,)).fetchone()
    return row[0] if row else None


def _insert(db: sqlite3.Connection, role: Role, name: str, hashed: str, now: int, until: int | None) -> None:
    db.execute(
        "INSERT INTO account (role, name, hash, set_at, until) VALUES (?, ?, ?, ?, ?)", (role, name, hashed, now, until)
    )


def _note(db: sqlite3.Connection, now: int, note: Note | None) -> None:
    if note is not None:
        add_entry(db, now, *note)
