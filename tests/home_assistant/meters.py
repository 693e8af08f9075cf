"""The meters of a small house, each once a second: a Linky on a wire, and by radio water, gas, heat and a heat cost allocator."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from drivers.encode import records, wmbus
from drivers.encode.tic import Linky, Stamped, standard_frame
from drivers.model import Address

LINKY_PORT, RADIO_PORT = 9001, 9002
EVERY_S = 1.0
WATER, GAS, HEAT, RADIATOR = (
    Address("wmbus", f"3000000{number}", "REL", 1, type_) for number, type_ in enumerate((7, 3, 4, 8))
)
CONFIG = f"""
[[port]]
name = "linky"
protocol = "tic"
tcp = "127.0.0.1:{LINKY_PORT}"
[[port]]
name = "radio"
protocol = "wmbus"
receiver = "hexlines"
tcp = "127.0.0.1:{RADIO_PORT}"
""" + "".join(
    f'[[meter]]\nname = "{name}"\naddress = "{address}"\n'
    for name, address in (("Eau", WATER), ("Gaz", GAS), ("Chaleur", HEAT), ("Radiateur", RADIATOR))
)


@dataclass
class Meters:
    """What their dials show; a test turns them."""

    linky: str = "092261000420"
    energy_wh: int = 12_345_678
    water_l: int = 99_999_960  # of eight digits
    gas_l: int = 4_512_340
    heat_mj: int = 81_250
    heat_cost: int = 1_207

    def telegrams(self, number: int) -> Iterator[bytes]:
        heat = records.record(records.dif(0x4), b"\x0e", records.int_(self.heat_mj, 4))
        heat += (
            records.power(1850) + records.flow(312) + records.flow_temperature(487) + records.return_temperature(391)
        )
        for address, content in (
            (WATER, records.volume(self.water_l % 100_000_000) + records.flow(0)),
            (GAS, records.volume(self.gas_l)),
            (HEAT, heat),
            (RADIATOR, records.heat_cost(self.heat_cost)),
        ):
            yield wmbus.telegram(address, content, number % 256).hex().encode() + b"\n"

    def frame(self) -> bytes:
        now = datetime.now(UTC)
        most = Stamped(2500, now)
        return standard_frame(
            Linky(
                address=self.linky, at=now, indexes_wh=(self.energy_wh,), apparent_power_va=740, max_today_va=most,
                max_yesterday_va=most,
            )
        )  # fmt: skip


@contextlib.contextmanager
def speaking() -> Iterator[Meters]:
    """On ports of the network namespace of the thread that starts them."""
    meters, ended = Meters(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_speak(meters, ended)), name="meters", daemon=True)
    thread.start()
    try:
        yield meters
    finally:
        ended.set()
        thread.join()


async def _speak(meters: Meters, ended: threading.Event) -> None:
    listening: dict[int, set[asyncio.StreamWriter]] = {LINKY_PORT: set(), RADIO_PORT: set()}

    def serve(port: int) -> "asyncio.Future[asyncio.Server]":
        async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            listening[port].add(writer)
            with contextlib.suppress(OSError):
                await reader.read()
            listening[port].discard(writer)
            writer.close()

        return asyncio.ensure_future(asyncio.start_server(hear, "127.0.0.1", port))

    number = 0
    async with await serve(LINKY_PORT), await serve(RADIO_PORT):
        while not ended.is_set():
            number += 1
            for writer in listening[LINKY_PORT]:
                writer.write(meters.frame())
            for writer in listening[RADIO_PORT]:
                writer.writelines(meters.telegrams(number))
            await asyncio.sleep(EVERY_S)
