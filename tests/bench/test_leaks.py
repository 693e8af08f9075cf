"""The judge of the leak service: it credits a story to a leak only where it is of that leak."""

import pytest

from bench.household.leaks import Kind, Leak
from bench.household.year import DAY, HOUR
from bench.leaks import Raised, is_of

DRIP = Leak(Kind.DRIP, 2.0, 100 * DAY, 160 * DAY)
BURST = Leak(Kind.BURST, 500.0, 100 * DAY, 100 * DAY + 5 * HOUR)


@pytest.mark.parametrize(
    ("leak", "raised", "is_its"),
    [
        (DRIP, Raised(102 * DAY, 100 * DAY, 2.4), True),
        (DRIP, Raised(102 * DAY, 100 * DAY - 5 * HOUR, None), True),
        (DRIP, Raised(120 * DAY, 120 * DAY - HOUR, 600.0), False),  # a garden while a tap drips
        (DRIP, Raised(100 * DAY + HOUR, 98 * DAY, 2.0), False),  # it ran before, and nothing leaked
        (DRIP, Raised(161 * DAY, 158 * DAY, 2.0), False),  # repaired for a day
        (BURST, Raised(100 * DAY + HOUR, 100 * DAY, 480.0), True),
        (BURST, Raised(100 * DAY - HOUR, 99 * DAY, 480.0), False),  # said before it began
        (BURST, Raised(101 * DAY, 100 * DAY - 5 * HOUR, None, 0.9), True),  # most litres of that day leaked
        (BURST, Raised(101 * DAY, 100 * DAY - 5 * HOUR, None, 0.4), False),  # a pool, and then a burst
        (DRIP, Raised(100 * DAY - HOUR, 99 * DAY, None, 0.9), False),
    ],
)
def test_a_story_is_of_a_leak_only_where_it_speaks_of_it(leak: Leak, raised: Raised, is_its: bool) -> None:
    assert is_of(raised, leak) is is_its
