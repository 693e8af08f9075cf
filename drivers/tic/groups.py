"""One group of a TIC frame: checked against its checksum and its row of the label table."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from drivers.model import DecodeError
from drivers.tic.labels import HISTORIQUE, STANDARD, Label, Mode

# historique   label SP data SP C                     C: sum of label SP data
# standard     label HT data HT C                     C: sum of label HT data HT
#              label HT horodate HT data HT C            sum of label HT horodate HT data HT
# C keeps the 6 low bits of the sum, plus 20h: 20h..5Fh, so it may be a space and no line is ever stripped.

# S YY MM DD hh mm ss: local legal time; h and e say that the clock is degraded, a space that no season applies.
HORODATE_WIDTH = 13
_SEASONS = b"HEhe "
_UTC_OFFSET = {"H": timedelta(hours=1), "E": timedelta(hours=2)}

_HISTORIQUE = {label.name.encode(): label for label in HISTORIQUE}
_STANDARD = {label.name.encode(): label for label in STANDARD}


class Group(NamedTuple):
    """One good group, its fields as sent. A tuple, as a Linky sends 42 a second and a Pi is slow at dataclasses."""

    mode: Mode
    label: Label
    data: str
    horodate: str | None


def read_groups(data: bytes) -> tuple[list[Group], list[DecodeError]]:
    """The good groups of a frame in their order, and what was refused. Any run of CR and LF parts two groups."""
    good: list[Group] = []
    bad: list[DecodeError] = []
    for line in data.splitlines():
        if line:
            group = read_group(line)
            if isinstance(group, Group):
                good.append(group)
            else:
                bad.append(group)
    return good, bad


def read_group(line: bytes) -> Group | DecodeError:
    """A group without its LF and CR; the separator tells the mode."""
    return _read_standard(line) if b"\t" in line else _read_historique(line)


def checksum(summed: bytes) -> int:
    """The character that ends a group (Enedis-NOI-CPT_54E, checksum; ERDF-NOI-CPT_02E, the same)."""
    return (sum(summed) & 0x3F) + 0x20


def utc(horodate: str) -> datetime | None:
    """When the meter says it was, None if its clock is degraded or no season is told.

    The season letter is the offset in mainland France, so the hour that comes twice in October is never ambiguous.
    """
    offset = _UTC_OFFSET.get(horodate[0])
    return None if offset is None else _as_written(horodate).replace(tzinfo=UTC) - offset


def local_text(horodate: str) -> str | None:
    """The local time as written, for what has no season letter; None where it holds no date (all zeros)."""
    try:
        return _as_written(horodate).isoformat()
    except ValueError:
        return None


def _read_standard(line: bytes) -> Group | DecodeError:
    name, *fields = line.split(b"\t")
    label = _STANDARD.get(name)
    if label is None:
        return _unknown(name, Mode.STANDARD, line)
    if len(fields) != (3 if label.horodate else 2) or len(fields[-1]) != 1:
        return _fault(label, f"{len(fields) + 1} fields, not {4 if label.horodate else 3}", line)
    if checksum(line[:-1]) != line[-1]:
        return _fault(label, f"checksum {fields[-1]!r}, not {bytes([checksum(line[:-1])])!r}", line)
    data = fields[-2]
    if len(data) != label.width or data.strip(label.chars):
        return _bad_data(label, data, line)
    if not label.horodate:
        return Group(Mode.STANDARD, label, data.decode("ascii"), None)
    if not _is_horodate(fields[0]):
        return _fault(label, f"horodate {fields[0]!r}, not SYYMMDDhhmmss", line)
    return Group(Mode.STANDARD, label, data.decode("ascii"), fields[0].decode("ascii"))


def _read_historique(line: bytes) -> Group | DecodeError:
    name, separator, data = line[:-2].partition(b" ")
    label = _HISTORIQUE.get(name)
    if label is None:
        return _unknown(name, Mode.HISTORIQUE, line)
    if not separator or line[-2:-1] != b" ":
        return _fault(label, "not label, data and checksum", line)
    if checksum(line[:-2]) != line[-1]:
        return _fault(label, f"checksum {line[-1:]!r}, not {bytes([checksum(line[:-2])])!r}", line)
    if len(data) != label.width or data.strip(label.chars):
        return _bad_data(label, data, line)
    return Group(Mode.HISTORIQUE, label, data.decode("ascii"), None)


def _is_horodate(field: bytes) -> bool:
    if len(field) != HORODATE_WIDTH or field[0] not in _SEASONS or not field[1:].isdigit():
        return False
    return field[:1] == b" " or local_text(field.decode("ascii")) is not None


def _as_written(horodate: str) -> datetime:
    return datetime.fromisoformat(f"20{horodate[1:7]}T{horodate[7:]}")


def _unknown(name: bytes, mode: Mode, line: bytes) -> DecodeError:
    return DecodeError(f"tic: {name[:16]!r} is not a label of the {mode} mode", line)


def _bad_data(label: Label, data: bytes, line: bytes) -> DecodeError:
    if len(data) != label.width:
        return _fault(label, f"{len(data)} characters, not {label.width}", line)
    return _fault(label, f"character {data.strip(label.chars)[:1]!r} does not belong there", line)


def _fault(label: Label, what: str, line: bytes) -> DecodeError:
    # A label without quantity is an identity: its digits go into no fault that a page or a log may show.
    return DecodeError(f"tic: {label.name}: {what}", b"" if label.name == "PRM" else line)
