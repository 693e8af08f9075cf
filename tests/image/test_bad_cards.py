"""Cards that are too small, full, read-only or spoilt: the box comes up to a page all the same, and says what is wrong."""

import random

from tests.image.card import DATA, GIB, Card, NewCard
from tests.image.guest import Guest, Power, Record
from tests.image.household import first_visit

BLOCK_BYTES = 4096
GROUP_BYTES = 32768 * BLOCK_BYTES  # ext4: a group of blocks has one block of bits
NOISE_BYTES = 1 << 20


KEPT_IN_MEMORY = "what is read from now on is kept only until the next power cut"


def told(guest: Guest, record_property: Record) -> str:
    """The word for how the card is; a sentence goes with each but the good one."""
    said = guest.said_of_box("data")
    assert said is not None, "it says nothing of its card"
    assert said["why"] or said["state"] == "well", said
    record_property("it says", f"`{said['state']}`: {said['why']}")
    return str(said["state"])


def _groups_with_a_copy(length: int) -> list[int]:
    """The groups of blocks in which ext4 keeps a copy of its superblock (sparse_super): powers of 3, 5 and 7."""
    found = {0, 1} | {base**n for base in (3, 5, 7) for n in range(1, 12)}
    return sorted(group for group in found if (group + 1) * GROUP_BYTES < length)


def test_noise_over_the_data_partition_and_every_copy_of_its_superblock(
    card: Card, power: Power, record_property: Record
) -> None:
    with power(card) as guest:
        first_visit(guest)
        guest.switch_off()
    noise = random.Random(1)
    part = card.parts[DATA]
    for group in _groups_with_a_copy(part.length):
        card.write(part.start + group * GROUP_BYTES, noise.randbytes(NOISE_BYTES))
    with power(card) as guest:
        assert told(guest, record_property) == "memory"
        assert KEPT_IN_MEMORY in first_visit(guest).ask("/?lang=en")


def test_noise_in_one_superblock_is_put_right_and_nothing_is_lost(
    card: Card, power: Power, record_property: Record
) -> None:
    with power(card) as guest:
        visitor = first_visit(guest)
        guest.switch_off()
    card.write(card.parts[DATA].start + 1024, random.Random(2).randbytes(1024))
    with power(card) as guest:
        assert told(guest, record_property) == "repaired"
        page = visitor.ask("/box?lang=en")
        assert visitor.status == 200, "who was logged in still is"
        assert "The box has repaired it." in page


def test_a_card_that_is_no_larger_than_the_image(new_card: NewCard, power: Power, record_property: Record) -> None:
    image = new_card().image
    with power(new_card(image.path.stat().st_size / GIB)) as guest:
        assert told(guest, record_property) == "small"
        assert "The memory card is too small" in first_visit(guest).ask("/box?lang=en")


def test_a_card_that_is_smaller_than_the_image(new_card: NewCard, power: Power, record_property: Record) -> None:
    """What is written on it ends before the part for the house begins."""
    image = new_card().image
    short = new_card((image.parts[DATA].start + NOISE_BYTES) / GIB)
    with power(short) as guest:
        assert told(guest, record_property) == "memory"
        assert KEPT_IN_MEMORY in first_visit(guest).ask("/?lang=en")


def test_a_card_that_is_read_only_from_the_first_day(card: Card, power: Power, record_property: Record) -> None:
    with power(card, card_options="readonly=on") as guest:
        assert told(guest, record_property) == "memory"
        assert KEPT_IN_MEMORY in first_visit(guest).ask("/?lang=en")


def test_a_card_that_turns_read_only_after_years(card: Card, power: Power, record_property: Record) -> None:
    with power(card) as guest:
        first_visit(guest)
        guest.switch_off()
    with power(card, card_options="readonly=on") as guest:
        assert told(guest, record_property) == "memory"


def test_a_full_card(card: Card, power: Power, record_property: Record) -> None:
    """All that the gateway's user may fill: what ext4 keeps for root stays."""
    with power(card) as guest:
        visitor = first_visit(guest)
        gateway = ("setpriv", "--reuid=releve", "--regid=releve", "--clear-groups")
        filler = ("dd", "if=/dev/zero", "of=/var/lib/releve/filler", "bs=1M")
        guest.run(*gateway, *filler, check=False, within_s=900)
        assert guest.run("df", "--output=avail", "/data").split()[-1] == "0"
        visitor.ask("/box")
        assert visitor.status == 200
        guest.cut()
    with power(card) as guest:
        assert told(guest, record_property) != "memory"
        visitor.ask("/box")
        assert visitor.status == 200, "who was logged in still is"
