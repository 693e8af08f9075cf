"""As tests/integration/test_power_cut.py, fifty times."""

from pathlib import Path

import pytest

from tests.card import mounted
from tests.outage import WORDS, outages

CUTS = 50


@pytest.mark.timeout(600)
def test_fifty_power_cuts_take_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir()
    with mounted(tmp_path) as card:
        met = outages(card, runtime, CUTS, seed=50)
    print(
        f"{met.cuts} power cuts: {met.steps:,} steps of points acknowledged or more, {met.chunks:,} days folded, none lost"
    )
    assert (met.cuts, met.words) == (CUTS, WORDS)
    assert met.chunks > CUTS, "each life must have folded days"
