"""The days on which clocks change, from a Linky's live frames: 23 and 25 hours, nothing lost and nothing twice."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from drivers.encode.tic import Contract, Linky, Stamped, historique_frame, standard_frame
from drivers.model import Frame
from drivers.tic import Framer
from gateway.model import SeriesKey
from tests.flips import LINKY
from tests.house import Clock, house
from webui import days

PARIS = ZoneInfo("Europe/Paris")
WIRE = '[[port]]\nname = "linky"\nprotocol = "tic"\ntcp = "127.0.0.1:9"\n'
POINT = "electricite"
EVERY_S = 300
HALF_HOUR_S = 1800


def total_wh(at: int) -> int:
    """Another pace in each hour, so that an hour in the wrong place shows."""
    hour, rest = divmod(at, 3600)
    return 7_000_000 + (hour - 490_000) * 500 + hour % 5 * 40 + (500 + ((hour + 1) % 5 - hour % 5) * 40) * rest // 3600


def meter(at: int) -> Linky:
    curve = [Stamped(2 * (total_wh(end) - total_wh(end - HALF_HOUR_S)), datetime.fromtimestamp(end, UTC))
             for end in (at // HALF_HOUR_S * HALF_HOUR_S, at // HALF_HOUR_S * HALF_HOUR_S - HALF_HOUR_S)]  # fmt: skip
    contract = Contract.BASE
    moment = datetime.fromtimestamp(at, UTC)
    return replace(
        LINKY, at=moment, contract=contract, indexes_wh=(total_wh(at),), tariff=1, curve_w=(curve[0], curve[1])
    )


@pytest.mark.parametrize("says", [standard_frame, historique_frame])
@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 10, 26), 24)]
)
async def test_a_day_s_hours_add_up_to_its_indexes_on_the_days_when_clocks_change(
    tmp_path: Path, says: Callable[[Linky], bytes], day: date, hours: int
) -> None:
    bounds = days.day_bounds(PARIS, day)
    start, end = bounds[0], bounds[-1]
    assert (end - start) // 3600 == hours
    clock = Clock(start - 7200)
    with house(tmp_path, WIRE, clock) as home:
        home.collect.opened("linky")
        while clock.at < end + 7200:
            clock.at += EVERY_S
            for item in Framer().feed(says(meter(clock.at))):
                assert isinstance(item, Frame)
                home.collect.frame("linky", item)
        by_hour = await home.consumption(POINT, bounds)
        (whole,) = await home.consumption(POINT, (start, end))
        assert by_hour == [total_wh(high) - total_wh(low) for low, high in itertools.pairwise(bounds)]
        assert whole == total_wh(end) - total_wh(start) == sum(filter(None, by_hour), Decimal(0))
        assert home.ports()[0].counts.get("held", 0) == 0
        if says is standard_frame:
            means = home.store.points(SeriesKey(POINT, "CCASN"), start + 1, end + 1)
            assert means is not None
            assert list(means.at) == list(range(start + HALF_HOUR_S, end + 1, HALF_HOUR_S))
            assert sum(means.value) // 2 == whole, "the load curve's half-hours are dated at their ends, each once"
