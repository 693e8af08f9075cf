"""A box in qemu, without hardware help: a card in it, a meter's adapter in its USB socket, a cable into a home of its own.

The home is a network namespace without a way out: qemu is its router and answers DHCP, so a box that wanted to send
something to the Internet would find the way there, and be seen by `packets`.
"""

import base64
import contextlib
import http.client
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.image import within
from tests.image.card import Card
from tests.integration.home import Host
from tests.integration.visitor import Visitor

URL = "http://127.0.0.1"  # of the namespace, which qemu hands on to the box
MAC = "52:54:00:00:00:02"
METER = "meter"
MEMORY_MB = 512  # a Raspberry Pi Zero 2 W's
PAGE_S_MAX = {"amd64": 900.0, "arm64": 1800.0}  # 40 to 120 where nothing else runs
COMMAND_S_MAX = 180.0
END_S_MAX = 120.0
LOOK_S = 0.5
PAGE_ANSWER_S_MAX = 10.0
COMMAND_LINE_BYTES_MAX = 2048


@dataclass(frozen=True)
class Hardware:
    """What the box is made of. `firmware`: it starts as a PC does, from the card; else qemu hands the kernel over."""

    machine: str
    processor: tuple[str, ...] = ()
    firmware: str = ""
    console: str = ""
    processors: int = 2


PC = Hardware("q35", ("-cpu", "Nehalem"), console="ttyS0")
# One processor: with two, this firmware was seen to stand still after a restart.
UEFI_PC = Hardware("q35", ("-cpu", "Nehalem"), "/usr/share/OVMF/OVMF_CODE.fd", "ttyS0", 1)
VIRT = Hardware("virt", ("-cpu", "cortex-a53"), console="ttyAMA0")
UEFI_VIRT = Hardware("virt", ("-cpu", "cortex-a53"), "/usr/share/AAVMF/AAVMF_CODE.fd", "ttyAMA0")
PI = Hardware("raspi3b", console="ttyS1")
PLAIN = {"amd64": PC, "arm64": VIRT}
UEFI = {"amd64": UEFI_PC, "arm64": UEFI_VIRT}


class Power(Protocol):
    """Switches a box on: it has come up to its page, and its power is cut at the end of the block."""

    def __call__(
        self,
        card: Card,
        hardware: Hardware | None = None,
        *,
        memory_mb: int = MEMORY_MB,
        more: tuple[str, ...] = (),
        card_options: str = "",
        command_line: str = "",
    ) -> contextlib.AbstractContextManager["Guest"]: ...


class Record(Protocol):
    """pytest's `record_property`: a figure that stands in the table beside the test's outcome."""

    def __call__(self, name: str, value: object) -> None: ...


class RebootedError(AssertionError):
    """The box started anew while it was asked something."""


def until(holds: Callable[[], object], what: str, within_s: float, every_s: float = LOOK_S) -> None:
    """A page that does not answer, as of a box that starts anew, is asked again."""
    end = time.monotonic() + within_s
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if holds():
                return
        assert time.monotonic() < end, f"not within {within_s:g} s: {what}"
        time.sleep(every_s)


class Guest:
    """Running. `home` is where its visitors are; `began` when its power was switched on."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path, home: Host) -> None:
        self.process = process
        self.folder = folder
        self.home = home
        self.began = time.monotonic()
        self.page_s = 0.0
        self._greeted = False
        self._within = _Line(folder / "within", self.alive)
        self._monitor = _Line(folder / "monitor", self.alive)
        self._monitor.read(END_S_MAX)  # its greeting
        self.monitor("qmp_capabilities")

    def alive(self) -> None:
        assert self.process.poll() is None, f"qemu ended with {self.process.returncode}: {self.said()[-4000:]}"

    def said(self) -> str:
        """What it said on its console, and qemu of itself."""
        files = (self.folder / name for name in ("qemu.log", "console.log", "console2.log"))
        return "\n".join(path.read_text(errors="replace") for path in files if path.exists())

    # From outside, as a household.

    def visitor(self) -> Visitor:
        return Visitor(self.home, URL)

    def answers(self, path: str = "/") -> bool:
        """Whether a page is there; also one that says what is wrong."""
        self.alive()
        try:
            with self.home.inside(), urllib.request.urlopen(URL + path, timeout=PAGE_ANSWER_S_MAX) as answer:
                return "<main" in answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return "<main" in error.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return False

    def comes_up(self, within_s: float) -> None:
        try:
            until(self.answers, "its page", within_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()[-5000:]}") from None
        self.page_s = time.monotonic() - self.began

    def cut(self) -> None:
        """The power goes, in the middle of whatever it does."""
        self.process.kill()
        self.process.wait()

    def press_power_button(self) -> None:
        """It stops in order, as who has no way in asks for it."""
        self.monitor("system_powerdown")
        self.process.wait(END_S_MAX)

    def switch_off(self) -> None:
        """It stops in order."""
        self.run("systemctl", "poweroff", "--no-block")
        self.process.wait(END_S_MAX)

    def unplug_meter(self) -> None:
        self.monitor("device_del", id=METER)

    def plug_meter(self) -> None:
        self.monitor("device_add", driver="usb-serial", chardev=METER, id=METER, **{"always-plugged": True})

    def monitor(self, command: str, **arguments: object) -> Any:
        """What qemu answers."""
        self._monitor.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            said = json.loads(self._monitor.read(END_S_MAX))
            assert "error" not in said, f"{command}: {said}"
            if "return" in said:
                return said["return"]

    # From inside, as nobody could in a home.

    def run(self, *command: str, stdin: bytes = b"", check: bool = True, within_s: float = COMMAND_S_MAX) -> str:
        """What a command prints in the box, as root; RebootedError if the box started anew meanwhile."""
        self._ready()
        asked = {"run": command, "input": base64.b64encode(stdin).decode(), "within_s": within_s}
        self._within.write(json.dumps(asked).encode() + b"\n")
        said = self._within.read(within_s + END_S_MAX)
        if said == b"ready":
            raise RebootedError(" ".join(command))
        answer = json.loads(said)
        out = base64.b64decode(answer["out"]).decode(errors="replace")
        assert answer["code"] == 0 or not check, f"{' '.join(command)}: {out}{answer['said']}"
        return out

    def starts_anew(self, within_s: float) -> None:
        """Wait until it has: it was told to."""
        assert self._within.read(within_s) == b"ready"

    def read(self, path: str) -> str:
        return self.run("cat", path)

    def write(self, path: str, text: str | bytes) -> None:
        """A file in the box; its owner and mode stay where it is there."""
        self.run("tee", path, stdin=text.encode() if isinstance(text, str) else text)

    def shows(self, unit: str, *properties: str) -> dict[str, str]:
        """What systemd says of a unit."""
        lines = self.run("systemctl", "show", unit, f"--property={','.join(properties)}").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("releve", "status", "--json"))
        return found

    def log(self, unit: str = "") -> str:
        return self.run("journalctl", "--no-pager", "--boot", *(("--unit", unit) if unit else ()))

    def said_of_box(self, what: str) -> dict[str, Any] | None:
        """One of the small files in which the box says how it is (`data`, `update`, `first`, `wifi`); None: not there."""
        text = self.run("cat", f"/run/releve-box/{what}.json", check=False)
        found: dict[str, Any] | None = json.loads(text) if text else None
        return found

    def settled(self) -> None:
        """Wait until each unit that is to start has started, or has failed."""
        until(
            lambda: self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded"),
            "all units started",
            END_S_MAX * 2,
        )

    def memory_used_mb(self) -> float:
        lines = (line.split() for line in self.read("/proc/meminfo").splitlines())
        kb = {words[0].rstrip(":"): int(words[1]) for words in lines}
        return (kb["MemTotal"] - kb["MemAvailable"]) / 1024

    def close(self) -> None:
        self._within.close()
        self._monitor.close()

    def _ready(self) -> None:
        if not self._greeted:
            assert self._within.read(max(PAGE_S_MAX.values())) == b"ready"
            self._greeted = True


class _Line:
    """A socket of qemu's, by lines; `alive` raises where qemu has ended."""

    def __init__(self, path: Path, alive: Callable[[], None]) -> None:
        self._alive = alive
        self._pending = b""
        self._socket = socket.socket(socket.AF_UNIX)

        def connected() -> bool:
            alive()
            return self._socket.connect_ex(str(path)) == 0

        until(connected, f"qemu opens {path}", END_S_MAX, 0.05)

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self, within_s: float) -> bytes:
        """The next line, without its end."""
        end = time.monotonic() + within_s
        while b"\n" not in self._pending:
            self._alive()
            assert time.monotonic() < end, f"no answer within {within_s:g} s"
            self._socket.settimeout(1.0)
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                piece = self._socket.recv(65536)
                if not piece:
                    time.sleep(0.1)  # qemu has ended, or ends
                self._pending += piece
        line, _, self._pending = self._pending.partition(b"\n")
        return line.rstrip(b"\r")

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def switched_on(
    card: Card,
    hardware: Hardware,
    home: Host,
    *,
    memory_mb: int = MEMORY_MB,
    more: tuple[str, ...] = (),
    card_options: str = "",
    command_line: str = "",
) -> Iterator[Guest]:
    """From its power on to its power off; it may not have come up yet. `more`: options of qemu."""
    if card_options == "readonly=on":
        card.flat()
    folder = card.folder
    for left in ("within", "monitor", METER):
        (folder / left).unlink(missing_ok=True)
    command = _command(card, hardware, memory_mb, card_options, command_line)
    with (folder / "qemu.log").open("wb") as output:
        process = subprocess.Popen(
            ("ip", "netns", "exec", home.name, *command, *more),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
        )  # fmt: skip
    try:
        guest = Guest(process, folder, home)
        try:
            yield guest
        finally:
            guest.close()
    finally:
        process.kill()
        process.wait()


def _command(card: Card, hardware: Hardware, memory_mb: int, card_options: str, command_line: str) -> tuple[str, ...]:
    arch, folder = card.image.arch, card.folder
    program = {"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}[arch]
    options = [
        program, "-M", hardware.machine, *hardware.processor, "-accel", "tcg,thread=multi", "-display", "none",
        "-qmp", "unix:monitor,server=on,wait=off", "-serial", "file:console.log",
        "-netdev", "user,id=home,hostfwd=tcp:127.0.0.1:80-:80",
        "-object", "filter-dump,id=packets,netdev=home,file=packets.pcap",
        "-chardev", "socket,id=within,path=within,server=on,wait=off",
        "-chardev", f"socket,id={METER},path={METER},server=on,wait=off",
    ]  # fmt: skip
    drive = f"format={card.format},file={card.path}" + (f",{card_options}" if card_options else "")
    if hardware is PI:
        options += ["-drive", f"if=sd,{drive}", "-serial", "file:console2.log"]
        options += ["-device", f"usb-net,netdev=home,mac={MAC}"]
        options += ["-dtb", str(card.image.from_boot("releve-a/bcm2837-rpi-3-b.dtb", folder / "dtb"))]
    else:
        options += [
            "-smp", str(hardware.processors), "-m", str(memory_mb), "-drive", f"if=none,id=card,{drive}",
            "-device", "virtio-blk-pci,drive=card" + (",bootindex=0" if hardware.firmware else ""), "-device", "virtio-rng-pci",
            "-device", f"virtio-net-pci,netdev=home,mac={MAC},romfile=", "-device", "qemu-xhci",
            "-device", f"usb-serial,chardev={METER},id={METER},always-plugged=on",
            "-device", "virtio-serial-pci", "-device", f"virtserialport,chardev=within,name={within.NAME}",
        ]  # fmt: skip
    if hardware.firmware:
        variables = folder / "variables.fd"
        if not variables.exists():
            variables.write_bytes(Path(hardware.firmware.replace("CODE", "VARS")).read_bytes())
        options += ["-drive", f"if=pflash,format=raw,readonly=on,file={hardware.firmware}"]
        options += ["-drive", f"if=pflash,format=raw,file={variables}"]
    else:
        said = card.image.from_boot("releve-a/cmdline.txt", folder / "cmdline").read_text().split()
        said = [word for word in said if not word.startswith("console=")]
        said += [f"console={hardware.console}", *command_line.split()]
        for name in ("linux", "initrd"):
            card.image.from_boot(f"releve-a/{name}", folder / name)
        (folder / "initrd").write_bytes(within.added() + (folder / "initrd").read_bytes())
        assert len(" ".join(said)) < COMMAND_LINE_BYTES_MAX
        options += ["-kernel", "linux", "-initrd", "initrd", "-append", " ".join(said)]
    return tuple(options)
