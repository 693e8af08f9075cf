"""The ports and meters that a page added, kept in the catalogue in the words of the configuration file."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

from gateway.catalog import Catalog
from gateway.config import Config, ConfigError, Meter, Port, extend

SETTING = "installed"
KINDS = ("port", "meter")
ADDED_MAX = 500  # ports and meters each: a stairwell of them

Table = Mapping[str, object]
Faults = Callable[[Sequence[Port], Sequence[Meter]], Sequence[str]]
T = TypeVar("T")


def with_added(config: Config, catalog: Catalog, faults: Faults) -> tuple[Config, tuple[str, ...]]:
    """`config` with all that pages added; what no longer goes with it is left out, and said in a sentence each.

    It stays in the catalogue: a file that is put right again brings it back. `faults` are those that only drivers know.
    """
    said: list[str] = []
    for kind in KINDS:
        for table in _tables(catalog, kind):
            try:
                config = check(config, faults, **{f"{kind}s": [table]})
            except ConfigError as error:
                said += [f"{table.get('name')}, added on a page, is not in use: {fault}" for fault in error.faults]
    return config, tuple(said)


def add(catalog: Catalog, *, ports: Sequence[Table] = (), meters: Sequence[Table] = ()) -> None:
    """The catalogue keeps these, which `check` has taken; ConfigError, and nothing kept, where they are too many."""
    kept = {"port": [*_tables(catalog, "port"), *ports], "meter": [*_tables(catalog, "meter"), *meters]}
    for kind, tables in kept.items():
        if len(tables) > ADDED_MAX:
            raise ConfigError([f"{kind}: at most {ADDED_MAX} are added on pages"])
    catalog.set_setting(SETTING, kept)


def check(config: Config, faults: Faults, *, ports: Sequence[Table] = (), meters: Sequence[Table] = ()) -> Config:
    """`config` with these as well; ConfigError where they do not fit."""
    extended = extend(config, {"port": list(ports), "meter": list(meters)})
    if found := faults(extended.ports[len(config.ports) :], extended.meters[len(config.meters) :]):
        raise ConfigError(found)
    return extended


def remove(catalog: Catalog, *, ports: Sequence[str] = (), meters: Sequence[str] = ()) -> None:
    """Forget what was added under these names; what the configuration file names is not touched."""
    catalog.set_setting(
        SETTING,
        {
            "port": [table for table in _tables(catalog, "port") if table.get("name") not in ports],
            "meter": [table for table in _tables(catalog, "meter") if table.get("name") not in meters],
        },
    )


def names(catalog: Catalog, kind: str) -> tuple[str, ...]:
    """What the ports, or the meters, that pages added are called."""
    return tuple(str(table.get("name")) for table in _tables(catalog, kind))


def _tables(catalog: Catalog, kind: str) -> list[dict[str, object]]:
    kept = catalog.setting(SETTING)
    tables = kept.get(kind, []) if isinstance(kept, dict) else []
    return [cast("dict[str, object]", table) for table in tables if isinstance(table, dict)]
