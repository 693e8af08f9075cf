"""Two years of the house's half-hours, written as the CSV that any house may import."""

import gzip
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from gateway.demo.life import PARIS, SLOT_S, Life
from gateway.demo.meters import COLD_WATER, OLD_COLD_WATER_NUMBER, READ, HouseMeter, Register, old_cold_water_l

HEADER = "time,point,medium,meter,register,tariff,unit,value,main\r\n"


def write(path: Path, life: Life, now: float, progress: Callable[[float], None]) -> None:
    """All registers of the meters that were read, from the start day to the last half-hour before `now`.

    The box was unplugged once: those half-hours are missing, and the indexes went on. Whoever replaced the water meter
    read both at the same moment.
    """
    happened = life.events
    times = [
        (at, datetime.fromtimestamp(at, PARIS).isoformat())
        for at in range(life.start + SLOT_S, int(now) + 1, SLOT_S)
        if not happened.gap_from < at < happened.gap_until
    ]
    registers = [(meter, register) for meter in READ for register in meter.history]
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(HEADER.encode())
        for done, (meter, register) in enumerate(registers):
            progress(done / len(registers))
            file.write("".join(_lines(meter, register, life, times)).encode())
    progress(1.0)


def _lines(meter: HouseMeter, register: Register, life: Life, times: list[tuple[int, str]]) -> Iterator[str]:
    swap_at = life.events.swap_at if meter is COLD_WATER else 0
    old, new = _middle(meter, register, OLD_COLD_WATER_NUMBER), _middle(meter, register, meter.number)
    end = f",{'yes' if register.main else 'no'}\r\n"
    for at, time in times:
        yield f"{time}{new if at >= swap_at else old}{_text(register.value(life, at), register.decimals)}{end}"
    if swap_at:
        time = datetime.fromtimestamp(swap_at, PARIS).isoformat()
        yield f"{time}{old}{_text(old_cold_water_l(life, swap_at), register.decimals)}{end}"


def _middle(meter: HouseMeter, register: Register, number: str) -> str:
    return f",{meter.name},{meter.medium},{number},{register.name},{register.tariff},{register.unit},"


def _text(value: int, decimals: int) -> str:
    if not decimals:
        return str(value)
    whole, rest = divmod(value, 10**decimals)
    return f"{whole}.{rest:0{decimals}}"
