"""As on the first day: what a household brought to its box is nowhere on the card afterwards, read as it is; the power may be cut meanwhile."""

import secrets
import time

import pytest

from tests.image.card import Card
from tests.image.guest import Guest, Power, Record, until
from tests.image.household import PASSWORD, first_visit
from tests.integration.visitor import Visitor

RESET_S_MAX = 900.0
FOLDERS = ("/var/lib/releve", "/etc/releve", "/etc/NetworkManager/system-connections", "/data/box", "/data")
CUT_AFTER_S = 3.0


def planted(guest: Guest) -> list[bytes]:
    """Words that nothing else says, each in a file of a folder that is kept, and one in a file that was deleted."""
    words = [f"planted-{secrets.token_hex(16)}" for _ in (*FOLDERS, "deleted")]
    for folder, word in zip(FOLDERS, words, strict=False):
        guest.write(f"{folder}/planted", f"{word}\n" * 1000)
    guest.write("/data/deleted", f"{words[-1]}\n" * 1000)
    guest.run("sync")
    guest.run("rm", "/data/deleted")
    guest.run("sync")
    return [word.encode() for word in words]


def reset(visitor: Visitor) -> None:
    page = visitor.sends("/box/reset?lang=en", "/box/reset", password=PASSWORD, sure="yes")
    assert "The box starts again, and erases all that it knew." in page


@pytest.mark.timeout(2400)
def test_nothing_of_a_household_is_on_the_card_after_a_reset(card: Card, power: Power, record_property: Record) -> None:
    """The card says that it discards, and gives everything back: qemu's does not act on it unless it is told to."""
    with power(card) as guest:
        visitor = first_visit(guest)
        words, machine = planted(guest), guest.read("/etc/machine-id").strip().encode()
        guest.switch_off()
    assert all(card.holds(word) for word in words), "else the test would show nothing"
    with power(card) as guest:
        reset(visitor)
        began = time.monotonic()
        guest.starts_anew(RESET_S_MAX)
        until(guest.answers, "the page of the first day", RESET_S_MAX)
        record_property("s to the first day", f"{time.monotonic() - began:.0f}")
        first_visit(guest)
        guest.switch_off()
    left = [word for word in (*words, machine) if card.holds(word)]
    assert left == []


@pytest.mark.timeout(2400)
def test_a_reset_that_is_cut_short_is_done_at_the_next_start(card: Card, power: Power) -> None:
    with power(card) as guest:
        visitor = first_visit(guest)
        words = planted(guest)
        guest.switch_off()
    with power(card) as guest:
        reset(visitor)
        until(lambda: "erasing the house" in guest.said(), "it erases", RESET_S_MAX, 0.2)
        time.sleep(CUT_AFTER_S)
        guest.cut()
    with power(card) as guest:
        first_visit(guest)
        guest.switch_off()
    assert [word for word in words if card.holds(word)] == []
