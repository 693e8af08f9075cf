"""The loop: asks the gateway what is to be done, does it at each target, and says what became of it. It keeps nothing."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from gateway.way import Form
from sync import targets
from sync.model import Target, Trouble, Why
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
# What only a person can change is tried again so seldom; they may say "now" on the page.
PERSON_S = 6 * 3600.0
PERSON = frozenset({Why.REFUSED, Why.FULL, Why.FORBIDDEN, Why.MOVED})

Sleep = Callable[[float], Awaitable[None]]


async def work(socket: Path, sleep: Sleep = asyncio.sleep) -> None:
    """Until the gateway says that nothing is wanted any longer, or is gone."""
    async with Office(socket) as office, asyncio.TaskGroup() as tasks:
        running: dict[tuple[str, str], asyncio.Task[None]] = {}
        silent_s = 0.0
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
            wanted = {(job.grant, job.stamp): job for job in found.jobs}
            for key in [key for key in running if key not in wanted or running[key].done()]:
                running.pop(key).cancel()
            for key, job in wanted.items():
                if key not in running:
                    running[key] = tasks.create_task(_keep_doing(office, job, sleep), name=f"{job.do} {job.grant}")
            await sleep(LOOK_S)
        for task in running.values():
            task.cancel()


async def _keep_doing(office: Office, job: Job, sleep: Sleep) -> None:
    tries = 0
    while True:
        try:
            await _do(office, await _as_it_is_now(office, job), sleep)
        except Exception as error:  # noqa: BLE001 - see _bug
            if isinstance(error, GoneError):
                log.warning("%s: %s", job, error)
                await sleep(RETRY_S_MIN)
                continue
            trouble = error if isinstance(error, Trouble) else _bug(job, error)
            pause_s = pause(trouble, tries)
            tries += 1
            log.warning(
                "%s: %s; %s", job, trouble, "not tried again" if pause_s is None else f"again in {pause_s:.0f} s"
            )
            await _tell(office, job, trouble, pause_s)
            if pause_s is None:
                await asyncio.get_running_loop().create_future()  # until the job is another one
            else:
                await sleep(pause_s)
        else:
            return


async def _as_it_is_now(office: Office, job: Job) -> Job:
    """With the secrets that a target had us keep since."""
    return next((one for one in (await office.jobs()).jobs if (one.grant, one.stamp) == (job.grant, job.stamp)), job)


def _bug(job: Job, error: Exception) -> Trouble:
    """One wall: a target's own fault ends no other target."""
    log.error("%s: a fault of this program", job, exc_info=error)
    return Trouble(Why.ODD, f"a fault of this program: {type(error).__name__}")


def pause(trouble: Trouble, tries: int) -> float | None:
    """Before the next try, in seconds; None where only another grant, or other secrets, can change anything."""
    if trouble.why is Why.ENDED:
        return None
    base = PERSON_S if trouble.why in PERSON else min(RETRY_S_MIN * 2.0 ** min(tries, 10), RETRY_S_MAX)
    return max(base * random.uniform(0.5, 1.5), trouble.wait_s or 0)  # noqa: S311 - jitter, not a secret


async def _tell(office: Office, job: Job, trouble: Trouble, pause_s: float | None) -> None:
    try:
        await office.trouble(job.grant, trouble, None if pause_s is None else round(pause_s))
    except GoneError as error:
        log.warning("%s: %s", job, error)


async def _do(office: Office, job: Job, sleep: Sleep) -> None:
    while job.do == "send" and not await office.due(job.grant):
        await sleep(LIVE_S if job.way.form is Form.LIVE else DUE_S)
    host = urlsplit(job.way.address).hostname
    if not host:
        raise Trouble(Why.FORBIDDEN, "the address names no host")
    async with Net(host, at_home=job.way.at_home) as net:
        target = targets.make(job.way, job.secrets, AtHome(office, job, await office.now(job.grant)), net)
        try:
            match job.do:
                case "send":
                    await _send(office, job, target, sleep)
                case "erase":
                    await _erase(office, job, target)
                case _:
                    await _leave(office, job, target)
        finally:
            await target.close()


async def _send(office: Office, job: Job, target: Target, sleep: Sleep) -> None:
    """All that is due, a batch at a time; a live target is kept open, so that it knows when we are gone."""
    await target.open()
    await office.well(job.grant)
    while True:
        number, parcels = await office.batch(job.grant)
        if parcels:
            puts = await target.put(parcels)
            await office.put(job.grant, number, parcels, puts)
        elif job.way.form is Form.LIVE:
            await sleep(LIVE_S)
        else:
            break
    # Now, as what was due is there: before, it would miss what is about to be sent again.
    if await office.looks(job.grant):
        await _look(office, job, target)


async def _look(office: Office, job: Job, target: Target) -> None:
    """What the target says of itself is no reason to send nothing."""
    try:
        lies = await target.look()
    except Trouble as trouble:
        log.info("%s: it does not say what lies there: %s", job, trouble)
    else:
        await office.lies(job.grant, lies)


async def _erase(office: Office, job: Job, target: Target) -> None:
    await target.open()
    while pieces := await office.pieces(job.grant):
        await target.erase(pieces)
        await office.erased(job.grant, pieces)
    await _leave(office, job, target)


async def _leave(office: Office, job: Job, target: Target) -> None:
    try:
        await target.leave()
    except Trouble as trouble:
        if trouble.why is not Why.ENDED:  # else it was taken back there already, as was wished
            raise
    await office.left(job.grant)
