"""`releve import`: files of the past into the house, whether the gateway runs or not; the list of them, and taking one back."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from gateway.trouble import Trouble

if TYPE_CHECKING:
    from gateway.config import Config

# What a table that nobody knows needs to be told, in the words of gateway/importers/holders/table.py.
FIELDS = {
    "time": "column of the time, by its number from 1 or its name",
    "dates": "how times are written: offset, dmy, ymd, mdy, sheet (a spreadsheet's days), epoch (seconds since 1970)",
    "clock": "whose clock times without offset are: local, utc",
    "value": "column of the value",
    "decimal": "decimal sign: , or .",
    "unit": "Wh, kWh, MWh, W, kW, L, m3",
    "what": "index (what the meter shows), amount (what was taken), power (mean power)",
    "each": "how long a row's period is: step (as far apart as the rows), day, month",
    "stamp": "which end of its period a time is: start, end",
    "medium": "electricity, gas, water, hot_water, heat, cooling",
    "only": "of a table of several counters, which one",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="docs/import.md says which files are known")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--dry-run", action="store_true", help="say what would come of it, and keep nothing")
    parser.add_argument("--point", metavar="NAME", help="the metering point that a company's files are of")
    parser.add_argument(
        "--same-home", action="store_true", help="the meter of this home has another number than in earlier files"
    )
    parser.add_argument("--list", action="store_true", help="what was brought in")
    parser.add_argument("--undo", type=int, metavar="ID", help="take an import back, whole")
    parser.set_defaults(wrong_use=parser.error)
    table = parser.add_argument_group("of a table that nobody knows")
    for name, what in FIELDS.items():
        table.add_argument(f"--{name}", metavar="X", help=what)


def check_use(options: argparse.Namespace) -> None:
    """End with "wrong use" where nothing was asked for."""
    if not options.files and not options.list and options.undo is None:
        options.wrong_use("name at least one file")


def run(options: argparse.Namespace, config: "Config", say: Callable[[str], None]) -> int:
    """The exit status: 0, or 1 if anything was refused."""
    if options.undo is not None:
        return _undo(options, config, say)
    if options.list:
        return _list(options, config, say)
    for path in options.files:
        if not path.is_file():
            raise Trouble(f"{path}: no such file")
    from gateway.importers.rows import is_ours

    ours = [path for path in options.files if is_ours(path)]
    others = [path for path in options.files if path not in ours]
    refused = _ours(ours, options, config, say) if ours else 0
    return 1 if refused + (_others(others, options, config, say) if others else 0) else 0


def _ours(paths: list[Path], options: argparse.Namespace, config: "Config", say: Callable[[str], None]) -> int:
    def stopped(progress: Callable[[float], None]) -> dict[str, Any]:
        from gateway.app import holders_stopped

        with holders_stopped(config) as desk:
            return {"reports": desk.take_ours(paths, dry_run=options.dry_run, progress=progress)}

    body = {"paths": [str(path.resolve()) for path in paths], "dry_run": options.dry_run}
    reports = _asked(config, "POST", "/import", body, stopped)["reports"]
    if options.json:
        say(json.dumps(reports))
        return sum(int(report["rows_refused"]) for report in reports)
    for path, report in zip(paths, reports, strict=True):
        rows = f"{path}: {count(report['rows'], 'row')} of {report['series']} series"
        if options.dry_run:
            say(f"{rows}: {report['rows_refused']} refused")
        else:
            number = f" (import {report['import']})" if report["import"] is not None and report["added"] else ""
            say(
                f"{rows}: {report['added']} added, {report['duplicates']} known already, "
                f"{report['kept']} kept as they were, {report['rows_refused']} refused{number}"
            )
        for line in (*report["swaps"], *report["refused"]):
            say(f"{path}: {line}")
    return sum(int(report["rows_refused"]) for report in reports)


def _others(paths: list[Path], options: argparse.Namespace, config: "Config", say: Callable[[str], None]) -> int:
    fields = {name: getattr(options, name) for name in FIELDS if getattr(options, name) is not None}
    body = {
        "paths": [str(path.resolve()) for path in paths],
        "point": options.point,
        "fields": fields,
        "dry_run": options.dry_run,
        "same_home": options.same_home,
    }

    def stopped(progress: Callable[[float], None]) -> dict[str, Any]:
        from gateway.app import holders_stopped

        with holders_stopped(config) as desk:
            return desk.take(
                paths, options.point, fields, dry_run=options.dry_run, same_home=options.same_home, progress=progress
            )

    answer = _asked(config, "POST", "/holders", body, stopped)
    if options.json:
        say(json.dumps(answer))
    else:
        for table in answer["tables"]:
            say(table)
        for group in answer["groups"]:
            _say_group(group, answer["import"], ZoneInfo(config.dwelling.time_zone), options.dry_run, say)
        for name in answer["beside"]:
            say(f"{name}: not read: no table of values that is known, beside ones that are")
        for fault in answer["faults"]:
            say(fault)
    doubted = sum(bool(group["other_meter"] or group["leap"]) for group in answer["groups"])
    return len(answer["faults"]) + doubted + sum(int(group["rows_refused"]) for group in answer["groups"])


def _say_group(
    group: dict[str, Any], import_: int | None, zone: ZoneInfo, dry_run: bool, say: Callable[[str], None]
) -> None:
    done = "would be new" if dry_run else "new"
    span = f", {_span(group, zone)}" if "start" in group else ""
    number = f" (import {import_})" if import_ is not None else ""
    say(
        f"{group['point']}: {count(group['rows'], 'row')} of {', '.join(group['kinds'])}{span}: {group['new']} {done}, "
        f"{group['same']} there already, {group['changed']} changed, {group['rows_refused']} refused{number}"
    )
    if group["other_meter"]:
        say(
            f"{group['point']}: these files are of meter {group['other_meter']}, and earlier ones of this metering point were "
            "of another meter: say --point NAME for another metering point, or --same-home if the meter's number changed"
        )
    if group["leap"]:
        say(group["leap"])
    for what, rows in group["left_out"].items():
        say(f"{group['point']}: {count(rows, 'row')} left out: {what}")
    for line in group["refused"]:
        say(line)
    if dry_run:
        for month in group["months"]:
            say(f"{month['month']}: {'' if month['complete'] else 'at least '}{month['amount']} {month['unit']}")


def _list(options: argparse.Namespace, config: "Config", say: Callable[[str], None]) -> int:
    def stopped(progress: Callable[[float], None]) -> dict[str, Any]:
        from gateway.app import holders_stopped

        with holders_stopped(config) as desk:
            return {"imports": desk.imports()}

    imports = _asked(config, "GET", "/imports", None, stopped)["imports"]
    if options.json:
        say(json.dumps(imports))
    else:
        zone = ZoneInfo(config.dwelling.time_zone)
        for each in imports:
            made, points, kinds = _day(each["made_at"], zone), ", ".join(each["points"]), ", ".join(each["kinds"])
            say(f"{each['id']}: {made}, {points}, {kinds}: {count(each['rows'], 'row')}, {_span(each, zone)}")
    return 0


def _undo(options: argparse.Namespace, config: "Config", say: Callable[[str], None]) -> int:
    def stopped(progress: Callable[[float], None]) -> dict[str, Any]:
        from gateway.app import holders_stopped

        with holders_stopped(config) as desk:
            return {"points": desk.undo(options.undo)}

    points = _asked(config, "POST", "/undo", {"id": options.undo}, stopped)["points"]
    if points is None:
        raise Trouble(f"there is no import {options.undo}: releve import --list names them")
    say(f"import {options.undo} is taken back" + (f", and {', '.join(points)} with it" if points else ""))
    return 0


def _asked(
    config: "Config",
    method: str,
    path: str,
    body: dict[str, Any] | None,
    stopped: Callable[[Callable[[float], None]], dict[str, Any]],
) -> dict[str, Any]:
    """Of the running gateway; where none runs, of its files. Who waits at a terminal sees how far it is."""
    from gateway import control
    from gateway.bring import BringError
    from gateway.catalog import CatalogError
    from gateway.holders import HoldersError
    from gateway.progress import Bar
    from gateway.store import StoreError

    with Bar(sys.stderr) as bar:
        try:
            with bar.asking(lambda: float(control.ask(config.runtime, "GET", "/progress")["share"])):
                return control.ask(config.runtime, method, path, body)
        except ConnectionRefusedError:
            pass
        except ConnectionError as error:
            raise Trouble(str(error)) from None
        try:
            return stopped(bar)
        except (BringError, CatalogError, HoldersError, StoreError, ValueError) as error:
            raise Trouble(str(error)) from None


def _span(of: dict[str, Any], zone: ZoneInfo) -> str:
    return f"{_day(of['start'], zone)} to {_day(max(of['start'], of['end'] - 1), zone)}"


def _day(at: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).date().isoformat()


def count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
