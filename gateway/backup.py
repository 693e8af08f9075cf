"""A back-up: the house in one file that only its owner's key or passphrase opens, with `age` and `tar` too (docs/backup.md)."""

import contextlib
import gzip
import importlib
import io
import json
import os
import secrets
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from gateway.aside import Aside
from gateway.config import Config
from gateway.files import flush_names, remains
from gateway.holders import Holders, HoldersError
from gateway.ledger import Ledger, LedgerError
from gateway.secret import BoxSecret, SecretError
from gateway.store import Store, StoreError

FORMAT = 1
ABOUT, CONFIG, SECRET, ASIDE = "about.json", "releve.toml", "box-secret", "aside"
DATABASES = ("holders.db", "ledger.db", "series.db")
SMALL = ("catalog.json", "keys.json")
# Of the outer archive: how to open it without us, the key that a passphrase opens, and the house.
README, KEY, HOUSE = "README.txt", "key.age", "house.tar.gz.age"

RESTORED = "restored.new"  # where one is unpacked, beside what stands

PASSPHRASE_CHARACTERS_MIN = 10
SNAPSHOT_SHARE = 0.4  # of the whole time, as it was measured on a disk; on a card nobody knows

HOW_TO_OPEN = """\
Une sauvegarde de Relevé. Elle s'ouvre aussi sans Relevé, avec tar et age (https://age-encryption.org) :
A back-up of Relevé. It opens without Relevé too, with tar and age:

    tar xf {name}
{key}    age -d -i key.txt house.tar.gz.age | tar xz
"""
TO_KEY_TXT = "    age -d key.age > key.txt\n"

Progress = Callable[[float], None]


class BackupError(Exception):
    """Why there is no back-up, or why one cannot be opened, in one sentence."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Whose it is to open: an age recipient (`age1...`), or a passphrase."""

    recipient: str = ""
    passphrase: str = field(default="", repr=False)

    def check(self) -> None:
        """BackupError where nobody could open it, or anybody could guess."""
        if bool(self.recipient) is bool(self.passphrase):
            raise BackupError("a recipient or a passphrase is needed, and not both")
        if self.passphrase and len(self.passphrase) < PASSPHRASE_CHARACTERS_MIN:
            raise BackupError(f"a passphrase of at least {PASSPHRASE_CHARACTERS_MIN} characters is needed")
        if self.recipient:
            recipient(self.recipient)


class Backups:
    """The back-ups of one house. One at a time; each in the thread that asks for it, beside all that goes on."""

    def __init__(
        self, config: Config, store: Store, holders: Holders, ledger: Ledger, aside: Aside, now: Callable[[], int]
    ) -> None:
        self._config = config
        self._now = now
        for left in config.data.glob("backup-*.out*"):  # nobody fetched it
            left.unlink()
        for left in (config.data / "backup.new", config.data / RESTORED):  # a kill was faster
            shutil.rmtree(left, ignore_errors=True)
        self._store = store
        self._holders = holders
        self._ledger = ledger
        self._aside = aside
        self._one = threading.Lock()
        self._stopping = False

    @property
    def is_writing(self) -> bool:
        return self._one.locked()

    def stop(self) -> None:
        """One that is being written ends at its next step: a card may take minutes for the rest."""
        self._stopping = True

    def write_inside(self, seal: Seal, progress: Progress) -> Path:
        """As `write`, to a file in the house's own folder, for somebody who may fetch it there."""
        path = self._config.data / f"backup-{secrets.token_hex(4)}.out"
        self.write(path, seal, progress)
        return path

    def write(self, target: Path, seal: Seal, progress: Progress) -> int:
        """Everything that is acknowledged by now, into a new file at `target`, on the disk when this returns; its bytes.

        BackupError, or OSError of the folder or the disk: then there is no such file.
        """
        seal.check()
        if not self._one.acquire(blocking=False):
            raise BackupError("another back-up is being written")
        folder = self._config.data / "backup.new"
        try:
            if target.exists():
                raise BackupError(f"{target}: is there already")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            self._snapshot(folder, lambda share: progress(SNAPSHOT_SHARE * share))

            def told(share: float) -> None:
                if self._stopping:
                    raise BackupError("the gateway ends, and the back-up is not whole")
                progress(SNAPSHOT_SHARE + (1 - SNAPSHOT_SHARE) * share)

            return _write(folder, self._in_memory(), target, seal, told)
        except (StoreError, HoldersError, LedgerError, SecretError) as error:
            raise BackupError(str(error)) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            self._one.release()

    def _snapshot(self, folder: Path, progress: Progress) -> None:
        data = self._config.data
        # Before the series: what is decoded meanwhile is then in both, and twice is harmless.
        (folder / ASIDE).mkdir()
        for name, content in self._aside.files().items():
            (folder / ASIDE / name).write_bytes(content)
        self._store.backup(folder / "series.db", progress)
        self._holders.backup(folder / "holders.db")
        self._ledger.backup(folder / "ledger.db", self._now())
        for name in SMALL:  # each is replaced whole, whenever it is
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(data / name, folder / name)

    def _in_memory(self) -> dict[str, bytes]:
        """What goes in beside the copied files. The box secret must not lie in their folder, not even for a moment."""
        about = {"format": FORMAT, "made_at": self._now(), "dwelling": self._config.dwelling.name}
        parts = {ABOUT: json.dumps(about, ensure_ascii=False).encode()}
        if self._config.source is not None:
            with contextlib.suppress(FileNotFoundError):
                parts[CONFIG] = self._config.source.read_bytes()
        secret = BoxSecret(self._config.secret).read()
        return parts if secret is None else {**parts, SECRET: secret}


def _write(folder: Path, parts: Mapping[str, bytes], target: Path, seal: Seal, progress: Progress) -> int:
    beside = remains(target)
    try:
        file = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(file, "w+b") as out:
            key, recipient = _keys(seal)
            _member(out, README, HOW_TO_OPEN.format(name=target.name, key=TO_KEY_TXT if key else "").encode())
            if key:
                _member(out, KEY, key)
            with _growing(out, HOUSE):
                _seal_folder(folder, parts, out, recipient, progress)
            out.write(bytes(2 * tarfile.BLOCKSIZE))
            size = out.tell()
            out.flush()
            os.fsync(out.fileno())
        beside.rename(target)
        flush_names(target.parent)
        return size
    finally:
        beside.unlink(missing_ok=True)


def _keys(seal: Seal) -> tuple[bytes, Any]:
    """What the house is sealed for; for a passphrase, a key of its own, and that key sealed under the passphrase.

    A passphrase is stretched in memory, and would seal the whole house in memory too.
    """
    age = load_age()
    if seal.recipient:
        return b"", recipient(seal.recipient)
    identity = age.x25519.Identity.generate()
    return age.passphrase.encrypt(f"{identity}\n".encode(), seal.passphrase), identity.to_public()


def recipient(text: str) -> Any:
    age = load_age()
    try:
        return age.x25519.Recipient.from_str(text.strip())
    except age.RecipientError:
        raise BackupError("an age recipient begins with age1 and has 62 characters; this is none") from None


def load_age() -> ModuleType:
    """The library, loaded when it is needed; BackupError on a system for which there is none."""
    try:
        return importlib.import_module("pyrage")
    except ImportError:
        raise BackupError("the package pyrage is missing: there is none for 32-bit systems") from None


def _header(name: str, size: int) -> bytes:
    return _about(name, size).tobuf(tarfile.USTAR_FORMAT)


def _about(name: str, size: int) -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.size, about.mode = size, 0o600
    return about


def _member(out: IO[bytes], name: str, content: bytes) -> None:
    with _growing(out, name):
        out.write(content)


@contextlib.contextmanager
def _growing(out: IO[bytes], name: str) -> Iterator[None]:
    """A member whose size is known once it is written."""
    head = out.tell()
    out.write(_header(name, 0))
    yield
    end = out.tell()
    out.seek(head)
    out.write(_header(name, end - head - tarfile.BLOCKSIZE))
    out.seek(end)
    out.write(bytes(-end % tarfile.BLOCKSIZE))


def _seal_folder(folder: Path, parts: Mapping[str, bytes], out: IO[bytes], recipient: Any, progress: Progress) -> None:
    """Packed in one thread and sealed in this one, so that nothing of it lies anywhere in between."""
    age = load_age()
    read_end, write_end = os.pipe()
    with ThreadPoolExecutor(1, thread_name_prefix="backup") as thread:
        packing = thread.submit(_pack, folder, parts, write_end, progress)
        try:
            with os.fdopen(read_end, "rb") as packed:
                age.encrypt_io(packed, out, [recipient])
        except age.EncryptError as error:
            raise OSError(f"it cannot be written: {error}") from None
        packing.result()  # what was sealed is whole only if all was packed


def _pack(folder: Path, parts: Mapping[str, bytes], write_end: int, progress: Progress) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    total, done = sum(path.stat().st_size for path in paths), 0
    with (
        os.fdopen(write_end, "wb") as pipe,
        gzip.GzipFile("", "wb", 6, pipe) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        for name, content in parts.items():  # first: they say what the rest is, and where it goes
            tar.addfile(_about(name, len(content)), io.BytesIO(content))
        for path in paths:
            about = _about(str(path.relative_to(folder)), path.stat().st_size)
            with path.open("rb") as file:
                tar.addfile(about, _Told(file, done, total, progress))
            done += about.size


class _Told(io.RawIOBase):
    """A file that says how far it was read, with `done` bytes of `total` before it."""

    def __init__(self, file: IO[bytes], done: int, total: int, progress: Progress) -> None:
        self._file = file
        self._done = done
        self._total = max(total, 1)
        self._progress = progress

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._progress((self._done + self._file.tell()) / self._total)
        return data
