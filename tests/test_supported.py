"""SUPPORTED.md says what the drivers read, and no more than their vectors show."""

from drivers import meters
from drivers.wmbus.makers import CONTENTS, PAYLOADS, TAILS
from tools import supported


def test_the_page_of_what_is_read_says_what_the_drivers_read_today() -> None:
    fresh = supported.PAGE.read_text("utf-8") == supported.page()
    assert fresh, f"SUPPORTED.md is stale: {supported.COMMAND}"


def test_every_makers_coding_has_a_vector_of_its_own() -> None:
    shown = {model.coding for meter in supported.vectors() if (model := meters.model(*meter))}
    assert PAYLOADS.keys() | CONTENTS.keys() | TAILS.keys() <= shown


def test_only_a_telegram_that_a_test_makes_counts_as_a_vector() -> None:
    assert ("TCH", 0x74, 0x62) in supported.vectors()  # handed to a helper by the test's parameters
    assert ("QDS", 0x34, 0x08) in supported.vectors()  # handed to a helper in a call
    assert ("KAM", 0x1B, 0x16) in supported.vectors()  # said in full
    assert ("APA", 0x42, 0x04) not in supported.vectors()
