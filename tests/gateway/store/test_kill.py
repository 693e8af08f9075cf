"""kill -9 while points come in, commits run and days are folded."""

from pathlib import Path

import pytest

from .kills import killed

KILLS = 20


@pytest.mark.timeout(90)
def test_twenty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    survived = killed(tmp_path, KILLS)
    assert (survived.lost, survived.damages) == (0, 0)
    assert survived.acknowledged > KILLS
    assert survived.folded > 10
