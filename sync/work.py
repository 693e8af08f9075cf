"""The loop: asks the gateway what is to be done, does it at each target, and says what became of it. It keeps nothing."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gateway.way import Form
from sync import messengers, targets
from sync.model import Message, Messenger, Parcel, Target, Trouble, Why
from sync.net import Net
from sync.office import AtHome, GoneError, Job, Office

log = logging.getLogger(__name__)

LOOK_S = 2.0
DUE_S = 15.0
LIVE_S = 10.0
# A gateway that is silent for so long has ended.
SILENT_S_MAX = 20.0
RETRY_S_MIN = 15.0
RETRY_S_MAX = 3600.0
# A card that refuses is asked this seldom: who makes room there may also say "now".
REFUSED_S_MAX = 600.0
# A person stands before the page, and waits for an address where to say yes.
WAITING_S_MAX = 60.0
CLOSE_S_MAX = 15.0
# A target that is slow to say what lies there: what is due meanwhile waits for it.
LOOK_S_MAX = 300.0
# What only a person can change is tried again so seldom; they may say "now" on the page.
PERSON_S = 6 * 3600.0
# A letter that was refused for what it says may keep an urgent one waiting; a wrong password that is tried more often shuts an account.
PERSON_TOLD_S = 3600.0
PERSON = frozenset({Why.REFUSED, Why.FULL, Why.FORBIDDEN, Why.MOVED})

Sleep = Callable[[float], Awaitable[None]]
Batch = tuple[int, list[Parcel]]


@dataclass(slots=True)
class Tries:
    """How often in a row a grant's work failed."""

    target: int = 0  # since its target last took something
    gateway: int = 0  # since the gateway last wrote down what we told it


async def work(socket: Path, sleep: Sleep = asyncio.sleep) -> None:
    """Until the gateway says that nothing is wanted any longer, or is gone."""
    async with Office(socket) as office, asyncio.TaskGroup() as tasks:
        running: dict[str, tuple[str, asyncio.Task[None]]] = {}
        silent_s, run = 0.0, ""
        while True:
            try:
                found = await office.jobs()
            except GoneError as error:
                silent_s += LOOK_S
                if silent_s > SILENT_S_MAX:
                    log.warning("the gateway is gone: %s", error)
                    break
                await sleep(LOOK_S)
                continue
            silent_s = 0.0
            if not found.wanted:
                break
            run = run or found.run
            if found.run != run:
                log.warning("the gateway was started again, and starts a process of its own")
                break
            _begin(office, {job.grant: job for job in found.jobs}, running, tasks, sleep)
            await sleep(LOOK_S)
        for _, task in running.values():
            task.cancel()


def _begin(
    office: Office,
    wanted: dict[str, Job],
    running: dict[str, tuple[str, asyncio.Task[None]]],
    tasks: asyncio.TaskGroup,
    sleep: Sleep,
) -> None:
    """End what is no longer wanted, and begin what is: of one grant only once the task before has really ended."""
    for grant, (stamp, task) in tuple(running.items()):
        if task.done():
            del running[grant]
        elif (grant not in wanted or wanted[grant].stamp != stamp) and not task.cancelling():
            task.cancel()
    for grant, job in wanted.items():
        if grant not in running:
            task = tasks.create_task(_keep_doing(office, job, sleep), name=f"{job.do} {grant}")
            running[grant] = job.stamp, task


async def _keep_doing(office: Office, job: Job, sleep: Sleep) -> None:
    tries = Tries()
    while True:
        try:
            await _do(office, await _as_it_is_now(office, job), tries, sleep)
        except GoneError as error:
            pause_s = _jittered(_grown(tries.gateway, REFUSED_S_MAX))
            tries.gateway += 1
            log.warning("%s: %s; again in %.0f s", job, error, pause_s)
            await sleep(pause_s)
        except Exception as error:  # noqa: BLE001 - see _bug
            trouble = error if isinstance(error, Trouble) else _bug(job, error)
            wait_s = pause(trouble, tries.target, PERSON_TOLD_S if job.do == "tell" else PERSON_S)
            tries.target += 1
            log.warning("%s: %s; %s", job, trouble, "not tried again" if wait_s is None else f"again in {wait_s:.0f} s")
            await _tell(office, job, trouble, wait_s)
            if wait_s is None:
                await asyncio.get_running_loop().create_future()  # until the job is another one
            else:
                await sleep(wait_s)
        else:
            return


async def _as_it_is_now(office: Office, job: Job) -> Job:
    """With the secrets that a target had us keep since."""
    return next((one for one in (await office.jobs()).jobs if (one.grant, one.stamp) == (job.grant, job.stamp)), job)


def _bug(job: Job, error: Exception) -> Trouble:
    """One wall: a target's own fault ends no other target."""
    log.error("%s: a fault of this program", job, exc_info=error)
    return Trouble(Why.ODD, f"a fault of this program: {type(error).__name__}")


def pause(trouble: Trouble, tries: int, person_s: float = PERSON_S) -> float | None:
    """Before the next try, in seconds, `person_s` where it is a person's turn; None where only another grant, or other secrets, can change anything."""
    if trouble.why is Why.ENDED:
        return None
    if trouble.why in PERSON:
        base = person_s
    else:
        base = _grown(tries, WAITING_S_MAX if trouble.why is Why.WAITING else RETRY_S_MAX)
    return max(_jittered(base), trouble.wait_s or 0)


def _grown(tries: int, most: float) -> float:
    return min(RETRY_S_MIN * 2.0 ** min(tries, 10), most)


def _jittered(base: float) -> float:
    return base * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret


async def _tell(office: Office, job: Job, trouble: Trouble, pause_s: float | None) -> None:
    try:
        await office.trouble(job.grant, trouble, None if pause_s is None else round(pause_s))
    except (GoneError, Trouble) as error:
        log.warning("%s: %s", job, error)


async def _do(office: Office, job: Job, tries: Tries, sleep: Sleep) -> None:
    while job.do in ("send", "tell") and not await office.due(job.grant):
        await sleep(LIVE_S if job.way.form is Form.LIVE else DUE_S)
    batch: Batch | None = None
    if job.do == "send" and tries.gateway:  # no login at the target while the card refuses; else the login comes first,
        batch = await office.batch(job.grant)  # so that nothing is said to be under way to a target that is away
    host = urlsplit(job.way.address).hostname
    if not host:
        raise Trouble(Why.FORBIDDEN, "the address names no host")
    async with Net(host, at_home=job.way.at_home) as net:
        at_home = AtHome(office, job, await office.now(job.grant))
        if job.way.is_for_messages:
            try:
                messenger = messengers.make(job.way, job.secrets, at_home, net)
            except Trouble:  # an address that is none: nothing ever was told there
                if job.do == "tell":
                    raise
                await office.left(job.grant)
                return
            await _messages(office, job, messenger, tries)
            return
        try:
            target = targets.make(job.way, job.secrets, at_home, net)
        except Trouble:  # a name that cannot be said there, or an address that is none: nothing ever was
            if job.do == "send" or await office.pieces(job.grant):
                raise
            await office.left(job.grant)
            return
        try:
            match job.do:
                case "send":
                    await _send(office, job, target, batch, tries, sleep)
                case "erase":
                    await _erase(office, job, target, tries)
                case _:
                    await _leave(office, job, target)
        finally:
            await _close(job, target)


async def _messages(office: Office, job: Job, messenger: Messenger, tries: Tries) -> None:
    """All that is due, one after the other; or, after the end of the grant, what of ours stands there is taken away."""
    try:
        if job.do != "tell":
            await _leave(office, job, messenger)
            return
        first: Message | None = None
        if tries.gateway and (first := await office.message(job.grant)) is None:
            return  # as a batch: no login while the card refuses, nor for what was only to be written down
        await messenger.open()
        while (message := first or await office.message(job.grant)) is not None:
            first = None
            await office.told(job.grant, message, await messenger.tell(message))
            tries.target = tries.gateway = 0
        await office.well(job.grant)  # not before: most ways say only to a message whether they take one
    finally:
        await _close(job, messenger)


async def _close(job: Job, target: Target | Messenger) -> None:
    try:
        async with asyncio.timeout(CLOSE_S_MAX):
            await target.close()
    except (TimeoutError, Trouble) as error:
        log.warning("%s: its connection is left as it is: %s", job, str(error) or "it does not end in time")


async def _send(office: Office, job: Job, target: Target, batch: Batch | None, tries: Tries, sleep: Sleep) -> None:
    """All that is due, a batch at a time; a live target is kept open, so that it knows when we are gone."""
    await target.open()
    await office.well(job.grant)
    while True:
        number, parcels = batch or await office.batch(job.grant)
        batch = None
        if parcels:
            puts = await target.put(parcels)
            await office.put(job.grant, number, parcels, puts)
            tries.target = tries.gateway = 0
        elif job.way.form is Form.LIVE:
            await sleep(LIVE_S)
        else:
            break
    # Now, as what was due is there: before, it would miss what is about to be sent again.
    if await office.looks(job.grant):
        await _look(office, job, target)


async def _look(office: Office, job: Job, target: Target) -> None:
    """What the target says of itself, whatever it is, is no reason to send nothing, and no trouble to be told of."""
    try:
        async with asyncio.timeout(LOOK_S_MAX):
            lies = await target.look()
        await office.lies(job.grant, lies)
    except GoneError:
        raise
    except (Trouble, TimeoutError) as trouble:
        log.info("%s: it does not say what lies there: %s", job, str(trouble) or "not in time")
    except Exception as error:  # noqa: BLE001 - see _bug
        _bug(job, error)


async def _erase(office: Office, job: Job, target: Target, tries: Tries) -> None:
    """A target at which nothing lies is not logged in to: it may never have answered."""
    pieces = await office.pieces(job.grant)
    if pieces:
        await target.open()
    while pieces:
        await target.erase(pieces)
        await office.erased(job.grant, pieces)
        tries.target = tries.gateway = 0
        pieces = await office.pieces(job.grant)
    await _leave(office, job, target)


async def _leave(office: Office, job: Job, target: Target | Messenger) -> None:
    try:
        await target.leave()
    except Trouble as trouble:
        if trouble.why is not Why.ENDED:  # else it was taken back there already, as was wished
            raise
    await office.left(job.grant)
