"""The signed update file: what lies in it, and whether it may be believed. Pure over a stream of bytes (docs/updates.md).

    releve-update 1                       the format
    128 hex digits                        Ed25519 over the first line, its end included, and the third, its end not
    {"product": "releve", ...}            the manifest, one line of JSON
    the parts, one behind the other       in the manifest's order; nothing after them

Anybody may have made it: nothing of the manifest is looked at before the signature was found good, and no part is
called whole before its SHA-256 was.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Protocol

FORMAT = b"releve-update 1\n"
PRODUCT = "releve"
FILE_BYTES_MAX = 600_000_000
MANIFEST_BYTES_MAX = 65_536
PARTS_MAX = 400
SCHEMAS_MAX = 40
SIGNATURE_HEX = re.compile(rb"[0-9a-f]{128}\n")  # one way to write each, so that no changed file is a good one
KEY_HEX = re.compile(rb"[0-9a-f]{64}\s*")
KEY_FILE_BYTES_MAX = 1000
PIECE_BYTES = 1 << 20
APP_ALIGN_BYTES = 4096  # the app's part is mounted where it lies

_ANY_FORMAT = re.compile(rb"releve-update [0-9]{1,9}\n")
_VERSION = re.compile(r"(?:0|[1-9][0-9]{0,4})(?:\.(?:0|[1-9][0-9]{0,4})){1,3}")
_PYTHON = re.compile(r"3\.[1-9][0-9]?")
_WORD = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SEGMENT = r"[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,98}[A-Za-z0-9_+-])?"
_BOOT = re.compile(rf"boot/(?:{_SEGMENT}/){{0,3}}{_SEGMENT}")
_BOOT_NEEDED = ("boot/linux", "boot/initrd")


class Kind(StrEnum):
    APP = "app"
    SYSTEM = "system"


class Refused(Exception):  # noqa: N818  an answer, and no fault of the program
    """Why an update is not taken: one sentence in English, and for pages a `code` with `fields`."""

    def __init__(self, code: str, why: str, **fields: str | int) -> None:
        super().__init__(why)
        self.code = code
        self.fields: Mapping[str, str | int] = fields


@dataclass(frozen=True, slots=True)
class Part:
    """`name`: "app", "root", or "boot/..." as the boot partition has it. `sha256`: 64 hex digits."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file is for. `python`: the one it was built for; `base`: the least system version an app runs on."""

    kind: Kind
    version: str
    made: datetime
    arch: str
    python: str
    base: str
    schemas: Mapping[str, int]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """A file whose head was found good; `head`: its three lines, as they are."""

    manifest: Manifest
    head: bytes

    @property
    def bytes(self) -> int:
        """Of the whole file."""
        return len(self.head) + sum(part.bytes for part in self.manifest.parts)

    def places(self) -> Iterator[tuple[Part, int]]:
        """Each part, and at which byte of the file it begins."""
        at = len(self.head)
        for part in self.manifest.parts:
            yield part, at
            at += part.bytes


class Sink(Protocol):
    """Where parts go, one after the other. `end` is called only for one that was whole and as the manifest says."""

    def begin(self, part: Part) -> None: ...
    def write(self, data: bytes) -> None: ...
    def end(self, part: Part) -> None: ...


def ordered(version: str) -> tuple[int, ...]:
    """A version as it is compared: 0.10 comes after 0.9, and 1.0 is 1.0.0. ValueError: it is none."""
    if not _VERSION.fullmatch(version):
        raise ValueError(f"a version such as 0.2.0 is needed, not {version!r}")
    numbers = [int(number) for number in version.split(".")]
    return tuple(numbers + [0] * (4 - len(numbers)))


def keys(folder: Path) -> tuple[bytes, ...]:
    """The public keys that updates are signed with: each `*.pub` holds 64 hex digits, others are none."""
    found = []
    for path in sorted(folder.glob("*.pub")):
        with path.open("rb") as stream:
            said = stream.read(KEY_FILE_BYTES_MAX)
        if KEY_HEX.fullmatch(said):
            found.append(bytes.fromhex(said.decode()))
    return tuple(found)


def head(stream: IO[bytes], known: Iterable[bytes]) -> Update:
    """What the file says it is, signed by one of the keys `known`; the stream stands before the parts then. Refused else."""
    first = stream.readline(len(FORMAT) + 10)
    if first != FORMAT:
        if _ANY_FORMAT.fullmatch(first):
            raise Refused("format", "this update file is of a format that a newer Relevé made; update in between first")
        if first and FORMAT.startswith(first):
            raise _cut()
        raise Refused("not-update", "this is no update file of Relevé: its first line is not 'releve-update 1'")
    second = stream.readline(130)
    if not SIGNATURE_HEX.fullmatch(second):
        raise _cut() if not second.endswith(b"\n") and len(second) < 129 else _unsigned()
    third = stream.readline(MANIFEST_BYTES_MAX + 1)
    if not third.endswith(b"\n"):
        raise _cut() if len(third) <= MANIFEST_BYTES_MAX else _unsigned()
    _check_signature(first + third[:-1], bytes.fromhex(second[:-1].decode()), tuple(known))
    manifest = _manifest(third)
    update = Update(manifest, first + second + third)
    if update.bytes > FILE_BYTES_MAX:
        raise _wrong("its parts are larger than an update may be")
    if manifest.kind is Kind.APP and len(update.head) % APP_ALIGN_BYTES:
        raise _wrong(f"the app does not begin at a multiple of {APP_ALIGN_BYTES} bytes")
    return update


def parts(stream: IO[bytes], update: Update, sink: Sink | None = None) -> None:
    """Read all parts behind the head, into `sink` where there is one; Refused at the first that is not as it was signed."""
    for part in update.manifest.parts:
        if sink is not None:
            sink.begin(part)
        digest = hashlib.sha256()
        left = part.bytes
        while left:
            piece = stream.read(min(left, PIECE_BYTES))
            if not piece:
                raise _cut()
            left -= len(piece)
            digest.update(piece)
            if sink is not None:
                sink.write(piece)
        if digest.hexdigest() != part.sha256:
            raise Refused(
                "changed", f"the update file is damaged: its part '{part.name}' is not what was signed", part=part.name
            )
        if sink is not None:
            sink.end(part)
    if stream.read(1):
        raise Refused("too-long", "the update file is damaged: more bytes follow its last part")


def verified(stream: IO[bytes], known: Iterable[bytes]) -> Update:
    """The whole file, read to its end and found as it was signed. Refused else."""
    update = head(stream, known)
    parts(stream, update)
    return update


def _cut() -> Refused:
    return Refused("truncated", "the update file is cut short: it was not copied whole")


def _unsigned() -> Refused:
    return Refused(
        "signature", "the update file is not signed by a key that this box knows, or it was changed since it was signed"
    )


def _wrong(what: str) -> Refused:
    return Refused("manifest", f"the update file is signed, but not as this box understands it: {what}", what=what)


def _check_signature(said: bytes, signature: bytes, known: tuple[bytes, ...]) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if not known:
        raise Refused("no-keys", "this box has no key by which an update could be known to be a good one")
    for key in known:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, said)
        except (InvalidSignature, ValueError):
            continue
        return
    raise _unsigned()


def _manifest(line: bytes) -> Manifest:
    """Of a line that was signed. Fields that are not known are left aside: a later maker may add some."""
    try:
        said = json.loads(line.decode(), object_pairs_hook=_once, parse_constant=_no_number, parse_float=_no_number)
    except (ValueError, RecursionError):
        raise _wrong("its manifest is no JSON of whole numbers and names that come once") from None
    if not isinstance(said, dict):
        raise _wrong("its manifest is no JSON object")
    product = _text(said, "product", _WORD)
    if product != PRODUCT:
        raise Refused("product", f"this update is for '{product}', not for Relevé", product=product)
    kind = _text(said, "kind", _WORD)
    if kind not in list(Kind):
        raise _wrong("kind: app or system is needed")
    version, base = _text(said, "version", _VERSION), _text(said, "base", _VERSION)
    return Manifest(
        Kind(kind),
        version,
        _made(said),
        _text(said, "arch", _WORD),
        _text(said, "python", _PYTHON),
        base,
        _schemas(said),
        _parts(said, Kind(kind)),
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _no_number(said: str) -> Any:
    raise ValueError(f"{said} is no whole number")


def _text(said: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    found = said.get(name)
    if not isinstance(found, str) or not form.fullmatch(found):
        raise _wrong(f"{name}: missing, or not of the form that is needed")
    return found


def _made(said: dict[str, Any]) -> datetime:
    try:
        return datetime.strptime(said.get("made", ""), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (TypeError, ValueError):
        raise _wrong("made: a time such as 2026-11-27T10:00:00Z is needed") from None


def _schemas(said: dict[str, Any]) -> Mapping[str, int]:
    found = said.get("schemas")
    if not isinstance(found, dict) or len(found) > SCHEMAS_MAX:
        raise _wrong("schemas: numbers by name are needed")
    for name, number in found.items():
        if not _WORD.fullmatch(name) or type(number) is not int or not 0 <= number < 1_000_000:
            raise _wrong("schemas: numbers by name are needed")
    return found


def _parts(said: dict[str, Any], kind: Kind) -> tuple[Part, ...]:
    listed = said.get("parts")
    if not isinstance(listed, list) or not 0 < len(listed) <= PARTS_MAX:
        raise _wrong(f"parts: a list of 1 to {PARTS_MAX} is needed")
    found = tuple(_part(each) for each in listed)
    names = [part.name for part in found]
    if kind is Kind.APP:
        if names != ["app"]:
            raise _wrong("parts: an app has one, 'app'")
        return found
    if names[0] != "root" or not all(_BOOT.fullmatch(name) for name in names[1:]):
        raise _wrong("parts: a system has 'root', then 'boot/...'")
    if not set(_BOOT_NEEDED) <= set(names):
        raise _wrong("parts: a system has 'boot/linux' and 'boot/initrd'")
    # FAT knows no case, and a file is no folder.
    folded = {name.lower() for name in names}
    folders = {str(folder) for name in folded for folder in Path(name).parents}
    if len(folded) != len(names) or folded & folders:
        raise _wrong("parts: two would lie at one place")
    return found


def _part(said: object) -> Part:
    if not isinstance(said, dict):
        raise _wrong("parts: each needs name, bytes and sha256")
    name, size = said.get("name"), said.get("bytes")
    if not isinstance(name, str) or not (name in {"app", "root"} or _BOOT.fullmatch(name)):
        raise _wrong("parts: a name is 'app', 'root' or 'boot/...'")
    if type(size) is not int or not 0 < size <= FILE_BYTES_MAX:
        raise _wrong(f"parts: bytes are 1 to {FILE_BYTES_MAX}")
    return Part(name, size, _text(said, "sha256", _SHA256))
