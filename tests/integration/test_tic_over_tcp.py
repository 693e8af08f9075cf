"""ser2net carries a Linky's line over TCP; our port and our decoder read it as if the line were here."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from drivers import tic
from drivers.encode.tic import Linky, Stamped, historique_frame, standard_frame, with_parity
from drivers.model import DecodeError, Frame, State, Telegram
from drivers.talk import Identity
from gateway import lines
from gateway.config import parse
from gateway.views import Hears, Listening

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
LINKY = Linky(
    address="041234567890",
    at=AT,
    indexes_wh=(12_345_678,),
    apparent_power_va=690,
    max_today_va=Stamped(2300, AT),
    max_yesterday_va=Stamped(4500, AT),
)

SER2NET = """
connection: &linky
  accepter: tcp,127.0.0.1,{port}
  connector: serialdev,{device},{options},local
  options:
    kickolduser: true
"""


class Heard:
    """The first frame and all faults that a port gives; a sink as `collect` is one."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.first: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self.faults: list[DecodeError] = []
        self.listened: Listening | None = None

    def opened(self, port: str) -> None:
        self.open.set()

    def identified(self, port: str, identity: Identity) -> None:
        raise AssertionError(identity)

    def listening(self, port: str, listening: Listening) -> None:
        self.listened = listening

    def frame(self, port: str, frame: Frame) -> None:
        if not self.first.done():
            self.first.set_result(frame)

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        raise AssertionError(read)

    def fault(self, port: str, error: DecodeError) -> None:
        self.faults.append(error)


@pytest.mark.parametrize(
    ("mode", "options", "parity", "data"),
    [
        ("standard", "9600e71", "E", standard_frame(LINKY)),
        ("historique", "1200e71", "E", historique_frame(LINKY)),
        ("standard", "9600n81", "N", with_parity(standard_frame(LINKY))),
    ],
)
async def test_a_linky_behind_ser2net_is_read_as_one_on_the_table(
    start: Callable[..., None],
    listens: Callable[[int], bool],
    line: tuple[Path, Path],
    port: int,
    tmp_path: Path,
    mode: str,
    options: str,
    parity: str,
    data: bytes,
) -> None:
    near, far = line
    config = tmp_path / "ser2net.yaml"
    config.write_text(SER2NET.format(port=port, device=far.resolve(), options=options))
    start("ser2net", "-n", "-c", str(config), ready=lambda: listens(port))
    (told,) = parse(
        f'[[port]]\nname = "linky"\nprotocol = "tic"\ntcp = "127.0.0.1:{port}"\nparity = "{parity}"',
        "test.toml",
    ).ports
    heard = Heard()
    reading = asyncio.create_task(lines.open_port(told, (), heard).run())
    try:
        async with asyncio.timeout(10):
            await heard.open.wait()
            with near.open("wb", buffering=0) as meter:
                while not heard.first.done():
                    meter.write(data)
                    await asyncio.sleep(0.1)
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
    assert heard.listened == Listening(Hears.GROUPS, (), mode)
    telegram = tic.decode(await heard.first)
    assert (telegram.state, str(telegram.address), telegram.faults) == (State.DECODED, "tic:041234567890", ())
    register = "EAST" if mode == "standard" else "BASE"
    (index,) = (reading for reading in telegram.readings if reading.register == register)
    assert (index.value, index.main) == (Decimal(12_345_678), True)
