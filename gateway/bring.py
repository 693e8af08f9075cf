"""Files of holders: looked at, brought in at a metering point as one import, and taken back."""

import shlex
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from drivers.model import Medium, Quantity
from gateway import ours
from gateway.catalog import FIRST_NAMES, Catalog
from gateway.holders import Compared, Holders, HoldersError, Leap
from gateway.importers import csv
from gateway.importers.holders import guess, home_assistant, table
from gateway.importers.holders.found import FileRefusedError, Found, Part, Why
from gateway.importers.holders.kind import Kind, plain_number
from gateway.importers.holders.kinds import recognise
from gateway.importers.holders.opened import Document, Table, documents
from gateway.importers.holders.table import Choice, Each
from gateway.importers.rows import NEEDED, is_ours
from gateway.periods import Periods, Shape, best, of_rows
from gateway.store import Store

SHOWN_ROWS = 6
NUMBER_SHOWN = 4
TABLE = "table"
HOME_ASSISTANT = "home_assistant"
HOLDERS = {TABLE: "", HOME_ASSISTANT: "Home Assistant"}
# Which media may stand at one point: water's company does not say whether the water is hot.
SAME = {Medium.WATER: (Medium.WATER, Medium.HOT_WATER), Medium.GAS: (Medium.GAS,)}

# Of a gateway that does not run no meter has said where it stands.
NOWHERE: Mapping[str, str] = {}

Progress = Callable[[float], None]


class BringError(Exception):
    """What must be said before files can be brought in, in one sentence."""


class OtherMeterError(BringError):
    """The files of a group name another meter than those that came for its metering point before."""

    def __init__(self, group: "Group", name: str) -> None:
        super().__init__(
            f"{name}: these files are of meter {number_shown(group)}, and earlier ones of this metering point were of another "
            "meter. Nothing was kept. Say --point NAME if it is another metering point, or --same-home if this home's meter "
            "has another number now"
        )


class LeapError(BringError):
    """The index of a group is further from what is kept than a meter gets in the time."""

    def __init__(self, name: str, leap: Leap) -> None:
        self.name, self.leap = name, leap
        first, last = (datetime.fromtimestamp(at, UTC).date() for at in (leap.start, leap.end))
        super().__init__(
            f"{name}: between {first} and {last} the index would rise by {leap.met}, from one file to another, and at most "
            f"{leap.possible} is possible. Nothing was kept. Take the wrong one back first, or say --point NAME"
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """Why nothing was taken from one file."""

    name: str
    error: FileRefusedError


@dataclass(frozen=True, slots=True)
class Asked:
    """A table that nobody knows: its `number` among the documents, what is proposed, and what may be chosen."""

    number: int
    name: str
    choice: Choice
    columns: Sequence[str]
    entities: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(slots=True)
class Group:
    """What the files hold of one medium: what one import brings to one metering point."""

    medium: Medium
    found: Found
    parts: list[Part] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return self.found.kinds

    @property
    def start(self) -> int:
        return min(part.rows[0][0] for part in self.parts)

    @property
    def end(self) -> int:
        return max(part.rows[-1][1] for part in self.parts)


@dataclass(frozen=True, slots=True)
class Own:
    """A file of our own format, and what an import of it would take."""

    name: str
    path: Path
    report: csv.Report


@dataclass(slots=True)
class Looked:
    """All that was found in some files; `names` are the documents', so that a refusal can say in which one it is."""

    own: list[Own] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)  # what lay beside the data, and was not looked into
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a group is to go: a metering point, or a new one of that name.

    `same_home`: somebody said that it is that point's meter, though earlier files named another number.
    """

    group: Group
    point: str | None
    name: str
    same_home: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """The metering points for which files came before with the number that a group names, and with other numbers."""

    here: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()

    def is_other(self, point: str) -> bool:
        """Whether a point is another meter's than this group's, by all that files have said."""
        return point not in self.here and (bool(self.here) or point in self.elsewhere)


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of some groups: the import's number (None where all was there already), and the counts of each."""

    number: int | None
    points: Sequence[str]
    counts: Sequence[Compared]

    @property
    def new(self) -> int:
        return sum(each.new + each.changed for each in self.counts)


def look(
    files: Sequence[tuple[str, Path]],
    until: int,
    zone: ZoneInfo,
    choices: Mapping[int, Choice] | None = None,
    progress: Progress | None = None,
) -> Looked:
    """Read files, as (name, path); nothing is written. `choices` say what the columns of a table hold, by its number."""
    looked = Looked()
    groups: dict[Medium, Found] = {}
    for place, (name, path) in enumerate(files):
        try:
            if is_ours(path):
                looked.own.append(
                    Own(name, path, csv.preview(path, lambda: until, partial(_tell, progress, place, len(files))))
                )
                continue
            found_here = documents(path, partial(_tell, progress, place, len(files)))
        except FileRefusedError as error:
            looked.faults.append(Fault(name, error))
            continue
        except csv.RefusedError:
            looked.faults.append(Fault(name, FileRefusedError(Why.OURS, needed=", ".join(NEEDED))))
            continue
        except OSError as error:
            raise HoldersError(f"{name}: cannot be read: {error.strerror}") from None
        known = [(document, recognise(document)) for document in found_here]
        for document, kind in known:
            own = f"{name}: {document.name}" if document.name and len(known) > 1 else name
            if kind is None and any(other for _, other in known):
                looked.names.append(own)  # a page of explanations beside the data
                looked.beside.append(own)
            else:
                _take(looked, groups, own, document, kind, until, zone, choices or {})
    for medium, found in groups.items():
        if len(found.places) > 1:
            looked.faults.append(Fault(", ".join(dict.fromkeys(looked.names)), FileRefusedError(Why.PLACES)))
            continue
        group = Group(medium, found, found.parts())
        if group.parts or found.refused or found.left:
            looked.groups.append(group)
    return looked


def _tell(progress: Progress | None, place: int, files: int, share: float) -> None:
    if progress is not None:
        progress((place + share) / files)


def _take(
    looked: Looked,
    groups: dict[Medium, Found],
    name: str,
    document: Document,
    kind: Kind | None,
    until: int,
    zone: ZoneInfo,
    choices: Mapping[int, Choice],
) -> None:
    number = len(looked.names)
    looked.names.append(name)
    try:
        if kind is not None:
            found = Found(kind.holder, kind.medium, until, number, [kind.id])
            kind.read(document, found)
        else:
            document = home_assistant.as_table(document) or document
            choice = choices.get(number) or guess.guess(document)
            if choice is None or not isinstance(document, Table):
                raise FileRefusedError(Why.UNKNOWN)
            looked.asked.append(_asked(number, name, document, choice))
            if not choice.unit:
                return
            found = Found(HOLDERS[choice.register], choice.medium, until, number, [choice.register])
            table.read(document, found, choice, zone)
    except FileRefusedError as error:
        looked.faults.append(Fault(name, error))
        return
    if found.medium in groups:
        groups[found.medium].join(found)
    else:
        groups[found.medium] = found


def _asked(number: int, name: str, document: Table, choice: Choice) -> Asked:
    rows = [row[: guess.COLUMNS_MAX] for line, row in document.head if line > choice.header][:SHOWN_ROWS]
    return Asked(number, name, choice, guess.columns(document, choice), guess.entities(document, choice), rows)


def suits(medium: Medium, of_point: Medium) -> bool:
    """Whether a file of one medium may be brought to a point of another."""
    return of_point in SAME.get(medium, (medium,))


def compared(holders: Holders, group: Group, point: str) -> list[Compared]:
    """For each part of a group how many of its rows are new at a point."""
    return holders.compare(point, group.parts)


def named(holders: Holders, group: Group, places: Mapping[str, str] = NOWHERE) -> Named:
    """Whose a group is, by the number that its files name; nothing is known where they name none.

    `places` are the numbers of metering points that their meters say themselves.
    """
    numbers = group.found.places
    if not numbers:
        return Named()
    mine = {holders.mark(number) for number in numbers}
    said = [(point, mark in mine) for point, mark in holders.marks()]
    said += [(point, plain in numbers) for point, number in places.items() if (plain := plain_number(number))]
    return Named(frozenset(point for point, same in said if same), frozenset(point for point, same in said if not same))


def leaps(holders: Holders, group: Group, point: str) -> Leap | None:
    """Where a group's index and what is kept of a point cannot both be right."""
    return next((leap for part in group.parts if (leap := holders.leaps(point, part)) is not None), None)


def number_shown(group: Group) -> str:
    """The end of the number that a group's files name: enough to know one's own."""
    return ", ".join(f"•••{number[-NUMBER_SHOWN:]}" for number in sorted(group.found.places))


def bring(
    holders: Holders, catalog: Catalog, targets: Sequence[Target], now: int, places: Mapping[str, str] = NOWHERE
) -> Brought:
    """Keep groups as one import: nothing is kept twice, and nothing in part. OtherMeterError before anything is."""
    for target in targets:
        there = target.point or _there(catalog, target)
        if there is not None and not target.same_home and named(holders, target.group, places).is_other(there):
            raise OtherMeterError(target.group, target.name)
        if there is not None and (leap := leaps(holders, target.group, there)) is not None:
            raise LeapError(target.name, leap)
    points = [target.point or _point(catalog, target) for target in targets]
    counts = [_sum(compared(holders, each.group, point)) for each, point in zip(targets, points, strict=True)]
    new = [
        (point, target.group)
        for target, point, count in zip(targets, points, counts, strict=True)
        if count.new or count.changed
    ]
    if not new:
        return Brought(None, points, counts)
    number = holders.bring(
        [(point, part) for point, group in new for part in group.parts],
        [kind for _, group in new for kind in group.kinds],
        now,
        sum(group.found.left.total() for _, group in new),
        sum(group.found.refused for _, group in new),
        [(point, holders.mark(number)) for point, group in new for number in group.found.places],
    )
    return Brought(number, points, counts)


def _point(catalog: Catalog, target: Target) -> str:
    """The metering point of that name, made where there is none."""
    medium, name = target.group.medium, target.name
    return _there(catalog, target) or catalog.adopt(f"file:{name}", name, medium, target.group.start).point


def _there(catalog: Catalog, target: Target) -> str | None:
    points = (point for point in catalog.points() if point.name == target.name)
    return next((point.id for point in points if suits(target.group.medium, point.medium)), None)


def _sum(counts: Sequence[Compared]) -> Compared:
    return Compared(*(sum(getattr(each, name) for each in counts) for name in ("new", "same", "changed")))


def taken(group: Group) -> list[tuple[Quantity, Periods]]:
    """What was taken, as the holders cut it, a register each; without tariffs and without what was given."""
    return [
        (part.what.quantity, of_rows(part.holder, part.what.register, part.exponent, part.what.shape, part.rows))
        for part in group.parts
        if not part.what.out and part.what.tariff == 0
    ]


class Desk:
    """What the command line asks of the files of holders, whether the gateway runs or not. Methods take their time."""

    def __init__(
        self,
        holders: Holders,
        catalog: Catalog,
        store: Store,
        zone: ZoneInfo,
        now: Callable[[], int],
        language: str,
        places: Mapping[str, str] = NOWHERE,
    ) -> None:
        self.holders, self.catalog, self.store = holders, catalog, store
        self.zone, self.now, self.language = zone, now, language
        self.places = places

    def take_ours(
        self, paths: Sequence[Path], *, dry_run: bool, progress: Progress | None = None
    ) -> list[dict[str, Any]]:
        """Bring files of our own format in as one import, or only say what they hold; a report of each."""
        if dry_run:
            return [ours.said(path, None, csv.preview(path, self.now, progress)) for path in paths]
        number, reports = ours.bring(paths, self.store, self.catalog, self.holders, self.now, progress)
        return [ours.said(path, number, report) for path, report in zip(paths, reports, strict=True)]

    def undo(self, number: int) -> list[str] | None:
        """Take an import back; the metering points that went with it, None if there is no such import."""
        return ours.take_back(number, self.store, self.catalog, self.holders)

    def take(
        self,
        paths: Sequence[Path],
        point: str | None,
        fields: Mapping[str, str],
        *,
        dry_run: bool,
        same_home: bool = False,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Read files and bring in what they hold, or only say what would come of it.

        BringError when nobody can say at which point, when a table's columns were not chosen, or when the files are of
        another meter and nobody said that it is the `same_home`.
        """
        files = [(path.name, path) for path in paths]
        looked = look(files, self.now(), self.zone, progress=progress)
        if not fields.get("unit"):
            for asked in looked.asked:
                if fields or not dry_run or not asked.choice.unit:
                    raise BringError(
                        f"{asked.name}: nobody knows this table. It looks like this: {_said_of(asked)}. "
                        "Say at least --unit, and whatever else is otherwise"
                    )
        if looked.asked and fields:
            choices = {asked.number: guess.chosen(asked.choice, asked.columns, fields) for asked in looked.asked}
            looked = look(files, self.now(), self.zone, choices, progress)
        targets = [self._target(group, point, same_home) for group in looked.groups]
        usable = [target for target in targets if target.group.parts]
        if dry_run or not usable:
            brought = Brought(None, [target.name for target in usable], [self._count(target) for target in usable])
        else:
            brought = bring(self.holders, self.catalog, usable, self.now(), self.places)
        counts = dict(zip(map(id, usable), brought.counts, strict=True))
        return {
            "import": brought.number,
            "tables": [f"{asked.name}: read as {_said_of(asked)}" for asked in looked.asked],
            "beside": looked.beside,
            "faults": [f"{fault.name}: {fault.error}" for fault in looked.faults],
            "groups": [self._said(looked, target, counts.get(id(target), Compared(0, 0, 0))) for target in targets],
        }

    def imports(self) -> list[dict[str, Any]]:
        return [
            {"id": each.id, "made_at": each.made_at, "points": list(each.points), "kinds": list(each.kinds), "rows": each.rows,
             "start": each.start, "end": each.end}
            for each in self.holders.imports()
        ]  # fmt: skip

    def _target(self, group: Group, wanted: str | None, same_home: bool) -> Target:
        suiting = [point for point in self.catalog.points() if suits(group.medium, point.medium)]
        if wanted is not None:
            there = [point for point in suiting if wanted in (point.id, point.name)]
            return Target(group, there[0].id if there else None, there[0].name if there else wanted, same_home)
        here = named(self.holders, group, self.places).here
        suiting = [point for point in suiting if point.id in here] or suiting
        if len(suiting) > 1:
            names = ", ".join(point.name for point in suiting)
            raise BringError(f"{group.medium}: several meters may be meant: say which with --point: {names}")
        if suiting:
            return Target(group, suiting[0].id, suiting[0].name, same_home)
        return Target(group, None, FIRST_NAMES[self.language][group.medium])

    def _count(self, target: Target) -> Compared:
        if target.point is None:
            return Compared(sum(len(part.rows) for part in target.group.parts), 0, 0)
        return _sum(compared(self.holders, target.group, target.point))

    def _is_other(self, target: Target) -> bool:
        there = target.point or _there(self.catalog, target)
        return (
            there is not None
            and not target.same_home
            and named(self.holders, target.group, self.places).is_other(there)
        )

    def _leap(self, target: Target) -> str:
        there = target.point or _there(self.catalog, target)
        leap = leaps(self.holders, target.group, there) if there is not None else None
        return "" if leap is None else str(LeapError(target.name, leap))

    def _said(self, looked: Looked, target: Target, count: Compared) -> dict[str, Any]:
        group, found = target.group, target.group.found
        return {
            "medium": group.medium,
            "kinds": group.kinds,
            "point": target.name,
            "other_meter": number_shown(group) if self._is_other(target) else "",
            "leap": self._leap(target),
            "rows": found.rows,
            "new": count.new,
            "same": count.same,
            "changed": count.changed,
            "left_out": {left.value: rows for left, rows in found.left.items() if rows},
            "rows_refused": found.refused,
            "refused": [f"{looked.names[refusal.document]}: {refusal}" for refusal in found.refusals],
            "months": [
                {
                    "month": f"{month.first:%Y-%m}",
                    "amount": f"{month.amount:f}",
                    "unit": month.quantity.unit,
                    "complete": month.complete,
                }
                for month in months(group, self.zone)
            ],
            **({"start": group.start, "end": group.end} if group.parts else {}),
        }


def _said_of(asked: Asked) -> str:
    """What a table's columns are taken for, as the command line says it."""
    choice = asked.choice
    return (
        f"--time {choice.time + 1} --dates {choice.dates.name.lower()} --clock {choice.clock} --value {choice.value + 1} "
        f"--decimal {choice.decimal} --what {choice.what} --medium {choice.medium}"
        + (f" --each {choice.each}" if choice.what is not Shape.INDEX else "")
        + (f" --stamp {choice.stamp}" if choice.what is not Shape.INDEX and choice.each is Each.STEP else "")
        + (f" --only {shlex.quote(choice.only[1])}" if choice.only else "")
        + f" --unit {choice.unit or '?'} (the columns {asked.columns[choice.time]} and {asked.columns[choice.value]})"
    )


@dataclass(frozen=True, slots=True)
class Month:
    """The sum of one month; `complete` if no row of it is missing."""

    first: date
    quantity: Quantity
    amount: Decimal
    complete: bool


def months(group: Group, zone: ZoneInfo) -> list[Month]:
    """What a group's rows come to, month by month: whoever has a bill at hand sees whether they are right."""
    registers = [(quantity, periods) for quantity, periods in taken(group) if periods.rows]
    if not registers:
        return []  # one reading alone is no consumption
    firsts = [_local(zone, min(periods.rows[0][0] for _, periods in registers)).replace(day=1)]
    end = max(periods.rows[-1][1] for _, periods in registers)
    while _midnight(zone, firsts[-1]) < end:
        firsts.append((firsts[-1] + timedelta(days=31)).replace(day=1))
    bounds = [_midnight(zone, first) for first in firsts]
    found = []
    for quantity in dict.fromkeys(quantity for quantity, _ in registers):
        mine = [periods for its, periods in registers if its is quantity]
        slots, spans = best(mine, bounds)
        by_day = _by_day(mine, zone, bounds)
        found += [
            Month(first, quantity, slot.amount if slot.complete else max(slot.amount, days), slot.complete)
            for first, slot, days in zip(firsts, slots, by_day, strict=False)
            if slot is not None
        ]
        found += [Month(firsts[span.first], quantity, span.amount, span.first == span.last) for span in spans]
    return sorted(found, key=lambda month: (month.first, month.quantity.word))


def _by_day(registers: Sequence[Periods], zone: ZoneInfo, bounds: Sequence[int]) -> list[Decimal]:
    """What the days of each month come to, each by the register that says most of it, as the history shows them."""
    days = [_local(zone, bounds[0])]
    while _midnight(zone, days[-1]) < bounds[-1]:
        days.append(days[-1] + timedelta(days=1))
    starts = [_midnight(zone, day) for day in days]
    sums = [Decimal(0)] * (len(bounds) - 1)
    for start, slot in zip(starts, best(registers, starts)[0], strict=False):
        if slot is not None:
            sums[bisect_right(bounds, start) - 1] += slot.amount
    return sums


def _local(zone: ZoneInfo, at: int) -> date:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).date()


def _midnight(zone: ZoneInfo, day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
