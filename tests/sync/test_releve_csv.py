"""The script that lies beside the files: what it puts in the table, and what it leaves out and says."""

import ast
import csv
import hashlib
import importlib.util
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from sync.files import File, folder_of, manifest
from sync.model import Parcel, Series
from tests.parcels import day

PATH = Path(__file__).parents[2] / "sync" / "folder" / "releve_csv.py"
Run = Callable[..., tuple[int, list[dict[str, str]], str]]


def lay(folder: Path, parcels: Sequence[Parcel]) -> list[Path]:
    """A folder as it lies there, readable."""
    paths: list[Path] = []
    files: dict[str, list[File]] = {}
    for parcel in parcels:
        content, inner = parcel.document(), folder_of(parcel.period)
        sha256 = hashlib.sha256(content).hexdigest()
        file = File(f"{parcel.period}.{sha256[:12]}.json", len(content), sha256)
        (folder / inner).mkdir(exist_ok=True)
        paths.append(folder / inner / file.name)
        paths[-1].write_bytes(content)
        files.setdefault(inner, []).append(file)
    for inner, each in files.items():
        (folder / inner / "manifest.json").write_bytes(manifest(each))
    return paths


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("releve_csv", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(folder: Path, *more: str) -> tuple[int, list[dict[str, str]], str]:
        table = tmp_path / "table.csv"
        status = script.main([str(folder), "--out", str(table), *more])
        with table.open(encoding="utf-8", newline="") as file:
            return status, list(csv.DictReader(file)), capsys.readouterr().err

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "releve"
    made.mkdir()
    return made


def an_index(start: int, *values: str | None) -> tuple[Series, ...]:
    at = tuple(start + 1800 * number for number in range(len(values)))
    return (Series("eau:volume:0", "Eau", "water", "volume", "L", "index", at, (), values),)


def test_it_needs_nothing_but_python_3_9_and_what_comes_with_it() -> None:
    tree = ast.parse(PATH.read_text(encoding="utf-8"), feature_version=(3, 9))
    names = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert names <= set(sys.stdlib_module_names)


def test_each_value_is_there_once_with_its_time_and_unit(folder: Path, run: Run) -> None:
    days = [day(30), day(31)]
    lay(folder, days)
    status, table, said = run(folder)
    assert (status, said) == (0, "484 values of 2 files\n")
    assert table[0] == {
        "series": "chaleur:energy:0",
        "at": "2025-01-31T00:00:00Z",
        "value": days[0].series[3].value[0],
        "unit": "Wh",
        "until": "",
    }
    level = next(row for row in table if row["series"] == "maison:SINSTS:0")
    assert (level["at"], level["until"]) == ("2025-01-31T00:00:00Z", "2025-01-31T00:30:00Z")
    assert len({(row["series"], row["at"]) for row in table}) == len(table)


def test_what_a_file_says_of_its_end_is_for_the_next_file_to_say(folder: Path, run: Run) -> None:
    first = Parcel("2025-01-01T00", 0, 3600, "30min", 0, an_index(0, "1", None, "3"))
    unknown = Parcel("2025-01-01T01", 3600, 7200, "30min", 0, an_index(3600, None, "4", "5"))
    lay(folder, [first, unknown])
    assert [row["value"] for row in run(folder)[1]] == ["1", "4", "5"]
    lay(folder, [replace(unknown, series=an_index(3600, "3.5", "4", "5")), first])
    assert [row["value"] for row in run(folder)[1]] == ["1", "3.5", "4", "5"]


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda path: path.unlink(), "it is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "damaged, or changed"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b'"L"', b'"l"', 1)), "damaged, or changed"),
        (lambda path: path.write_bytes(b"<html>"), "damaged, or changed"),
    ],
)
def test_a_file_that_is_not_what_its_manifest_says_is_left_out_and_said(
    folder: Path, run: Run, harm: Callable[[Path], object], why: str
) -> None:
    paths = lay(folder, [day(30), day(31)])
    harm(paths[1])
    status, table, said = run(folder)
    assert (status, len(table)) == (1, 244)
    assert f"left out: 2025-02/{paths[1].name}: " in said
    assert why in said


def test_an_older_version_beside_the_valid_one_is_left_out_and_said(folder: Path, run: Run) -> None:
    old = lay(folder, [day(31)])[0]
    lay(folder, [day(31, revision=1)])
    status, table, said = run(folder)
    assert (status, len(table)) == (1, 244)
    assert f"2025-02/{old.name}: it is in no manifest" in said


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"files": 3}', b'{"files": [3]}', b'{"files": [{"name": "../x"}]}']
)
def test_without_a_whole_manifest_nothing_is_guessed(folder: Path, run: Run, damage: bytes) -> None:
    lay(folder, [day(31)])
    (folder / "2025-02" / "manifest.json").write_bytes(damage)
    status, table, said = run(folder)
    assert (status, table) == (1, [])
    assert "manifest" in said


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"[]", "of another kind"),
        (b'{"releve": 2}', "of a later Releve"),
        (b'{"releve": 1, "period": "2025-02-02"}', "of another day than its name says"),
        (b'{"releve": 1, "period": "2025-02-01", "from": 0, "to": 1}', "not as a document of Releve"),
        (
            b'{"releve": 1, "period": "2025-02-01", "from": 0, "to": 1, "series": [{"at": [0], "value": []}]}',
            "not as many",
        ),
    ],
)
def test_a_document_of_another_kind_is_left_out_whole(folder: Path, run: Run, document: bytes, why: str) -> None:
    path = lay(folder, [day(31)])[0]
    sha256 = hashlib.sha256(document).hexdigest()
    path.write_bytes(document)
    (path.parent / "manifest.json").write_text(
        json.dumps({"releve": 1, "files": [{"name": path.name, "bytes": len(document), "sha256": sha256}]})
    )
    status, table, said = run(folder)
    assert (status, table) == (1, [])
    assert why in said


def test_with_a_key_a_file_that_is_not_sealed_is_nobodys(folder: Path, run: Run, tmp_path: Path) -> None:
    lay(folder, [day(31)])
    status, table, said = run(folder, "--key", str(tmp_path / "key.txt"))
    assert (status, table) == (1, [])
    assert "it is not sealed, and a key was given" in said
