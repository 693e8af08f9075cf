from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.webui.home import Home, open_home


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    """A furnished home as a demo shows it: no password."""
    async with open_home(tmp_path) as opened:
        yield opened


@pytest.fixture
async def new_box(tmp_path: Path) -> AsyncIterator[Home]:
    """A box that nobody has set up: a password will be asked for."""
    async with open_home(tmp_path, password=True, furnished=False) as opened:
        yield opened
