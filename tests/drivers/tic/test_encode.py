from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode.tic import BYTES_A_SECOND, Contract, Linky, historique_frame, horodate, standard_frame, with_parity
from drivers.model import Frame
from drivers.tic import Framer, decode
from drivers.tic.labels import Mode
from tests.flips import PRODUCER, THREE_PHASE, THREE_PHASE_PRODUCER


def test_frames_are_as_long_as_the_wire_of_a_real_meter(linky: Linky) -> None:
    assert len(standard_frame(linky)) == 865
    base = replace(linky, contract=Contract.BASE, indexes_wh=(1,), tariff=1)
    off_peak = replace(linky, contract=Contract.HC, indexes_wh=(1, 2), tariff=2)
    assert [len(historique_frame(meter)) for meter in (base, off_peak, linky)] == [152, 170, 275]
    assert len(standard_frame(linky)) / BYTES_A_SECOND[Mode.STANDARD] < 1


def test_frames_of_three_phases_and_of_producers_are_as_long_as_the_table_makes_them() -> None:
    assert [len(standard_frame(meter)) for meter in (PRODUCER, THREE_PHASE_PRODUCER)] == [1093, 1442]
    base = replace(THREE_PHASE, contract=Contract.BASE, indexes_wh=(1,), tariff=1)
    assert len(standard_frame(base)) == 1214
    assert [len(historique_frame(meter)) for meter in (base, THREE_PHASE)] == [233, 356]


def test_every_contract_is_read_back_without_a_fault_in_both_modes(linky: Linky) -> None:
    for contract in Contract:
        for tariff in range(1, len(contract.tariffs) + 1):
            meter = replace(linky, contract=contract, indexes_wh=(7,) * len(contract.tariffs), tariff=tariff)
            for stream in (standard_frame(meter), historique_frame(meter)):
                (item,) = Framer().feed(stream)
                assert isinstance(item, Frame)
                telegram = decode(item)
                assert telegram.faults == telegram.status == ()


def test_a_load_curve_that_is_stopped_leaves_its_labels_out(linky: Linky) -> None:
    assert b"CCASN" not in standard_frame(replace(linky, curve_w=None))


def test_parity_makes_every_byte_even() -> None:
    assert all(byte.bit_count() % 2 == 0 for byte in with_parity(bytes(range(128))))


@settings(max_examples=200)
@given(st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 31)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_the_season_letter_is_that_of_paris(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC)
    local = at.astimezone(ZoneInfo("Europe/Paris"))
    assert horodate(at) == ("E" if local.dst() else "H") + local.strftime("%y%m%d%H%M%S")
