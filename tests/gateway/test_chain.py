"""Entries chained by their hashes: what anybody can find out who has a copy."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import chain
from gateway.chain import START, ChainError, Entry, verify

BODIES = st.dictionaries(
    st.text(max_size=5), st.text(max_size=8) | st.integers() | st.booleans() | st.none(), max_size=4
)
NOTES = st.tuples(st.integers(0, 2**40), st.sampled_from(("given", "read", "withdrawn")), BODIES)


def chained(notes: Sequence[tuple[int, str, Mapping[str, object]]]) -> list[Entry]:
    out: list[Entry] = []
    for at, kind, body in notes:
        out.append(chain.entry(out[-1] if out else None, at, kind, body))
    return out


ENTRIES = st.lists(NOTES, min_size=1, max_size=6).map(chained)


def test_the_hash_is_what_the_documents_say_it_is() -> None:
    one = chain.entry(None, 1_790_000_000, "given", {"b": "é", "a": 1})
    assert one.hash == hashlib.sha256(f'{START}\n1790000000\ngiven\n{{"a":1,"b":"é"}}'.encode()).hexdigest()
    two = chain.entry(one, 5, "withdrawn", {})
    assert two.hash == hashlib.sha256(f"{one.hash}\n5\nwithdrawn\n{{}}".encode()).hexdigest()
    assert (one.i, two.i) == (1, 2)


@given(ENTRIES)
def test_a_chain_holds_and_so_does_its_copy(entries: list[Entry]) -> None:
    assert verify(entries) == chain.Checked(len(entries), entries[-1].hash, None)
    copy = [chain.line(one).encode() + b"\n" for one in entries]
    assert list(chain.read(copy)) == entries
    for noted in entries:
        assert verify(entries, noted.hash).fault is None


@given(ENTRIES, st.data())
def test_the_first_entry_that_was_changed_is_named(entries: list[Entry], data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(entries) - 1))
    other = data.draw(NOTES)
    one = entries[i]
    changed = data.draw(
        st.sampled_from(
            [
                replace(one, at=other[0]),
                replace(one, kind=other[1]),
                replace(one, body=chain.canonical(other[2])),
                replace(one, hash=hashlib.sha256(one.hash.encode()).hexdigest()),
                replace(one, body=one.body.replace("{", "{ ", 1)),
                replace(one, body="[]"),
                replace(one, i=one.i + 1),
            ]
        )
    )
    checked = verify([*entries[:i], changed, *entries[i + 1 :]])
    if changed == one:
        assert checked.fault is None
    else:
        assert checked.entries == i
        assert checked.fault is not None
        assert str(i + 1) in checked.fault


@given(st.lists(NOTES, min_size=2, max_size=6).map(chained), st.data())
def test_entries_removed_swapped_or_put_in_break_it(entries: list[Entry], data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(entries) - 2))
    removed = [*entries[:i], *entries[i + 1 :]]
    assert verify(removed).entries == i
    assert verify(removed).fault
    swapped = [*entries[:i], entries[i + 1], entries[i], *entries[i + 2 :]]
    assert verify(swapped).entries == i
    assert verify(swapped).fault
    at, kind, body = data.draw(NOTES)
    new = chain.entry(entries[i], at, kind, body)
    put_in = [*entries[: i + 1], new, *entries[i + 1 :]]
    assert verify(put_in).fault
    renumbered = [*removed[:i], *(replace(one, i=one.i - 1) for one in removed[i:])]
    assert verify(renumbered).fault


@given(ENTRIES, st.data())
def test_a_head_that_was_noted_shows_that_the_end_is_missing(entries: list[Entry], data: st.DataObject) -> None:
    left = data.draw(st.integers(0, len(entries) - 1))
    assert verify(entries[:left]).fault is None  # nothing says that there were more
    assert "what stood when it was noted is not here" in (verify(entries[:left], entries[-1].hash).fault or "")


def test_an_empty_one_is_whole() -> None:
    assert verify([], START) == chain.Checked(0, START, None)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"nonsense",
        b"\xff",
        b"[" * 100_000,
        b'{"at":5,"body":{"a":2},"hash":"00","i":1,"kind":"given","i":1}',
        b'{"at":5, "body":{},"hash":"00","i":1,"kind":"given"}',
        b'{"at":5,"body":{},"hash":"00","i":1,"kind":"given","more":1}',
        b'{"at":5.0,"body":{"a":NaN},"hash":"00","i":1,"kind":"given"}',
    ],
)
def test_a_line_that_no_export_wrote_is_named(line: bytes) -> None:
    with pytest.raises(ChainError, match=r"^line 1: "):
        list(chain.read([line]))
