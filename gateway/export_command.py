"""`releve export`: what the box has read, as CSV, JSON or Green Button that anybody can open."""

import argparse
import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from gateway.files import flush_names, remains
from gateway.progress import Bar
from gateway.trouble import Trouble

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.export import Pieces
    from gateway.export_walk import Done


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, required=True, metavar="PATH", help="the folder for CSV tables, or the file"
    )
    parser.add_argument("--point", metavar="NAME", help="of one metering point alone, by its name or id (default: all)")
    parser.add_argument(
        "--from", dest="first", type=_day, metavar="DAY", help="the first day, YYYY-MM-DD (default: the first)"
    )
    parser.add_argument(
        "--to", dest="last", type=_day, metavar="DAY", help="the last day, itself included (default: now)"
    )
    parser.add_argument(
        "--format",
        choices=("csv", "json", "espi"),
        default="csv",
        help="docs/export.md describes them; espi is Green Button (XML): what was taken, by half-hours and days",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what an earlier export left there")
    parser.add_argument("--json", action="store_true", help="say what was written to a program")


def run(options: argparse.Namespace, config: "Config", say: Callable[[str], None]) -> int:
    """The exit status: 0, or 1 when something could not be read and is missing in what was written."""
    from gateway.export_espi import write_espi
    from gateway.export_files import TABLES, write_csv, write_json
    from gateway.export_walk import Wanted
    from gateway.holders import HoldersError
    from gateway.store import StoreError

    out: Path = options.out
    if options.first is not None and options.last is not None and options.first > options.last:
        raise Trouble("--to: a day that is not before --from is needed")
    paths = {name: out / name for name in TABLES} if options.format == "csv" else {"": out}
    for path in paths.values():
        if path.is_dir():
            raise Trouble(f"{path}: is a folder; the file's own name is needed")
        if path.exists() and not options.overwrite:
            raise Trouble(f"{path}: is there already; --overwrite replaces it")
    wanted = Wanted(options.point, options.first, options.last)
    made = options.format == "csv" and not out.exists()
    try:
        if options.format == "csv":
            out.mkdir(mode=0o700, exist_ok=True)
        with _house(config) as ask, Bar(sys.stderr) as bar, _files(paths) as files:
            if options.format == "csv":
                done = write_csv(ask, wanted, files, bar)
            elif options.format == "json":
                done = write_json(ask, wanted, files[""], bar)
            else:
                done = write_espi(ask, wanted, files[""], bar)
    except FileExistsError:
        raise Trouble(f"{out}: a folder is needed for CSV tables") from None
    except OSError as error:
        raise Trouble(f"{error.filename or out}: {error.strerror or error}") from None
    except (StoreError, HoldersError) as error:
        raise Trouble(str(error)) from None
    finally:
        if made:
            with contextlib.suppress(OSError):
                out.rmdir()  # where nothing came of it
    _tell(options, done, say)
    return 1 if done.damaged else 0


def _tell(options: argparse.Namespace, done: "Done", say: Callable[[str], None]) -> None:
    if options.json:
        say(json.dumps({**dataclasses.asdict(done), "out": str(options.out)}))
        return
    if options.format == "espi":
        say(f"{options.out}: {done.readings} amounts of {done.series} series")
        if done.left_out:
            say(
                f"{done.left_out} series are left out: levels, and indexes in units that Green Button or its readers do not know"
            )
        if done.unsaid:
            say(f"{done.unsaid} amounts are left out: Green Button has no number for them")
        if done.zone_unsaid:
            say("Green Button has no words for the home's clock: its times are those of UTC alone")
    else:
        say(
            f"{options.out}: {done.readings} readings of {done.series} series, {done.swaps} swaps, "
            f"{done.periods} periods of companies' files"
        )
    if done.unsaid and options.format == "csv":
        say(
            f"{done.unsaid} swaps are in swaps.csv alone: an import of readings.csv counts on from the rows around them"
        )
    if done.damaged:
        say(f"{done.damaged} days could not be read and are missing: releve check-store names them")


@contextlib.contextmanager
def _house(config: "Config") -> Iterator["Pieces"]:
    """The gateway that runs, else its files."""
    from gateway import app, control

    def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return control.ask(config.runtime, "POST", path, body)
        except ConnectionError as error:
            raise Trouble(str(error)) from None

    try:
        control.ask(config.runtime, "GET", "/progress")
    except ConnectionRefusedError:
        with app.export_stopped(config) as export:
            yield export.piece
    except ConnectionError as error:
        raise Trouble(str(error)) from None
    else:
        yield ask


@contextlib.contextmanager
def _files(paths: dict[str, Path]) -> Iterator[dict[str, TextIO]]:
    """New files that only their owner may read; all of them have their names once all are whole and on the disk."""
    with contextlib.ExitStack() as opened:
        streams: dict[str, TextIO] = {}
        for name, path in paths.items():
            beside = remains(path)
            beside.unlink(missing_ok=True)
            file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            opened.callback(beside.unlink, missing_ok=True)
            streams[name] = opened.enter_context(os.fdopen(file, "w", encoding="utf-8", newline="\n"))
        yield streams
        for stream in streams.values():
            stream.flush()
            os.fsync(stream.fileno())
        for path in paths.values():
            remains(path).replace(path)
        flush_names(next(iter(paths.values())).absolute().parent)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a day such as 2026-11-30 is needed, not {text!r}") from None
