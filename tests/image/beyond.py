"""In the box: tries what the kernel's own control groups forbid a service, with each line of its unit and without it.

Run as root by the test; prints how each try ended, one JSON object a line.
"""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

SELF = "/run/beyond.py"
UNITS = ("releve.service", "releve-sync.service", "releve-secret.service")
UNIT = Path("/run/systemd/system/wall.service")
TRIED = Path("/run/tried.json")
LEFT_OUT = (
    *("Type", "NotifyAccess", "ExecStart", "ExecCondition", "Restart", "Watchdog", "Timeout", "RemainAfterExit"),
    *("StateDirectory", "User", "Group", "SupplementaryGroups", "LoadCredential"),
)
# What its lines begin with that go together: ProtectClock= brings a DeviceAllow= of its own.
WALLS = (
    ("IPAddressDeny=",), ("IPAddressAllow=",), ("SocketBindDeny=",), ("SocketBindAllow=",), ("DevicePolicy=", "DeviceAllow=", "ProtectClock="),
    ("DeviceAllow=",), ("TasksMax=",), ("MemoryMax=",), ("MemoryHigh=",), ("MemorySwapMax=",), ("ProtectKernelTunables=",), ("PrivateNetwork=",),
)  # fmt: skip
THREADS = 100


def sent(host: str) -> Callable[[], str]:
    def try_() -> str:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as to:
            to.sendto(b"x", (host, 9))
        return "done"

    return try_


def bound(kind: socket.SocketKind, port: int) -> Callable[[], str]:
    def try_() -> str:
        with socket.socket(socket.AF_INET, kind) as at:
            at.bind(("0.0.0.0", port))
        return "done"

    return try_


def opened(path: str, flags: int) -> Callable[[], str]:
    def try_() -> str:
        os.close(os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY))
        return "done"

    return try_


def many_threads() -> str:
    over = threading.Event()
    started = []
    try:
        for _ in range(THREADS):
            thread = threading.Thread(target=over.wait)
            thread.start()
            started.append(thread)
    except RuntimeError:
        return "refused"
    finally:
        over.set()
        for thread in started:
            thread.join()
    return "done"


def interfaces() -> list[str]:
    return Path("/proc/self/net/dev").read_text().splitlines()[2:]


def memory(what: str) -> Callable[[], str]:
    return lambda: Path(f"/sys/fs/cgroup/system.slice/wall.service/memory.{what}").read_text().strip()


TRIES: dict[str, Callable[[], str]] = {
    "internet": sent("203.0.113.7"),
    "resolver": sent("9.9.9.9"),
    "internet, IPv6": sent("2001:db8::7"),
    "home, 10": sent("10.1.2.3"),
    "home, 172": sent("172.16.2.3"),
    "home, 192": sent("192.168.7.9"),
    "home, IPv6": sent("fd00::9"),
    "itself": sent("127.0.0.1"),
    "multicast": sent("224.0.0.251"),
    "pages": bound(socket.SOCK_STREAM, 80),
    "mdns": bound(socket.SOCK_DGRAM, 5353),
    "another port": bound(socket.SOCK_STREAM, 9999),
    "another port, UDP": bound(socket.SOCK_DGRAM, 9999),
    "a port to wake itself": bound(socket.SOCK_STREAM, 0),
    "line": opened("/dev/ttyS0", os.O_RDWR),
    "disk": opened("/dev/vda", os.O_RDONLY),
    "threads": many_threads,
    "memory.max": memory("max"),
    "memory.high": memory("high"),
    "memory.swap.max": memory("swap.max"),
    "tunable": opened("/proc/sys/kernel/core_pattern", os.O_WRONLY),
    "interfaces": lambda: " ".join(sorted(line.split(":")[0].strip() for line in interfaces())),
}


def outcome(try_: Callable[[], str]) -> str:
    try:
        return try_()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "OSError")


def tried(lines: list[str]) -> dict[str, str]:
    kept = [line for line in lines if not line.startswith(LEFT_OUT)]
    kept += ["Type=oneshot", f"ExecStart=/usr/bin/python3 -I {SELF} tries", f"StandardOutput=truncate:{TRIED}"]
    UNIT.parent.mkdir(parents=True, exist_ok=True)
    UNIT.write_text("[Service]\n" + "\n".join(kept) + "\n")
    TRIED.unlink(missing_ok=True)
    subprocess.run(("systemctl", "daemon-reload"), check=True)
    done = subprocess.run(("systemctl", "start", "wall.service"), capture_output=True, text=True, check=False)
    if done.returncode:
        said = subprocess.run(
            ("journalctl", "-n", "20", "-u", "wall.service"), capture_output=True, text=True, check=False
        )
        return {"failed": said.stdout}
    found: dict[str, str] = json.loads(TRIED.read_text())
    return found


def lines(unit: str) -> list[str]:
    """Those of its service, drop-ins included."""
    said = subprocess.run(("systemctl", "cat", unit), capture_output=True, text=True, check=True).stdout
    found, section = [], ""
    for line in said.splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith("#"):
            found.append(line)
    return found


def main() -> None:
    """All that was asked for. The box has an address and a way out of its home already, by IPv4."""
    interface = next(path.name for path in Path("/sys/class/net").iterdir() if path.name != "lo")
    subprocess.run(("ip", "addr", "add", "fd00::7/64", "dev", interface, "nodad"), check=True)
    subprocess.run(("ip", "-6", "route", "add", "default", "dev", interface, "metric", "9999"), check=True)
    for unit in UNITS:
        whole = lines(unit)
        say(unit=unit, without="", ends=tried(whole))
        for wall in WALLS:
            if any(line.startswith(wall[0]) for line in whole):
                less = [line for line in whole if not line.startswith(wall)]
                say(unit=unit, without=wall[0], ends=tried(less))


def say(**said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["tries"]:
        sys.stdout.write(json.dumps({name: outcome(try_) for name, try_ in TRIES.items()}))
    else:
        main()
