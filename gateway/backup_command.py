"""`releve backup` and `releve restore`: the house into one sealed file, and back."""

import argparse
import getpass
import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.files import flush_names, remains
from gateway.progress import Bar
from gateway.trouble import Trouble

if TYPE_CHECKING:
    from gateway.config import Config

SECRET_BYTES_MAX = 10_000


def add_backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="where to write it; docs/backup.md says what is in it")
    parser.add_argument("--recipient", metavar="AGE1", default="", help="whose age key is to open it (age-keygen)")
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="holds the passphrase, in one line")


def add_restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a back-up")
    parser.add_argument("--identity-file", type=Path, metavar="FILE", help="the age key that opens it")
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="holds the passphrase, in one line")
    parser.add_argument(
        "--again", action="store_true", help="although a house is there: it is set aside, nothing of it is deleted"
    )


def backup(options: argparse.Namespace, config: "Config", say: Callable[[str], None]) -> None:
    from gateway import app, control
    from gateway.backup import BackupError, Seal

    target: Path = options.file
    if target.exists():
        raise Trouble(f"{target}: is there already")
    passphrase = "" if options.recipient else _passphrase(options.passphrase_file, twice=True)
    seal = Seal(options.recipient, passphrase)
    try:
        seal.check()
        with Bar(sys.stderr) as bar:
            try:
                with bar.asking(lambda: float(control.ask(config.runtime, "GET", "/progress")["share"])):
                    body = {"recipient": seal.recipient, "passphrase": seal.passphrase}
                    answer = control.ask(config.runtime, "POST", "/backup", body)
                _move(Path(answer["path"]), target)
            except ConnectionRefusedError:
                with app.backups_stopped(config) as backups:
                    backups.write(target, seal, bar)
            except ConnectionError as error:
                raise Trouble(str(error)) from None
    except (BackupError, OSError) as error:
        raise Trouble(str(error)) from None
    say(f"{target}: {target.stat().st_size / 1e6:.1f} MB; try it now and then with releve restore on another machine")


def restore(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    from gateway import app, restore
    from gateway.backup import BackupError

    app.refuse_running(options.config)
    identity = _text(options.identity_file) if options.identity_file else ""
    passphrase = "" if identity else _passphrase(options.passphrase_file, twice=False)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        done = restore.restore(
            options.file, restore.Key(identity, passphrase), options.config, again=options.again, stamp=stamp
        )
    except (BackupError, OSError) as error:
        raise Trouble(str(error)) from None
    made_at = datetime.fromtimestamp(done.about["made_at"], UTC)
    say(f"{done.data}: {done.about['dwelling']} as it was on {made_at:%Y-%m-%d %H:%M} UTC, with {done.config}")
    if done.before is not None:
        say(f"{done.before}: what stood here before")


def _move(made: Path, target: Path) -> None:
    """From the gateway's folder to where it was asked for, on the disk when this returns."""
    beside = remains(target)
    try:
        beside.unlink(missing_ok=True)
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with made.open("rb") as source, os.fdopen(file, "wb") as copied:
            shutil.copyfileobj(source, copied)
            copied.flush()
            os.fsync(copied.fileno())
        beside.rename(target)
        flush_names(target.absolute().parent)
    finally:
        beside.unlink(missing_ok=True)
        made.unlink(missing_ok=True)


def _passphrase(path: Path | None, *, twice: bool) -> str:
    if path is not None:
        lines = _text(path).splitlines()
        if len(lines) != 1 or not lines[0]:
            raise Trouble(f"{path}: one line in UTF-8, the passphrase, is needed")
        return lines[0]
    if not sys.stdin.isatty():
        raise Trouble("a key is needed: name one with --recipient or --identity-file, or --passphrase-file")
    typed = getpass.getpass("passphrase: ")
    if twice and getpass.getpass("the same again: ") != typed:
        raise Trouble("these are two passphrases; nothing was written")
    return typed


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(SECRET_BYTES_MAX).decode()
    except OSError as error:
        raise Trouble(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Trouble(f"{path}: text in UTF-8 is needed") from None
