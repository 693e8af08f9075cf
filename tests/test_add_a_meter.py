"""CONTRIBUTING's "add a meter in ten lines", done as it says on a copy of the sources: two files, and the suite takes it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[1]
VECTORS = "tests/drivers/modbus/test_decode.py"
OPENING = "VECTORS: dict[str, list[tuple[int, str, str, str]]] = {\n"
VECTOR = '    "nobody_n1": [(52, "449C 5000", "power", "1250.5"), (72, "4640 E6AE", "import_energy", "12345670")],\n'


def ten_lines() -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.search(r"^    vendor = .*?(?=\n\n\S)", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return dedent(found[0])


def suite_on(copy: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", str(copy), str(copy / VECTORS)],
        cwd=copy,
        env={"PYTHONPATH": str(copy), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_meter_is_added_in_two_files_and_the_suite_refuses_one_without_the_other(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "drivers", tmp_path / "drivers")
    vectors = tmp_path / VECTORS
    vectors.parent.mkdir(parents=True)
    shutil.copy(ROOT / VECTORS, vectors)
    lines = ten_lines()
    assert len((lines + "\n" + VECTOR).splitlines()) == 10
    (tmp_path / "drivers" / "modbus" / "meters" / "nobody_n1.toml").write_text(lines)
    alone = suite_on(tmp_path)
    assert alone.returncode == 1
    assert "test_every_map_has_a_vector" in alone.stdout
    vectors.write_text(vectors.read_text().replace(OPENING, OPENING + VECTOR))
    both = suite_on(tmp_path)
    assert both.returncode == 0, both.stdout
