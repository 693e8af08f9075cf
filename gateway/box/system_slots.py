"""Roots A and B: which runs, where the other one lies, and how a boot loader is told to try it once.

A boot loader finds on p1, in releve-a/ and releve-b/, what belongs to each root. FAT has no journal: each file is written
beside, put on the card and renamed, and what names the files of a slot comes after them, and goes before them.

    UEFI   loader/entries/releve-b+3.conf: systemd-boot counts each start down in the name and, at none, takes the other entry;
           one that did well has no count in its name. The entry of the higher version comes first (`sort-key`, `version`).
    Pi     tryboot.txt, which the firmware reads instead of config.txt at the one start after `reboot "0 tryboot"`;
           one that did well becomes config.txt.
"""

import hashlib
import os
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from gateway.box import card
from gateway.box.before import no_room
from gateway.box.card import Files, clear
from gateway.box.update_file import PIECE_BYTES, Part, Refused, Update

DISK_ID = "52656c76"
PARTITIONS = {"a": 2, "b": 3}
TRIES = 3
SPARED_BYTES = 4 << 20  # of p1, for what people write there

_ROOT = re.compile(rf"\broot=PARTUUID={DISK_ID}-0([0-9])\b")
_PREFIX = re.compile(r"(?m)^os_prefix=.*$")
_TEMPLATES = ("boot/cmdline.txt", "boot/entry.conf")  # written last, with the slot's own names in them
TEMPLATE_BYTES_MAX = 4096


class Loader(StrEnum):
    UEFI = "uefi"
    PI = "pi"
    NONE = "none"  # a virtual machine that is given its kernel: it starts what it is given


def running_slot(command_line: str) -> str | None:
    """Which root the kernel was given; None: neither, so this is no box of ours."""
    found = _ROOT.search(command_line)
    if found is None:
        return None
    return next((slot for slot, number in PARTITIONS.items() if str(number) == found[1]), None)


def loader(efi: Path = Path("/sys/firmware/efi"), model: Path = Path("/proc/device-tree/model")) -> Loader:
    """What started this machine."""
    if efi.is_dir():
        return Loader.UEFI
    try:
        return Loader.PI if model.read_bytes().startswith(b"Raspberry Pi") else Loader.NONE
    except OSError:
        return Loader.NONE


class RootPart(Protocol):
    """The partition of a root that does not run."""

    @property
    def size_bytes(self) -> int: ...

    def open(self) -> IO[bytes]:
        """To be written from its beginning. OSError: something has it mounted, or the card refuses."""

    def flush(self, stream: IO[bytes]) -> None: ...

    def read_back(self) -> IO[bytes]:
        """What the card gives back, and not what memory remembers of it."""


class BlockDevice:
    """One on the disk that holds /data."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size_bytes = size

    def open(self) -> IO[bytes]:
        # O_EXCL: refused while it is mounted.
        file = os.open(self.path, os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC)
        return os.fdopen(file, "wb", buffering=PIECE_BYTES)

    def flush(self, stream: IO[bytes]) -> None:
        stream.flush()
        os.fsync(stream.fileno())

    def read_back(self) -> IO[bytes]:
        file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        return os.fdopen(file, "rb", buffering=0)


def root_part(
    slot: str,
    data: Path = Path("/data"),
    mounts: Path = Path("/proc/self/mounts"),
    classes: Path = Path("/sys/class/block"),
) -> BlockDevice:
    """The partition of `slot`, on the disk that holds /data. Refused where there is none."""
    device = ""
    for line in mounts.read_text().splitlines():
        source, at = line.split(" ")[:2]
        if at == str(data):
            device = source
    if device.startswith("/dev/"):
        disk = (classes / Path(device).name).resolve().parent
        for found in disk.glob("*/partition"):
            if found.read_text().strip() == str(PARTITIONS[slot]):
                size = int((found.parent / "size").read_text()) * 512
                return BlockDevice(Path("/dev", found.parent.name), size)
    raise Refused("no-root", f"the other root's partition is not found beside {device or 'what holds the house'}")


class Boot(Protocol):
    """A boot loader's files, on p1."""

    def forget(self, slot: str) -> None:
        """From now on nothing of `slot` is started."""

    def try_once(self, slot: str, version: str) -> None:
        """The next start is one of `slot`; if that comes to nothing, the other is back by itself."""

    def keep(self, slot: str) -> None:
        """Each start is one of `slot` from now on. Done again after a cut, it is as if done once."""

    @property
    def reboot(self) -> tuple[str, ...]:
        """What `reboot` is given for a start that tries."""


class Uefi:
    """systemd-boot's entries."""

    reboot: tuple[str, ...] = ()

    def __init__(self, files: Files, p1: Path) -> None:
        self._files = files
        self._p1 = p1
        self._entries = p1 / "loader/entries"

    def forget(self, slot: str) -> None:
        found = self._of(slot)
        for name in found:
            self._files.remove(self._entries / name)
        if found:
            self._files.flush_names(self._entries)

    def try_once(self, slot: str, version: str) -> None:
        self._let_versions_decide()
        # It is called by its name with no count by older ones of systemd-boot's rules, so that one goes first.
        self.forget(slot)
        template = self._files.read(self._p1 / f"releve-{slot}/entry.conf")
        if template is None:
            raise Refused("manifest", "the update has no boot entry for UEFI", what="entry.conf")
        entry = _for_slot(template.decode(errors="replace"), slot)
        said = "\n".join(line for line in entry.splitlines() if line.split(" ")[0] not in {"version", "sort-key"})
        said += f"\nsort-key releve\nversion {version}\n"
        card.replace(self._files, self._entries / f"releve-{slot}+{TRIES}.conf", said.encode())

    def keep(self, slot: str) -> None:
        for name in self._of(slot):
            if name != f"releve-{slot}.conf":
                self._files.rename(self._entries / name, self._entries / f"releve-{slot}.conf")
        self._files.flush_names(self._entries)

    def _of(self, slot: str) -> list[str]:
        form = re.compile(rf"releve-{slot}(\+[0-9]+(-[0-9]+)?)?\.conf(\.new)?")
        return [name for name in self._files.names(self._entries) if form.fullmatch(name)]

    def _let_versions_decide(self) -> None:
        """The image names root A as the default, which then would be the default for ever."""
        path = self._p1 / "loader/loader.conf"
        said = (self._files.read(path) or b"timeout 0\neditor no\n").decode(errors="replace")
        lines = [line for line in said.splitlines() if not line.startswith("default")]
        now = "\n".join([*lines, "default releve-*"]) + "\n"
        if said != now:
            card.replace(self._files, path, now.encode())


class Pi:
    """The Pi's own firmware."""

    reboot: tuple[str, ...] = ("0 tryboot",)

    def __init__(self, files: Files, p1: Path) -> None:
        self._files = files
        self._p1 = p1

    def forget(self, slot: str) -> None:
        self._files.remove(self._p1 / "tryboot.txt")
        self._files.flush_names(self._p1)

    def try_once(self, slot: str, version: str) -> None:
        card.replace(self._files, self._p1 / "tryboot.txt", self._config(slot))

    def keep(self, slot: str) -> None:
        card.replace(self._files, self._p1 / "config.txt", self._config(slot))
        self.forget(slot)

    def _config(self, slot: str) -> bytes:
        """config.txt, with all that its owner changed in it, for `slot`."""
        said = self._files.read(self._p1 / "config.txt")
        if said is None:
            raise Refused("card", "config.txt cannot be read from the first partition")
        text = said.decode(errors="surrogateescape")
        if not _PREFIX.search(text):
            raise Refused("card", "config.txt on the first partition has no line os_prefix=, by which a root is chosen")
        return _PREFIX.sub(f"os_prefix=releve-{slot}/", text).encode(errors="surrogateescape")


def boot_of(found: Loader, files: Files, p1: Path) -> Boot | None:
    """None: nothing that starts this machine could be told to try another root."""
    match found:
        case Loader.UEFI:
            return Uefi(files, p1)
        case Loader.PI:
            return Pi(files, p1)
        case Loader.NONE:
            return None


class SystemSink:
    """Writes a system's parts: its root into the partition, the rest into the slot's folder on p1."""

    def __init__(self, files: Files, p1: Path, slot: str, root: RootPart) -> None:
        self._files = files
        self._folder = p1 / f"releve-{slot}"
        self._slot = slot
        self._root = root
        self._stream: IO[bytes] | None = None
        self._path = self._folder

    def make_room(self, update: Update) -> None:
        """Empty the slot's folder. Refused: the parts are larger than where they belong."""
        root, *boot = update.manifest.parts
        if root.bytes > self._root.size_bytes:
            raise Refused(
                "root-size",
                f"this system's root has {root.bytes} bytes, and the partition for it {self._root.size_bytes}",
            )
        clear(self._files, self._folder)
        need = sum(-(-part.bytes // 4096) * 4096 for part in boot)
        free = self._files.bytes_free(self._folder.parent) - SPARED_BYTES
        if need > free:
            raise no_room(need, free, "this system's kernel, on its first partition")
        self._files.make_folder(self._folder)
        self._files.flush_names(self._folder.parent)

    def begin(self, part: Part) -> None:
        if part.name == "root":
            self._stream = self._root.open()
            return
        if part.name in _TEMPLATES and part.bytes > TEMPLATE_BYTES_MAX:
            raise Refused("manifest", f"{part.name} is larger than such a file is", what=part.name)
        names = PurePosixPath(part.name).parts[1:]
        folder = self._folder
        for name in names[:-1]:
            folder /= name
            self._files.make_folder(folder)
            self._files.flush_names(folder.parent)
        self._path = folder / names[-1]
        self._stream = self._files.create(_beside(self._path))

    def write(self, data: bytes) -> None:
        assert self._stream is not None
        self._stream.write(data)

    def end(self, part: Part) -> None:
        assert self._stream is not None
        if part.name == "root":
            self._root.flush(self._stream)
            self._stream.close()
            return
        self._files.flush(self._stream)
        self._stream.close()
        self._files.rename(_beside(self._path), self._path)
        self._files.flush_names(self._path.parent)

    def close(self) -> None:
        """After a fault."""
        if self._stream is not None:
            self._stream.close()

    def read_back(self, update: Update) -> None:
        """Refused: the card does not give back what was written to it."""
        for part in update.manifest.parts:
            stream = (
                self._root.read_back()
                if part.name == "root"
                else self._files.open(self._folder.joinpath(*PurePosixPath(part.name).parts[1:]), afresh=True)
            )
            with stream:
                if _sha256(stream.read, part.bytes) != part.sha256:
                    raise Refused("card", f"the card does not give back what was written to it: {part.name}")

    def name_it(self) -> None:
        """Let the kernel's command line name this slot's root."""
        path = self._folder / "cmdline.txt"
        said = self._files.read(path)
        if said is not None:
            card.replace(self._files, path, _for_slot(said.decode(errors="replace"), self._slot).encode())


def _for_slot(text: str, slot: str) -> str:
    """Names of either slot become those of this one."""
    text = _ROOT.sub(f"root=PARTUUID={DISK_ID}-0{PARTITIONS[slot]}", text)
    return re.sub(r"\breleve-[ab]/", f"releve-{slot}/", text)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _sha256(read: Callable[[int], bytes], left: int) -> str:
    """Of the first `left` bytes."""
    digest = hashlib.sha256()
    while left and (piece := read(min(left, PIECE_BYTES))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()
