"""A Cozy's double that runs, and who owns it."""

from collections.abc import AsyncIterator

import pytest

from tests.cozy import Cozy, running
from tests.sync.owner import Owner


@pytest.fixture
def cozy() -> Cozy:
    return Cozy()


@pytest.fixture
async def address(cozy: Cozy) -> AsyncIterator[str]:
    async with running(cozy) as address:
        yield address


@pytest.fixture
def owner(cozy: Cozy) -> Owner:
    return Owner(cozy)
