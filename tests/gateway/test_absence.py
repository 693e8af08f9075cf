"""That nobody is at home is kept until its hour or until somebody says otherwise; what another version kept is nothing."""

import pytest

from gateway import absence
from gateway.absence import Absence


class Kept:
    def __init__(self, **settings: object) -> None:
        self.settings = settings

    def setting(self, name: str) -> object | None:
        return self.settings.get(name)


def test_it_lasts_until_its_hour_or_until_somebody_says_otherwise() -> None:
    kept = Kept(**{absence.SETTING: dict(Absence(100, 200).as_setting)})
    assert absence.present(kept, 199) == Absence(100, 200)
    assert absence.present(kept, 200) is None
    assert absence.said(kept) == Absence(100, 200)
    kept = Kept(**{absence.SETTING: dict(Absence(100, None).as_setting)})
    assert absence.present(kept, 1 << 40) == Absence(100, None)


@pytest.mark.parametrize("kept", [None, {}, {"since": 1}, {"since": "1", "until": 2}, {"since": 1, "until": "x"}, []])
def test_what_is_no_absence_is_none(kept: object) -> None:
    assert absence.said(Kept(**{absence.SETTING: kept})) is None


def test_what_nobody_may_choose_is_what_the_box_proposes() -> None:
    for wrong in (None, 3, -1, "5", 2.5):
        assert absence.least_used_l(Kept(**{absence.LEAST_USED: wrong})) == 5
        assert absence.cold_c(Kept(**{absence.COLD: wrong if wrong != 3 else 30})) == 5
    assert absence.least_used_l(Kept(**{absence.LEAST_USED: 0})) == 0
