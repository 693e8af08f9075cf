"""What smllib reads of a file, we read too, number by number: another reading of the same standard."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from smllib.reader import SmlStreamReader
from smllib.sml.list_entry import SmlListEntry
from smllib.sml.response_get_list import SmlGetListResponse

from drivers.encode import sml as encode
from drivers.encode.sml import HZ, LEFT_OUT, WH, A, Entry, V, W
from drivers.model import Frame
from drivers.sml import Framer, decode
from drivers.sml.telegram import ROWS

UNITS = {"energy": WH, "power": W, "voltage": V, "current": A, "frequency": HZ, "reactive_energy": 32}


def entry_of(code: str) -> st.SearchStrategy[Entry]:
    signed = ROWS[code].quantity.word == "power"
    low = -(2**31) if signed else 0
    return st.builds(
        Entry,
        st.just(code),
        st.just(UNITS[ROWS[code].quantity.word]),
        st.integers(-4, 3),
        st.integers(low, 2**31 - 1),
        st.sampled_from((4, 5, 8)),
        st.none() | st.integers(0, 2**32 - 1),
    )


LISTS = st.lists(st.sampled_from(sorted(ROWS)), unique=True, max_size=20).flatmap(
    lambda codes: st.tuples(*map(entry_of, codes))
)
NUMBERS = st.builds(
    encode.server, st.sampled_from(("EMH", "REL", "HLY")), st.integers(0, 10**8 - 1), st.integers(0, 255)
)


def theirs(file: bytes, kermit: bool) -> tuple[SmlListEntry, ...]:
    reader = SmlStreamReader(crc="kermit" if kermit else "x25")
    reader.add(file)
    frame = reader.get_frame()
    assert frame is not None
    body = frame.parse_frame()[1].message_body
    assert isinstance(body, SmlGetListResponse)
    return body.val_list


@given(NUMBERS, LISTS, st.booleans(), st.booleans())
def test_every_number_is_the_same(number: bytes, said: tuple[Entry, ...], kermit: bool, timed: bool) -> None:
    time = encode.seconds(len(said)) if timed else LEFT_OUT
    file = encode.file(encode.messages(number, [entry.encoded() for entry in said], time), kermit=kermit)
    (frame,) = Framer().feed(file)
    assert isinstance(frame, Frame)
    ours = decode(frame)
    assert ours.faults == ()
    # Its own `get_value` rounds a float; the value and the scaler are what the meter sent.
    read = {}
    for entry in theirs(file, kermit):
        assert isinstance(entry.value, int)
        read[entry.obis.obis_short] = Decimal(entry.value).scaleb(entry.scaler or 0)
    assert {reading.register: reading.value for reading in ours.readings} == read
