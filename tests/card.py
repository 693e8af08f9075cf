"""A card of its own for a test or a bench, as root: an ext4 on a loop device that can lose its power and counts what is written."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Below 512 MB mkfs.ext4 takes blocks of 1 KB, which no card has. The file is sparse.
BYTES = 1 << 30
SECTOR_BYTES = 512
# Else the kernel goes on making the filesystem after it was mounted, and its writes are counted.
STOCK = ("-q", "-E", "lazy_itable_init=0,lazy_journal_init=0")


@dataclass(frozen=True, slots=True)
class Written:
    """What reached the device since it was attached: bytes, and how often its cache was flushed."""

    bytes: int
    flushes: int

    def since(self, before: "Written") -> "Written":
        return Written(self.bytes - before.bytes, self.flushes - before.flushes)


@dataclass(frozen=True, slots=True)
class Card:
    """`folder` is where it is mounted, with `options`; `device` is its loop device."""

    folder: Path
    device: str
    options: str

    def written(self) -> Written:
        fields = Path(f"/sys/block/{self.device.rpartition('/')[2]}/stat").read_text().split()
        return Written(int(fields[6]) * SECTOR_BYTES, int(fields[15]))

    def settle(self) -> None:
        """What is dirty reaches the device now."""
        _run("sync", "--file-system", str(self.folder))

    def cut(self) -> None:
        """The power goes, under whoever writes: what the filesystem had not sent is lost, and it refuses all from now on."""
        _run("xfs_io", "-x", "-c", "shutdown", str(self.folder))

    def power(self) -> None:
        """Mount it again after a cut; whoever had files of it open has ended."""
        _run("umount", str(self.folder))
        _run("mount", "-o", self.options, self.device, str(self.folder))


@contextlib.contextmanager
def mounted(folder: Path, options: str = "defaults") -> Iterator[Card]:
    """A new card, stock ext4, mounted below `folder`; unmounted and gone afterwards."""
    image, mount = folder / "card.img", folder / "card"
    mount.mkdir(parents=True)
    with image.open("wb") as file:
        os.truncate(file.fileno(), BYTES)
    with contextlib.ExitStack() as undo:
        undo.callback(image.unlink)
        _run("mkfs.ext4", *STOCK, str(image))
        device = _run("losetup", "--find", "--show", str(image)).strip()
        undo.callback(_run, "losetup", "--detach", device)
        _run("mount", "-o", options, device, str(mount))
        undo.callback(_run, "umount", str(mount))
        yield Card(mount, device, options)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout
