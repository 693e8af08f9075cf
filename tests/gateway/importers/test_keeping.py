"""Whose key is it: a file's keys for the house's meters, for those it may have one day, and never a guess."""

from pathlib import Path

import pytest

from drivers.model import Medium
from gateway.catalog import Catalog
from gateway.importers.keeping import KeyReport, keep
from gateway.importers.keyfile import REFUSALS_NAMED_MAX, Refusal, Why, read
from gateway.keys import KeysError, Plate
from gateway.secret import BoxSecret

MINE, TWIN, LATER = "wmbus:KAM-12345678-1b-16", "wmbus:SEN-12345678-01-07", "wmbus:KAM-00345679-1b-04"
A, B = bytes(range(16)), bytes(range(16, 32))
HEX, HEX_B = A.hex(), B.hex()


class Box:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = self.open()
        self.doubted: set[str] = set()

    def open(self) -> Catalog:
        return Catalog.open(self.folder / "data", "Maison", "Europe/Paris", BoxSecret(self.folder / "secret"))

    def adopt(self, address: str) -> None:
        self.catalog.adopt(address, "Eau", Medium.WATER, 1)

    def keep(self, *rows: str, header: str = "id;key", heard: tuple[str, ...] = ()) -> KeyReport:
        return keep(
            read("\n".join((header, *rows)).encode()),
            self.catalog,
            heard=heard,
            present=self.catalog.key,
            doubted=self.doubted.__contains__,
        )


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_a_key_is_kept_for_a_meter_that_is_ours_and_for_one_that_will_be(box: Box) -> None:
    box.adopt(MINE)
    report = box.keep(f"12345678;{HEX}", f"00345679;{HEX_B}", heard=(LATER, "wmbus:KAM-99999999-1b-04", "tic:1"))
    assert (report.kept, report.new, report.mine, report.heard, report.refusals) == (2, 2, [MINE], [LATER], [])
    again = box.open()
    assert (again.key(MINE), again.key_of(MINE), again.key(LATER)) == (A, A, B)
    again.adopt(LATER, "Chauffage", Medium.HEAT, 2)
    assert again.key(LATER) == B


def test_the_same_file_again_changes_nothing(box: Box) -> None:
    box.adopt(MINE)
    rows = (f"12345678;{HEX}", f"00345679;{HEX_B}", f"12345678;{HEX}")
    box.keep(*rows)
    before = (box.folder / "data" / "keys.json").read_bytes()
    report = box.keep(*rows)
    assert (report.kept, report.new, report.refusals) == (3, 0, [])
    assert (box.folder / "data" / "keys.json").read_bytes() == before
    box.catalog.adopt(LATER, "Chauffage", Medium.HEAT, 2)
    assert box.keep(*rows).new == 0


def test_good_rows_are_kept_and_bad_ones_named_in_the_order_of_the_file(box: Box) -> None:
    report = box.keep(f"12345678;{HEX}", "x;y", f"12345678;{HEX_B}", f"00345679;{HEX_B[:-1]}", f"00345679;{HEX_B}")
    assert report.refusals == [
        Refusal(3, Why.NUMBER),
        Refusal(4, Why.TWICE, 2),
        Refusal(5, Why.KEY_DIGITS, 31),
    ]
    assert report.kept == 2
    said = report.as_dict()
    assert said["refused"][1] == "line 4: another key for the same meter stands before, at 2"
    assert HEX not in repr(report) + repr(said)


def test_more_refusals_than_anybody_reads_are_counted(box: Box) -> None:
    said = box.keep(f"12345678;{HEX}", *["x;y"] * (REFUSALS_NAMED_MAX + 5)).as_dict()
    assert (len(said["refused"]), said["refused"][-1], said["rows_refused"]) == (101, "and 5 more", 105)


def test_a_key_that_opens_its_meter_is_not_replaced_by_a_file_one_that_is_doubted_is(box: Box) -> None:
    box.adopt(MINE)
    box.catalog.set_key(MINE, A)
    assert box.keep(f"12345678;{HEX_B}").refusals == [Refusal(2, Why.OTHER_KEY)]
    assert box.catalog.key(MINE) == A
    box.doubted.add(MINE)
    report = box.keep(f"12345678;{HEX_B}")
    assert (report.new, report.mine, box.catalog.key(MINE)) == (1, [MINE], B)


def test_two_meters_of_ours_with_one_number_need_the_maker(box: Box) -> None:
    box.adopt(MINE)
    box.adopt(TWIN)
    assert box.keep(f"12345678;{HEX}").refusals == [Refusal(2, Why.METERS, 2)]
    assert (box.catalog.key(MINE), box.catalog.key(TWIN)) == (None, None)
    report = box.keep(f"12345678;KAM;{HEX}", f"12345678;SEN;{HEX_B}", header="id;maker;key")
    assert (report.kept, box.catalog.key(MINE), box.catalog.key(TWIN)) == (2, A, B)


def test_a_row_that_names_another_maker_is_no_key_of_ours(box: Box) -> None:
    box.adopt(MINE)
    report = box.keep(f"12345678;SEN;{HEX}", header="id;maker;key")
    assert (report.mine, box.catalog.key(MINE), box.catalog.key(TWIN)) == ([], None, A)


def test_a_number_that_two_keys_claim_on_equal_grounds_is_named(box: Box) -> None:
    header = "id;maker;version;key"
    assert box.keep(f"12345678;KAM;;{HEX}", f"12345678;;1b;{HEX_B}", header=header).refusals == [
        Refusal(3, Why.UNCLEAR)
    ]
    assert box.keep(f"12345678;;1b;{HEX_B}", header=header).refusals == [Refusal(2, Why.UNCLEAR)]
    assert box.keep(f"12345678;SEN;;{HEX_B}", header=header).refusals == []
    assert (box.catalog.key(MINE), box.catalog.key(TWIN)) == (A, B)


def test_a_newer_file_replaces_the_key_of_a_meter_that_is_not_ours_yet(box: Box) -> None:
    box.keep(f"12345678;{HEX}")
    assert box.keep(f"12345678;{HEX_B}").new == 1
    assert box.catalog.key(MINE) == B


def test_a_meter_that_the_file_knows_by_two_numbers_is_found_by_either(box: Box) -> None:
    box.adopt(MINE)
    report = box.keep(f"00345679;12345678;{HEX}", header="meter no;serial no;key")
    assert (report.kept, report.mine, box.catalog.key(MINE), box.catalog.key(LATER)) == (1, [MINE], A, None)


def test_meters_of_other_kinds_are_left_alone(box: Box) -> None:
    box.adopt("tic:041212345678")
    box.adopt("modbus:bus/1")
    assert box.keep(f"12345678;{HEX}").mine == []


def test_when_nothing_can_be_sealed_nothing_is_kept(box: Box) -> None:
    (box.folder / "secret").mkdir()
    with pytest.raises(KeysError, match="cannot be read: Is a directory"):
        box.keep(f"12345678;{HEX}")
    assert box.catalog.plates("12345678") == ()
    assert box.open().key_of(Plate("12345678")) is None
