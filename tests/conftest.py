"""Hypothesis: no deadline, since a shared machine is slow at times; the same examples in every run where CI is set.

A test marked `virtual` runs on a clock that jumps to what is due next (`tests/buses.py`).
"""

import asyncio
import os
from collections.abc import Callable

import pytest
from hypothesis import settings

from tests.buses import VirtualLoop

settings.register_profile("desk", deadline=None, max_examples=100)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "virtual: the test's time passes by itself, not with the world's")


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("virtual"):
        return {"virtual": VirtualLoop}
    return {"real": asyncio.SelectorEventLoop}
