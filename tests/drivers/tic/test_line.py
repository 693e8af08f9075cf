"""What a frame lost, or leaves out, is known from those before it: of the same meter, and only for a moment."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from drivers.encode.tic import frame, historique_frame, short_frame, standard_frame
from drivers.model import DecodeError, Frame, Telegram
from drivers.tic import Framer, Line
from drivers.tic.labels import Mode
from drivers.tic.line import ADDRESS_S_MAX, WARNING_S_MAX
from tests.flips import LINKY, THREE_PHASE

ADDRESS, OTHER = LINKY.address, "041875000099"
AT = int(datetime(2026, 1, 20, 17, tzinfo=UTC).timestamp())


def cut(stream: bytes) -> Frame:
    (item,) = Framer().feed(stream)
    assert isinstance(item, Frame)
    return item


WHOLE = cut(standard_frame(LINKY))
DAMAGED = cut(standard_frame(LINKY).replace(b"ADSC\t0", b"ADSC\tp"))
OF_ANOTHER = cut(standard_frame(replace(LINKY, address=OTHER)))


def told(line: Line, frames: list[Frame], at: int = AT) -> Telegram:
    """The telegram of the last frame, a second after the one before."""
    for frame_ in frames[:-1]:
        line.decode(frame_, at)
    return line.decode(frames[-1], at + 1)


def test_a_damaged_address_costs_its_group_and_not_its_frame() -> None:
    telegram = told(Line(), [WHOLE, WHOLE, DAMAGED])
    assert telegram.address.id == ADDRESS
    assert len(telegram.faults) == 1
    assert telegram.readings == told(Line(), [WHOLE]).readings


@pytest.mark.parametrize(
    "before",
    [[], [WHOLE], [OF_ANOTHER, WHOLE], [WHOLE, WHOLE, OF_ANOTHER]],
    ids=["nobody", "one frame only", "two meters", "a meter that was exchanged"],
)
def test_a_frame_without_address_is_nobody_s_unless_two_frames_just_agreed(before: list[Frame]) -> None:
    with pytest.raises(DecodeError, match="no valid ADSC or ADCO among 37 good and 1 bad groups"):
        told(Line(), [*before, DAMAGED])


def test_an_address_is_not_remembered_for_longer_than_a_meter_takes_to_be_exchanged() -> None:
    line = Line()
    told(line, [WHOLE, WHOLE])
    with pytest.raises(DecodeError):
        line.decode(DAMAGED, AT + 1 + ADDRESS_S_MAX)


def test_a_frame_of_noise_is_nobody_s_whoever_spoke_before() -> None:
    with pytest.raises(DecodeError, match="0 good and 1 bad"):
        told(Line(), [WHOLE, WHOLE, Frame(b"noise")])


OVER = replace(THREE_PHASE, apparent_power_va=15_000)
SHORT, BETWEEN = cut(short_frame(OVER)), cut(historique_frame(OVER))
OF_PHASES = tuple(f"over subscribed power: phase {phase}" for phase in (1, 2, 3))
TWO_PHASES = [("ADCO", ADDRESS), ("IINST1", "005"), ("PPOT", "08")]
MISSING = cut(frame(TWO_PHASES, Mode.HISTORIQUE))


def test_a_short_frame_does_not_blank_what_the_whole_frame_before_it_said() -> None:
    assert told(Line(), [MISSING, SHORT]).status == ("phase 3 missing", *OF_PHASES)


def test_the_whole_frame_amid_short_ones_does_not_end_their_warning_and_silence_of_a_cycle_does() -> None:
    line = Line()
    assert told(line, [SHORT, BETWEEN]).status == OF_PHASES
    assert line.decode(BETWEEN, AT + WARNING_S_MAX).status == ()
    assert line.decode(BETWEEN, AT + WARNING_S_MAX + 1).status == ()
