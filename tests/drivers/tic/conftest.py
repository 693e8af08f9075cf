import pytest

from drivers.encode.tic import Linky
from tests.flips import KINDS, LINKY


@pytest.fixture(scope="session")
def linky() -> Linky:
    return LINKY


@pytest.fixture(scope="session")
def standard() -> bytes:
    return KINDS["standard, one phase"]


@pytest.fixture(scope="session")
def historique() -> bytes:
    return KINDS["historique, one phase"]
