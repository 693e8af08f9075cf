"""The composition root: opens what the configuration names, ties it together, and runs until told to stop."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import stat
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from aiohttp import web

from gateway import anew, beats, control, folders, hatch, heal, lines, replacing, starter, watch
from gateway.alerts import Alerts
from gateway.aside import Aside
from gateway.backup import RESTORED, Backups
from gateway.catalog import Catalog, CatalogError
from gateway.clock import Clock
from gateway.config import Config, ConfigError, Port, load
from gateway.export import Export
from gateway.files import flush_names
from gateway.heal import Healed
from gateway.holders import Holders, HoldersError
from gateway.house import House
from gateway.importers.keyfile import KeyFile
from gateway.keys import KeysError
from gateway.ledger import DamagedLedgerError, Ledger, LedgerError
from gateway.model import SeriesKey
from gateway.notify import Notifier
from gateway.ports.lan import is_loopback
from gateway.ports.stream import SerialLine, probe
from gateway.schedule import Schedule
from gateway.secret import BoxSecret
from gateway.standing import PLACES, Places, standing
from gateway.store import Store, StoreError
from gateway.supervise import keep_running
from gateway.trouble import Trouble

if TYPE_CHECKING:
    from gateway.bring import Desk

log = logging.getLogger(__name__)

WATCH_S = 5.0
TOLD = "clock"  # in box.runtime
# A page that listens to live values would hold a stop for aiohttp's usual minute.
SHUTDOWN_S_MAX = 2.0
RECOVER_BYTES_MAX, RECOVER_DIGITS = 1000, 8
# In box.runtime: the same file, taken from where a service's user cannot take it away (systemd/releve.service).
HANDED_OVER = "recover"


class StoppedError(Exception):
    """Told to stop before the work was done."""


class Furnished(Protocol):
    """A demo: fills the store with a past, and plays meters into the ports."""

    def furnish(self, house: House, go_on: Callable[[], None]) -> None:
        """Runs in a thread of its own, and calls `go_on` now and then, which raises StoppedError to end it."""

    async def play(self) -> None: ...


class Running(Protocol):
    """What is told once the pages can be opened."""

    def __call__(self, urls: tuple[str, ...], setup_code: str | None) -> None: ...


async def run(
    config: Config,
    running: Running,
    *,
    demo: Furnished | None = None,
    wait_for_devices: bool = False,
    places: Places = PLACES,
) -> None:
    """Run the gateway until SIGINT or SIGTERM; Trouble when it cannot start, and then nothing was written.

    `places`: where an image says what it is, elsewhere in a test.
    """
    check(config, devices=not wait_for_devices)
    notifier = Notifier.take(os.environ)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clock = Clock() if demo is not None else Clock(config.runtime / TOLD)
    if demo is not None:
        clock.tell(time.time())  # a made-up house: whatever the machine says is its time
    handed_back = True
    while handed_back:
        with contextlib.ExitStack() as opened:
            house, ledger, backups = _open(config, clock, opened, healing=True)
            if demo is not None:
                with contextlib.suppress(StoppedError):
                    await asyncio.to_thread(demo.furnish, house, lambda: _go_on(stop))
            if stop.is_set():
                return
            handed_back = await _serve(config, house, ledger, backups, running, notifier, demo, stop, places)


def _open(
    config: Config, clock: Clock, opened: contextlib.ExitStack, *, healing: bool = False
) -> tuple[House, Ledger, Backups]:
    healed: list[Healed] = []
    with _in_one_sentence():
        catalog, store = _open_data(config, clock, opened, healed if healing else None)
        catalog.seal_keys()
        if catalog.keys_trouble is not None:
            log.warning("%s", catalog.keys_trouble)
        aside = Aside(config.data / "aside", clock.now)
        opened.callback(aside.close)
        holders = _open_holders(config, opened)
        ledger = _open_ledger(config.data / "ledger.db", clock, healing=healing)
        opened.callback(ledger.close)
        store.on_removal = ledger.take_away
        house = House(config, catalog, store, aside, holders, clock=clock)
        for each in healed:  # only now is it known whether the clock is right
            heal.keep(catalog, each, clock.stamp(clock.now()))
        heal.tell(config.data / "series.db", ledger.lost)
        if store.lost_log:
            ledger.lost()
        backups = Backups(config, store, holders, ledger, aside, clock.now)
        opened.callback(backups.stop)
        return house, ledger, backups


def _open_ledger(path: Path, clock: Clock, *, healing: bool) -> Ledger:
    """A damaged one is kept beside and begun anew: meters are read, the password is chosen again, no access stands."""
    try:
        return Ledger.open(path)
    except DamagedLedgerError as error:
        if not healing:
            raise
        aside = path.with_name(f"{path.name}.damaged-{clock.now()}")
        log.warning("%s; kept as %s, and another one is begun", error, aside.name)
        path.rename(aside)
        path.with_name(path.name + "-journal").unlink(missing_ok=True)
        flush_names(path.parent)
        ledger = Ledger.open(path)
        ledger.begin_anew(clock.now(), str(error))
        return ledger


def _open_holders(config: Config, opened: contextlib.ExitStack) -> Holders:
    holders = Holders.open(config.data / "holders.db")
    opened.callback(holders.close)
    return holders


def _open_data(
    config: Config, clock: Clock, opened: contextlib.ExitStack, healed: list[Healed] | None = None
) -> tuple[Catalog, Store]:
    """Damaged series are refused; where `healed` is to hold what becomes of them, what can be read is taken out."""
    folders.own(config.data, "box.data")
    folders.own(config.runtime, "box.runtime")
    if replacing.finish(config):
        log.info("the house of a back-up took the place of what stood here, which is kept beside it")
    if anew.begin(config):
        log.info("the house was handed back: it begins anew")
    if (config.data / RESTORED).exists() and not (config.data / "series.db").exists():
        raise Trouble(f"{config.data}: a restore was cut short: ask for it once more, nothing was deleted")
    home = config.dwelling
    path, tail = config.data / "series.db", config.runtime / "tail"

    def open_() -> Store:
        return Store.open(path, tail, zone=ZoneInfo(home.time_zone), now=clock.now, commit_s=config.commit_s)

    # First: it is the one that refuses a second gateway on this folder.
    store, done = (open_(), None) if healed is None else heal.opened(open_, path, clock.now)
    opened.callback(store.close)
    if healed is not None and done is not None:
        healed.append(done)
    catalog = Catalog.open(config.data, home.name, home.time_zone, BoxSecret(config.secret))
    return catalog, store


@contextlib.contextmanager
def _in_one_sentence() -> Iterator[None]:
    try:
        yield
    except (CatalogError, KeysError, StoreError, LedgerError, HoldersError) as error:
        raise Trouble(str(error)) from None
    except OSError as error:
        raise Trouble(f"{error.filename}: {error.strerror}; choose another box.data or box.runtime") from None


def keep_keys_stopped(config: Config, file: KeyFile) -> dict[str, Any]:
    """Keep the keys of a file for a gateway that does not run."""
    from gateway.importers.keeping import keep

    configured = {meter.address: meter.key for meter in config.meters}
    with _in_one_sentence(), contextlib.ExitStack() as opened:
        catalog, _ = _open_data(config, Clock(), opened)
        if catalog.keys_trouble is not None:
            raise Trouble(f"{catalog.keys_trouble}; nothing was changed: ask again while the gateway runs")
        return keep(file, catalog, present=lambda address: catalog.key(address) or configured.get(address)).as_dict()


@contextlib.contextmanager
def backups_stopped(config: Config) -> Iterator[Backups]:
    """What writes a back-up, for the command line of a gateway that does not run."""
    with contextlib.ExitStack() as opened:
        yield _open(config, Clock(), opened)[2]


@contextlib.contextmanager
def export_stopped(config: Config) -> Iterator[Export]:
    """What hands a house over, for the command line of a gateway that does not run."""
    if not (config.data / "series.db").exists():
        raise Trouble(f"{config.data}: there is no house here")
    clock = Clock()
    with contextlib.ExitStack() as opened:
        with _in_one_sentence():
            catalog, store = _open_data(config, clock, opened)
            holders = _open_holders(config, opened)
        yield Export(catalog, store, holders, clock.now)


def erase_stopped(config: Config, point: str, start: int, end: int) -> dict[str, int]:
    """What `House.erase` does, for the command line of a gateway that does not run."""
    with _in_one_sentence(), contextlib.ExitStack() as opened:
        house, ledger, _ = _open(config, Clock(), opened)
        house.on_erase = Alerts(ledger).forget
        try:
            return asyncio.run(house.erase(point, start, end))
        except LookupError as error:
            raise Trouble(str(error.args[0])) from None


def refuse_running(path: Path) -> None:
    """Trouble where a gateway runs with this configuration; one that is not there yet has none."""
    if not path.exists():
        return
    try:
        config = load(path)
    except ConfigError as error:
        raise Trouble(str(error)) from None
    with contextlib.suppress(ConnectionError):
        control.ask(config.runtime, "GET", "/progress")
        raise Trouble("a gateway runs here: stop it first")


@contextlib.contextmanager
def holders_stopped(config: Config) -> Iterator["Desk"]:
    """What takes files in, for the command line of a gateway that does not run."""
    from gateway.bring import Desk

    clock = Clock()
    with _in_one_sentence(), contextlib.ExitStack() as opened:
        catalog, store = _open_data(config, clock, opened)
        holders = _open_holders(config, opened)
        ledger = _open_ledger(config.data / "ledger.db", clock, healing=False)
        opened.callback(ledger.close)
        store.on_removal = ledger.take_away
        yield Desk(holders, catalog, store, ZoneInfo(config.dwelling.time_zone), clock.now, config.web.language)


async def _serve(
    config: Config,
    house: House,
    ledger: Ledger,
    backups: Backups,
    running: Running,
    notifier: Notifier,
    demo: Furnished | None,
    stop: asyncio.Event,
    places: Places,
) -> bool:
    """Until `stop`, or until the house is handed back or another is brought back: True, and that one is to be opened."""
    from webui.auth import Access
    from webui.server import make_app

    await house.find_time()
    await house.read_past()
    with _in_one_sentence():
        access = Access(house, ledger)
        for path in (config.recover, config.runtime / HANDED_OVER):
            if config.web.password and (code := _code_on_card(path)) is not None:
                await access.recover("card", code)
    schedule = None if config.backup is None else Schedule(config.backup, backups, house.now, lambda: house.dating)
    web_ = config.web
    outbox = access.outbox
    services = watch.Watch(house, access.alerts, schedule)

    def changed(keys: Collection[SeriesKey], start: int) -> None:
        outbox.changed(keys, start)
        services.changed(keys)

    house.store.on_removal, house.store.on_change = outbox.take_away, changed
    app = make_app(
        house,
        access,
        host_names=web_.host_names,
        password=web_.password,
        schedule=schedule,
        backups=backups,
        stands=standing(places),
    )
    runtime = config.runtime
    async with (
        _site(app, config.web.host, config.web.port) as port,
        _socket(
            control.make_app(house, ledger, backups, lambda: access.setup_code, access.recover),
            runtime / control.SOCKET,
        ),
        _socket(hatch.make_app(outbox, access.teller, house.now), runtime / hatch.SOCKET, group=_shared(config)),
    ):
        urls = tuple(f"http://{host}:{port}/" for host in _hosts(config))
        async with asyncio.TaskGroup() as tasks:
            jobs = [tasks.create_task(_watch(house, config.commit_s), name="watch")]
            if demo is not None:
                jobs.append(tasks.create_task(demo.play(), name="demo"))
            jobs.append(tasks.create_task(house.running.run(house.config), name="ports"))
            jobs.append(tasks.create_task(house.finder.run(), name="find"))
            jobs.append(tasks.create_task(access.grants.run(), name="grants"))
            jobs.append(tasks.create_task(outbox.run(), name="outbox"))
            jobs.append(tasks.create_task(services.run(), name="services"))
            jobs.append(tasks.create_task(starter.mark(outbox.wanted, runtime / starter.WANTED), name="sync wanted"))
            if config.sync == "child":
                jobs.append(tasks.create_task(starter.start(outbox.wanted, runtime / hatch.SOCKET), name="sync"))
            if schedule is not None:
                jobs.append(tasks.create_task(schedule.run(), name="back-ups"))
            if config.web.mdns and not is_loopback(config.web.host):
                jobs.append(tasks.create_task(_announce(port, house.dwelling_name), name="mdns"))
            jobs.append(tasks.create_task(_ask_store(house), name="store asked"))
            jobs.append(tasks.create_task(notifier.feed(house.running.beats.still), name="watchdog"))
            running(urls, access.setup_code if config.web.password else None)
            notifier.tell("READY=1", f"STATUS=the pages are at {urls[0]}")
            anew_ = (access.handed_back, access.brought_back)
            ends = [tasks.create_task(each.wait(), name="end") for each in (stop, *anew_)]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                notifier.tell("STOPPING=1", "STATUS=what was read is put on the card")
            for job in (*jobs, *ends):
                job.cancel()
    await outbox.look(stopping=True)
    await access.grants.stop()
    await house.save(stopping=True)
    return any(each.is_set() for each in anew_) and not stop.is_set()


def _code_on_card(path: Path) -> str | None:
    """Eight digits that somebody who lost the password put on the card, once: a file that stays there is of no use."""
    try:
        with path.open("rb") as file:
            digits = "".join(chr(byte) for byte in file.read(RECOVER_BYTES_MAX) if chr(byte).isdigit())
        path.unlink()
    except FileNotFoundError:
        return None
    except OSError as error:
        # Else the folder is root's, who hands such a file over (systemd/releve.service).
        if os.access(path.parent, os.X_OK):
            log.warning("%s: cannot be read and taken away, so it is of no use: %s", path, error.strerror)
        return None
    if len(digits) != RECOVER_DIGITS:
        log.warning("%s: %d digits are needed, and it has %d: nothing was changed", path, RECOVER_DIGITS, len(digits))
        return None
    log.warning("%s: every access has ended, and the box is set up with the code in it", path)
    return digits


async def _announce(port: int, dwelling_name: str) -> None:
    from gateway import mdns

    await keep_running(
        lambda: mdns.announce(port, dwelling_name), lambda reason: log.info("mDNS: %s", reason), pause_s_max=300.0
    )


async def _watch(house: House, save_s: float) -> None:
    saved = time.monotonic()
    while True:
        await asyncio.sleep(WATCH_S)
        await house.find_time()
        await house.count_on()
        house.watch_states()
        await house.read_past()
        if time.monotonic() - saved >= save_s:
            saved = time.monotonic()
            await house.save()


async def _ask_store(house: House) -> None:
    """Note that the store's thread answers, which a lock or a card that hangs would keep it from."""
    while True:
        house.running.beats.moved("the store", beats.STORE_S_MAX)
        await asyncio.sleep(WATCH_S)
        await house.store.run(int)


def _go_on(stop: asyncio.Event) -> None:
    if stop.is_set():
        raise StoppedError


@contextlib.asynccontextmanager
async def _site(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    from webui import doors

    async with contextlib.AsyncExitStack() as opened:
        try:
            taken = await opened.enter_async_context(doors.opened(app, host, port, SHUTDOWN_S_MAX))
        except OSError as error:
            raise Trouble(
                f"web.listen: {host}:{port} cannot be opened: {error.strerror}; choose another port"
            ) from None
        yield taken


@contextlib.asynccontextmanager
async def _socket(app: web.Application, path: Path, *, group: bool = False) -> AsyncIterator[None]:
    """Open it to this user, and where the `group` is said, to that of the folder."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S_MAX)
    await runner.setup()
    try:
        umask = os.umask(0o117 if group else 0o177)  # from its first moment on, nobody else may open it
        try:
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - in memory-backed /run
            await web.UnixSite(runner, str(path)).start()
        except OSError as error:
            raise Trouble(
                f"box.runtime: {path} cannot be opened: {error.strerror or error}; choose another folder"
            ) from None
        finally:
            os.umask(umask)
        yield
    finally:
        await runner.cleanup()


def _shared(config: Config) -> bool:
    """Whether the sync process is another user's: a service, and a folder that gives its own group to what is made in it."""
    return config.sync == "service" and bool(config.runtime.stat().st_mode & stat.S_ISGID)


def _hosts(config: Config) -> tuple[str, ...]:
    """Under which names and numbers the pages are found: what a browser at home can be told."""
    host = config.web.host
    if host not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not opened
        return (f"[{host}]" if ":" in host else host,)
    import ifaddr

    from gateway import mdns

    named = ("releve.local",) if config.web.mdns else ()
    numbers = tuple(socket.inet_ntoa(address) for address in mdns.addresses(ifaddr.get_adapters()))
    return named + numbers or ("127.0.0.1",)


def check(config: Config, *, devices: bool = True) -> None:
    """Refuse what cannot run: a model without a map, and, where asked, a device that cannot be opened now."""
    faults = lines.faults(config.ports, config.meters)
    for number, port in enumerate(config.ports, 1):
        if devices and port.contact is not None:
            faults += _contact_faults(number, port)
        elif devices and port.device is not None:
            try:
                probe(SerialLine(port.device, port.baud or 9600))
            except OSError as error:
                faults.append(f"port[{number}].device: {error.strerror}")
    if faults:
        raise Trouble("\n".join(faults))


def _contact_faults(number: int, port: Port) -> list[str]:
    try:
        lines.contact(port).probe()
    except OSError as error:
        return [f"port[{number}].{'device' if port.device else 'gpio'}: {error.strerror or error}"]
    return []
