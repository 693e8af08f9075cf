"""The meters speaking: each player builds what its meter says now, and writes it at the pace of the wire."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from heapq import heapify, heapreplace
from math import sin, tau

from drivers import modbus
from drivers.encode import im871a, records, wmbus
from drivers.encode.modbus import Slave, encode
from drivers.encode.tic import Contract, Linky, Stamped
from gateway.demo import meters
from gateway.demo.life import DAY_S, PARIS, SLOT_S, Life, Stream
from gateway.demo.meters import HouseMeter
from gateway.demo.wires import PtyWire, Wire

Now = Callable[[], float]

BITS_A_BYTE = 10
CHUNK_S = 0.25  # written at once: four wake-ups a second, and the gateway gathers as long
FRAME_GAP_S = 0.02  # Enedis-NOI-CPT_54E: 16.7 to 33.4 ms between two frames

HEAT_PUMP_MODEL = "eastron_sdm630"
HEAT_PUMP_UNIT = 1
TURNAROUND_S = 0.02  # a meter thinks before it answers


@dataclass(frozen=True, slots=True)
class Radio:
    """One meter on the air. `every_s` is the demo's: real meters speak each 15 s to some minutes."""

    meter: HouseMeter
    every_s: float
    rssi_dbm: int
    records: Callable[[Life, float], bytes]
    status: int = 0


async def paced(wire: Wire, data: bytes, baud: float, due: float) -> float:
    """Write at the wire's rate, beginning at `due` of the loop's clock; the time when the last byte has left."""
    loop = asyncio.get_running_loop()
    rate = baud / BITS_A_BYTE
    chunk = max(1, int(rate * CHUNK_S))
    due = max(due, loop.time() - CHUNK_S)  # what a sleeping machine missed was not said
    for at in range(0, len(data), chunk):
        part = data[at : at + chunk]
        due += len(part) / rate
        await asyncio.sleep(due - loop.time())
        wire.write(part)
    return due


async def play_linky(wire: Wire, said: Callable[[float], bytes], now: Now, baud: float) -> None:
    """A customer port: one frame after the other, for ever."""
    due = asyncio.get_running_loop().time()
    while True:
        due = await paced(wire, said(now()), baud, due) + FRAME_GAP_S


async def play_radio(wire: PtyWire, life: Life, now: Now, baud: float, speed: float) -> None:
    """The stick: hands on what it hears, and answers the host."""
    wire.listen()
    loop = asyncio.get_running_loop()
    due = [(loop.time() + (number + 1) / speed, number) for number in range(len(ON_THE_AIR))]
    heapify(due)
    heard = [0] * len(ON_THE_AIR)
    while True:
        at, number = due[0]
        try:
            async with asyncio.timeout_at(at):
                request = await wire.requests.get()
            for answer in im871a.answers(request):
                await paced(wire, answer, baud, loop.time())
        except TimeoutError:
            radio = ON_THE_AIR[number]
            heard[number] += 1
            telegram = telegram_of(radio, life, now(), heard[number])
            # The strength goes up and down a little, as doors and people do.
            rssi_dbm = radio.rssi_dbm + (heard[number] * 7 + number) % 5 - 2
            await paced(wire, im871a.heard(telegram, rssi_dbm), baud, loop.time())
            heapreplace(due, (max(at, loop.time() - radio.every_s) + radio.every_s / speed, number))


async def play_heat_pump(wire: PtyWire, life: Life, now: Now, baud: float) -> None:
    """A Modbus meter: silent until it is asked."""
    wire.listen()
    loop = asyncio.get_running_loop()
    model = modbus.load(HEAT_PUMP_MODEL)
    slave = Slave(HEAT_PUMP_UNIT, {}, model.registers_max)
    while True:
        request = await wire.requests.get()
        slave.registers = {model.function_code: encode(model, heat_pump_values(life, now()))}
        for reply in slave.feed(request):
            await paced(wire, reply, baud, loop.time() + TURNAROUND_S)


def telegram_of(radio: Radio, life: Life, at: float, number: int) -> bytes:
    """What a radio meter sends as its telegram of this number."""
    meter = radio.meter
    return wmbus.telegram(meter.address, radio.records(life, at), number & 0xFF, status=radio.status, key=meter.key)


class HomeLinky:
    """The house's meter in standard mode."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._highest: dict[date, Stamped] = {}

    def __call__(self, at: float) -> Linky:
        life = self._life
        power_va = meters.home_w(life, at)
        taken = datetime.fromtimestamp(int(at), UTC)
        today = datetime.fromtimestamp(at, PARIS).date()
        highest = self._of_day(today, at)
        if power_va > highest.value:
            highest = self._highest[today] = Stamped(power_va, taken)
        last = int(at) // SLOT_S * SLOT_S
        return Linky(
            address=meters.HOME.number,
            at=taken,
            indexes_wh=meters.home_wh(life, at),
            apparent_power_va=power_va,
            max_today_va=highest,
            max_yesterday_va=self._of_day(today - timedelta(days=1), at),
            contract=Contract.HC,
            tariff=meters.tariff(at),
            voltage_v=round(voltage_v(at)),
            subscribed_kva=9,
            curve_w=(_mean(life, last), _mean(life, last - SLOT_S)),
        )

    def _of_day(self, day: date, at: float) -> Stamped:
        """The highest power of a local day; before the demo played, the highest mean of a half-hour."""
        if day not in self._highest:
            midnight = datetime(day.year, day.month, day.day, tzinfo=PARIS)
            first = int(midnight.timestamp())
            ends = range(first + SLOT_S, min(int(at), first + DAY_S) + 1, SLOT_S)
            means = [_mean(self._life, end) for end in ends]
            self._highest = {known: value for known, value in self._highest.items() if known >= day - timedelta(days=1)}
            self._highest[day] = max(means, key=lambda mean: mean.value, default=Stamped(0, midnight))
        return self._highest[day]


def workshop_linky(life: Life, at: float) -> Linky:
    """The workshop's meter in historique mode, which says neither times nor maxima."""
    power_va = life.per_hour(Stream.WORKSHOP, at)
    taken = datetime.fromtimestamp(int(at), UTC)
    return Linky(
        address=meters.WORKSHOP.number,
        at=taken,
        indexes_wh=meters.workshop_wh(life, at),
        apparent_power_va=power_va,
        max_today_va=Stamped(power_va, taken),
        max_yesterday_va=Stamped(power_va, taken),
        contract=Contract.HC,
        tariff=meters.tariff(at),
        voltage_v=round(voltage_v(at)),
    )


def heat_pump_values(life: Life, at: float) -> dict[str, Decimal]:
    """What the heat pump's meter holds, by the register map's names."""
    power_w = Decimal(life.per_hour(Stream.HEAT_PUMP, at))
    values = {"import_energy": Decimal(meters.heat_pump_wh(life, at)), "export_energy": Decimal(0)}
    values |= {"power": power_w, "frequency": Decimal("50.0") + _tenths(sin(tau * at / 97) / 4)}
    for phase, turn in (("l1", 0.0), ("l2", 0.3), ("l3", 0.7)):
        voltage = _tenths(voltage_v(at + 600 * turn))
        values[f"voltage_{phase}"] = voltage
        values[f"power_{phase}"] = (power_w / 3).quantize(Decimal("0.1"))
        values[f"current_{phase}"] = (power_w / 3 / voltage).quantize(Decimal("0.01"))
    return values


def voltage_v(at: float) -> float:
    """The mains: a slow swing, and a little restlessness."""
    return 232.0 + 3.5 * sin(tau * at / 5_400) + 1.2 * sin(tau * at / 61)


def _mean(life: Life, end: int) -> Stamped:
    return Stamped(meters.home_mean_w(life, end), datetime.fromtimestamp(end, UTC))


def _tenths(number: float) -> Decimal:
    return Decimal(round(number * 10)) / 10


def _litres_an_hour(life: Life, stream: Stream, at: float) -> int:
    return life.per_hour(stream, at) // 1000


def _month_start(at: float) -> tuple[date, float]:
    local = datetime.fromtimestamp(at, PARIS)
    first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first.date(), first.timestamp()


def _cold_water(life: Life, at: float) -> bytes:
    day, month = _month_start(at)
    return (
        records.volume(meters.cold_water_l(life, at))
        + records.flow(_litres_an_hour(life, Stream.COLD_WATER, at))
        + records.external_temperature(round(10 * (12 + life.temperature(at) / 4)))  # a meter in the cellar
        + records.date_time(datetime.fromtimestamp(at, PARIS))
        + records.volume(meters.cold_water_l(life, month), storage=1)
        + records.kept_on(day)
    )


def _hot_water(life: Life, at: float) -> bytes:
    return records.volume(meters.hot_water_l(life, at)) + records.flow(_litres_an_hour(life, Stream.HOT_WATER, at))


def _gas(life: Life, at: float) -> bytes:
    # VIF 14: hundredths of a cubic metre, the step of a household's gas meter
    return records.record(records.dif(0x4), b"\x14", records.int_(meters.gas_10l(life, at), 4))


def _radiator(life: Life, at: float) -> bytes:
    month, start = _month_start(at)
    room, surface = 195, 195 + min(350, life.per_hour(Stream.RADIATOR, at))
    return (
        records.heat_cost(meters.radiator_units(life, at))
        + records.heat_cost(meters.radiator_units(life, start), storage=1)
        + records.kept_on(month)
        + records.flow_temperature(surface)
        + records.external_temperature(room)
    )


def _heat(life: Life, at: float) -> bytes:
    power_w = life.per_hour(Stream.HEAT, at)
    return (
        records.energy(meters.heat_wh(life, at) // 1000)
        + records.power(power_w)
        + records.flow_temperature(280 + min(170, power_w // 20))
        + records.return_temperature(260 + min(110, power_w // 30))
    )


def _neighbour(life: Life, at: float) -> bytes:
    return records.volume(meters.neighbour_l(life, at))


ON_THE_AIR = (
    Radio(meters.COLD_WATER, 7.0, -58, _cold_water),
    Radio(meters.HOT_WATER, 9.0, -61, _hot_water),
    Radio(meters.HEAT, 11.0, -66, _heat),
    Radio(meters.GAS, 12.0, -74, _gas),
    Radio(meters.NEIGHBOUR, 14.0, -91, _neighbour),
    Radio(meters.RADIATOR, 16.0, -69, _radiator, status=0x04),  # its battery is going flat
)
