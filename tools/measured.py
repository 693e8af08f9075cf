"""Runs scripts of `bench/` and writes what they print into the docs: `make bench`, `make bench-store`.

`python tools/measured.py [SCRIPT...]` runs these only; the others' figures stay as they were measured. What the store
is to reach is in docs/performance.md, a table a script, and runs when it is asked for only; the rest is in
docs/measured.md.
"""

import ast
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "measured.md"
HEAD = """# What was measured

Each block is what one command printed: `make bench` runs the scripts of `bench/` and writes their blocks anew, `make fuzz`
with `--keep` its own. No ARM machine and no real card were at hand: a Pi is slower, and no figure here speaks of one. The
aims stand beside the figures, reached or not. What the store is to reach is in [performance.md](performance.md).
"""
# Minutes, and gigabytes to a disk of its own.
STORE = ("store.py", "store_data.py", "wear.py")
STORE_PAGE = ROOT / "docs" / "performance.md"
STORE_HEAD = """# What the store is to reach

Each table is what one command printed: `make bench-store` runs the scripts and writes their tables anew. The anchors were
measured on a machine of this kind with a house of this kind (ten years, or a year at the meters' own pace): Home
Assistant's recorder (HA), SQLite with a row a point (rows), InfluxDB 1.6, VictoriaMetrics 1.79 (VM), DuckDB. A dash: not
measured. No ARM machine and no real card were at hand: a Pi is slower, and no figure here speaks of one.
"""


def main(names: list[str]) -> int:
    for script in sorted(ROOT.glob("bench/*.py")):
        if script.name in names or (not names and script.name not in STORE):
            keep(f"bench/{script.name}", *_measured(script))
    return 0


def keep(title: str, what: str, said: str) -> None:
    """Put what a command printed into its page, in the place of what it printed before; a table as it is."""
    ours = title.removeprefix("bench/") in STORE
    page, head = (STORE_PAGE, STORE_HEAD) if ours else (PAGE, HEAD)
    sections = _sections(page.read_text(encoding="utf-8")) if page.exists() else {}
    indent = "" if said.startswith("|") else "    "
    body = "\n".join((indent + line).rstrip() for line in said.splitlines())
    sections[title] = f"## {title}\n{what}\n\n{body}\n\n{_machine()}\n"
    kept = [sections[each] for each in sorted(sections) if _belongs(each, ours=ours)]
    page.write_text("\n".join([head, *kept]), encoding="utf-8")


def _belongs(title: str, *, ours: bool) -> bool:
    if not title.startswith("bench/"):
        return not ours
    return (ROOT / title).exists() and (title.removeprefix("bench/") in STORE) is ours


def _sections(page: str) -> dict[str, str]:
    """The page's blocks by their command."""
    found = re.split(r"^(?=## )", page, flags=re.MULTILINE)[1:]
    return {part.splitlines()[0].removeprefix("## "): part.rstrip() + "\n" for part in found}


def _measured(script: Path) -> tuple[str, str]:
    """What a script measures, and what it printed."""
    sys.stdout.write(f"== bench/{script.name}\n")
    said = ""
    with subprocess.Popen(  # noqa: S603 - our own scripts
        [sys.executable, str(script)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            sys.stdout.write(line)
            sys.stdout.flush()
    if process.returncode:
        raise SystemExit(f"bench/{script.name} ended with {process.returncode}")
    what = (ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
    return what, said


def _machine() -> str:
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    what = cpu[1].strip() if cpu else platform.machine()
    day = time.strftime("%Y-%m-%d")
    load = os.getloadavg()[0]
    return f"{day}, Python {platform.python_version()}, {os.cpu_count()} cores of {what}, shared with other work (load {load:.1f})."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
