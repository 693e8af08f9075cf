"""The file `series.db`: its tables, its migrations, and the refusals to open it."""

import contextlib
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from gateway.store.model import DamagedStoreError, InUseError, StoreError

APPLICATION_ID = 0x52454C56  # "RELV", so that a file of another program is refused by name

# Of a new file, a quarter of SQLite's own: a minute's commit is one page or two, and the card takes less (bench/wear.py).
PAGE_BYTES = 1024
# Between two checkpoints, as SQLite does them: a thousand frames, each a page and 24 bytes.
WAL_BYTES = 32 + 1000 * (PAGE_BYTES + 24)

NO_PERMISSION = "no permission to read and write it in"

# One text a version; `PRAGMA user_version` says how many were run. A past one is never changed.
MIGRATIONS = (
    """
    CREATE TABLE state (folded_to INTEGER NOT NULL) STRICT;
    CREATE TABLE series (
        id INTEGER PRIMARY KEY, point TEXT NOT NULL, register TEXT NOT NULL, tariff INTEGER NOT NULL,
        quantity TEXT NOT NULL, exponent INTEGER NOT NULL, main INTEGER NOT NULL,
        UNIQUE (point, register, tariff)) STRICT;
    CREATE TABLE log (i INTEGER PRIMARY KEY, b BLOB NOT NULL) STRICT;
    CREATE TABLE chunk (
        series INTEGER NOT NULL, day INTEGER NOT NULL, n INTEGER NOT NULL, b BLOB NOT NULL,
        PRIMARY KEY (series, day)) STRICT;
    CREATE TABLE hour (
        series INTEGER NOT NULL, t INTEGER NOT NULL, n INTEGER NOT NULL, low INTEGER, high INTEGER, total INTEGER,
        first_s INTEGER, first INTEGER, last_s INTEGER, last INTEGER, PRIMARY KEY (series, t)) STRICT, WITHOUT ROWID;
    CREATE TABLE q6 (
        series INTEGER NOT NULL, t INTEGER NOT NULL, n INTEGER NOT NULL, low INTEGER, high INTEGER, total INTEGER,
        first_s INTEGER, first INTEGER, last_s INTEGER, last INTEGER, PRIMARY KEY (series, t)) STRICT, WITHOUT ROWID;
    CREATE TABLE day (
        series INTEGER NOT NULL, t INTEGER NOT NULL, n INTEGER NOT NULL, low INTEGER, high INTEGER, total INTEGER,
        first_s INTEGER, first INTEGER, last_s INTEGER, last INTEGER, PRIMARY KEY (series, t)) STRICT, WITHOUT ROWID;
    CREATE TABLE swap (
        id INTEGER PRIMARY KEY, series INTEGER NOT NULL, at INTEGER NOT NULL, old_final INTEGER NOT NULL,
        new_start INTEGER NOT NULL, exponent INTEGER NOT NULL, made_at INTEGER NOT NULL, undoes INTEGER) STRICT;
    """,
)


def connect(path: Path, window: int) -> sqlite3.Connection:
    """The one connection, migrated to this program's schema; StoreError, with nothing written, when it cannot be.

    `window` is where the memory of a new file begins (`state.folded_to`).
    """
    new = not path.exists()
    if not new:
        if not all(os.access(each, os.R_OK | os.W_OK, effective_ids=True) for each in (path, path.parent)):
            raise StoreError(f"{path.name}: {NO_PERMISSION} {path.parent}")
        _refuse_foreign(path)
    try:
        if new:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return _open(path, window)
    except (OSError, sqlite3.Error) as error:
        if new and not isinstance(error, FileExistsError):
            for suffix in ("", "-wal", "-journal"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        raise refusal(error, path) from error


def look(path: Path) -> sqlite3.Connection:
    """The file of a gateway that does not run, to be read only; InUseError when another program has it.

    StoreError when it cannot be read, as a damaged one.
    """
    db = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        db.execute("PRAGMA query_only=ON")
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        db.close()
        busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        raise (InUseError if busy else StoreError)(f"{path.name}: {why(error, path)}") from error
    return db


def refuse_newer(path: Path) -> None:
    """StoreError for a file of ours that a newer program has written; DamagedStoreError where it does not say."""
    version, application = _versions(path)
    if application == APPLICATION_ID and version > len(MIGRATIONS):
        raise StoreError(
            f"{path.name}: schema {version} is newer than this program's {len(MIGRATIONS)}: install a newer Relevé"
        )


def _refuse_foreign(path: Path) -> None:
    try:
        if not path.stat().st_size:
            return
    except OSError as error:
        raise refusal(error, path) from error
    if _versions(path)[1] != APPLICATION_ID:
        raise StoreError(f"{path.name}: a database of another program; give Relevé a file of its own")
    refuse_newer(path)


def _versions(path: Path) -> tuple[int, int]:
    """The file's schema, and whose it is."""
    # immutable: neither lock nor WAL is looked at, so that a refused file keeps every byte. Read through SQLite and not
    # open(): closing a second descriptor would drop the lock of a store open in this same process (POSIX).
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)
        try:
            # Else a file whose checkpoint a power cut ended is refused: its head may count pages that only the WAL has.
            connection.execute("PRAGMA writable_schema=ON")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (application,) = connection.execute("PRAGMA application_id").fetchone()
        finally:
            connection.close()
    except (OSError, sqlite3.Error) as error:
        raise refusal(error, path) from error
    return version, application


def _open(path: Path, window: int) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None, timeout=0)
    try:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        # EXCLUSIVE before anything is read: the WAL index then lives in memory, without a -shm file on the card.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("PRAGMA cache_size=-4096")
        connection.execute("PRAGMA journal_size_limit=4194304")  # an import leaves no large WAL behind
        # The lock is taken by a first write; this one changes nothing.
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            for statement in filter(str.strip, script.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={number}")
        if version == 0:
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute("INSERT INTO state VALUES (?)", (window,))
        connection.execute("COMMIT")
        if version < len(MIGRATIONS):
            # The version is read from the file's head before its WAL (_refuse_foreign), so it must be there.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _make_room(path.with_name(path.name + "-wal"))
    except BaseException:
        connection.close()
        raise
    return connection


def _make_room(wal: Path) -> None:
    """Give an empty WAL its full size: a commit that makes it longer costs the card two to four times one that does not.

    Zeros are no frames, to SQLite. Where there is no room, it grows as it would have.
    """
    with contextlib.suppress(OSError):
        if wal.stat().st_size == 0:
            wal.write_bytes(bytes(WAL_BYTES))


def suspect(path: Path) -> Path:
    """What lies beside a file in which damage was met while it was in use: the next start takes out what can be read."""
    return path.with_name(path.name + ".suspect")


def refusal(error: OSError | sqlite3.Error, path: Path) -> StoreError:
    """Why the file cannot be opened."""
    return (DamagedStoreError if damages(error) else StoreError)(f"{path.name}: {why(error, path)}")


def damages(error: OSError | sqlite3.Error) -> bool:
    """Whether it is the file itself that is damaged."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_full(error: sqlite3.Error) -> bool:
    """Whether there was no room on the card."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def why(error: OSError | sqlite3.Error, path: Path) -> str:
    """What the world did, and what its owner can do."""
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename or path}"
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "already open by another process; stop the other gateway first"
        case sqlite3.SQLITE_FULL:
            return "the disk is full; free some space"
        case sqlite3.SQLITE_IOERR:
            return "the disk refuses to be written or read"
        case sqlite3.SQLITE_NOTADB:
            return "not a database; move it away, or bring a back-up with releve restore"
        case sqlite3.SQLITE_CORRUPT:
            return "the database is damaged; releve check-store --salvage takes out what can be read, releve restore brings a back-up"
        case sqlite3.SQLITE_PERM | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN:
            return f"{NO_PERMISSION} {path.parent}"
        case _:
            return str(error)
