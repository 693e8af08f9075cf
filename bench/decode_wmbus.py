"""How fast `releve decode wmbus` reads: CPU time of the whole process, JSON in and out included, net of start-up.

20,000 encrypted telegrams (mode 5) of 30 meters, made here by our encoder: each has its own access number and values,
so nothing can be answered from a cache of whole telegrams. Half of the meters say volume and flow, a quarter heat, a
quarter electricity, each with its status, date and a past value, as meters do.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from drivers.encode import records
from drivers.encode.wmbus import telegram
from drivers.model import Address

TELEGRAMS = 20_000
METERS = 30
RUNS = 3

START = datetime(2026, 11, 1)  # noqa: DTZ001  a meter's own clock


def requests() -> Iterator[str]:
    """One request a line, the meters in turn."""
    for n in range(TELEGRAMS):
        turn, meter = divmod(n, METERS)
        address, content = _said(meter, turn)
        key = bytes((meter,)) * 16
        sent = telegram(address, content, turn & 0xFF, key=key)
        yield json.dumps({"telegram": sent.hex(), "key": key.hex(), "previous": []}) + "\n"


def _said(meter: int, turn: int) -> tuple[Address, bytes]:
    at = START + timedelta(minutes=turn)
    common = records.date_time(at) + records.error_flags(0)
    number = f"{10000000 + meter * 7919:08}"
    match meter % 4:
        case 0 | 1:
            litres = 100_000 + meter * 1000 + turn
            said = (
                records.volume(litres) + records.volume(litres - turn, storage=1) + records.kept_on(date(2026, 10, 31))
            )
            said += records.flow(turn % 900) + records.flow_temperature(120 + turn % 50)
            return Address("wmbus", number, "REL", 0x1B, 0x07), said + common
        case 2:
            kwh = 20_000 + meter * 100 + turn
            said = records.energy(kwh) + records.energy(kwh - turn, storage=1) + records.kept_on(date(2026, 10, 31))
            said += records.volume(kwh * 20) + records.power(turn % 9000) + records.flow(turn % 900)
            said += records.flow_temperature(600 + turn % 90) + records.return_temperature(400 + turn % 90)
            return Address("wmbus", number, "REL", 0x04, 0x04), said + common
        case _:
            wh = 4_000_000 + meter * 1000 + turn * 3
            said = (
                records.energy_wh(wh) + records.energy_wh(wh // 3, tariff=1) + records.energy_wh(wh - wh // 3, tariff=2)
            )
            return Address("wmbus", number, "REL", 0x02, 0x02), said + records.power(turn % 6000) + common


def cpu_s(lines: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "decode", "wmbus"], input=lines, capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    answers = done.stdout.splitlines()
    assert len(answers) == lines.count("\n")
    assert all('"state": "decoded"' in answer for answer in answers)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    lines = list(requests())
    start_s = min(cpu_s(lines[0]) for _ in range(RUNS))
    spent_s = min(cpu_s("".join(lines)) for _ in range(RUNS)) - start_s
    sys.stdout.write(f"{len(lines) / spent_s:,.0f} telegrams per CPU-second; start-up {start_s * 1000:.0f} ms of CPU\n")


if __name__ == "__main__":
    main()
