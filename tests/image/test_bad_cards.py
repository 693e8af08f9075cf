"""Cards that are too small, full, read-only or spoilt: the box comes up to a page all the same, and says what is wrong."""

import random

from tests.image.card import DATA, GIB, Card, NewCard
from tests.image.guest import Guest, Power, Record
from tests.image.household import first_visit

BLOCK_BYTES = 4096
GROUP_BYTES = 32768 * BLOCK_BYTES  # ext4: a group of blocks has one block of bits
NOISE_BYTES = 1 << 20


def complained(guest: Guest, record_property: Record) -> dict[str, object]:
    """What the box says of its card, where that is not that all is well."""
    said = guest.said_of_box("data")
    assert said is not None, "it says nothing of its card"
    assert said["state"] != "well", said
    assert said["why"], said
    record_property("it says", f"`{said['state']}`: {said['why']}")
    return said


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
        complained(guest, record_property)
        first_visit(guest)  # a house anew


def test_noise_in_one_superblock_is_put_right_and_nothing_is_lost(card: Card, power: Power) -> None:
    with power(card) as guest:
        visitor = first_visit(guest)
        guest.switch_off()
    card.write(card.parts[DATA].start + 1024, random.Random(2).randbytes(1024))
    with power(card) as guest:
        visitor.ask("/box")
        assert visitor.status == 200, "who was logged in still is"
        assert guest.status()["setup_code"] is None


def test_a_card_that_is_no_larger_than_the_image(new_card: NewCard, power: Power, record_property: Record) -> None:
    card = new_card()
    smallest = new_card(card.image.path.stat().st_size / GIB)
    with power(smallest) as guest:
        first_visit(guest)
        said = guest.said_of_box("data")
        assert said is not None
        record_property("it says", f"`{said['state']}`: {said['why']}")


def test_a_card_that_is_read_only(card: Card, power: Power, record_property: Record) -> None:
    with power(card, card_options="readonly=on") as guest:
        complained(guest, record_property)
        first_visit(guest)


def test_a_card_that_turns_read_only_after_years(card: Card, power: Power, record_property: Record) -> None:
    """Its house is there and can be read; nothing can be added to it."""
    with power(card) as guest:
        first_visit(guest)
        guest.switch_off()
    with power(card, card_options="readonly=on") as guest:
        complained(guest, record_property)


def test_a_full_card(card: Card, power: Power, record_property: Record) -> None:
    with power(card) as guest:
        visitor = first_visit(guest)
        # All that is left, as root: also what ext4 keeps for root.
        guest.run("dd", "if=/dev/zero", "of=/data/filler", "bs=1M", check=False, within_s=900)
        guest.run("sync")
        assert guest.run("df", "--output=avail", "/data").split()[-1] == "0"
        visitor.ask("/box")
        assert visitor.status == 200
        guest.cut()
    with power(card) as guest:
        visitor.ask("/box")
        assert visitor.status in (200, 303)
        complained(guest, record_property)
