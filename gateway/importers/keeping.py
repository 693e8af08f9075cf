"""The keys of a file into the catalogue: which meter each is for, what is kept, what is refused and why."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.catalog import Catalog
from gateway.importers.keyfile import REFUSALS_NAMED_MAX, KeyFile, KeyRow, Refusal, Unit, Why, sentence
from gateway.keys import ADDRESS, Plate


@dataclass(slots=True)
class KeyReport:
    """What became of a file. `mine` and `heard` are the addresses of meters that a key of it is for.

    `read` are the metering points whose meter is read with its key now; only a running gateway can tell.
    """

    unit: Unit
    kept: int = 0
    new: int = 0
    mine: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For the command line and the socket."""
        refused = [
            f"{self.unit} {refusal.place}: {sentence(refusal.why, refusal.n)}"
            for refusal in self.refusals[:REFUSALS_NAMED_MAX]
        ]
        if len(self.refusals) > len(refused):
            refused.append(f"and {len(self.refusals) - len(refused)} more")
        return {
            "kept": self.kept,
            "new": self.new,
            "mine": self.mine,
            "heard": self.heard,
            "read": self.read,
            "rows_refused": len(self.refusals),
            "refused": refused,
        }


def keep(
    file: KeyFile,
    catalog: Catalog,
    *,
    heard: Iterable[str] = (),
    present: Callable[[str], bytes | None],
    doubted: Callable[[str], bool] = lambda address: False,
) -> KeyReport:
    """Keep the good rows, all in one write, for the house's own meters and for those that may become its own.

    `present` gives the key that a meter is read with; it is replaced only where it is `doubted`. Doing it again is
    harmless. KeysError when nothing can be kept.
    """
    chosen = _Chosen(file, catalog, present, doubted)
    for row in file.rows:
        chosen.choose(row)
    catalog.set_keys(chosen.keys)
    report = chosen.report
    ids = chosen.by_number.keys()
    report.heard = [
        address
        for address in heard
        if (found := ADDRESS.fullmatch(address)) is not None
        and found[2].lower() in ids
        and any(plate.fits(address) for plate in chosen.by_number[found[2].lower()])
    ]
    report.refusals.sort(key=lambda refusal: refusal.place)
    return report


class _Chosen:
    """The keys of a file that are to be kept, each for an address of ours or for a plate."""

    def __init__(
        self,
        file: KeyFile,
        catalog: Catalog,
        present: Callable[[str], bytes | None],
        doubted: Callable[[str], bool],
    ) -> None:
        self.report = KeyReport(file.unit, refusals=list(file.refusals))
        self.keys: dict[str | Plate, bytes | None] = {}
        self.by_number: dict[str, list[Plate]] = {}
        self._places: dict[str | Plate, int] = {}
        self._catalog = catalog
        self._present = present
        self._doubted = doubted
        self._mine = _by_number(meter.address for meter in catalog.meters())

    def choose(self, row: KeyRow) -> None:
        mine = {address for plate in row.plates for address in self._mine.get(plate.id, ()) if plate.fits(address)}
        if len(mine) > 1:
            self._refuse(row, Why.METERS, len(mine))
            return
        targets = tuple(mine) or row.plates
        for target in targets:
            if self.keys.get(target, row.key) != row.key:
                self._refuse(row, Why.TWICE, self._places[target])
                return
            if isinstance(target, Plate) and self._unclear(target, row.key):
                self._refuse(row, Why.UNCLEAR)
                return
            if isinstance(target, str) and self._present(target) not in (None, row.key) and not self._doubted(target):
                self._refuse(row, Why.OTHER_KEY)
                return
        self.report.kept += 1
        self.report.new += any(self._now(target) != row.key for target in targets if target not in self.keys)
        for target in targets:
            if target not in self.keys:
                self._places[target] = row.place
                if isinstance(target, Plate):
                    self.by_number.setdefault(target.id, []).append(target)
                else:
                    self.report.mine.append(target)
            self.keys[target] = row.key

    def _now(self, target: str | Plate) -> bytes | None:
        return self._present(target) if isinstance(target, str) else self._catalog.key_of(target)

    def _unclear(self, plate: Plate, key: bytes) -> bool:
        """Whether another plate says as much and may be the same meter's, with another key."""
        others = {other: self._catalog.key_of(other) for other in self._catalog.plates(plate.id)}
        others |= {other: self.keys[other] for other in self.by_number.get(plate.id, ())}
        return any(
            other != plate and other.parts == plate.parts and kept != key and _may_be_one(other, plate)
            for other, kept in others.items()
        )

    def _refuse(self, row: KeyRow, why: Why, n: int = 0) -> None:
        self.report.refusals.append(Refusal(row.place, why, n))


def _by_number(addresses: Iterable[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for address in addresses:
        if (parts := ADDRESS.fullmatch(address)) is not None:
            found.setdefault(parts[2].lower(), []).append(address)
    return found


def _may_be_one(a: Plate, b: Plate) -> bool:
    return all(not x or not y or x == y for x, y in ((a.maker, b.maker), (a.version, b.version), (a.type, b.type)))
