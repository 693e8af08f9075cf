import struct

import pytest

from drivers.modbus import load, models
from drivers.modbus.identify import holds, propose, questions
from drivers.modbus.maps import Mark
from drivers.modbus.sunspec import Ask


def text(said: str, count: int, order: str = ">") -> tuple[int, ...]:
    return struct.unpack(f"{order}{count}H", said.encode().ljust(2 * count, b"\0"))


NAME = Ask(3, 50058, 8)
SOCO = Ask(3, 50000, 4)
CARLO_GAVAZZI = Ask(4, 11, 1)


def test_each_question_is_asked_once_and_reads() -> None:
    asked = questions()
    assert len(asked) == len(set(asked)) > 5
    assert {ask.function_code for ask in asked} <= {3, 4}
    assert {SOCO, NAME, CARLO_GAVAZZI, Ask(3, 40000, 2)} <= set(asked)


def test_a_meter_that_says_its_name_is_the_only_proposal() -> None:
    assert propose({SOCO: (0x53, 0x4F, 0x43, 0x4F), NAME: text("COUNTIS E44", 8)}) == ("socomec_countis_e44",)
    assert propose({Ask(3, 35168, 2): (0x4232, 0x3120)}) == ("abb_b21",)
    assert propose({CARLO_GAVAZZI: (345,)}) == ("carlo_gavazzi_em340",)


def test_a_mark_that_several_meters_share_proposes_all_of_them() -> None:
    shared = {"socomec_countis_e14", "socomec_countis_e24", "socomec_countis_e44"}
    assert set(propose({SOCO: (0x53, 0x4F, 0x43, 0x4F)})) == shared


def test_one_mark_against_a_model_is_enough() -> None:
    assert propose({SOCO: (0x53, 0x4F, 0x43, 0x4F), NAME: text("Diris A40", 8)}) == ()
    assert propose({CARLO_GAVAZZI: (1,)}) == ()
    assert propose({}) == ()


def test_the_surest_proposal_comes_first() -> None:
    answers = {SOCO: (0x53, 0x4F, 0x43, 0x4F), CARLO_GAVAZZI: (102,), Ask(3, 0, 2): (0x5375, 0x6E53)}
    first, *others = propose(answers)
    assert first == "carlo_gavazzi_em112"
    assert others[-1] == "sunspec"
    assert len(others) == 4


def test_a_text_is_read_in_either_order_of_letters() -> None:
    mark = Mark(4, 6, 10, texts=("SPEM-003CEBEU",))
    assert holds(mark, text("SPEM-003CEBEU", 10))
    assert holds(mark, text("SPEM-003CEBEU400", 10, "<"))
    assert not holds(mark, text("SPEM-002CEBEU50", 10, "<"))
    assert not holds(mark, (0xFFFF,) * 10)


@pytest.mark.parametrize("model", [model for model in models() if load(model).marks])
def test_every_meter_with_marks_is_proposed_by_them(model: str) -> None:
    answers: dict[Ask, tuple[int, ...]] = {}
    for mark in load(model).marks:
        value = min(mark.values, default=0)
        words = tuple(value >> 16 * place & 0xFFFF for place in reversed(range(mark.count)))
        said = words if mark.values else text(mark.texts[0], mark.count)
        answers[Ask(mark.function_code, mark.address, mark.count)] = said
    assert propose(answers)[0] == model
