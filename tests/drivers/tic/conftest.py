from datetime import UTC, datetime, timedelta

import pytest

from drivers.encode.tic import Contract, Linky, Stamped, historique_frame, standard_frame

AT = datetime(2026, 1, 20, 17, 0, 3, tzinfo=UTC)


@pytest.fixture(scope="session")
def linky() -> Linky:
    """Our own made-up meter: no real one has this address."""
    return Linky(
        address="041875000042",
        at=AT,
        contract=Contract.TEMPO,
        indexes_wh=(1_000_001, 2_000_002, 3_000_003, 4_000_004, 5_000_005, 6_000_006),
        tariff=2,
        apparent_power_va=1234,
        max_today_va=Stamped(4321, AT - timedelta(hours=9)),
        max_yesterday_va=Stamped(5678, AT - timedelta(days=1)),
        curve_w=(Stamped(850, AT.replace(second=0)), Stamped(720, AT.replace(second=0) - timedelta(minutes=30))),
    )


@pytest.fixture(scope="session")
def standard(linky: Linky) -> bytes:
    return standard_frame(linky)


@pytest.fixture(scope="session")
def historique(linky: Linky) -> bytes:
    return historique_frame(linky)
