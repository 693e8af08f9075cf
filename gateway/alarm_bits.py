"""What water meters say of leaks by their own bits, as the house hears them, beside what their indexes show."""

from collections.abc import Mapping, Sequence

from drivers.model import Medium, State
from gateway.services import alarm
from gateway.services.alarm import Said
from gateway.services.leak import Leak
from gateway.services.model import Finding
from gateway.views import PointView

WATER = frozenset({Medium.WATER, Medium.HOT_WATER})
HEAT = frozenset({Medium.HEAT, Medium.COOLING})


class AlarmBits:
    """What it remembers lasts as long as the box listens: it is asked each `look_s`, and a longer break begins it anew."""

    def __init__(self, look_s: float) -> None:
        self._break_s = 3 * look_s
        self._asked_at: int | None = None
        self._since: dict[tuple[str, str], int] = {}  # a metering point and a kind

    def beside(
        self,
        views: Sequence[PointView],
        found: Mapping[str, Finding],
        leaks: Mapping[str, Leak],
        told: Mapping[str, Finding],
        now: int,
    ) -> tuple[dict[str, Finding], set[str]]:
        """What is `found` by the indexes, by metering point, with what the meters say; and of whom neither is known now.

        `told` is what goes on by what was told before.
        """
        every, unknown = dict(found), set()
        for point, said in self._heard([view for view in views if view.point.medium in WATER | HEAT], now).items():
            says = alarm.lasting(said, alarm.told_before(told.get(point)), now)
            if not says:
                continue
            if said.since is None and point not in found:
                unknown.add(point)
                continue
            leak = leaks.get(point)
            still_s = max((alarm.stood_still(leak.flow, since) for since in says.values()), default=0) if leak else 0
            is_small = leak is not None and leak.find() is not None
            one = alarm.together(point, found.get(point), says, said, still_s, is_small)
            if one is not None:
                every[point] = one
        return every, unknown

    def _heard(self, views: Sequence[PointView], now: int) -> dict[str, Said]:
        if self._asked_at is None or not 0 <= now - self._asked_at <= self._break_s:
            self._since = {}  # it was off, or slept, or its clock was set
        self._asked_at = now
        known = {view.point.id: _kinds(view) for view in views if _is_read(view)}
        self._since = {
            (point, kind): self._since.get((point, kind), now) for point, kinds in known.items() for kind in kinds
        }
        return {view.point.id: self._said(view, known.get(view.point.id)) for view in views if view.address is not None}

    def _said(self, view: PointView, kinds: frozenset[str] | None) -> Said:
        since = None if kinds is None else {kind: self._since[view.point.id, kind] for kind in kinds}
        return Said(since, view.heard_at or 0, view.interval_s)


def _kinds(view: PointView) -> frozenset[str]:
    return alarm.kinds(view.status, of_heat=view.point.medium in HEAT)


def _is_read(view: PointView) -> bool:
    """Whether its last message was read: without its key nobody knows what its bits are."""
    return view.telegrams > 0 and view.reading is State.DECODED
