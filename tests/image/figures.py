"""The table of docs/image.md that says what was tried in a virtual machine, and how it ended: a row a test, written by the test."""

import re
import time
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "image.md"
TITLE = "## Tried in a virtual machine"
HEAD = f"""{TITLE}
Each row was written by its test, `make test-image` or `make test-image ARCH=arm64`, with the commit that the image was made of. qemu
emulates every instruction here: a real box is faster, a machine that does something else meanwhile slower, and no figure speaks of a box. *Failed* is what a row says of what did not hold.

| what | on | how it ended | when, commit |
|---|---|---|---|
"""


def keep(what: str, arch: str, said: str, commit: str) -> None:
    """Put a row into the table, in the place of what the same test said before."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# The image\n"
    before, title, after = page.partition(TITLE)
    ours, end, others = after.partition("\n## ")
    rows = dict(_row(line) for line in re.findall(r"^\| (?!what ).*\|$", ours, re.MULTILINE))
    rows[what, arch] = f"| {what} | {arch} | {said} | {time.strftime('%Y-%m-%d')}, {commit} |"
    table = HEAD + "\n".join(rows[key] for key in sorted(rows)) + "\n"
    PAGE.write_text(before.rstrip() + "\n\n" + table + end + others if title else f"{page.rstrip()}\n\n{table}")


def _row(line: str) -> tuple[tuple[str, str], str]:
    what, arch = (cell.strip() for cell in line.split("|")[1:3])
    return (what, arch), line
