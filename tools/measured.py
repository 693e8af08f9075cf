"""Runs every script of `bench/` and writes what they print into docs/measured.md: `make bench`.

`python tools/measured.py [SCRIPT...]` runs these only; the others' figures stay as they were measured.
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
aims stand beside the figures, reached or not.
"""


def main(names: list[str]) -> int:
    for script in sorted(ROOT.glob("bench/*.py")):
        if not names or script.name in names:
            keep(f"bench/{script.name}", *_measured(script))
    return 0


def keep(title: str, what: str, said: str) -> None:
    """Put what a command printed into the page, in the place of what it printed before."""
    sections = _sections(PAGE.read_text(encoding="utf-8"))
    sections[title] = f"## {title}\n{what}\n\n    " + "\n    ".join(said.splitlines()) + f"\n\n{_machine()}\n"
    kept = [sections[each] for each in sorted(sections) if not each.startswith("bench/") or (ROOT / each).exists()]
    PAGE.write_text("\n".join([HEAD, *kept]), encoding="utf-8")


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
    return f"{day}, Python {platform.python_version()}, {os.cpu_count()} cores of {what}, shared with other work."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
