"""How fast a Linky's indexes can grow at most, by what it says of its own contract."""

from collections.abc import Mapping
from decimal import Decimal

from drivers.tic.labels import HISTORIQUE, STANDARD
from drivers.tic.meaning import subscribed_va

# A meter cuts somewhat above the subscribed power, and not at once: half as much again for hours is no home's.
OVER_MAX = Decimal("1.5")
# The meter says its index each second or two, to a watt-hour. A busy box may read it some seconds late.
SLACK_H = 1 / 60

# What is drawn through the breaker; what a producer injects has another limit, which no label says.
_DRAWN = {label.name for label in (*HISTORIQUE, *STANDARD) if label.meaning.startswith("energy drawn")}


def per_hour_max_wh(register: str, numbers: Mapping[str, Decimal]) -> Decimal | None:
    """The most this index can grow by in an hour; None where it is not known. `numbers` are the meter's levels by label."""
    subscribed = subscribed_va(numbers) if register in _DRAWN else None
    return subscribed * OVER_MAX if subscribed else None
