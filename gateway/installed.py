"""The ports and meters that a page added, kept in the catalogue in the words of the configuration file."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

from gateway.catalog import Catalog
from gateway.config import Config, ConfigError, Meter, Port, extend

# These addresses say where a meter is, not which one: what stands there next may be another.
PLACE = re.compile(r"modbus:.*|thing:generic/.*|mbus:[0-9]{1,3}")

SETTING = "installed"
KINDS = ("port", "meter")
ADDED_MAX = 500  # ports and meters each: a stairwell of them

Table = Mapping[str, object]
Faults = Callable[[Sequence[Port], Sequence[Meter]], Sequence[str]]
T = TypeVar("T")


def yield_to_file(config: Config, catalog: Catalog) -> tuple[str, ...]:
    """Where the file `config` names a meter at the place of one that a page added, that one is the page's no longer.

    Of another name, it is another meter, with a metering point of its own: a sentence for each.
    """
    named = {meter.address: meter.name for meter in config.meters}
    tables = [table for table in _tables(catalog, "meter") if place(table) in named]
    if not tables:
        return ()
    with catalog.together():
        remove(catalog, meters=[str(table["name"]) for table in tables])
        for table in tables:
            address = place(table)
            if PLACE.fullmatch(address) and named[address] != table["name"] and catalog.meter(address):
                catalog.let_go(address)
    return tuple(
        f"{table['name']}, added on a page, is asked no longer: the file names {named[place(table)]} at its place"
        for table in tables
        if named[place(table)] != table["name"]
    )


def with_added(config: Config, catalog: Catalog, faults: Faults) -> tuple[Config, tuple[str, ...]]:
    """`config` with all that pages added; what no longer goes with it is left out, and said in a sentence each.

    It stays in the catalogue: a file that is put right again brings it back. `faults` are those that only drivers know.
    """
    said: list[str] = []
    left_out: set[object] = set()  # ports; a meter on one is not to be asked on another one of its name
    for kind in KINDS:
        for table in _tables(catalog, kind):
            found: Sequence[str] = ()
            if kind == "meter" and table.get("port") in left_out:
                found = [f"its port {table['port']!r} is another one now"]
            else:
                try:
                    config = check(config, faults, **{f"{kind}s": [table]})
                except ConfigError as error:
                    found = error.faults
            if found and kind == "port":
                left_out.add(table.get("name"))
            said += [f"{table.get('name')}, added on a page, is not in use: {fault}" for fault in found]
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


def place(table: Table) -> str:
    """The address of a meter that a page added, whether or not it is in use."""
    if "address" in table:
        return str(table["address"])
    if "topic" in table:
        return f"thing:generic/{table['topic']}"
    return f"modbus:{table.get('port')}/{table.get('unit')}"


def meters(catalog: Catalog) -> Sequence[Table]:
    """All meters that pages added, those that are not in use too."""
    return _tables(catalog, "meter")


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
