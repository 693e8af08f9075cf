"""`releve erase`: what was kept of a metering point, a span or all, out of every file of the house."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gateway.trouble import Trouble

if TYPE_CHECKING:
    from gateway.config import Config

ALWAYS = 1 << 40
WORDS = {
    "points": "points of its series",
    "periods": "periods of companies' files",
    "held": "values that were put aside",
    "waiting": "telegrams that waited",
    "stories": "alerts",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("point", metavar="POINT", help="the metering point's id, as releve status --json says it")
    parser.add_argument(
        "--from", dest="first", type=_day, metavar="DAY", help="the first day, YYYY-MM-DD (default: the first)"
    )
    parser.add_argument(
        "--to", dest="last", type=_day, metavar="DAY", help="the last day, itself included (default: now)"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask whether it is meant")
    parser.add_argument("--json", action="store_true")


def run(options: argparse.Namespace, config: "Config", say: Callable[[str], None]) -> None:
    from gateway import app, control

    zone = ZoneInfo(config.dwelling.time_zone)
    start = 0 if options.first is None else _midnight(options.first, zone)
    end = ALWAYS if options.last is None else _midnight(date.fromordinal(options.last.toordinal() + 1), zone)
    if start >= end:
        raise Trouble("--to: a day that is not before --from is needed")
    span = f"from {options.first or 'its first day'} to {options.last or 'now'}"
    if not options.yes:
        if not sys.stdin.isatty():
            raise Trouble("nothing was erased: --yes is needed where nobody can be asked")
        sys.stderr.write(f"Erase {options.point} {span}? It does not come back. Type its id: ")
        if sys.stdin.readline().strip() != options.point:
            raise Trouble("nothing was erased")
    body = {"point": options.point, "start": start, "end": end}
    try:
        gone = control.ask(config.runtime, "POST", "/erase", body)
    except ConnectionRefusedError:
        gone = app.erase_stopped(config, options.point, start, end)
    except ConnectionError as error:
        raise Trouble(str(error)) from None
    if options.json:
        say(json.dumps(gone))
        return
    erased = [f"{count} {WORDS[what]}" for what, count in gone.items() if count]
    say(f"{options.point} {span}: {', '.join(erased) if erased else 'nothing was kept'}")
    say("back-ups that were made before still hold it: delete them yourself")
    for path in sorted([*config.data.glob("before-*"), *config.data.glob("series.db.damaged-*")]):
        say(f"{path}: was set aside, and may hold it too")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a day such as 2026-11-30 is needed, not {text!r}") from None


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
