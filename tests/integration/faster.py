"""Time that passes faster for one program: Debian's libfaketime, a program of its own, and what it leaves out."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
LIBRARY = "/usr/$LIB/faketime/libfaketimeMT.so.1"  # the loader knows where $LIB is


def build(folder: Path) -> Path:
    """The library beside libfaketime, made there."""
    assert shutil.which("faketime"), "faketime is missing; `make integration` installs it"
    built = folder / "faster.so"
    subprocess.run(("gcc", "-shared", "-fPIC", "-O2", "-o", built, HERE / "faster.c"), check=True)
    return built


def environment(library: Path, at: float, rate: int) -> dict[str, str]:
    """For a program whose clocks begin at `at` (UTC seconds) and run `rate` times as fast, sleeps and timeouts included."""
    begins = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "LD_PRELOAD": f"{library} {LIBRARY}",
        "FAKETIME": f"@{begins} x{rate}",
        "NO_FAKE_STAT": "1",  # times of files are not ours to change
        "TZ": "UTC",
    }
