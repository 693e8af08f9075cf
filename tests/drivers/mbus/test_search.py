"""The tree of wildcards against meters that only say how many of them answer."""

from functools import reduce
from operator import and_

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.mbus.search import Heard, Search, matches


def searched(numbers: set[str], *, hiding: bool = False) -> tuple[set[str], Search]:
    """`hiding`: several answer as the one number that is left of their bits, where one of them has it."""
    search, found = Search(), set()
    pattern: str | None = search.first()
    while pattern is not None:
        who = [number for number in numbers if matches(pattern, number)]
        left = f"{reduce(and_, (int(number, 16) for number in who), 0xFFFFFFFF):08x}"
        heard, number = (Heard.NOBODY, Heard.ONE, Heard.SEVERAL)[min(len(who), 2)], ""
        if len(who) == 1 or (hiding and left in who):
            heard, number = Heard.ONE, left
            found |= set() if search.probe else {number}
        pattern = search.next(heard, number)
    return found, search


@settings(max_examples=100)
@given(st.sets(st.integers(0, 99_999_999).map("{:08}".format), max_size=60))
def test_whoever_is_there_is_found(numbers: set[str]) -> None:
    assert searched(numbers)[0] == numbers


@settings(max_examples=50)
@given(st.sets(st.text("0123456789abcde", min_size=8, max_size=8), max_size=4))
def test_a_few_numbers_that_are_not_decimal_are_found_or_missed_but_never_made_up(numbers: set[str]) -> None:
    found, search = searched(numbers)
    assert found <= numbers
    assert search.asked < 1000


def test_meters_of_one_delivery_cost_few_selections() -> None:
    numbers = {f"400123{n:02}" for n in range(20)}
    found, search = searched(numbers)
    assert found == numbers
    assert search.asked < 300


@settings(max_examples=100)
@given(st.sets(st.integers(0, 99_999_999).map("{:08}".format), max_size=40))
def test_nobody_stays_hidden_behind_another(numbers: set[str]) -> None:
    assert searched(numbers, hiding=True)[0] == numbers


def test_new_meters_of_one_delivery_do_not_hide_each_other() -> None:
    numbers = {f"400123{n:02}" for n in range(100)}
    found, search = searched(numbers, hiding=True)
    assert found == numbers
    assert not search.bound


def test_noise_ends_the_search_and_so_does_its_bound() -> None:
    search = Search()
    search.first()
    while search.next(Heard.SEVERAL) is not None:
        pass
    assert search.noise
    assert search.asked < 20
    assert [str(fault)[:24] for fault in search.faults()] == ["whoever is selected, som"]


def test_the_share_only_grows() -> None:
    search = Search()
    search.first()
    shares = [search.share]
    heard = [Heard.SEVERAL, Heard.ONE, Heard.SEVERAL] + [Heard.NOBODY] * 100
    for each in heard:
        if search.next(each, "00000000") is None:
            break
        shares.append(search.share)
    assert shares == sorted(shares)
    assert shares[-1] <= 1
