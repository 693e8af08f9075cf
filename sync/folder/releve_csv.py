#!/usr/bin/env python3
"""Makes one CSV table of the files that Releve wrote into this folder; needs Python 3.9 or later, and `age` where they are sealed.

    python3 releve_csv.py FOLDER --out readings.csv
    python3 releve_csv.py FOLDER --key key.txt --out readings.csv

Columns: series, at (UTC), value, unit, until. An index (until is empty) is what the dial showed at that time; a level with
`until` is the mean from `at` to then. What is not there, is not what the folder's manifest says, or cannot be opened is
left out and said, and the exit status is then 1.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Iterator

COLUMNS = ("series", "at", "value", "unit", "until")
AGE_S_MAX = 60
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# (series, at) -> value, unit, until
Rows = dict[tuple[str, int], "tuple[str | None, str, int | None]"]


class LeftOut(Exception):
    """Why a file is not in the table."""


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where LISEZ-MOI.html lies")
    parser.add_argument("--key", type=Path, help="the file with AGE-SECRET-KEY-1..., where the files are sealed (.age)")
    parser.add_argument("--out", type=Path, help="the table; else it is printed")
    asked = parser.parse_args(words)
    said: list[str] = []
    rows, files = collect(asked.folder, asked.key, said)
    if asked.out:
        with asked.out.open("w", encoding="utf-8", newline="") as out:
            written = write(rows, out)
    else:
        written = write(rows, sys.stdout)
    for line in said:
        print(f"left out: {line}", file=sys.stderr)
    print(f"{written} values of {files} files", file=sys.stderr)
    return 1 if said or not files else 0


def collect(folder: Path, key: Path | None, said: list[str]) -> tuple[Rows, int]:
    """The values of all files that are right, and how many these were; what was left out is added to `said`."""
    rows: Rows = {}
    ends: Rows = {}
    spans: list[tuple[int, int]] = []
    for path, expected in listed(folder, said):
        try:
            document = read(path, expected, key)
            begin, end = values(document, rows, ends)
        except LeftOut as why:
            said.append(f"{path.relative_to(folder)}: {why}")
        else:
            spans.append((begin, end))
    # What an index was at the end of a file is for its next file to say; it stands where there is none.
    begins = {begin for begin, _ in spans}
    for at, row in ends.items():
        if at not in rows and at[1] not in begins:
            rows[at] = row
    return rows, len(spans)


def listed(folder: Path, said: list[str]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The files that a manifest says are valid, in order of their names."""
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        manifest = inner / "manifest.json"
        known = set()
        if manifest.exists():
            try:
                files = json.loads(manifest.read_bytes())["files"]
                entries = [(str(each["name"]), each) for each in files]
            except (ValueError, KeyError, TypeError):
                entries = []
                said.append(f"{inner.name}/manifest.json: it cannot be read")
            for name, each in sorted(entries, key=lambda entry: entry[0]):
                if "/" in name or "\\" in name or name in ("", ".", ".."):
                    said.append(f"{inner.name}/manifest.json: a name that is none")
                    continue
                known.add(name)
                yield inner / name, each
        said.extend(
            f"{inner.name}/{path.name}: it is in no manifest (an older version, or one that was being written)"
            for path in sorted(inner.iterdir())
            if path.name.endswith((".json", ".age")) and path.name not in known and path != manifest
        )


def read(path: Path, expected: dict[str, Any], key: Path | None) -> dict[str, Any]:
    """One document; LeftOut where it is not what its manifest says, or not open."""
    try:
        content = path.read_bytes()
    except OSError:
        raise LeftOut("it is missing, or cannot be read") from None
    if len(content) != expected.get("bytes") or hashlib.sha256(content).hexdigest() != expected.get("sha256"):
        raise LeftOut("it is not what the manifest says: damaged, or changed by somebody")
    if path.name.endswith(".age"):
        content = unsealed(content, key)
    elif key is not None:
        raise LeftOut("it is not sealed, and a key was given: who wrote it?")
    try:
        document = json.loads(content)
    except ValueError:
        raise LeftOut("it is no JSON") from None
    if not isinstance(document, dict) or document.get("releve") != 1:
        raise LeftOut("it is of another kind, or of a later Releve: take the script that came with it")
    if document.get("period") != path.name.split(".")[0]:
        raise LeftOut("it is of another day than its name says")
    return document


def unsealed(content: bytes, key: Path | None) -> bytes:
    if key is None:
        raise LeftOut("it is sealed: say --key key.txt")
    try:
        done = subprocess.run(
            ["age", "-d", "-i", str(key)], input=content, capture_output=True, check=False, timeout=AGE_S_MAX
        )
    except FileNotFoundError:
        raise LeftOut("the program age is missing: https://age-encryption.org") from None
    except subprocess.TimeoutExpired:
        raise LeftOut("age did not answer") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise LeftOut(said[0] if said else "age does not open it")
    try:
        return gzip.decompress(done.stdout)
    except (OSError, EOFError, ValueError):
        raise LeftOut("what is sealed in it is no gzip file") from None


def values(document: dict[str, Any], rows: Rows, ends: Rows) -> tuple[int, int]:
    """Put a document's values into `rows`, those of its end into `ends`; from when to when it is, in UTC seconds."""
    mine: Rows = {}
    mine_at_end: Rows = {}
    try:
        begin, end = int(document["from"]), int(document["to"])
        for series in document["series"]:
            until = series.get("until") or [None] * len(series["at"])
            if not len(series["at"]) == len(series["value"]) == len(until):
                raise LeftOut("times and values are not as many")
            for at, value, to in zip(series["at"], series["value"], until):  # noqa: B905 - Python 3.9 has no strict
                if value is not None:
                    into = mine if at < end else mine_at_end
                    into[str(series["series"]), int(at)] = str(value), str(series["unit"]), to and int(to)
    except (KeyError, TypeError, ValueError):
        raise LeftOut("it is not as a document of Releve is") from None
    rows.update(mine)
    ends.update(mine_at_end)
    return begin, end


def write(rows: Rows, out: Any) -> int:
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for (series, at), (value, unit, until) in sorted(rows.items(), key=lambda row: row[0]):
        table.writerow((series, said_at(at), value, unit, "" if until is None else said_at(until)))
    return len(rows)


def said_at(seconds: int) -> str:
    return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    sys.exit(main())
