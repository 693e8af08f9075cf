import shutil
from collections.abc import AsyncIterator, Iterator
from functools import cache, partial
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemBytecodeCache

from tests.house import Clock, house
from tests.webui.home import NOW, TOML, Home, furnish, open_home, speak
from webui.words import load_catalogue


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A template is compiled, and a language's sentences are read, once and not for each home: 0.1 s a test, and more."""
    compiling = partial(Environment, bytecode_cache=FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates"))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("webui.page.Environment", compiling)
        patch.setattr("webui.words.load_catalogue", cache(load_catalogue))
        yield


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
