"""`/import`: files that a company gave back. Sent, looked at, brought in, and taken back."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from aiohttp import web
from markupsafe import Markup

from drivers.model import Medium, Quantity
from gateway.catalog import FIRST_NAMES, CatalogError
from gateway.holders import HoldersError, Import, Leap
from gateway.house import House
from gateway.model import MeteringPoint
from gateway.periods import Shape
from gateway.store import StoreError
from webui import beside, shown
from webui.page import HOUSE, UPLOADS, read_files_form, read_form, render, see, words_of
from webui.tries import clean_name
from webui.uploads import BYTES_MAX, FILES_MAX, TooMuchError, Upload
from webui.words import NO_BREAK, Words, mark

if TYPE_CHECKING:
    from gateway.bring import Asked, Group, Looked, Own
    from gateway.importers.holders.table import Choice

REFUSALS_SHOWN_MAX = 20
# So many are counted, to say that they are too many.
FILES_SENT_MAX = 4 * FILES_MAX
# One who waits sees how far the box is; a page without JavaScript asks again by itself.
ASK_AGAIN_S = 1

NO_FILE = mark("Choose a file first.")
TOO_MUCH = mark("These files are too long: %(mb)s MB at most at once.")
TOO_MANY = mark("These are too many files: %(n)s at most at once.")
NO_ROOM = mark("The box has no room for this file at the moment.")
GONE = mark("This file was put away: the box keeps it for an hour. Choose it again.")
NOT_KEPT = mark("The box could not keep these readings: %(reason)s. Nothing was changed.")
NOT_TAKEN_BACK = mark("The box could not take it back: %(reason)s. Try again.")
NO_SUCH_IMPORT = mark("This was taken back before: it is no longer in the list.")
NAME_MISSING = mark("A name is needed: what you call this meter at home.")
LEAPS = mark("Nothing was kept: this file and an earlier one cannot both be right.")
WRONG_COLUMN = mark("Line %(n)s: what stands in the column %(column)s cannot be.")
WRONG_LINE = mark("Line %(n)s cannot be read.")
OTHER_METER = mark("Nothing was kept: say first whose meter this file is.")

WHATS = {
    Shape.INDEX: mark("what the meter shows (index)"),
    Shape.AMOUNT: mark("what was taken"),
    Shape.POWER: mark("the mean power"),
}
EACHES = {"step": mark("as long as the rows are apart"), "day": mark("a day"), "month": mark("a month")}
STAMPS = {"start": mark("the start of the period"), "end": mark("the end of the period")}
CLOCKS = {"local": mark("the home's clock"), "utc": mark("UTC")}
MEDIA = (Medium.ELECTRICITY, Medium.GAS, Medium.WATER, Medium.HOT_WATER, Medium.HEAT, Medium.COOLING)
TABLE_TITLES = {
    "table": mark("A table of yours"),
    "home_assistant": mark("Home Assistant"),
    "ours": mark("Readings in the box’s own format"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One import of the past."""

    one: Import
    kinds: Markup
    points: str


SAID = ("done", "same", "undone")


async def page(request: web.Request) -> web.Response:
    said = {name: text for name in SAID if (text := request.query.get(name, "")) and _is_count(text)}
    fault = words_of(request).say(GONE) if "gone" in request.query else None
    return await _page(request, fault=fault, said=said)


def _is_count(text: str) -> bool:
    return text.isdecimal() and text.isascii() and len(text) < 10


async def _page(
    request: web.Request, *, status: int = 200, fault: Markup | None = None, said: Mapping[str, str] | None = None
) -> web.Response:
    from gateway.importers.holders.kinds import KINDS

    house, words = request.app[HOUSE], words_of(request)
    names = {point.id: point.name for point in house.catalog.points()}
    titles = {kind.id: kind.title for kind in KINDS} | TABLE_TITLES
    imports = [
        Row(
            one,
            Markup(", ").join(words.say(titles.get(kind, kind)) for kind in one.kinds),
            ", ".join(names.get(point, point) for point in one.points),
        )
        for one in await house.holders.listed()
    ]
    return render(
        request,
        "import.html",
        status=status,
        fault=fault,
        imports=imports,
        said={name: (said or {}).get(name, "") for name in SAID},
    )


async def send(request: web.Request) -> web.Response:
    """Take files in and begin to read them."""
    words = words_of(request)
    _, files = await read_files_form(request, FILES_SENT_MAX)
    files = [(name, content) for name, content in files if name or content]  # one who chose none sends one without name
    if not files:
        return await _page(request, status=422, fault=words.say(NO_FILE))
    if len(files) > FILES_MAX:
        return await _page(request, status=413, fault=words.say(TOO_MANY, n=words.number(FILES_MAX)))
    try:
        upload = await request.app[UPLOADS].add(files)
    except TooMuchError:
        return await _page(request, status=413, fault=words.say(TOO_MUCH, mb=words.number(BYTES_MAX // 1_000_000)))
    except OSError:
        return await _page(request, status=507, fault=words.say(NO_ROOM))
    raise see(f"/import/{upload.id}")


async def look(request: web.Request) -> web.Response:
    """What is in the files that were sent; how far they are read, as long as they are."""
    upload = _upload(request)
    if upload.reading is not None and not upload.reading.done():
        answer = render(request, "import-wait.html", share=upload.share)
        answer.headers["Refresh"] = str(ASK_AGAIN_S)
        return answer
    return await _look(request, upload)


async def _look(
    request: web.Request,
    upload: Upload,
    *,
    status: int = 200,
    fault: Markup | None = None,
    fields: Mapping[str, str] | None = None,
) -> web.Response:
    """`fields` are what was chosen before, where something of it cannot be."""
    house, words = request.app[HOUSE], words_of(request)
    assert upload.reading is not None
    try:
        looked = await upload.reading
    except HoldersError:  # the file went away under the reader
        raise see("/import?gone") from None
    groups = [
        await _group(house, words, looked, group, number, fields or {}) for number, group in enumerate(looked.groups)
    ]
    return render(
        request,
        "import-look.html",
        status=status,
        fault=fault,
        upload=upload,
        groups=groups,
        faults=[
            (each.name, _refusal(words, each.error.why, each.error.line, each.error.values)) for each in looked.faults
        ],
        asked=[_asked(words, asked) for asked in looked.asked],
        beside=looked.beside,
        own=[_own(words, own) for own in looked.own],
        ready=any(group.rows for group in groups) or any(own.report.series for own in looked.own),
    )


async def act(request: web.Request) -> web.Response:
    """Look again with other columns, bring in, or put away."""
    upload = _upload(request)
    fields = await read_form(request)
    uploads, words = request.app[UPLOADS], words_of(request)
    if fields.get("do") == "drop":
        await uploads.drop(upload.id)
        raise see("/import")
    if upload.reading is None or not upload.reading.done():
        raise see(f"/import/{upload.id}")
    from gateway.bring import LeapError, OtherMeterError

    looked = upload.reading.result()
    if fields.get("do") == "look":
        try:
            choices = {asked.number: _chosen(asked, fields) for asked in looked.asked}
        except ValueError:
            raise web.HTTPBadRequest(text="no such choice") from None
        await uploads.read(upload, choices)
        raise see(f"/import/{upload.id}")
    try:
        brought = await _bring(request.app[HOUSE], looked, fields)
    except LookupError:
        return await _look(request, upload, status=422, fault=words.say(NAME_MISSING), fields=fields)
    except OtherMeterError:
        return await _look(request, upload, status=422, fault=words.say(OTHER_METER), fields=fields)
    except LeapError:
        return await _look(request, upload, status=422, fault=words.say(LEAPS), fields=fields)
    except (HoldersError, CatalogError, StoreError, ValueError, OSError) as error:
        return await _look(request, upload, status=507, fault=words.say(NOT_KEPT, reason=str(error)))
    where = f"/import?done={brought}" if brought else "/import?same=1"
    await uploads.drop(upload.id, where)
    raise see(where)


async def undo(request: web.Request) -> web.Response:
    fields = await read_form(request)
    number = fields.get("import", "")
    if not _is_count(number):
        raise web.HTTPNotFound
    from gateway import ours

    house, words = request.app[HOUSE], words_of(request)
    try:
        gone = await asyncio.to_thread(ours.take_back, int(number), house.store, house.catalog, house.holders)
    except (HoldersError, CatalogError, StoreError, OSError) as error:
        return await _page(request, status=507, fault=words.say(NOT_TAKEN_BACK, reason=str(error)))
    if gone is None:
        return await _page(request, status=404, fault=words.say(NO_SUCH_IMPORT))
    raise see(f"/import?undone={len(gone) + 1}")


def _upload(request: web.Request) -> Upload:
    upload = request.app[UPLOADS].get(request.match_info["id"])
    if upload is None:
        raise see(request.app[UPLOADS].ended(request.match_info["id"]) or "/import?gone")
    return upload


async def _bring(house: House, looked: "Looked", fields: dict[str, str]) -> int:
    """Bring every group in at the point that was chosen for it; how many values are new. LookupError without a name."""
    from gateway import ours
    from gateway.bring import OtherMeterError, Target, bring, suits, taken

    points = {point.id: point for point in house.catalog.points()}
    targets = []
    for number, group in enumerate(looked.groups):
        if not group.parts:
            continue
        chosen = points.get(fields.get(f"point-{number}", ""))
        name = clean_name(fields.get(f"name-{number}", ""))
        same_home = f"same-{number}" in fields
        if chosen is not None and not same_home:
            against = await beside.against(house, chosen.id, taken(group))
            if against is not None and against.far:
                raise OtherMeterError(group, chosen.name)
        if chosen is not None and suits(group.medium, chosen.medium):
            targets.append(Target(group, chosen.id, chosen.name, same_home))
        elif name is not None:
            targets.append(Target(group, None, name, same_home))
        else:
            raise LookupError(number)
    new = (
        (await asyncio.to_thread(bring, house.holders, house.catalog, targets, house.now(), house.places())).new
        if targets
        else 0
    )
    if looked.own:
        paths = [own.path for own in looked.own]
        _, reports = await asyncio.to_thread(ours.bring, paths, house.store, house.catalog, house.holders, house.now)
        new += sum(report.added for report in reports)
    return new


@dataclass(frozen=True, slots=True)
class GroupShown:
    """What a group holds, as a page says it. `new`, `same` and `changed` are at `point`; a new point ("") has nothing yet.

    `other_meter`: earlier files of that point named another number.
    """

    number: int
    medium: Medium
    hue: str
    kinds: Markup
    meters: Sequence[str]
    rows: int
    span: tuple[int, int] | None
    points: Sequence[MeteringPoint]
    point: str
    name: str
    other_meter: bool
    leap: Leap | None
    against: Markup | None
    far: bool
    new: int
    same: int
    changed: int
    given: bool
    left: Sequence[tuple[int, Markup]]
    refused: int
    refusals: Sequence[tuple[str, Markup]]
    quantities: Sequence[str]
    months: Sequence[tuple[date, Sequence[tuple[str, bool] | None]]]


async def _group(
    house: House, words: Words, looked: "Looked", group: "Group", number: int, fields: Mapping[str, str]
) -> GroupShown:
    from gateway.bring import NUMBER_SHOWN, compared, leaps, named, suits, taken
    from gateway.importers.holders.kinds import KINDS

    titles = {kind.id: kind.title for kind in KINDS} | TABLE_TITLES
    points = [point for point in house.catalog.points() if suits(group.medium, point.medium)]
    whose = await asyncio.to_thread(named, house.holders, group, house.places())
    # Where files of this very meter went before it is offered first.
    points.sort(key=lambda point: point.id not in whose.here)
    name = fields.get(f"name-{number}") or FIRST_NAMES[words.language][group.medium]
    point = fields.get(f"point-{number}", points[0].id if points else "")
    there = next((each.id for each in points if each.id == point or (not point and each.name == name)), None)
    counts = await asyncio.to_thread(compared, house.holders, group, there) if there and group.parts else []
    rows = sum(len(part.rows) for part in group.parts)
    found = group.found
    quantities, months = _months(house, words, group)
    against = await beside.against(house, there, taken(group)) if there else None
    return GroupShown(
        number=number,
        medium=group.medium,
        hue=shown.HUES[group.medium],
        kinds=Markup(", ").join(words.say(titles[kind]) for kind in group.kinds),
        meters=[f"•••{NO_BREAK}{place[-NUMBER_SHOWN:]}" for place in sorted(found.places)],
        rows=rows,
        span=(group.start, group.end) if group.parts else None,
        points=points,
        point=point,
        name=name,
        leap=await asyncio.to_thread(leaps, house.holders, group, there) if there and group.parts else None,
        against=_against(words, group.medium, against) if against else None,
        far=against is not None and against.far,
        other_meter=there is not None and whose.is_other(there),
        new=sum(each.new for each in counts) if counts else rows,
        same=sum(each.same for each in counts),
        changed=sum(each.changed for each in counts),
        given=any(part.what.out for part in group.parts),
        left=[(count, words.say(left.value)) for left, count in found.left.items() if count],
        refused=found.refused,
        refusals=[
            (looked.names[each.document], _refusal(words, each.why, each.line, each.values))
            for each in found.refusals[:REFUSALS_SHOWN_MAX]
        ],
        quantities=quantities,
        months=months,
    )


def _against(words: Words, medium: Medium, found: beside.Against) -> Markup:
    scale = shown.scale_for(found.quantity, medium, [found.theirs, found.ours])
    return words.say_n(
        "Of one day that both know this file says %(theirs)s %(unit)s, and your meter %(ours)s.",
        "Of %(n)s days that both know this file says %(theirs)s %(unit)s, and your meter %(ours)s.",
        found.days,
        theirs=scale.number(words, found.theirs),
        ours=scale.number(words, found.ours),
        unit=words.say(scale.unit),
    )


def _months(
    house: House, words: Words, group: "Group"
) -> tuple[list[str], list[tuple[date, list[tuple[str, bool] | None]]]]:
    """The units of the columns, and a row a month: each column's sum and whether it is whole."""
    from gateway.bring import months

    found = months(group, house.zone)
    quantities: list[Quantity] = list(dict.fromkeys(month.quantity for month in found))
    scales = {
        quantity: shown.scale_for(
            quantity, group.medium, [month.amount for month in found if month.quantity is quantity]
        )
        for quantity in quantities
    }
    rows: dict[date, list[tuple[str, bool] | None]] = {}
    for month in found:
        row = rows.setdefault(month.first, [None] * len(quantities))
        row[quantities.index(month.quantity)] = (scales[month.quantity].number(words, month.amount), month.complete)
    return [str(words.say(scales[quantity].unit)) for quantity in quantities], list(rows.items())


@dataclass(frozen=True, slots=True)
class OwnShown:
    """A file of our own format; of a row that is refused its line is named, and the column that cannot be."""

    name: str
    points: Sequence[str]
    values: int
    span: tuple[int, int] | None
    refused: int
    refusals: Sequence[Markup]


def _own(words: Words, own: "Own") -> OwnShown:
    from gateway.importers.rows import NEEDED, OPTIONAL

    report = own.report
    tallies = report.series.values()
    refusals = []
    for refusal in report.refusals[:REFUSALS_SHOWN_MAX]:
        column = refusal.reason.partition(":")[0]
        said = WRONG_COLUMN if column in (*NEEDED, *OPTIONAL) else WRONG_LINE
        refusals.append(words.say(said, n=words.number(refusal.line), column=column))
    return OwnShown(
        own.name,
        sorted({key.point for key in report.series}),
        sum(tally.points for tally in tallies),
        (min(tally.first_at for tally in tallies), max(tally.last_at for tally in tallies)) if report.series else None,
        report.refused,
        refusals,
    )


def _refusal(words: Words, why: str, line: int, values: dict[str, str]) -> Markup:
    reason = words.say(why, **values)
    return words.say("Line %(n)s: %(text)s", n=words.number(line), text=reason) if line else reason


@dataclass(frozen=True, slots=True)
class FieldShown:
    """One thing to choose about a table: its name, the question, the answers and the one that stands."""

    name: str
    label: Markup
    options: Sequence[tuple[str, Markup]]
    chosen: str


@dataclass(frozen=True, slots=True)
class AskedShown:
    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    fields: Sequence[FieldShown]
    unit: bool


def _asked(words: Words, asked: "Asked") -> AskedShown:
    from gateway.importers.holders.table import UNITS, Dates

    choice = asked.choice
    columns = [(str(number), Markup("{}").format(name)) for number, name in enumerate(asked.columns, 1)]

    def field_(name: str, label: str, options: Sequence[tuple[str, Markup]], chosen: str) -> FieldShown:
        return FieldShown(f"{name}-{asked.number}", words.say(label), options, chosen)

    fields = [
        field_("unit", mark("Its unit"), [("", words.say("choose")), *((unit, Markup("{}").format(unit)) for unit in UNITS)], choice.unit),
        field_("what", mark("The value is"), [(each.value, words.say(text)) for each, text in WHATS.items()], choice.what.value),
        field_("medium", mark("Of what"), [(each.value, words.say(shown.MEDIUM_NAMES[each])) for each in MEDIA], choice.medium.value),
        field_("value", mark("Column of the value"), columns, str(choice.value + 1)),
        field_("time", mark("Column of the time"), columns, str(choice.time + 1)),
        field_("dates", mark("Times are written like"), [(each.name.lower(), Markup("{}").format(each.value)) for each in Dates], choice.dates.name.lower()),
        field_("clock", mark("Times are those of"), [(name, words.say(text)) for name, text in CLOCKS.items()], choice.clock.value),
        field_("decimal", mark("Decimal sign"), [(sign, Markup("{}").format(f"1{sign}5")) for sign in ",."], choice.decimal),
    ]  # fmt: skip
    if choice.only is not None:
        entities = [(entity, Markup("{}").format(entity)) for entity in asked.entities]
        fields.insert(0, field_("only", mark("Which counter"), entities, choice.only[1]))
    if choice.what is not Shape.INDEX:
        fields += [
            field_("each", mark("Each row is of"), [(name, words.say(text)) for name, text in EACHES.items()], choice.each.value),
            field_("stamp", mark("Its time is"), [(name, words.say(text)) for name, text in STAMPS.items()], choice.stamp.value),
        ]  # fmt: skip
    return AskedShown(asked.name, asked.columns, asked.rows, fields, bool(choice.unit))


def _chosen(asked: "Asked", fields: dict[str, str]) -> "Choice":
    from gateway.importers.holders.guess import chosen

    suffix = f"-{asked.number}"
    mine = {name.removesuffix(suffix): value for name, value in fields.items() if name.endswith(suffix)}
    return chosen(asked.choice, asked.columns, mine)
