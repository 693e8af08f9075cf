"""What is known of one whole week of each metering point, asked of the house."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from drivers.model import Quantity
from gateway.house import House
from gateway.services import week
from gateway.services.week import Facts, Week
from gateway.views import PointState, PointView
from webui import days

# So long after its end the first page leads to a week.
JUST_ENDED_S = 2 * 86_400


@dataclass(frozen=True, slots=True)
class Looked:
    """One metering point's week. `step` is what its meter counts in; `by_day`: it is heard often enough for single days.

    Where its history begins in this week, it `began` then (UTC seconds) and took `since` from then on. `seldom`: its
    readings lie too far apart for a week. `exchanged_at` (UTC seconds): when another meter took the place of one. `given`:
    what a producer gave to the network.
    """

    view: PointView
    monday: date
    quantity: Quantity
    facts: Facts
    step: Decimal
    by_day: bool
    began: int | None = None
    since: Decimal | None = None
    seldom: bool = False
    exchanged_at: int | None = None
    given: Decimal | None = None

    @property
    def known(self) -> bool:
        """Whether anything is known of how much it took."""
        found = self.facts.week
        return any(each is not None for each in (found.total, found.at_least, self.since))


def last_whole(house: House) -> date:
    """The Monday of the last week that is over."""
    return week.monday_of(days.today(house.zone, house.now())) - timedelta(weeks=1)


def just_ended(house: House) -> date | None:
    """The Monday of the week that ended these days, where anything was read in it."""
    monday = last_whole(house)
    end = week.midnights(house.zone, monday)[-1]
    began = (house.history_start(view.point.id) for view in house.points())
    known = house.dating and any(at is not None and at < end for at in began)
    return monday if known and house.now() - end < JUST_ENDED_S else None


async def look(house: House, monday: date) -> list[Looked]:
    """The week of each metering point that had begun before its end."""
    found = [await _look(house, view, monday) for view in house.points()]
    return [one for one in found if one is not None and (one.known or one.view.state is not PointState.LET_GO)]


async def _look(house: House, view: PointView, monday: date) -> Looked | None:
    point, bounds = view.point.id, week.midnights(house.zone, monday, week.WEEKS_BACK + 1)
    start, end = bounds[-1 - week.DAYS], bounds[-1]
    began = house.history_start(point)
    if view.quantity is None or began is None or began >= end:
        return None
    amounts = await house.consumption(point, bounds, gap_s_max=week.APART_S_MAX)
    totals = await house.consumption(point, bounds[:: week.DAYS], gap_s_max=week.APART_S_MAX)
    weeks = [Week(total, amounts[number * week.DAYS : (number + 1) * week.DAYS]) for number, total in enumerate(totals)]
    apart_s = max((house.gap_s(key) for key in view.index_series), default=0)
    by_day = apart_s <= 3 * week.DAY_APART_S_MAX
    since, seldom = None, False
    if began > start:
        (since,) = await house.consumption(point, (began, end), gap_s_max=week.APART_S_MAX)
    elif weeks[-1].total is None and weeks[-1].at_least is None:
        seldom = (await house.consumption(point, (start, end)))[0] is not None
    exchanged_at = view.exchange.at if view.exchange is not None and start <= view.exchange.at < end else None
    given = (await house.injected(point, (start, end)))[0] if view.injected is not None else None
    return Looked(
        view, monday, view.quantity, week.facts(weeks, by_day=by_day), house.step_of(point), by_day,
        began if began > start else None, since, seldom, exchanged_at, given,
    )  # fmt: skip


def rounded(one: Looked, value: Decimal) -> Decimal:
    """To what the meter counts in: nothing finer was ever read."""
    step = max(one.step, Decimal(1))
    return (value / step).to_integral_value() * step
