"""Files of holders in the shapes that docs/import.md describes, with numbers that were made up here."""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from gateway.importers.holders.found import Found, Left, Part
from gateway.importers.holders.kinds import recognise
from gateway.importers.holders.opened import documents
from gateway.periods import Periods, of_rows

PARIS = ZoneInfo("Europe/Paris")
UNTIL = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())
BOM = "\ufeff"

CURVE_HEAD = (
    BOM
    + "Identifiant PRM;Type de donnees;Date de debut;Date de fin;Grandeur physique;Grandeur metier;Etape metier;Unite;"
    "Pas en minutes\n01234567890123;Courbe de charge;{first};{last};Energie active;{sense};Comptage Brut;{unit};{step}\n"
    "Horodate;Valeur\n"
)


@dataclass
class Taken:
    """What a file gave: the kind found for each document, the parts, what was left out and what was refused."""

    kinds: list[str | None]
    found: Found
    parts: list[Part]

    def part(self, register: str, tariff: int = 0) -> Part:
        return next(part for part in self.parts if (part.what.register, part.what.tariff) == (register, tariff))

    def periods(self, register: str) -> Periods:
        part = self.part(register)
        return of_rows(part.holder, register, part.exponent, part.what.shape, part.rows)

    def total(self, register: str, start: str = "1970-01-01", end: str = "2100-01-01") -> Decimal | int:
        """What the periods between two local moments come to, in the quantity's own unit."""
        periods = self.periods(register)
        first, last = at(start), at(end)
        return periods.decimal(sum(amount for low, high, amount in periods.rows if first <= low and high <= last))

    def values(self, register: str, tariff: int = 0) -> list[tuple[str, Decimal]]:
        """(local time at which the period ends, value)."""
        part = self.part(register, tariff)
        return [(local(end), Decimal(value).scaleb(part.exponent)) for _, end, value in part.rows]

    @property
    def refused(self) -> list[str]:
        return [str(refusal) for refusal in self.found.refusals]

    def left(self, what: Left) -> int:
        return self.found.left[what]


def at(text: str) -> int:
    """A local moment in Paris (or one that says its offset) as UTC seconds."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=PARIS)).timestamp())


def local(moment: int) -> str:
    return datetime.fromtimestamp(moment, PARIS).isoformat(timespec="minutes")


def take(folder: Path, content: str | bytes, *, until: int = UNTIL) -> Taken:
    """Read a file as the box does: by its content alone, whatever it is called."""
    path = folder / "anything.bin"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    kinds: list[str | None] = []
    whole: Found | None = None
    for number, document in enumerate(documents(path)):
        kind = recognise(document)
        kinds.append(kind.id if kind else None)
        if kind is None:
            continue
        found = Found(kind.holder, kind.medium, until, number)
        kind.read(document, found)
        if whole is None:
            whole = found
        else:
            whole.join(found)
    assert whole is not None, kinds
    return Taken(kinds, whole, whole.parts())


def curve(values: Iterable[tuple[int, object]], *, unit: str = "W", sense: str = "Consommation", step: str = "") -> str:
    """An Enedis load curve: each value at the end of its period, with the offset of that moment."""
    head = CURVE_HEAD.format(first="01/01/2025", last="31/12/2025", sense=sense, unit=unit, step=step)
    return head + "".join(
        f"{datetime.fromtimestamp(end, PARIS).isoformat()};{'' if value is None else value}\n" for end, value in values
    )


def half_hours(first: str, last: str, step_s: int = 1800) -> list[int]:
    """The ends of all periods between two local moments."""
    return list(range(at(first) + step_s, at(last) + 1, step_s))


def walls(first: str, last: str, step_s: int = 1800) -> list[str]:
    """The ends of all periods between two local moments, as a clock on the wall shows them."""
    return [f"{datetime.fromtimestamp(end, PARIS):%Y-%m-%d %H:%M:%S}" for end in half_hours(first, last, step_s)]


REQUEST_HEAD = (
    "Identifiant PRM;Date de début;Date de fin;Grandeur physique;Grandeur métier;Etape métier;Unité;Horodate;Valeur;Nature;"
    "Pas;Indice de vraisemblance;Etat complémentaire\n"
)


def request(rows: Iterable[tuple[str, object]], *, step: str = "PT30M", nature: str = "B", unit: str = "W") -> str:
    """An R63: a clock's time without offset at the end of each period."""
    return REQUEST_HEAD + "".join(
        f"01234567890123;2025-01-01 00:00:00;2026-01-01 00:00:00;PA;CONS;BRUT;{unit};{wall};{value};{nature};{step};0;0\n"
        for wall, value in rows
    )


def days(first: str, count: int) -> list[datetime]:
    return [datetime.fromisoformat(first) + timedelta(days=number) for number in range(count)]


Cell = str | int | float | None
Sheets = Mapping[str, Sequence[Sequence[Cell]]]

_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def xlsx(sheets: Sheets, *, shared: bool = False, cell: str = "") -> bytes:
    """A spreadsheet as ECMA-376 asks for; `shared` keeps its texts apart, `cell` is one more cell, as XML."""
    strings: list[str] = []

    def xml(row: int, column: int, value: Cell) -> str:
        name = f"{chr(65 + column)}{row}"
        if isinstance(value, str) and shared:
            strings.append(value)
            return f'<c r="{name}" t="s"><v>{len(strings) - 1}</v></c>'
        if isinstance(value, str):
            return f'<c r="{name}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
        return f'<c r="{name}"><v>{value!r}</v></c>'

    pages = []
    for rows in sheets.values():
        body = "".join(
            f'<row r="{number}">'
            + "".join(xml(number, column, value) for column, value in enumerate(row) if value is not None)
            + "</row>"
            for number, row in enumerate(rows, 1)
        )
        pages.append(f'<?xml version="1.0"?><worksheet xmlns="{_MAIN}"><sheetData>{body}{cell}</sheetData></worksheet>')
    book = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="rId{number}"/>' for number, name in enumerate(sheets, 1)
    )
    links = "".join(
        f'<Relationship Id="rId{number}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, len(pages) + 1)
    )
    files = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{book}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f"<Relationships>{links}</Relationships>",
        **{f"xl/worksheets/sheet{number}.xml": page for number, page in enumerate(pages, 1)},
    }
    if shared:
        items = "".join(f"<si><t>{escape(text)}</t></si>" for text in strings)
        files["xl/sharedStrings.xml"] = f'<sst xmlns="{_MAIN}">{items}</sst>'
    return archive(files)


def archive(files: Mapping[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zip_file:
        for name, content in files.items():
            zip_file.writestr(name, content)
    return packed.getvalue()
