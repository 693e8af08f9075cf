"""Our meters on a wired bus asked by libmbus, a master that is none of ours: they speak as others understand it."""

import contextlib
import os
import re
import select
import shutil
import subprocess
import threading
import tty
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.encode.mbus_meters import Bus, together
from tests.wired import heat_meter

# libmbus is in no Debian package; this package on npm carries its C sources (BSD).
NPM_PACKAGE = "node-mbus@2.2.6"
PROGRAMS = ("mbus-serial-request-data-multi-reply", "mbus-serial-scan-secondary", "mbus-serial-scan")
WAIT_S_MAX = 120
METERS = [
    heat_meter(40012345, 12, primary=1),
    heat_meter(50012346, 34, primary=2, parts=3),
    heat_meter(11012346, 56, primary=3),
]


@pytest.fixture(scope="module")
def libmbus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with libmbus' programs, built for this test."""
    folder = tmp_path_factory.mktemp("libmbus")
    for needed in ("npm", "gcc"):
        if shutil.which(needed) is None:
            pytest.skip(f"{needed} is missing: libmbus cannot be built")
    (folder / "package.json").write_text("{}")
    got = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", NPM_PACKAGE]
    done = subprocess.run(got, cwd=folder, capture_output=True, text=True, check=False, timeout=WAIT_S_MAX)
    if done.returncode:
        pytest.skip(f"libmbus' sources cannot be fetched: {done.stderr[-200:]}")
    sources = folder / "node_modules" / "node-mbus" / "libmbus"
    library = [str(path) for path in sorted((sources / "mbus").glob("*.c"))]
    for program in PROGRAMS:
        code = str(sources / "bin" / f"{program}.c")
        subprocess.run(["gcc", "-w", f"-I{sources}", "-o", str(folder / program), code, *library, "-lm"], check=True)
    return folder


@pytest.fixture
def line() -> Iterator[str]:
    """A pseudo-terminal with METERS at its far end."""
    near, far = os.openpty()
    tty.setraw(far)
    bus = Bus(METERS)
    wake, woken = os.pipe()

    def answer() -> None:
        while wake not in (ready := select.select([near, wake], [], [])[0]):
            assert ready == [near]
            with contextlib.suppress(OSError):
                for _, replies in bus.feed(os.read(near, 4096)):
                    if replies:
                        os.write(near, together(*(reply for _, reply in replies)))

    thread = threading.Thread(target=answer)
    thread.start()
    yield os.ttyname(far)
    os.write(woken, b"\0")
    thread.join()
    for descriptor in (near, far, wake, woken):
        os.close(descriptor)


def values(xml: str) -> list[str]:
    """What libmbus read, as it prints it; that more follows is a value without text to it."""
    root = ET.fromstring(xml[xml.index("<MBusData") :])
    return [value.text for value in root.iter("Value") if value.text]


def run(libmbus: Path, program: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(libmbus / program), "-b", "9600", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S_MAX,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("whom", ["1", "40012345FFFFFFFF"])
def test_libmbus_reads_our_meter_by_either_address(libmbus: Path, line: str, whom: str) -> None:
    said = run(libmbus, PROGRAMS[0], line, whom)
    assert values(said) == ["12"]
    assert "<Id>40012345</Id>" in said
    assert "<Manufacturer>REL</Manufacturer>" in said


@pytest.mark.parametrize("whom", ["2", "50012346FFFFFFFF"])
def test_libmbus_reads_all_three_telegrams_of_our_meter(libmbus: Path, line: str, whom: str) -> None:
    assert values(run(libmbus, PROGRAMS[0], line, whom)) == ["34", "34001", "34002"]


@pytest.mark.timeout(WAIT_S_MAX)  # a silent selection costs it 0.2 s and three tries
def test_libmbus_finds_our_meters_by_its_search(libmbus: Path, line: str) -> None:
    said = run(libmbus, "mbus-serial-scan-secondary", line)
    assert sorted(re.findall(r"Found a device on secondary address ([0-9]{8})", said)) == [
        "11012346",
        "40012345",
        "50012346",
    ]
