"""The data files: each is whole, no two claim one meter, and what they say has words."""

import re
import subprocess
import sys

import pytest

from drivers import meters
from drivers.meters import HEADER, Model
from drivers.model import Quantity
from drivers.wmbus import compact
from drivers.wmbus.devices import status_words
from drivers.wmbus.vif import DataType

METER = re.compile(r"[A-Z]{3}-([0-9a-f]{2}|\*)-([0-9a-f]{2}|\*)")


def models() -> list[tuple[str, tuple[str, ...], Model, tuple[bytes, ...]]]:
    return [(name, *meters.read(name)) for name in meters.files()]


@pytest.mark.parametrize("name", meters.files())
def test_a_file_is_named_after_its_makers_and_says_whole_things(name: str) -> None:
    patterns, model, formats = meters.read(name)
    assert patterns
    assert all(METER.fullmatch(pattern) for pattern in patterns)
    assert name.partition("_")[0].split("-") == sorted({pattern[:3].lower() for pattern in patterns})
    assert model.name
    assert model.coding or model.rules or model.flags or model.history or formats or model.medium
    for _, rule in model.rules:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", rule.name)
        assert rule.data_type is None or rule.data_type.upper() in DataType.__members__
        assert rule.quantity is None or isinstance(rule.quantity, Quantity)
    for flags in model.flags:
        assert flags.kind in ("bits", "value", "decimal-sum")
        assert len({number for number, _ in flags.codes}) == len(flags.codes)


@pytest.mark.parametrize("name", meters.files())
def test_every_code_has_words_in_both_languages(name: str) -> None:
    for flags in meters.read(name)[1].flags:
        for _, code in flags.codes:
            if code:
                meaning, _, detail = code.partition(" (")
                assert meaning in meters.codes(), code
                assert not detail or detail.removesuffix(")") in meters.details(), code


def test_no_two_files_claim_one_meter() -> None:
    claimed = [pattern for _, patterns, _, _ in models() for pattern in patterns]
    assert len(claimed) == len(set(claimed))


@pytest.mark.parametrize("name", [name for name in meters.files() if meters.read(name)[2]])
def test_a_compact_format_can_be_cut_into_records(name: str) -> None:
    known = meters.read(name)[2]
    assert sorted(compact.Formats(known).known) == sorted(known)


def test_a_meter_is_found_by_its_maker_version_and_type() -> None:
    found = meters.model("KAM", 0x34, 0x0C)
    assert found is not None
    assert found.name == "Kamstrup MULTICAL, heat and cooling"
    assert meters.model("KAM", 0xEE, 0x37) is None
    assert meters.model("KA", 0x34, 0x0C) is None
    assert meters.model("../", 0, 0) is None


def test_an_unknown_version_gets_what_the_maker_does_in_all_its_meters_and_no_more() -> None:
    known, other = meters.model("KAM", 0x34, 0x0C), meters.model("KAM", 0xEE, 0x0C)
    assert known is not None
    assert other is not None
    assert other.status("manufacturer_22", 4) == known.status("manufacturer_22", 4)
    assert known.status("error_flags", 2)
    assert not other.status("error_flags", 2)


def test_a_makers_formats_are_those_of_all_its_models() -> None:
    assert len(meters.formats("KAM")) > len(meters.formats("KAW")) > 0
    assert meters.formats("XYZ") == ()


def test_the_standards_own_codes_have_words_too() -> None:
    for status in range(256):
        for code in status_words(status):
            assert meters.words(code, "fr") != code


def test_words_are_plain_in_both_languages() -> None:
    assert meters.words("leak", "fr").startswith("Fuite suspectée")
    assert meters.words("leak (earlier)", "en").endswith("(earlier)")
    assert meters.words("error flags 0x104", "fr") == "Bits de défaut 0x104"
    assert meters.words("manufacturer status 5", "en") == "Maker’s own status bit 5"
    assert meters.words("what nobody wrote", "fr") == "what nobody wrote"
    assert meters.words("leak (somewhere)", "en").endswith("(somewhere)")


def test_nothing_is_read_before_a_maker_is_heard_and_then_its_files_only() -> None:
    script = (
        "from drivers import meters; from drivers.meters import _family, _plain\n"
        "import drivers.wmbus\n"
        "assert not _family.cache_info().currsize and not _plain.cache_info().currsize\n"
        "meters.model('ZRI', 0x0B, 0x16)\n"
        "assert _family.cache_info().currsize == 1 and not _plain.cache_info().currsize\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_bits_a_table_does_not_name_are_said_as_a_number() -> None:
    model = meters.model("EFE", 0x00, 0x04)
    assert model is not None
    (flags,) = model.status("error_flags", 2)
    assert flags.words(0x0101) == ("sensor open (supply)", "error flags 0x100")
    assert model.status("error_mask", 2) == ()


def test_a_sum_of_decimal_codes_is_taken_apart() -> None:
    model = meters.model("ZRI", 0x88, 0x04)
    assert model is not None
    (flags,) = model.status("error_flags", 2)
    assert flags.words(0x0024) == ("dry", "sensor open (return)")
    assert flags.words(0x00AF) == ("error flags 0xaf",)
    assert flags.words(0) == ()


def test_header_bits_of_a_model_stand_in_for_the_standards() -> None:
    model = meters.model("BMT", 0x10, 0x1B)
    assert model is not None
    assert model.status(HEADER, 1)
    assert status_words(0x08, model) == ("removed",)
    assert status_words(0x88, model) == ("removed", "manufacturer status 7")
    assert status_words(0x08) == ("permanent error",)
