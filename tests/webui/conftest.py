import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.house import Clock, house
from tests.webui.home import NOW, TOML, Home, furnish, open_home, speak


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a furnished home, made once; each test has a copy of its own."""
    folder = tmp_path_factory.mktemp("home")
    with house(folder, TOML, Clock(NOW)) as built:
        furnish(built)
        built.store.fold()
    return folder


@pytest.fixture
async def home(tmp_path: Path, furnished: Path) -> AsyncIterator[Home]:
    """A furnished home as a demo shows it: no password."""
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    async with open_home(tmp_path) as opened:
        speak(opened.house, opened.clock)
        yield opened


@pytest.fixture
async def new_box(tmp_path: Path) -> AsyncIterator[Home]:
    """A box that nobody has set up: a password will be asked for."""
    async with open_home(tmp_path, password=True) as opened:
        yield opened
