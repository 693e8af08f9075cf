"""Who is on a wired bus: a tree of selections with wildcards, narrowed where more than one meter answers (EN 13757-3)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from drivers.mbus.requests import ID_DIGITS
from drivers.model import DecodeError

ANY = "F" * ID_DIGITS
DECIMAL = "0123456789"
HEXADECIMAL = "abcde"  # F stands for any; some makers' numbers are no decimal ones

# Each selection costs a quarter of a second at 2400 baud: 250 meters need about 1000 of them.
ASKED_MAX = 4000
# So many numbers that collide to their last digit are noise, not twins.
TWINS_MAX = 4


def matches(pattern: str, number: str) -> bool:
    """Whether a meter's eight digits are selected by a pattern."""
    return len(number) == ID_DIGITS and all(p in ("F", n) for p, n in zip(pattern, number, strict=True))


class Heard(Enum):
    """What one selection brought."""

    NOBODY = auto()
    ONE = auto()
    SEVERAL = auto()  # or something that is no frame: two meters' answers on top of each other


@dataclass(slots=True)
class _Node:
    """Patterns of which each is a part of one that was answered to. `several`: by more than one, so two are expected."""

    patterns: list[str]
    several: bool
    wide: list[str] = field(default_factory=list)  # of each pattern that looks behind one meter, its digit alone
    letters: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    at: int = 0
    passes: int = 1
    found: int = 0


@dataclass(slots=True)
class Search:
    """Which pattern to select next. The last digit is narrowed first: meters of one delivery begin alike.

    Two at least answered where it narrows: where fewer are found, the silent patterns are tried once more, then letters.
    One that answers alone may hide others. A 0 of anybody is a 0 on the wire, and the checksum is a mere sum: of meters
    that answer at the same moment, alike but for a few bits, what is left may be a whole frame. Its number is then
    one of theirs whose bits the others have, too (`_behind`).
    """

    asked: int = 0
    twins: list[str] = field(default_factory=list)
    _nodes: list[_Node] = field(default_factory=list)
    _current: str = ANY
    _tried: set[str] = field(default_factory=set)
    _anybody: dict[str, bool] = field(default_factory=dict)
    probe: bool = False  # of the current pattern only whether anybody acknowledges it is wanted, NOBODY or not

    @property
    def noise(self) -> bool:
        """Whether the search ended because everything collides."""
        return len(self.twins) >= TWINS_MAX

    @property
    def bound(self) -> bool:
        return self.asked >= ASKED_MAX

    @property
    def share(self) -> float:
        """How much of all numbers lies behind us, between 0 and 1."""
        done, part = 0.0, 1.0
        for node in self._nodes:
            if node.passes > 1:
                return done + part
            part /= len(node.patterns)
            done += part * max(0, node.at - 1)
        return done

    def faults(self) -> Iterator[DecodeError]:
        """What the search could not tell, once it has ended."""
        if self.noise:
            yield DecodeError(
                "whoever is selected, something that is no answer comes back: check the wires and the speed"
            )
            return
        for number in self.twins:
            yield DecodeError(f"number {number}: several meters have it, or the one that has it does not answer")
        if self.bound:
            yield DecodeError(f"ended after {ASKED_MAX} selections, before all numbers were tried")

    def first(self) -> str:
        self.asked = 1
        return ANY

    def next(self, heard: Heard, number: str = "") -> str | None:
        """The pattern to select after the current one brought this; `number` of the ONE. None at the end."""
        self._note(heard, number)
        while self._nodes and not self.noise and not self.bound:
            node = self._nodes[-1]
            if node.at < len(node.patterns):
                if node.wide and (wide := node.wide[node.at]) not in self._anybody:
                    self.probe, self._current = True, wide
                    self.asked += 1
                    return wide
                self.probe, self._current = False, node.patterns[node.at]
                node.at += 1
                if node.wide and not self._anybody[node.wide[node.at - 1]]:
                    continue
                if node.passes == 1 and self._current in self._tried:
                    continue
                self._tried.add(self._current)
                self.asked += 1
                return self._current
            if node.several and node.found < 2 and node.passes < 3:
                node.passes += 1
                node.patterns, node.at = (node.silent if node.passes == 2 else node.letters), 0
                continue
            self._nodes.pop()
            if self._nodes:
                self._nodes[-1].found += node.found
        return None

    def _note(self, heard: Heard, number: str) -> None:
        if self.probe:
            self._anybody[self._current] = heard is not Heard.NOBODY
            return
        node = self._nodes[-1] if self._nodes else None
        place = self._current.rfind("F")
        if heard is Heard.NOBODY:
            if node is not None and node.passes == 1:
                node.silent.append(self._current)
            return
        if heard is Heard.SEVERAL and place >= 0:
            narrowed, letters = _narrowed(self._current, place, DECIMAL), _narrowed(self._current, place, HEXADECIMAL)
            self._nodes.append(_Node(narrowed, several=True, letters=letters))
            return
        if node is not None:
            node.found += 1 if heard is Heard.ONE else 2
        if heard is Heard.SEVERAL:
            self.twins.append(self._current)
        elif behind := _behind(self._current, number):
            self._nodes.append(_Node([part for part, _ in behind], several=False, wide=[wide for _, wide in behind]))


def _narrowed(pattern: str, place: int, digits: str) -> list[str]:
    return [pattern[:place] + digit + pattern[place + 1 :] for digit in digits]


def _behind(pattern: str, number: str) -> list[tuple[str, str]]:
    """The parts of a pattern in which all have the bits of `number`, and more: who is there may be hidden by it.

    Beside each, the pattern of its new digit alone: where nobody at all has that, one selection does for all meters.
    """
    found: list[tuple[str, str]] = []
    for place in reversed(range(ID_DIGITS)):
        if pattern[place] == "F":
            own = int(number[place], 16)
            digits = "".join(digit for digit in DECIMAL if int(digit) != own and int(digit) & own == own)
            found += zip(_narrowed(pattern, place, digits), _narrowed(ANY, place, digits), strict=True)
    return found
