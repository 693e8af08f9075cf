"""`releve ledger`: whether the record of consents and of what was read holds, and a copy that anybody can check."""

import argparse
import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gateway import chain
from gateway.chain import Checked, Entry
from gateway.trouble import Trouble

if TYPE_CHECKING:
    from gateway.config import Config

BEFORE_ALL = -(1 << 63)  # not 0: what somebody put before the first entry is to be found, too


def add_arguments(parser: argparse.ArgumentParser, takes_config: Callable[[argparse.ArgumentParser], None]) -> None:
    commands = parser.add_subparsers(required=True, metavar="WHAT", dest="what")
    verify = commands.add_parser(
        "verify", help="say whether each entry is as it was written, or name the first that is not"
    )
    verify.add_argument("file", type=Path, nargs="?", metavar="FILE", help="an exported copy (default: the box's own)")
    verify.add_argument(
        "--head", type=_hash, metavar="HASH", help="a hash that was noted earlier: also say whether it is among them"
    )
    verify.add_argument("--json", action="store_true")
    export = commands.add_parser("export", help="write all entries into a file, one JSON object a line")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="a file that is not there yet")
    for command in (verify, export):
        takes_config(command)


def run(options: argparse.Namespace, config: "Config", say: Callable[[str], None]) -> int:
    """The exit status: 1 where an entry is not as it was written."""
    from gateway.ledger import LedgerError

    try:
        entries = _entries(config)
        if options.what == "export":
            _export(options.out, entries, say)
            return 0
        return _say(chain.verify(entries, options.head), options, say)
    except LedgerError as error:
        raise Trouble(str(error)) from None


def verify_copy(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    try:
        with options.file.open("rb") as file:
            lines = iter(lambda: file.readline(chain.LINE_BYTES_MAX), b"")
            return _say(chain.verify(chain.read(lines), options.head), options, say)
    except OSError as error:
        raise Trouble(f"{options.file}: cannot be read: {error.strerror}") from None
    except chain.ChainError as error:
        raise Trouble(f"{options.file}: {error}") from None


def _say(checked: Checked, options: argparse.Namespace, say: Callable[[str], None]) -> int:
    if options.json:
        say(json.dumps({"entries": checked.entries, "head": checked.head, "fault": checked.fault}))
    else:
        good = "1 entry is" if checked.entries == 1 else f"{checked.entries} entries are"
        say(f"{good} as written; the last one's hash is {checked.head}")
        if checked.fault is not None:
            say(f"broken: {checked.fault}")
        elif options.head is None:
            say(
                "note this hash elsewhere: with it, --head finds out later whether the end was cut off or all was rewritten"
            )
    return 0 if checked.fault is None else 1


def _export(path: Path, entries: Iterator[Entry], say: Callable[[str], None]) -> None:
    count, head = 0, chain.START
    try:
        with contextlib.ExitStack() as failed:
            file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
            failed.callback(path.unlink)  # half of a ledger looks like one that was cut off
            failed.enter_context(file)
            for one in entries:
                file.write(chain.line(one).encode() + b"\n")
                count, head = count + 1, one.hash
            file.flush()
            os.fsync(file.fileno())
            file.close()
            failed.pop_all()
    except FileExistsError:
        raise Trouble(f"{path}: is there already; choose another name") from None
    except OSError as error:
        raise Trouble(f"{path}: cannot be written: {error.strerror}") from None
    say(f"{path}: {count} {'entry' if count == 1 else 'entries'}; the last one's hash is {head}")


def _entries(config: "Config") -> Iterator[Entry]:
    """Of the gateway that runs, or of the file of one that does not."""
    from gateway import control
    from gateway.ledger import look

    after = BEFORE_ALL
    try:
        while True:
            page = control.ask(config.runtime, "POST", "/ledger", {"after": after})["entries"]
            if not page:
                return
            for fields in page:
                yield Entry(**fields)
            after = page[-1]["i"]
    except ConnectionRefusedError:
        if after != BEFORE_ALL:
            raise Trouble("the gateway ended meanwhile: ask again") from None
    except ConnectionError as error:
        raise Trouble(str(error)) from None
    path = config.data / "ledger.db"
    if not path.exists():
        raise Trouble(f"{path}: there is no such file")
    yield from look(path)


def _hash(text: str) -> str:
    if not chain.HASH.fullmatch(text):
        raise argparse.ArgumentTypeError(f"64 hex digits in lower case are needed, not {text[:80]!r}")
    return text
