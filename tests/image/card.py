"""Cards: the image as it is made, and copies of it that a box writes on."""

import json
import shutil
import struct
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from tests.image import within

GIB = 1 << 30
SECTOR_BYTES = 512
COMMAND_S_MAX = 600.0
BOOT, ROOT_A, ROOT_B, DATA = range(4)


def ran(*command: str, check: bool = True) -> str:
    """What a command of this machine prints; what it complains of, where it fails."""
    done = subprocess.run(command, capture_output=True, check=False, timeout=COMMAND_S_MAX)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0 or not check, f"{' '.join(command)}: {said}{done.stderr.decode(errors='replace')}"
    return said


@dataclass(frozen=True)
class Part:
    """One partition of a card: where it begins and how long it is."""

    start: int
    length: int


def parts(path: Path) -> list[Part]:
    """The four partitions of an MBR, of the card in a raw file."""
    with path.open("rb") as file:
        head = file.read(SECTOR_BYTES)
    assert head[510:512] == b"\x55\xaa", f"{path} has no partition table"
    found = (struct.unpack_from("<II", head, 446 + 16 * n + 8) for n in range(4))
    return [Part(start * SECTOR_BYTES, length * SECTOR_BYTES) for start, length in found]


@dataclass(frozen=True)
class Image:
    """What `make image` made; nobody writes on it."""

    path: Path
    arch: str

    @cached_property
    def parts(self) -> list[Part]:
        return parts(self.path)

    @cached_property
    def about(self) -> dict[str, Any]:
        """What the image says of itself: version, arch, commit."""
        path, offset = "usr/share/releve/image.json", str(self.parts[ROOT_A].start)
        found: dict[str, Any] = json.loads(ran("unsquashfs", "-offset", offset, "-cat", str(self.path), path))
        return found

    @property
    def boot_partition(self) -> str:
        """The partition that any computer reads, as mtools want it named."""
        return f"{self.path}@@{self.parts[BOOT].start}"

    def from_boot(self, name: str, to: Path) -> Path:
        """A file of the partition that any computer reads."""
        ran("mcopy", "-n", "-o", "-i", self.boot_partition, f"::/{name}", str(to))
        return to

    def holds(self, what: bytes) -> bool:
        """Whether these bytes are somewhere in it, as they are."""
        return found_in(self.path, what)


class Card:
    """A copy of the image, grown to `gib`: of the first it holds what was written since. It outlives a cut of the power.

    Of what a box wrote and did not flush, a cut loses what lay where nothing had been written before (qemu knows of
    it in memory alone); the rest stays, as on a card that writes at once.
    """

    def __init__(self, folder: Path, image: Image, gib: float = 4) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.image = image
        self.folder = folder
        self.path, self.format = folder / "card.qcow2", "qcow2"
        self.bytes = int(gib * GIB)
        backing = ("-b", str(image.path), "-F", "raw")
        ran("qemu-img", "create", "-q", "-f", "qcow2", *backing, str(self.path), str(self.bytes))

    def flat(self) -> Path:
        """The card as a raw file from now on, to be read and spoilt from here."""
        if self.format != "raw":
            raw = self.folder / "card.img"
            ran("qemu-img", "convert", "-q", "-O", "raw", str(self.path), str(raw))
            self.path.unlink()
            self.path, self.format = raw, "raw"
        return self.path

    @property
    def parts(self) -> list[Part]:
        """As they are on the card now."""
        return parts(self.flat())

    def write(self, at: int, data: bytes) -> None:
        with self.flat().open("r+b") as file:
            file.seek(at)
            file.write(data)

    def boot_partition(self) -> str:
        """The partition that any computer reads, as mtools want it named."""
        return f"{self.flat()}@@{self.image.parts[BOOT].start}"

    def from_boot(self, name: str) -> str | None:
        """A text file there, as a person would open it; None: there is none."""
        done = subprocess.run(
            ("mtype", "-i", self.boot_partition(), f"::/{name}"),
            capture_output=True,
            check=False,
            timeout=COMMAND_S_MAX,
        )
        return done.stdout.decode() if done.returncode == 0 else None

    def onto_boot(self, name: str, data: bytes) -> None:
        """As a person would put it there."""
        path = self.folder / "put"
        path.write_bytes(data)
        ran("mcopy", "-o", "-i", self.boot_partition(), str(path), f"::/{name}")

    def let_in(self) -> None:
        """Have the card itself start the program that `Guest.run` asks, where its own firmware starts it."""
        initrd = self.image.from_boot("releve-a/initrd", self.folder / "initrd").read_bytes()
        self.onto_boot("releve-a/initrd", within.added() + initrd)

    def data(self) -> Path:
        """A copy of the data partition, for the tools of ext4."""
        part, out = self.parts[DATA], self.folder / "data.ext4"
        out.unlink(missing_ok=True)
        begin, length = str(part.start), str(part.length)
        ran(
            "dd", f"if={self.path}", f"of={out}", "bs=1M", "iflag=skip_bytes,count_bytes", f"skip={begin}",
            f"count={length}", "conv=sparse", "status=none",
        )  # fmt: skip
        return out

    def holds(self, what: bytes) -> bool:
        """Whether these bytes are anywhere on the card, in no matter which file or in none."""
        return found_in(self.flat(), what)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class NewCard(Protocol):
    """Another card of the image."""

    def __call__(self, gib: float = 4) -> Card: ...


def found_in(path: Path, what: bytes) -> bool:
    assert len(what) < GIB
    tail = b""
    with path.open("rb") as file:
        while piece := file.read(1 << 24):
            if what in tail + piece:
                return True
            tail = piece[-len(what) :]
    return False
