from datetime import UTC, datetime, timedelta

import pytest

from drivers.encode.p1 import Household, SubMeter

AT = datetime(2026, 1, 15, 12, 0, 3, tzinfo=UTC)


@pytest.fixture(scope="session")
def home() -> Household:
    """Our own made-up household: no real meter has these numbers."""
    return Household(
        number="E0099000000000042",
        at=AT,
        import_wh=(1_234_567, 7_654_321),
        export_wh=(1_000, 2_000),
        import_w=460,
        tariff=2,
        sub_meters=(SubMeter("G0099000000000042", 456_789, AT - timedelta(minutes=3, seconds=3)),),
    )
