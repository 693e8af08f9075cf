"""ser2net carries a P1 port over TCP, of a new meter and of an old one; our port and our decoder read both."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers import p1
from drivers.encode.p1 import Household, SubMeter, v2, v5
from drivers.model import DecodeError, Frame, Telegram
from drivers.talk import Identity
from gateway import lines
from gateway.config import parse
from gateway.views import Hears, Listening

AT = datetime(2026, 1, 15, 12, 0, 3, tzinfo=UTC)
GAS = SubMeter("G0099000000000042", 456_789, AT.replace(second=0))
HOME = Household(number="E0099000000000042", at=AT, import_wh=(1_000, 2_000), import_w=460, sub_meters=(GAS,))

SER2NET = """
connection: &grid
  accepter: tcp,127.0.0.1,{port}
  connector: serialdev,{device},{options},local
  options:
    kickolduser: true
"""


class Heard:
    """The frames and how the line is heard; a sink as `collect` is one."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.frames: list[Frame] = []
        self.heard: list[Listening] = []

    def opened(self, port: str) -> None:
        self.open.set()

    def identified(self, port: str, identity: Identity) -> None:
        raise AssertionError(identity)

    def listening(self, port: str, listening: Listening) -> None:
        self.heard.append(listening)

    def frame(self, port: str, frame: Frame) -> None:
        self.frames.append(frame)

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        raise AssertionError(read)

    def fault(self, port: str, error: DecodeError) -> None:
        """The piece in whose middle the line was opened."""


@pytest.mark.parametrize(("options", "data"), [("115200n81", v5(HOME)), ("9600n81", v2(HOME))])
async def test_a_p1_port_behind_ser2net_is_read_as_one_on_the_table(
    start: Callable[..., None],
    listens: Callable[[int], bool],
    line: tuple[Path, Path],
    port: int,
    tmp_path: Path,
    options: str,
    data: bytes,
) -> None:
    near, far = line
    config = tmp_path / "ser2net.yaml"
    config.write_text(SER2NET.format(port=port, device=far.resolve(), options=options))
    start("ser2net", "-n", "-c", str(config), ready=lambda: listens(port))
    (told,) = parse(f'[[port]]\nname = "grid"\nprotocol = "p1"\ntcp = "127.0.0.1:{port}"\n', "test.toml").ports
    heard = Heard()
    reading = asyncio.create_task(lines.open_port(told, (), heard).run())
    try:
        async with asyncio.timeout(10):
            await heard.open.wait()
            with near.open("wb", buffering=0) as meter:
                while len(heard.frames) < 4:
                    meter.write(data)
                    await asyncio.sleep(0.1)
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
    assert heard.heard == [Listening(Hears.GROUPS)]
    said = {str(telegram.address): telegram for telegram in map(p1.decode, heard.frames)}
    assert set(said) == {"p1:E0099000000000042", "p1:G0099000000000042"}
    assert not any(telegram.faults for telegram in said.values())
