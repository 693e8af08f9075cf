"""The furnished house as one object: its lines, its configuration, its past and its present."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from drivers.encode.tic import BYTES_A_SECOND, historique_frame, standard_frame, with_parity
from drivers.receivers import im871a
from drivers.tic.labels import Mode
from gateway.demo import history, meters, players
from gateway.demo.life import DAY_S, HISTORY_DAYS, Life
from gateway.demo.meters import HouseMeter
from gateway.demo.wires import PtyWire, TcpWire, Wire
from gateway.house import House
from gateway.importers.csv import Report, import_file

SEED = 20_180_601
MODBUS_BAUD = 9600
WRITING_SHARE = 0.6  # of the time that furnishing takes

Progress = Callable[[str, float], None]


class Demo:
    """Made in a folder of its own, which is the same house when it is opened again, as long as it lived meanwhile.

    The lines exist from the start, so that the configuration can be checked against them. `speed` plays the wires
    faster than they are.
    """

    def __init__(
        self,
        directory: Path,
        now: Callable[[], float],
        *,
        progress: Progress = lambda what, share: None,
        speed: float = 1.0,
    ) -> None:
        self.directory = directory
        self._now = now
        self._progress = progress
        self._speed = speed
        self.report: Report | None = None
        devices = directory / "dev"
        devices.mkdir(parents=True, exist_ok=True)
        self.life = Life(SEED, _start_day(directory / "start-day", now()))
        self._linky = PtyWire(devices / "linky")
        self._workshop = TcpWire()
        self._radio = PtyWire(devices / "radio")
        self._heat_pump = PtyWire(devices / "rs485")
        self.wires: dict[str, Wire] = {
            "linky": self._linky,
            "atelier": self._workshop,
            "radio": self._radio,
            "chaufferie": self._heat_pump,
        }

    @property
    def configuration(self) -> str:
        """TOML, as `releve run` reads it."""
        folder = self.directory.absolute()
        adopted = (meters.HOME, meters.WORKSHOP, meters.COLD_WATER, meters.GAS, meters.RADIATOR)
        return "\n".join(
            [
                _table(
                    "[box]",
                    data=str(folder / "data"),
                    runtime=str(folder / "run"),
                    secret=str(folder / "box-secret"),
                ),
                _table("[dwelling]", name="Maison de démonstration", time_zone="Europe/Paris"),
                _table("[[port]]", name="linky", protocol="tic", device=str(self._linky.path)),
                _table("[[port]]", name="atelier", protocol="tic", tcp=f"127.0.0.1:{self._workshop.port}"),
                _table("[[port]]", name="radio", protocol="wmbus", receiver="im871a", device=str(self._radio.path)),
                _table("[[port]]", name="chaufferie", protocol="modbus", device=str(self._heat_pump.path)),
                *(_meter(meter) for meter in adopted),
                # Ours, but its key has not come yet: what it says is kept until then.
                _table("[[meter]]", name=meters.HEAT.name, address=str(meters.HEAT.address)),
                _table(
                    "[[meter]]",
                    name=meters.HEAT_PUMP.name,
                    port="chaufferie",
                    unit=players.HEAT_PUMP_UNIT,
                    model=players.HEAT_PUMP_MODEL,
                    every_s=10,
                ),
            ]
        )

    def hints(self) -> tuple[str, ...]:
        """What the visitor may try, a line each, in the language of the pages; the key is its line's last word."""
        return (
            "À la page Compteurs, l'eau chaude est entendue et n'est pas encore à vous "
            f"({meters.HOT_WATER.address}) : pressez « C'est le mien » et tapez sa clé {_hex(meters.HOT_WATER)}",
            "À la même page, le chauffage est à vous et attend sa clé "
            f"({meters.HEAT.address}) : tapez {_hex(meters.HEAT)}",
        )

    def furnish(self, house: House, go_on: Callable[[], None] = lambda: None) -> None:
        """Bring the past in, the way any house brings its own; nothing where it is there already.

        `go_on` is called now and then; what it raises ends the work, and what is in the store by then stays.
        """

        def progress(share: float) -> None:
            go_on()
            self._progress("Deux ans de relevés", share)

        now = self._now()
        self.life.live_until(now)  # here and not in the event loop: it takes a second
        if house.store.series():
            return
        path = self.directory / "history.csv.gz"
        history.write(path, self.life, now, lambda share: progress(share * WRITING_SHARE))
        self.report = import_file(
            path,
            house.store,
            house.catalog,
            lambda: int(now),
            lambda share: progress(WRITING_SHARE + share * (1 - WRITING_SHARE)),
        )
        assert not self.report.refused, self.report.refusals

    async def play(self) -> None:
        """The meters speak, until cancelled."""
        life, now, speed = self.life, self._now, self._speed
        home = players.HomeLinky(life)
        standard_baud, historique_baud = (
            BYTES_A_SECOND[mode] * players.BITS_A_BYTE * speed for mode in (Mode.STANDARD, Mode.HISTORIQUE)
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._workshop.serve(), name="socket of atelier")
            tasks.create_task(
                players.play_linky(self._linky, lambda at: with_parity(standard_frame(home(at))), now, standard_baud),
                name="meter linky",
            )
            tasks.create_task(
                # ser2net reads 7E1 and hands on 7 bits.
                players.play_linky(
                    self._workshop,
                    lambda at: historique_frame(players.workshop_linky(life, at)),
                    now,
                    historique_baud,
                ),
                name="meter atelier",
            )
            tasks.create_task(
                players.play_radio(self._radio, life, now, im871a.BAUD * speed, speed), name="stick radio"
            )
            tasks.create_task(
                players.play_heat_pump(self._heat_pump, life, now, MODBUS_BAUD * speed), name="meter chaufferie"
            )

    def unplug(self, port: str) -> None:
        """Pull the cable of a port."""
        self.wires[port].unplug()

    def replug(self, port: str) -> None:
        """Put it back, behind the same path."""
        self.wires[port].replug()

    def close(self) -> None:
        """Give all lines back."""
        for wire in self.wires.values():
            wire.unplug()


def _start_day(kept: Path, now: float) -> int:
    """The day this house's history begins: kept, so that the house is the same when the folder is opened again."""
    if kept.exists():
        return int(kept.read_text())
    day = int(now) // DAY_S - HISTORY_DAYS
    kept.write_text(str(day))
    return day


def _meter(meter: HouseMeter) -> str:
    key = {"key": meter.key.hex()} if meter.key is not None else {}
    return _table("[[meter]]", name=meter.name, address=str(meter.address), **key)


def _table(title: str, **fields: str | int) -> str:
    # A JSON text is a TOML basic string, once nothing outside ASCII is escaped as a pair of surrogates.
    return "\n".join([title, *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())])


def _hex(meter: HouseMeter) -> str:
    assert meter.key is not None
    return meter.key.hex().upper()
