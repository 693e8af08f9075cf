"""A card is put in, the box is switched on, a page is there: on each machine that qemu has and the image is for."""

import time

import pytest

from tests.image.card import GIB, Card
from tests.image.guest import PI, UEFI, Power, Record, until
from tests.image.household import CODE, PASSWORD, announced, codes, first_visit

MEMORY_USED_MB_MAX = 150
CODE_S_MAX = 300.0


@pytest.mark.arches("amd64", "arm64")
def test_a_fresh_card_comes_up_to_its_page(card: Card, power: Power, record_property: Record) -> None:
    with power(card) as guest:
        record_property("s to the page", f"{guest.page_s:.0f}")
        guest.settled()
        assert guest.run("systemctl", "list-units", "--failed", "--plain", "--quiet") == ""
        time.sleep(10)
        used_mb = guest.memory_used_mb()
        record_property("MB of memory used", f"{used_mb:.0f}")
        size = int(guest.run("findmnt", "--noheadings", "--bytes", "--output=SIZE", "/data"))
        assert size > card.bytes - sum(part.length for part in card.image.parts[:3]) - GIB // 4, (
            "the card is not used whole"
        )
        assert (guest.said_of_box("data") or {}).get("state") == "well"
        first_visit(guest)
        assert announced(guest), "nobody was told that releve.local is here"
        assert used_mb < MEMORY_USED_MB_MAX


@pytest.mark.arches("amd64", "arm64")
def test_it_starts_by_uefi_from_the_card_alone(card: Card, arch: str, power: Power, record_property: Record) -> None:
    with power(card, UEFI[arch]) as guest:
        record_property("s to the page", f"{guest.page_s:.0f}")
        time.sleep(guest.page_s / 2)  # what is in it cannot be asked: it was let in by nobody
        guest.press_power_button()
    assert len(codes(card)) == 1, "the code of the first visit is on the card"


@pytest.mark.arches("arm64")
def test_a_raspberry_pi_3_says_that_it_does_not_know_the_time(
    card: Card, power: Power, record_property: Record
) -> None:
    # Its watchdog is left out: qemu's starts the board anew as soon as it is armed.
    with power(card, PI, command_line="systemd.watchdog_sec=off") as guest:
        record_property("s to the page", f"{guest.page_s:.0f}")
        until(lambda: CODE.search(guest.said()), "the code is on its console", CODE_S_MAX)
        visitor = guest.visitor()
        visitor.set_up("-".join(CODE.findall(guest.said())[-1]), PASSWORD)
        assert "does not know how long it was off" in visitor.ask("/box?lang=en")
