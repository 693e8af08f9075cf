"""A back-up opens without us: with Debian's `age` and `tar`, by a key of `age-keygen` and by a passphrase."""

import os
import pty
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.gateway.test_backup import AT, PASSPHRASE, backup, furnish
from tests.gateway.test_command import configured

COMMAND_S_MAX = 60


def run(*command: str | Path, cwd: Path) -> str:
    return subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=COMMAND_S_MAX, check=True
    ).stdout


@pytest.fixture
def house(tmp_path: Path) -> Path:
    config = configured(tmp_path)
    furnish(config)
    return config


def look(folder: Path) -> None:
    """Unseal what the archive holds, and look at it with other people's programs alone."""
    run("sh", "-c", "age -d -i key.txt house.tar.gz.age | tar xz", cwd=folder)
    assert "hashed" not in run("cat", "about.json", cwd=folder)
    with sqlite3.connect(f"file:{folder / 'series.db'}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT max(t + last_s) FROM hour").fetchone()[0] <= AT
    assert (folder / "box-secret").stat().st_size == 32


def test_a_key_of_age_keygen_opens_it(house: Path, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    opened.mkdir()
    run("age-keygen", "-o", "key.txt", cwd=opened)
    recipient = run("age-keygen", "-y", "key.txt", cwd=opened).strip()
    done = backup(house, tmp_path / "house.backup", "--recipient", recipient)
    assert done.returncode == 0, done.stderr
    run("tar", "xf", tmp_path / "house.backup", cwd=opened)
    assert "age -d -i key.txt" in (opened / "README.txt").read_text()
    look(opened)


def test_a_passphrase_opens_it(house: Path, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    opened.mkdir()
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    done = backup(house, tmp_path / "house.backup", "--passphrase-file", tmp_path / "passphrase")
    assert done.returncode == 0, done.stderr
    run("tar", "xf", tmp_path / "house.backup", cwd=opened)
    with (opened / "key.txt").open("wb") as key:
        child, terminal = pty.fork()  # age asks a terminal, and nothing else
        if child == 0:
            os.dup2(key.fileno(), 1)
            os.execvp("age", ["age", "-d", str(opened / "key.age")])
        os.write(terminal, PASSPHRASE.encode() + b"\n")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        os.close(terminal)
    look(opened)
