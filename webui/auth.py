"""Who reads this box: the setup code, accounts and their passwords, sessions, and patience with wrong tries."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import TypeVar

from gateway import anew
from gateway.alerts import Alerts
from gateway.chain import Entry
from gateway.dating import AHEAD_S
from gateway.grants import By, Grant, Grants
from gateway.house import House
from gateway.ledger import Ledger, Session
from gateway.outbox import Outbox
from gateway.people import CODE_MADE, LET_IN, LET_OUT, RECOVERED, TAKEN_OVER, People
from gateway.roles import Account, Role
from gateway.teller import Teller
from webui.setup_code import SetupCode, shown

PASSWORD_CHARACTERS_MIN = 8
PASSWORD_CHARACTERS_MAX = 1000  # scrypt takes any length; a form should not carry megabytes
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 1  # 32 MiB a try: 0.1 s here, about 0.5 s on a Pi 3
SCRYPT_BYTES_MAX = 64 * 2**20
# Free tries, then a wait that doubles: 2, 4, 8 ... seconds, never above the bound.
TRIES_FREE = 3
WAIT_S_MAX = 300
FORGET_S = 3600
ADDRESSES_MAX = 1000
# All addresses together, since one machine can have many: so many wrong tries, then one each so many seconds. At that
# pace half of all setup codes take 48 years, the 1000 commonest passwords 8 hours; see `known` for who is not held up.
ALL_TRIES_MAX = 30
ALL_PACE_S = 30
# Typed from a letter: no letter or digit that is taken for another; 12 of them are 60 bits.
CODE_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_GROUPS, CODE_GROUP = 3, 4
HANDOVER_S_MAX = 14 * 86400
LEAVING_S_MAX = 600.0
# Meters on these lines are the building's, and stay with it.
OF_THE_BUILDING = ("tic", "p1", "sml", "wmbus", "mbus")
# Tries waiting for the one that is being checked; above it a try is refused and counts.
QUEUE_MAX = 4

ALWAYS = 1 << 40

T = TypeVar("T")


class Door(StrEnum):
    """What is guessed at besides a role's password."""

    SETUP = "setup"
    HANDOVER = "handover"


class Patience:
    """How long who tries must wait after wrong tries. Bounded: the oldest address is forgotten first.

    Each role and each door has its own: who knows a guest's password must not get more tries at the household's by it.
    """

    def __init__(self) -> None:
        self._of: dict[Role | Door, _Patience] = {what: _Patience() for what in (*Role, *Door)}

    def wait_s(self, address: str, now: float, *, what: Role | Door = Role.OCCUPANT, known: bool = False) -> int:
        """Whole seconds before this address may try again; 0 when it may.

        `known`: somebody with this role reads the box from there already; strangers' wrong tries do not hold it up.
        """
        return self._of[what].wait_s(network(address), now, known=known)

    def failed(self, address: str, now: float, *, what: Role | Door = Role.OCCUPANT) -> None:
        self._of[what].failed(network(address), now)

    def succeeded(self, address: str, now: float, *, what: Role | Door = Role.OCCUPANT) -> None:
        self._of[what].succeeded(network(address), now)


class _Patience:
    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._all = (0.0, 0.0)  # wrong tries of all addresses that are not yet forgotten, and when that was true

    def wait_s(self, network: str, now: float, *, known: bool) -> int:
        return max(self._own_wait_s(network, now), 0 if known else self._common_wait_s(now))

    def failed(self, network: str, now: float) -> None:
        count, last = self._failures.pop(network, (0, 0.0))
        self._failures[network] = (1 if now - last > FORGET_S else count + 1, now)
        while len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)
        self._all = (min(self._common(now) + 1, ALL_TRIES_MAX), now)

    def succeeded(self, network: str, now: float) -> None:
        count, _ = self._failures.pop(network, (0, 0.0))
        self._all = (max(0.0, self._common(now) - count), now)

    def _own_wait_s(self, network: str, now: float) -> int:
        count, last = self._failures.get(network, (0, 0.0))
        if count < TRIES_FREE or now - last > FORGET_S:
            return 0
        if now < last:  # the clock was set back
            last = now
            self._failures[network] = (count, now)
        wait_s: int = min(2 ** (count - TRIES_FREE + 1), WAIT_S_MAX)
        return max(0, math.ceil(last + wait_s - now))

    def _common_wait_s(self, now: float) -> int:
        return max(0, math.ceil((self._common(now) + 1 - ALL_TRIES_MAX) * ALL_PACE_S))

    def _common(self, now: float) -> float:
        count, since = self._all
        count = max(0.0, count - max(0.0, now - since) / ALL_PACE_S)
        self._all = (count, now)
        return count


def network(address: str) -> str:
    """An IPv6 host has 2**64 addresses of its own; they share one patience."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 6:
        return str(ipaddress.ip_network((int(ip) >> 64 << 64, 64)))
    return str(ip)


class Busy(Exception):  # noqa: N818 - said like that to the person
    """Too many passwords are being checked at once."""


class NotDating(Exception):  # noqa: N818 - said like that to the person
    """The box does not know the time, so nobody can say when something would end."""


class StillSentError(Exception):
    """Something is still to be done at a target, or readings are sent there: nobody would know of it any longer."""


class Access:
    """Accounts, their sessions, the codes that let somebody in for the first time, and apps' grants."""

    def __init__(self, house: House, ledger: Ledger) -> None:
        self._house = house
        self._ledger = ledger
        self._checking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="password")  # 32 MiB: one at a time
        self._waiting = 0
        self._form_key = secrets.token_bytes(32)
        self.patience = Patience()
        self.people = People(ledger)
        self._code = SetupCode(house.config.data, is_used=self.password_set)
        self.handed_back = asyncio.Event()
        self.brought_back = asyncio.Event()  # another house lies ready, and its owner wants it
        self._leaving: tuple[int, str, float] | None = None
        self.grants = Grants(ledger, house.now, lambda: house.dating, lambda: house.clock.steady_s >= AHEAD_S)
        self.alerts = Alerts(ledger, lambda: house.dating)
        house.on_erase = self.alerts.forget
        self.outbox = Outbox(self.grants, ledger, house, house.catalog)
        self.teller = Teller(self.grants, ledger, self.alerts, house)

    @property
    def setup_code(self) -> str | None:
        """What the first visitor must type; None once there is an account. Printed by the box."""
        return None if self.password_set else shown(self._code.digits)

    @property
    def password_set(self) -> bool:
        return bool(self.people.accounts)

    @property
    def lived_in(self) -> bool:
        """No account stands, though somebody may have lived here: accounts were ended at the box, or the ledger was damaged."""
        return not self.password_set and (self.people.recovered_at is not None or self.grants.anew_at is not None)

    def code_fits(self, typed: str) -> bool:
        digits = "".join(character for character in typed if character.isdigit())
        return not self.password_set and hmac.compare_digest(digits.encode(), self._code.digits.encode())

    async def set_password(self, password: str, *, first: bool = False) -> bool:
        """Choose or replace the household's password; its sessions end. False when it was to be the `first` and is not."""
        return await self.set_up(Role.OCCUPANT, password) if first else await self.change(Role.OCCUPANT, password)

    async def set_up(
        self, role: Role, password: str, name: str = "", by: By | None = None, *, moved_in: bool = False
    ) -> bool:
        """The first account; False where somebody was quicker. What was kept while nobody lived here is erased first.

        Where somebody may have lived here before, only who lives here still keeps what was read: for others, and
        for who has just `moved_in`, the box begins anew (`handed_back` is set).
        """
        hashed = await self._in_turn(_hash, password)
        if self.password_set or self.handed_back.is_set():
            return False
        if self.lived_in and (role is not Role.OCCUPANT or moved_in):
            await self._begin_anew(Account(0, role, name, hashed, self._house.now(), None), by or By("", ""))
            return True
        if role is Role.OCCUPANT and self.people.vacant:
            await self._erase_vacancy()
        note = None if by is None else (LET_IN, {"role": role, "name": name, "until": None, "by": by.body()})
        added = await self.people.add(role, hashed, self._house.now(), name=name, first=True, note=note)
        if added:
            await asyncio.to_thread(self._code.end)
        return added

    async def change(self, role: Role, password: str) -> bool:
        """Another password of an account, whose sessions end."""
        account = self.people.of(role)
        hashed = await self._in_turn(_hash, password)
        return account is not None and await self.people.set_password(account.id, hashed, self._house.now())

    async def password_fits(self, password: str, role: Role = Role.OCCUPANT) -> bool:
        return await self.account(role, password) is not None

    async def account(self, role: Role, password: str) -> Account | None:
        """The account of this role, if this is its password and its time is not over."""
        account = self.people.of(role)
        if account is None or not await self._in_turn(_fits, password, account.hash):
            return None
        return account if self.in_time(account.until) else None

    def in_time(self, until: int | None) -> bool:
        """Whether what ends at `until` has not: nobody can say so while the box does not know the time."""
        return until is None or (self._house.dating and self._house.now() < until)

    async def let_in(self, role: Role, name: str, lasts_s: int | None, by: By) -> str | None:
        """A new account of a role that nobody has: its password, said this once. None where somebody has the role."""
        now, until = self._house.now(), None
        if lasts_s is not None:
            if not self._house.dating:
                raise NotDating
            until = now + lasts_s
        password = _new_code().lower()
        note = (LET_IN, {"role": role, "name": name, "until": until, "by": by.body()})
        hashed = await self._in_turn(_hash, password)
        return password if await self.people.add(role, hashed, now, name=name, until=until, note=note) else None

    async def let_out(self, role: Role, by: By) -> bool:
        account = self.people.of(role)
        if account is None:
            return False
        note = (LET_OUT, {"role": role, "name": account.name, "by": by.body()})
        return await self.people.end(account.id, self._house.now(), note)

    async def hand_over(self, by: By) -> str | None:
        """The code with which somebody takes this box over, said this once; None where somebody lives with it."""
        if not self._house.dating:
            raise NotDating
        code, now = _new_code(), self._house.now()
        hashed = await self._in_turn(_hash, _letters(code))
        note = (CODE_MADE, {"until": now + HANDOVER_S_MAX, "by": by.body()})
        return code if await self.people.make_code(hashed, now + HANDOVER_S_MAX, now, note) else None

    async def handover_fits(self, code: str) -> bool:
        """Whether this is the last code that was made, spent or not."""
        handover = self.people.handover
        if handover is None or handover.hash is None:
            return False
        return await self._in_turn(_fits, _letters(code), handover.hash)

    async def take_over(self, password: str, by: By) -> bool:
        """Whoever has typed the code lives here now, and nothing from before is kept; False where it is too late for it."""
        handover = self.people.handover
        if not self.people.vacant or handover is None or handover.hash is None or not self.in_time(handover.until):
            return False
        hashed = await self._in_turn(_hash, password)
        await self._erase_vacancy()
        return await self.people.take_over(handover.hash, hashed, self._house.now(), (TAKEN_OVER, {"by": by.body()}))

    async def recover(self, how: str, code: str | None = None) -> str:
        """Somebody stands at the box itself and has lost the password: every access ends; the code of another first visit."""
        await self.people.recover(self._house.now(), (RECOVERED, {"how": how}))
        await asyncio.to_thread(self._code.change, code)
        assert self.setup_code is not None
        return self.setup_code

    def leaving(self, session: int) -> str:
        """What confirms, within a while and from this session, that the house is to be handed back."""
        ticket = secrets.token_urlsafe(32)
        self._leaving = (session, ticket, time.monotonic() + LEAVING_S_MAX)
        return ticket

    def is_leaving(self, session: int, ticket: str) -> bool:
        known = self._leaving
        return (
            known is not None
            and known[0] == session
            and time.monotonic() < known[2]
            and hmac.compare_digest(known[1].encode(), ticket.encode("utf-8", "replace"))
        )

    async def hand_back(self, by: By) -> None:
        """Who lives here leaves: every access ends, and the box begins anew. Where that fails, the house stands.

        OSError, KeysError and LedgerError from the card; StillSentError before anything is done.
        """
        async with self.grants.shut():
            if self.outbox.sent():
                raise StillSentError
            await self._begin_anew(self.people.of(Role.LANDLORD), by)

    async def _begin_anew(self, account: Account | None, by: By) -> None:
        house = self._house
        await self._withdraw_all(by)
        added = house.devices.added("port")
        stays = [
            anew.Stays(view.address, view.point.medium, house.key(view.address))
            for view in house.points()
            if view.address is not None and view.address.partition(":")[0] in OF_THE_BUILDING and view.port not in added
        ]
        await asyncio.to_thread(anew.prepare, house.config, stays, account, house.now())
        self.handed_back.set()

    async def _withdraw_all(self, by: By) -> None:
        for held in self.grants.all():
            if held.end is None:
                await self.grants.withdraw(held.grant.id, by)

    async def _erase_vacancy(self) -> None:
        for view in self._house.points():
            await self._house.erase(view.point.id, 0, ALWAYS)

    def granted(self, authorization: str | None) -> Grant | None:
        """The grant whose token this is, `Bearer TOKEN`; NotDatingError while the box does not know the time."""
        scheme, _, token = (authorization or "").partition(" ")
        return self.grants.opened_by(token.strip()) if scheme.lower() == "bearer" else None

    async def entries(self, count: int, before: int | None) -> list[Entry]:
        """The last entries of the ledger, the newest first."""
        return await self._ledger.entries(count, before)

    async def following(self, after: int, count: int) -> list[Entry]:
        """Entries of the ledger behind the number `after`, in order."""
        return await self._ledger.following(after, count)

    async def open_session(self, address: str, agent: str, account: Account | None = None) -> str:
        """A new session; what is returned goes into the browser's cookie and nowhere else.

        Without `account`, the household's. It opens nothing where the account has ended meanwhile.
        """
        token = secrets.token_urlsafe(32)
        account = account or self.people.of(Role.OCCUPANT)
        if account is not None:
            await self._ledger.open_session(_digest(token), self._house.now(), address, agent, account)
        return token

    async def session(self, token: str | None) -> Session | None:
        found = await self._ledger.session(_digest(token), self._house.now()) if token else None
        return found if found is not None and self.in_time(found.until) else None

    async def sessions(self) -> list[Session]:
        return await self._ledger.sessions(self._house.now())

    async def known(self, address: str, role: Role = Role.OCCUPANT) -> bool:
        """Whether somebody with this role reads the box from this address already."""
        return any(
            session.role is role and network(session.address) == network(address) for session in await self.sessions()
        )

    async def renew_session(self, session: int) -> None:
        await self._ledger.renew_session(session, self._house.now())

    async def end_session(self, session: int) -> None:
        await self._ledger.end_session(session)

    def form_token(self, browser: str, session: int | None) -> str:
        """What a form of ours carries: bound to the browser's own cookie and to its session."""
        message = f"{browser}\n{session}".encode("utf-8", "surrogateescape")
        return hmac.new(self._form_key, message, hashlib.sha256).hexdigest()

    def close(self) -> None:
        self._checking.shutdown()

    async def _in_turn(self, work: Callable[..., T], *args: str) -> T:
        if self._waiting >= QUEUE_MAX:
            raise Busy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._checking, work, *args)
        finally:
            self._waiting -= 1


def _new_code() -> str:
    letters = [secrets.choice(CODE_LETTERS) for _ in range(CODE_GROUPS * CODE_GROUP)]
    return "-".join("".join(letters[n : n + CODE_GROUP]) for n in range(0, len(letters), CODE_GROUP))


def _letters(code: str) -> str:
    """A code as it was made, however it was typed."""
    return "".join(character for character in code.upper() if character.isalnum())


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, n=n, r=r, p=p, maxmem=SCRYPT_BYTES_MAX, dklen=32
    )


def _hash(password: str) -> str:
    """`scrypt$n$r$p$salt$key`: the cost stands in the file, so that it can grow later."""
    salt = secrets.token_bytes(16)
    key = _scrypt(password, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    return "$".join(
        ("scrypt", str(SCRYPT_N), str(SCRYPT_R), str(SCRYPT_P), *(base64.b64encode(b).decode() for b in (salt, key)))
    )


def _fits(password: str, hashed: str) -> bool:
    _, n, r, p, salt, key = hashed.split("$")
    found = _scrypt(password, base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(found, base64.b64decode(key))
