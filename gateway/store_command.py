"""`releve check-store`: whether the series on the card are whole, and out of a damaged file what can be read."""

import argparse
import contextlib
import dataclasses
import json
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gateway.trouble import Trouble

if TYPE_CHECKING:
    from gateway.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--salvage", action="store_true", help="on a gateway that does not run: read what can be read into a new file"
    )


def run(options: argparse.Namespace, config: "Config", say: Callable[[str], None]) -> int:
    """The exit status: 0 when all is whole, or all was salvaged; 1 when something is lost or damaged."""
    from gateway.store import StoreError

    try:
        return _salvage(options, config, say) if options.salvage else _check(options, config, say)
    except StoreError as error:
        raise Trouble(str(error)) from None
    except (OSError, sqlite3.Error) as error:
        raise Trouble(f"series.db: {error}") from None


def _check(options: argparse.Namespace, config: "Config", say: Callable[[str], None]) -> int:
    from gateway import control
    from gateway.store import schema
    from gateway.store.check import check

    found: dict[str, Any]
    try:
        found = control.ask(config.runtime, "POST", "/check-store", {})
    except ConnectionRefusedError:
        path = config.data / "series.db"
        if not path.exists():
            raise Trouble(f"{path}: there is no such file") from None
        with contextlib.closing(schema.look(path)) as db:
            found = dataclasses.asdict(check(db))
    except ConnectionError as error:
        raise Trouble(str(error)) from None
    if options.json:
        say(json.dumps(found))
    else:
        say(f"{found['points']} points of {found['series']} series looked at, in {found['chunks']} days and the log")
        for fault in found["faults"]:
            say(f"damaged: {fault}")
        more = found["faulty"] - len(found["faults"])
        if more > 0:
            say(f"damaged: {more} more")
        say("all is whole" if not found["faulty"] else "releve check-store --salvage takes out what can be read")
    return 1 if found["faulty"] else 0


def _salvage(options: argparse.Namespace, config: "Config", say: Callable[[str], None]) -> int:
    from gateway import app
    from gateway.progress import Bar
    from gateway.store import salvage

    app.refuse_running(options.config)
    path = config.data / "series.db"
    if not path.exists():
        raise Trouble(f"{path}: there is no such file")
    now = datetime.now(UTC)
    with Bar(sys.stderr) as bar:
        done = salvage(path, now.strftime("%Y%m%dT%H%M%SZ"), int(now.timestamp()), bar)
    if options.json:
        say(json.dumps({**dataclasses.asdict(done), "aside": str(done.aside)}))
    else:
        say(f"{path}: {done.points} points of {done.series} series and {done.events} events were taken out")
        say(f"{done.aside}: the damaged file, as it was")
        if done.left:
            say(f"{done.left} days, rows of the log or events could not be read: the pages show a gap there")
    return 1 if done.left else 0
