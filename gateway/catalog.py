"""The catalogue: dwelling, metering points, meters and settings in one small file replaced whole; keys in another."""

import json
import re
import threading
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Document, Table

from drivers.model import Medium
from gateway.files import remains, replace
from gateway.keys import GRANT, PORT, SECRETS_BYTES_MAX, Keys, KeysError, Plate
from gateway.model import Meter, MeteringPoint
from gateway.secret import BoxSecret

VERSION = 1
FILE_BYTES_MAX = 10_000_000
NAME_CHARACTERS_MAX = 80
ID_CHARACTERS_MAX = 40

# How a metering point that was made without asking is called until somebody renames it.
FIRST_NAMES = {
    "fr": {
        Medium.ELECTRICITY: "Électricité",
        Medium.GAS: "Gaz",
        Medium.WATER: "Eau froide",
        Medium.HOT_WATER: "Eau chaude",
        Medium.HEAT: "Chauffage",
        Medium.COOLING: "Froid",
        Medium.HEAT_COST: "Radiateur",
        Medium.OTHER: "Compteur",
    },
    "en": {
        Medium.ELECTRICITY: "Electricity",
        Medium.GAS: "Gas",
        Medium.WATER: "Cold water",
        Medium.HOT_WATER: "Hot water",
        Medium.HEAT: "Heating",
        Medium.COOLING: "Cooling",
        Medium.HEAT_COST: "Radiator",
        Medium.OTHER: "Meter",
    },
}

# A setting: at which metering point the last meter stood that is no longer asked, by its address.
LET_GO = "let go"
# Another: of each water meter that has a thermometer beside it, by their metering points (gateway/thermometers.py).
THERMOMETERS = "thermometers"

T = TypeVar("T")


class CatalogError(Exception):
    """What is wrong with a catalogue file, or with what was asked of the catalogue, in one sentence."""


@dataclass(frozen=True, slots=True)
class Dwelling:
    id: str
    name: str
    time_zone: str


class Catalog:
    """What the household has told the box. One owner; each change is on the card when its method returns.

    Reading is for any thread; writers wait for one another (an import runs beside the pages).

    A change that the card refuses (OSError) is undone here too, so what is answered is what a restart would answer.
    """

    def __init__(self, directory: Path, dwelling_name: str, time_zone: str, secret: BoxSecret) -> None:
        self._files = _File(directory / "catalog.json")
        self._writing = threading.RLock()
        self._db = TinyDB(storage=lambda: self._files)
        if self._files.read() is None:
            with self._files.one_write():
                self._db.table("catalog").insert({"version": VERSION})
                self._db.table("dwellings").insert(
                    {"id": _slug(dwelling_name) or "home", "name": dwelling_name, "time_zone": time_zone}
                )
        self._read()
        if (self.dwelling.name, self.dwelling.time_zone) != (dwelling_name, time_zone):
            self._change("dwellings", self.dwelling.id, {"name": dwelling_name, "time_zone": time_zone})
        try:
            self._keys = Keys(directory / "keys.json", secret, self.dwelling.id)
        except KeysError as error:
            raise CatalogError(str(error)) from None

    @classmethod
    def open(cls, directory: Path, dwelling_name: str, time_zone: str, secret: BoxSecret) -> "Catalog":
        """The catalogue in `directory`, made if there is none. CatalogError leaves the file as it was found.

        The name and the time zone are the configuration's, which may change them; the dwelling's id stays. The keys
        are sealed under `secret`, which is not made before there is one.
        """
        directory.mkdir(parents=True, exist_ok=True)
        return cls(directory, dwelling_name, time_zone, secret)

    @property
    def dwelling(self) -> Dwelling:
        return self._dwelling

    def points(self) -> tuple[MeteringPoint, ...]:
        """In the order of their adoption."""
        return tuple(self._points.values())

    def meters(self) -> tuple[Meter, ...]:
        return tuple(self._meters.values())

    def meter(self, address: str) -> Meter | None:
        return self._meters.get(address)

    def meter_of(self, point: str) -> Meter | None:
        """The meter that stands at the point now: of several, the newest."""
        meters = [meter for meter in self._meters.values() if meter.point == point]
        return max(reversed(meters), key=lambda meter: meter.since, default=None)

    def standing(self, point: str) -> tuple[Meter, ...]:
        """The meters that stood at the point one after the other, the present one last."""
        return tuple(sorted((m for m in self._meters.values() if m.point == point), key=lambda meter: meter.since))

    def adopt(self, address: str, name: str, medium: Medium, at: int, point: str | None = None) -> Meter:
        """The meter is ours, since `at`: at a new metering point, or at `point` when it replaces the meter there.

        An adopted address stays where it is; the name and the medium then given are its point's from now on.
        """
        with self._writing:
            return self._adopt(address, _name(name) or address, medium, at, point)

    def exchange(self, address: str, at: int, point: str) -> Meter:
        """Since `at` this meter stands at `point` in the place of the one before, with series of its own."""
        assert address not in self._meters
        with self.together():
            stand = self._new_id(point, self._points[point].medium)
            row = {"address": address, "point": point, "since": self._since(point, at), "stand": stand}
            self._db.table("meters").insert(row)
        return self._meters[address]

    def _since(self, point: str, at: int) -> int:
        """After the meters that stood there before, though the clock was ahead then, or is not known now."""
        return max([at, *(meter.since + 1 for meter in self.standing(point))])

    def take_apart(self, address: str, name: str) -> Meter:
        """It was no exchange: the meter stands at a point of its own, to which its series have belonged since."""
        meter = self._meters[address]
        if meter.stand is None:
            raise CatalogError(f"{address} did not take the place of another meter")
        with self.together():
            medium = self._points[meter.point].medium
            self._db.table("points").insert(
                {
                    "id": meter.stand,
                    "dwelling": self.dwelling.id,
                    "name": _name(name) or address,
                    "medium": medium.value,
                }
            )
            self._update("meters", "address", address, {"point": meter.stand, "stand": None})
        return self._meters[address]

    def let_go(self, address: str) -> None:
        """The meter is no longer ours, and its address may be another one's. Its point stays, with all it has said."""
        with self.together():
            point = self._meters[address].point
            self._db.table("meters").remove(cond=lambda document: document.get("address") == address)
            self.set_setting(LET_GO, {**self._let_go(), address: point})

    def point_before(self, address: str) -> MeteringPoint | None:
        """Where the meter stood, or stands, that was the last of this address."""
        meter = self._meters.get(address)
        return self._points.get(meter.point if meter is not None else str(self._let_go().get(address)))

    def _let_go(self) -> Mapping[str, object]:
        kept = self.setting(LET_GO)
        return kept if isinstance(kept, dict) else {}

    def rename(self, point: str, name: str) -> None:
        """Give a metering point another name; its id, which its series carry, stays."""
        if point not in self._points:
            raise CatalogError(f"there is no metering point {point!r}")
        if not _name(name):
            raise CatalogError(f"a name is needed for {point!r}")
        self._change("points", point, {"name": _name(name)})

    def forget_point(self, point: str) -> None:
        """A metering point that was made for files, and the name its meter had for them, are no longer there."""
        with self.together():
            self._db.table("points").remove(cond=lambda document: document.get("id") == point)
            self._db.table("meters").remove(cond=lambda document: document.get("point") == point)
            kept = self.setting(THERMOMETERS)
            if isinstance(kept, dict):  # another point may have this id one day
                stay = {meter: of for meter, of in kept.items() if meter != point and list(of)[:1] != [point]}
                self.set_setting(THERMOMETERS, stay or None)

    def setting(self, name: str) -> object | None:
        """A JSON value that `set_setting` was given, or None."""
        return self._settings.get(name)

    def set_setting(self, name: str, value: object | None) -> None:
        """Keep a JSON value under a name; None forgets it."""
        with self.together():
            self._put(self._db.table("settings"), "name", name, {} if value is None else {"value": value})

    @property
    def keys_trouble(self) -> str | None:
        """Why keys that are kept cannot be read, or lie open, in one sentence, or None."""
        return self._keys.trouble

    def seal_keys(self) -> None:
        """Seal keys that an older program left in clear."""
        with self._writing:
            self._keys.seal()

    def key(self, address: str) -> bytes | None:
        """The meter's own key, else the one that a key file gave for a plate like its own."""
        return self._keys.of(address)

    def key_of(self, meter: str | Plate) -> bytes | None:
        """The key that was kept for exactly this address or plate."""
        return self._keys.get(meter)

    def plates(self, id_: str) -> tuple[Plate, ...]:
        """The plates of this number that a key is kept for."""
        return self._keys.plates(id_)

    def set_key(self, address: str, key: bytes | None) -> None:
        """Keep a meter's key, or forget it. It goes sealed into its own file; KeysError where it cannot be sealed."""
        self.set_keys({address: key})

    def set_keys(self, keys: Mapping[str | Plate, bytes | None]) -> None:
        """Keep all of these keys, for addresses and for plates, or none of them."""
        with self._writing:
            self._keys.put(keys)

    def password(self, port: str) -> str | None:
        """What was typed for what this port asks."""
        kept = self._keys.get(PORT + port)
        return None if kept is None else kept.decode()

    def set_password(self, port: str, password: str | None) -> None:
        """Keep a port's password, or forget it, sealed as keys are; KeysError where it cannot be sealed."""
        with self._writing:
            self._keys.put({PORT + port: None if password is None else password.encode()})

    def secrets(self, grant: str) -> dict[str, str]:
        """What opens the target of this grant."""
        kept = self._keys.get(GRANT + grant)
        return {} if kept is None else json.loads(kept)

    def set_secrets(self, grant: str, secrets: Mapping[str, str] | None) -> None:
        """Keep what opens a grant's target, or forget it, sealed as keys are; KeysError where it cannot be sealed."""
        kept = json.dumps(dict(secrets)).encode() if secrets else None
        if kept is not None and len(kept) > SECRETS_BYTES_MAX:
            raise KeysError(f"what opens a target has {SECRETS_BYTES_MAX} bytes at most")
        with self._writing:
            self._keys.put({GRANT + grant: kept})

    def forget_secrets(self, but: Collection[str]) -> None:
        """Of no other grants than these is anything kept."""
        orphans = [name for name in self._keys.names(GRANT) if name.removeprefix(GRANT) not in but]
        if orphans:
            with self._writing:
                self._keys.put(dict.fromkeys(orphans))

    def _adopt(self, address: str, name: str, medium: Medium, at: int, point: str | None) -> Meter:
        known = self._meters.get(address)
        if known is not None and point not in {None, known.point}:
            raise CatalogError(f"{address} already stands at {known.point!r}, not at {point!r}")
        there = known.point if known is not None else point
        if there is not None and there not in self._points:
            raise CatalogError(f"there is no metering point {there!r}")
        with self.together():
            if there is not None:
                medium = self._points[there].medium if medium is Medium.OTHER else medium
                self._update("points", "id", there, {"name": name, "medium": medium.value})
            else:
                there = self._new_id(name, medium)
                self._db.table("points").insert(
                    {"id": there, "dwelling": self.dwelling.id, "name": name, "medium": medium.value}
                )
            if known is None:
                self._db.table("meters").insert({"address": address, "point": there, "since": self._since(there, at)})
        return self._meters[address]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Changes within are on the card as one, or none of them is: OSError, and nothing has changed."""
        with self._writing:
            try:
                with self._files.one_write():
                    yield
            finally:
                self._read()

    def _change(self, table: str, id_: str, fields: Mapping[str, object]) -> None:
        with self.together():
            self._update(table, "id", id_, fields)

    def _update(self, table: str, name: str, value: str, fields: Mapping[str, object]) -> None:
        self._db.table(table).update(fields, cond=lambda document: document.get(name) == value)

    def _put(self, table: Table, name: str, value: str, fields: Mapping[str, object]) -> None:
        """Replace the dwelling's document of that name by one with `fields`, or by none if there are no fields."""
        mine = {name: value, "dwelling": self.dwelling.id}
        table.remove(cond=lambda document: mine.items() <= document.items())
        if fields:
            table.insert({**mine, **fields})

    def _new_id(self, name: str, medium: Medium) -> str:
        first = _slug(name) or _slug(medium)
        taken = {_text(document, "id") for document in self._db.table("points")}
        taken |= {stand for document in self._db.table("meters") if (stand := _stand(document)) is not None}
        number, candidate = 1, first
        while candidate in taken:
            number += 1
            candidate = f"{first}-{number}"
        return candidate

    def _read(self) -> None:
        with self._files.checked():
            version = _integer(self._db.table("catalog").all()[0], "version")
            if version != VERSION:
                raise ValueError(f"its version is {version}, and this program knows {VERSION}")
            home = self._db.table("dwellings").all()[0]
            dwelling = Dwelling(_text(home, "id"), _text(home, "name"), _text(home, "time_zone"))
            points = {
                _text(document, "id"): MeteringPoint(
                    _text(document, "id"), dwelling.id, _text(document, "name"), Medium(_text(document, "medium"))
                )
                for document in self._db.table("points")
                if _text(document, "dwelling") == dwelling.id
            }
            meters = {
                _text(document, "address"): Meter(
                    _text(document, "address"), _text(document, "point"), _integer(document, "since"), _stand(document)
                )
                for document in self._db.table("meters")
                if _text(document, "point") in points
            }
            settings: dict[str, object] = {
                _text(document, "name"): document["value"]
                for document in self._db.table("settings")
                if _text(document, "dwelling") == dwelling.id
            }
        self._dwelling, self._points, self._meters, self._settings = dwelling, points, meters, settings


class _File(Storage):
    """A JSON file that is replaced whole: after a kill or a power cut it is the one before or the one after.

    TinyDB writes at each insert; here its writes wait until `one_write` ends, so that a meter never reaches the card
    without its point.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text: str | None = None
        self._open = False
        try:
            remains(path).unlink(missing_ok=True)
            if path.stat().st_size > FILE_BYTES_MAX:
                raise CatalogError(f"{path}: at most {FILE_BYTES_MAX} bytes are read, and it is longer")
            self._text = path.read_text(encoding="utf-8")
            path.chmod(0o600)
        except FileNotFoundError:
            return
        except OSError as error:
            raise CatalogError(f"{path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CatalogError(f"{path}: is no UTF-8 text") from None
        with self.checked():
            _check_tables(json.loads(self._text))

    def read(self) -> dict[str, dict[str, object]] | None:
        return None if self._text is None else json.loads(self._text)

    def write(self, data: Mapping[str, Mapping[str, object]]) -> None:
        assert self._open
        self._text = json.dumps(data, ensure_ascii=False, indent=1)

    @contextmanager
    def one_write(self) -> Iterator[None]:
        """One within another is part of it."""
        if self._open:
            yield
            return
        before = self._text
        self._open = True
        try:
            yield
            if self._text is not None and self._text != before:
                replace(self._path, self._text.encode())
        except BaseException:
            self._text = before
            raise
        finally:
            self._open = False

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Whatever the content is not, said in one sentence."""
        try:
            yield
        except json.JSONDecodeError as error:
            raise CatalogError(f"{self._path}: is no JSON from line {error.lineno} on") from None
        except (RecursionError, KeyError, IndexError):
            raise CatalogError(f"{self._path}: something that every catalogue has is missing") from None
        except ValueError as error:
            raise CatalogError(f"{self._path}: {error}") from None


def _check_tables(content: object) -> None:
    if not isinstance(content, dict):
        raise ValueError("tables are needed")
    for name, table in content.items():
        if not isinstance(table, dict) or not all(
            re.fullmatch(r"[0-9]{1,9}", id_) and isinstance(document, dict) for id_, document in table.items()
        ):
            raise ValueError(f"{name!r} is no table of documents")


def _text(document: Document, name: str) -> str:
    return _of(document, name, str)


def _integer(document: Document, name: str) -> int:
    return _of(document, name, int)


def _stand(document: Document) -> str | None:
    return None if document.get("stand") is None else _text(document, "stand")


def _of(document: Document, name: str, type_: type[T]) -> T:
    value = document.get(name)
    if type(value) is not type_:
        raise ValueError(f"document {document.doc_id} has no good {name!r}")
    return value


def _name(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable()).strip()[:NAME_CHARACTERS_MAX]


def _slug(text: str) -> str:
    """Lower-case ASCII words joined by hyphens: what is in every series' name and in every exported file."""
    letters = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe").replace("æ", "ae"))
    ascii_ = letters.encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_)[:ID_CHARACTERS_MAX].strip("-")
