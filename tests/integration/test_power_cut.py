"""The power goes while points come in, commits run and days are folded: all that was acknowledged as on the card is there."""

from pathlib import Path

import pytest

from tests.card import mounted
from tests.outage import WORDS, outages

CUTS = 3


@pytest.mark.timeout(120)
def test_three_power_cuts_take_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir()
    with mounted(tmp_path) as card:
        met = outages(card, runtime, CUTS, seed=6)
    assert (met.cuts, met.words) == (CUTS, WORDS)
    assert met.chunks > CUTS, "each life must have folded days"
