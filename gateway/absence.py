"""Whether somebody said that nobody is at home, and what is told meanwhile: settings, for the household's eyes alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

SETTING = "nobody at home"
LEAST_USED = "least used"
COLD = "cold while nobody is at home"
# What runs within so long after it was said is of those who leave: a dishwasher that was just started takes this long.
LEAVING_S = 4 * 3600
DAYS_MAX = 366
# Litres: what is told of water, 0 for nothing; hands that are washed take two, a toilet that is flushed six and more.
LEAST_USED_L = (2, 5, 10, 20, 50, 0)
LEAST_USED_L_DEFAULT = 5
# Degrees Celsius below which a meter is told to be cold. Heating that keeps frost away holds 7 or 8.
COLD_C = (3, 4, 5, 6)
COLD_C_DEFAULT = 5


class Settings(Protocol):
    """Where settings are kept."""

    def setting(self, name: str) -> object | None: ...


@dataclass(frozen=True, slots=True)
class Absence:
    """Nobody is at home, said at `since`, until `until`; None: until somebody says otherwise. UTC seconds."""

    since: int
    until: int | None

    def lasts(self, now: int) -> bool:
        return self.until is None or now < self.until

    @property
    def as_setting(self) -> Mapping[str, int | None]:
        return {"since": self.since, "until": self.until}


def said(settings: Settings) -> Absence | None:
    """What was said last, though its day may have come; None where somebody is at home."""
    match settings.setting(SETTING):
        case {"since": int(since), "until": int() | None as until}:
            return Absence(since, until)
    return None


def present(settings: Settings, now: int) -> Absence | None:
    """The absence that lasts now."""
    found = said(settings)
    return found if found is not None and found.lasts(now) else None


def least_used_l(settings: Settings) -> int:
    """Litres that are told while nobody is at home; 0: none are."""
    return _one_of(settings.setting(LEAST_USED), LEAST_USED_L, LEAST_USED_L_DEFAULT)


def cold_c(settings: Settings) -> int:
    """Degrees below which a water meter is told to be cold while nobody is at home."""
    return _one_of(settings.setting(COLD), COLD_C, COLD_C_DEFAULT)


def _one_of(kept: object, known: tuple[int, ...], default: int) -> int:
    return kept if isinstance(kept, int) and kept in known else default
