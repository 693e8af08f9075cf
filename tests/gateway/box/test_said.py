import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.box import said

AT = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)


def test_what_was_said_is_read_by_everybody(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        said.write(said.UPDATE, "refused", "too old", folder=tmp_path, at=AT, code="downgrade", left=2)
    finally:
        os.umask(before)
    found = said.read(said.UPDATE, tmp_path)
    assert found == said.Said("refused", "too old", AT, {"code": "downgrade", "left": 2})
    assert found is not None
    assert (found.text("code"), found.text("left"), found.number("left"), found.number("code")) == (
        "downgrade",
        "",
        2,
        None,
    )
    assert (tmp_path / "update.json").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["update.json"]


def test_a_file_that_a_shell_wrote_is_read(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"state":"memory","why":"no partition","at":"2026-11-27T10:00:00Z"}\n')
    assert said.read(said.DATA, tmp_path) == said.Said("memory", "no partition", AT)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 60_000,
        b'{"state":"good","why":null}',
        b'{"state":"","why":null,"at":"2026-11-27T10:00:00Z"}',
        b'{"state":"good","why":3,"at":"2026-11-27T10:00:00Z"}',
        b'{"state":"good","why":null,"at":"yesterday"}',
        b'{"state":"good","why":null,"at":"2026-11-27T10:00:00Z"}' + b" " * said.FILE_BYTES_MAX,
        b'{"state":"good","why":null,"at":"2026-11-27T10:00:00Z","n":' + b"9" * 5000 + b"}",
    ],
)
def test_a_damaged_file_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "update.json").write_bytes(content)
    assert said.read(said.UPDATE, tmp_path) is None


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert said.read(said.WIFI, tmp_path) is None


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none() | st.lists(st.text())), st.binary(max_size=200))
def test_no_bytes_raise(tmp_path_factory: pytest.TempPathFactory, fields: dict[str, object], tail: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "first.json").write_bytes(json.dumps({"state": "x", "why": None, "at": "2026-11-27", **fields}).encode())
    found = said.read(said.FIRST, folder)
    assert found is None or found.at.tzinfo is not None
    (folder / "first.json").write_bytes(tail)
    said.read(said.FIRST, folder)
