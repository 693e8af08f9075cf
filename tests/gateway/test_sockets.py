"""Who may open the sockets of a running gateway."""

import asyncio
import os
import signal
import stat
from pathlib import Path

import pytest

from gateway import app, control, hatch
from gateway.config import parse
from tests.loopback import free_port


async def modes(folder: Path, sync: str, mode: int) -> dict[str, int]:
    """How the two sockets are opened in a folder of this mode."""
    runtime = folder / "run"
    runtime.mkdir()
    runtime.chmod(mode)
    config = parse(
        f'[box]\ndata = "{folder}/data"\nruntime = "{runtime}"\nsync = "{sync}"\n'
        f'[web]\nlisten = "127.0.0.1:{free_port()}"\nmdns = false',
        "test.toml",
    )
    opened = asyncio.Event()
    life = asyncio.create_task(app.run(config, lambda urls, setup_code: opened.set()))
    await opened.wait()
    found = {name: stat.S_IMODE((runtime / name).stat().st_mode) for name in (control.SOCKET, hatch.SOCKET)}
    os.kill(os.getpid(), signal.SIGTERM)
    await life
    return found


async def test_the_group_of_the_sending_service_may_open_its_socket_and_no_other(tmp_path: Path) -> None:
    assert await modes(tmp_path, "service", 0o2710) == {"releve.sock": 0o600, "sync.sock": 0o660}


@pytest.mark.parametrize(("sync", "mode"), [("child", 0o2710), ("service", 0o700), ("service", 0o755)])
async def test_else_nobody_but_the_gateway_s_user_may_open_either(tmp_path: Path, sync: str, mode: int) -> None:
    assert await modes(tmp_path, sync, mode) == {"releve.sock": 0o600, "sync.sock": 0o600}
