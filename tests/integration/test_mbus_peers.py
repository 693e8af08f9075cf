"""Our meters on a wired bus asked by libmbus, a master that is none of ours: they speak as others understand it."""

import contextlib
import os
import re
import select
import subprocess
import threading
import tty
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.encode.mbus_meters import Bus, together
from tests.wired import heat_meter

# libmbus is in no Debian package; a package on npm carries its C sources (BSD).
SOURCES = Path("node-mbus", "libmbus")
PROGRAMS = ("mbus-serial-request-data-multi-reply", "mbus-serial-scan-secondary", "mbus-serial-scan")
WAIT_S_MAX = 120
pytestmark = pytest.mark.timeout(2 * WAIT_S_MAX)  # the first one fetches and builds; a silent selection costs 0.6 s
METERS = [
    heat_meter(40012345, 12, primary=1),
    heat_meter(50012346, 34, primary=2, parts=3),
    heat_meter(11012346, 56, primary=3),
]


@pytest.fixture(scope="module")
def libmbus(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with libmbus' programs, built for these tests."""
    folder, sources = tmp_path_factory.mktemp("libmbus"), node_modules / SOURCES
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


def test_libmbus_finds_our_meters_by_its_search(libmbus: Path, line: str) -> None:
    said = run(libmbus, "mbus-serial-scan-secondary", line)
    assert sorted(re.findall(r"Found a device on secondary address ([0-9]{8})", said)) == [
        "11012346",
        "40012345",
        "50012346",
    ]
