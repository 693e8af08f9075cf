"""From a back-up to a house: opened, looked at, and put in place only when all of it is good."""

import contextlib
import errno
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from gateway import folders
from gateway.aside import SUFFIX
from gateway.backup import (
    ABOUT,
    ASIDE,
    CONFIG,
    DATABASES,
    FORMAT,
    HOUSE,
    KEY,
    RESTORED,
    SECRET,
    SMALL,
    BackupError,
    load_age,
)
from gateway.config import Config, ConfigError, load
from gateway.files import flush_names, replace
from gateway.store import InUseError, StoreError, schema

ABOUT_BYTES_MAX = 100_000
KEY_BYTES_MAX = 10_000
HELD_BYTES_MAX = 1_000_000


class WrongKeyError(BackupError):
    """It is a back-up, and another passphrase or key opens it."""


class NewerError(BackupError):
    """It is a back-up of a program newer than this one."""


@dataclass(frozen=True, slots=True)
class Key:
    """What opens a back-up: the text of an age identity file, or a passphrase."""

    identity: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Restored:
    """What stands now, and where what stood before was put, if anything did."""

    about: dict[str, Any]
    config: Path
    data: Path
    before: Path | None


def restore(archive: Path, key: Key, config_path: Path, *, again: bool, stamp: str) -> Restored:
    """Put the house of a back-up in its place; BackupError, or OSError of the disk, and what stood before stands.

    Without a configuration file there, the back-up's own is taken. A house that stands there is set aside under
    `before-<stamp>`, if `again` says so, else it is refused. The gateway must not run; who calls has made sure.
    """
    if not config_path.exists():
        config_path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=config_path.parent) as folder:  # not on the stick that the archive is on
            unpack(archive, key, Path(folder), only=(CONFIG,))
            if not (Path(folder) / CONFIG).exists():
                raise BackupError(f"{config_path}: there is none, and none in the back-up; write one, then restore")
            replace(config_path, (Path(folder) / CONFIG).read_bytes())
    try:
        config = load(config_path)
    except ConfigError as error:
        raise BackupError(str(error)) from None
    return _into(archive, key, config, config_path, again=again, stamp=stamp)


def _into(archive: Path, key: Key, config: Config, config_path: Path, *, again: bool, stamp: str) -> Restored:
    data = config.data
    folders.own(data, "box.data")
    stands = (data / "series.db").exists()
    if stands:
        _refuse_open(data / "series.db")
    if stands and not again:
        raise BackupError(
            f"{data}: a house is there already; with --again it is set aside, and the back-up takes its place"
        )
    new = data / RESTORED
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    try:
        unpack(archive, key, new)
        about = looked_at(new)
        moved: list[tuple[Path, Path]] = []
        put: list[Path] = []
        try:
            _set_aside(config, stamp, moved)
            _put(new, config, put)
        except BaseException:
            for path in put:
                path.unlink(missing_ok=True)
            for path, aside in reversed(moved):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
                shutil.move(aside, path)
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return Restored(about, config_path, data, data / f"before-{stamp}" if moved else None)


def _refuse_open(path: Path) -> None:
    """A gateway may run on this folder under another configuration."""
    try:
        schema.look(path).close()
    except InUseError:
        raise BackupError(f"{path}: a gateway runs on it: stop it first") from None
    except StoreError:
        pass  # damaged: why there is a back-up


def looked_at(new: Path) -> dict[str, Any]:
    """What the back-up says of itself; BackupError where something in it cannot be used."""
    try:
        about: dict[str, Any] = dict(json.loads((new / ABOUT).read_bytes()[:ABOUT_BYTES_MAX]))
    except (OSError, ValueError, TypeError, RecursionError):
        raise BackupError("this back-up does not say what it is") from None
    if about.get("format") != FORMAT:
        raise NewerError(f"a back-up of format {FORMAT} is needed, not {about.get('format')!r}: install a newer Relevé")
    for name in SMALL:
        path = new / name
        try:
            if path.exists():
                json.loads(path.read_bytes())
        except ValueError:
            raise BackupError(f"{name}: damaged in the back-up") from None
    for name in DATABASES:
        if not (new / name).exists():
            raise BackupError(f"{name}: not in the back-up")
        with contextlib.closing(sqlite3.connect(new / name)) as db:
            try:
                (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
            except sqlite3.DatabaseError as error:
                said = str(error)
        if said != "ok":
            raise BackupError(f"{name}: damaged in the back-up: {said}")
    return about


def _set_aside(config: Config, stamp: str, moved: list[tuple[Path, Path]]) -> None:
    """The box secret beside itself, the tail, and what stands in the folder: out of the way, and kept; `moved` says what."""
    before = config.data / f"before-{stamp}"
    standing = [path for path in config.data.iterdir() if path.name != RESTORED and not path.name.startswith("before-")]
    tail = config.runtime / "tail"
    # First those that lie elsewhere: of these a move may fail.
    moves = [
        (config.secret, config.secret.with_name(f"{config.secret.name}.before-{stamp}")),
        (tail, before / tail.name),
    ]
    moves += [(path, before / path.name) for path in standing if path not in (tail, config.secret)]
    there = [(path, aside) for path, aside in moves if path.exists()]
    if there:
        before.mkdir(mode=0o700)
    for path, aside in there:
        shutil.move(path, aside)
        moved.append((path, aside))
        flush_names(aside.parent)


def _put(new: Path, config: Config, put: list[Path]) -> None:
    """Each file in its place, on the card; the series last: a kill before leaves a folder without a house."""
    if (new / SECRET).exists():
        config.secret.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        put.append(config.secret)
        replace(config.secret, (new / SECRET).read_bytes())
        (new / SECRET).unlink()
    for path in sorted(new.rglob("*"), key=lambda path: path.name == "series.db"):
        if path.is_file() and path.name not in (ABOUT, CONFIG):
            with path.open("rb") as file:
                os.fsync(file.fileno())
            target = config.data / path.relative_to(new)
            target.parent.mkdir(mode=0o700, exist_ok=True)
            put.append(target)
            path.rename(target)
            flush_names(target.parent)


def unpack(
    archive: Path, key: Key, folder: Path, only: tuple[str, ...] = (), *, in_memory: tuple[str, ...] = ()
) -> dict[str, bytes]:
    """Unseal into `folder`; with `only`, these alone, once all is known to be whole.

    Those of `in_memory` are given back, and lie nowhere.
    """
    age = load_age()
    with _outer(archive) as outer:
        identities = _identities(outer, key)
        house = _member(outer, archive, HOUSE)
        read_end, write_end = os.pipe()
        with ThreadPoolExecutor(1, thread_name_prefix="restore") as thread:
            unpacking = thread.submit(_unpack_stream, read_end, folder, only, in_memory)
            try:
                with os.fdopen(write_end, "wb") as opened:
                    age.decrypt_io(house, opened, identities)
            except BrokenPipeError:
                pass  # the other thread says why
            except age.DecryptError as error:
                if "Broken pipe" not in str(error):
                    if "No matching keys" in str(error):
                        raise WrongKeyError(f"{archive}: it does not open: another key's") from None
                    raise BackupError(f"{archive}: it does not open: {error}") from None
            except OSError as error:
                if error.errno is None:  # a piece that is not what was sealed, or the last one is missing
                    raise BackupError(f"{archive}: damaged, or not whole") from None
                if error.errno != errno.EPIPE:
                    raise
            return unpacking.result()


@contextlib.contextmanager
def _outer(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive, "r:") as outer:
            yield outer
    except tarfile.TarError:
        raise BackupError(f"{archive}: no back-up of Relevé, or not whole") from None


def _member(outer: tarfile.TarFile, archive: Path, name: str) -> IO[bytes]:
    try:
        found = outer.extractfile(name)
    except KeyError:
        found = None
    if found is None:
        raise BackupError(f"{archive}: no back-up of Relevé, or not whole")
    return found


def _identities(outer: tarfile.TarFile, key: Key) -> list[Any]:
    age = load_age()
    text = key.identity
    if not text:
        try:
            sealed = outer.extractfile(KEY)
        except KeyError:
            raise WrongKeyError("this back-up is sealed for an age key: name the file that holds it") from None
        assert sealed is not None
        try:
            text = age.passphrase.decrypt(sealed.read(KEY_BYTES_MAX), key.passphrase).decode()
        except age.DecryptError:
            raise WrongKeyError("this is not the passphrase of this back-up") from None
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        return [age.x25519.Identity.from_str(line) for line in lines]
    except age.IdentityError:
        raise BackupError("an age identity is a line that begins with AGE-SECRET-KEY-1; this is none") from None


def _unpack_stream(read_end: int, folder: Path, only: tuple[str, ...], in_memory: tuple[str, ...]) -> dict[str, bytes]:
    held = {}
    with os.fdopen(read_end, "rb") as pipe:
        try:
            with tarfile.open(fileobj=pipe, mode="r|gz") as tar:
                for about in tar:
                    if about.name in in_memory and about.isfile() and about.size <= HELD_BYTES_MAX:
                        source = tar.extractfile(about)
                        assert source is not None
                        held[about.name] = source.read()
                    elif not only or about.name in only:
                        _take(tar, about, folder)
        except (tarfile.TarError, EOFError) as error:
            raise BackupError(f"what is sealed in the back-up is not whole: {error}") from None
        while pipe.read(1 << 16):  # to the end: what is sealed is known to be whole only there
            pass
    return held


def _take(tar: tarfile.TarFile, about: tarfile.TarInfo, folder: Path) -> None:
    parent, _, name = about.name.rpartition("/")
    known = (parent == ASIDE and name.endswith(SUFFIX)) or (
        not parent and name in (*DATABASES, *SMALL, ABOUT, CONFIG, SECRET)
    )
    if not known or not about.isfile():
        raise NewerError(f"{about.name!r}: this program does not know what that is: install a newer Relevé")
    source = tar.extractfile(about)
    assert source is not None
    (folder / parent).mkdir(mode=0o700, exist_ok=True)
    file = os.open(folder / about.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(file, "wb") as target:
        shutil.copyfileobj(source, target)
