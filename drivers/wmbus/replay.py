"""Telegrams heard twice: a repeater's copy, or an old one played again by somebody else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from drivers.model import Reading, Telegram

METERS_MAX = 2000  # telegrams just heard are remembered of so many meters; counters of as many
COPY_S_MAX = 30  # a repeater waits 5 to 25 s (OMS vol. 2); a meter's next telegram has another access number


@dataclass(frozen=True, slots=True)
class _Heard:
    access_number: int | None
    readings: tuple[Reading, ...]
    at_s: float


class Replay:
    """What each meter said last.

    A message counter must grow. Without one, the same readings with the same access number are a copy while COPY_S_MAX
    lasts; later they are believed again: some meters never change their access number.
    Only a counter that the content was opened with is believed, so a stranger cannot push it forward. `counters` can be
    kept and given back at the next start. `now_s` is any clock that runs evenly.
    """

    def __init__(self, now_s: Callable[[], float], counters: Mapping[str, int] | None = None) -> None:
        self._now_s = now_s
        self._counters = dict(counters or {})
        self._heard: dict[str, _Heard] = {}
        self.copies = 0
        self.refused = 0

    @property
    def counters(self) -> dict[str, int]:
        return dict(self._counters)

    def forget(self, address: str) -> int | None:
        """A meter that was exchanged or set up anew counts from the start, as does one whose past is read; its counter."""
        self._heard.pop(address, None)
        return self._counters.pop(address, None)

    def at_least(self, address: str, counter: int) -> None:
        """Its past was read: no message older than this one is new."""
        self._counters[address] = max(counter, self._counters.get(address, counter))

    def judge(self, telegram: Telegram) -> str | None:
        """None for a telegram that is new, and it is remembered; else why it gives no reading."""
        address = str(telegram.address)
        if telegram.message_counter is not None:
            return self._counted(address, telegram.message_counter)
        now_s = self._now_s()
        last = self._heard.pop(address, None)
        heard = _Heard(telegram.access_number, telegram.readings, now_s)
        if last and 0 <= now_s - last.at_s <= COPY_S_MAX and replace(last, at_s=now_s) == heard:
            self._heard[address] = last
            self.copies += 1
            return "the same telegram again"
        self._heard[address] = heard
        _bound(self._heard)
        return None

    def _counted(self, address: str, counter: int) -> str | None:
        last = self._counters.pop(address, -1)
        self._counters[address] = max(last, counter)
        _bound(self._counters)
        if counter > last:
            return None
        if counter == last:
            self.copies += 1
            return "the same telegram again"
        self.refused += 1
        return f"message counter {counter} after {last}: an old telegram played again"


def _bound(meters: dict[str, _Heard] | dict[str, int]) -> None:
    if len(meters) > METERS_MAX:
        del meters[next(iter(meters))]
