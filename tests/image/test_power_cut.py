"""The power goes while a Linky speaks, ten times on one card; and while a box starts for the first time."""

import random
import time
from functools import partial

import pytest

from tests.image.card import Card
from tests.image.guest import PAGE_S_MAX, PLAIN, Power, Record, switched_on, until
from tests.image.household import LINE, Shown, asked, configure, first_visit, heard, kept, speaking
from tests.integration.home import Host
from tests.integration.visitor import Visitor

CUTS, TORN = 10, 3
COMMIT = "\n[box]\ncommit_s = 10\n"
ACKNOWLEDGED_S_MAX = 300.0
KEPT = "x" * 200
RENAMES = """
import os
folder = "/boot/firmware/loader/entries"
with open(f"{folder}/kept+2-1.conf", "w") as file:
    file.write("x" * 200)
os.sync()
os.rename(f"{folder}/kept+2-1.conf", f"{folder}/kept.conf")
os.fsync(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
"""


@pytest.mark.timeout(3600)
def test_ten_power_cuts_take_nothing_that_was_acknowledged(card: Card, power: Power, record_property: Record) -> None:
    """A card is told to save each ten seconds, which a household may choose, so that each life acknowledges much."""
    random.seed(10)
    visitor: Visitor | None = None
    must: set[tuple[str, int, str]] = set()
    index_wh = 12_345_678
    for life in range(CUTS + 1):
        with power(card) as guest, speaking(guest, index_wh) as meter:
            if visitor is None:
                visitor = first_visit(guest)
                configure(guest, COMMIT + LINE)
            there = kept(visitor)  # the session outlived the cut, too
            assert must <= there, f"life {life}: {sorted(must - there)[:10]} of {len(must)}"
            if life == CUTS:
                break
            shown = Shown(saved_to=asked(visitor, "/api/v1/health")["saved_to"])
            began = shown.saved_to
            until(partial(heard, visitor), "the Linky is heard", ACKNOWLEDGED_S_MAX)
            end = time.monotonic() + ACKNOWLEDGED_S_MAX
            while not {point for point in shown.acknowledged() if point[1] > began}:
                shown.look(visitor)
                assert time.monotonic() < end, "nothing is acknowledged"
                time.sleep(0.3)
            for _ in range(random.randrange(1, 30)):
                shown.look(visitor)
                time.sleep(0.3)
            guest.cut()
            must |= shown.acknowledged()
            index_wh = meter.index_wh
    assert len(must) > CUTS
    record_property("cuts", CUTS)
    record_property("acknowledged readings, all there", len(must))


def test_a_file_renamed_on_the_partition_that_starts_the_box_is_whole_at_once(card: Card, power: Power) -> None:
    """As a boot entry is when a system is kept (docs/decisions/0024-updates.md)."""
    card.flat()
    with power(card) as guest:
        guest.write("/run/renames.py", RENAMES)
        guest.run("python3", "-I", "/run/renames.py")
        guest.cut()
    assert card.from_boot("loader/entries/kept.conf") == KEPT


def test_a_first_start_that_is_cut_short_three_times_comes_up_in_the_end(
    card: Card, home: Host, power: Power, arch: str
) -> None:
    random.seed(3)
    for _ in range(TORN):
        with switched_on(card, PLAIN[arch], home) as guest:
            time.sleep(random.uniform(0.1, 0.9) * PAGE_S_MAX[arch] / 6)
            guest.cut()
    with power(card) as guest:
        guest.settled()
        assert (guest.said_of_box("data") or {}).get("state") == "well"
        assert guest.run("systemctl", "list-units", "--failed", "--plain", "--quiet") == ""
        first_visit(guest)
