"""In the virtual machine: tries what the kernel's own control groups forbid a service, with each line of its unit and without it.

Run as root by a unit of the test. It says on a serial line of its own, one JSON object a line, how each try ended.
"""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

SELF = "/opt/releve/beyond.py"
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
    "pages": bound(socket.SOCK_STREAM, 8080),
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


def main() -> None:
    """All that was asked for, in the machine."""
    for command in (
        "modprobe dummy", "ip link add home type dummy", "ip link set home up", "ip addr add 192.168.7.7/24 dev home",
        "ip addr add fd00::7/64 dev home nodad", "ip route add default dev home", "ip -6 route add default dev home",
    ):  # fmt: skip
        subprocess.run(command.split(), check=True)
    Path("/run/releve").mkdir()
    Path("/run/releve/sync.sock.lock").touch()
    with open("/dev/ttyS1", "w", buffering=1) as out:  # noqa: PTH123 - a device

        def say(**said: object) -> None:
            out.write(json.dumps(said) + "\n")

        for path in sorted(Path("/opt/releve/units").glob("*.service")):
            service = path.read_text().split("[Service]")[1].split("[Install]")[0]
            lines = [line for line in service.splitlines() if line and not line.startswith("#")]
            say(unit=path.name, without="", ends=tried(lines))
            for wall in WALLS:
                if any(line.startswith(wall[0]) for line in lines):
                    less = [line for line in lines if not line.startswith(wall)]
                    say(unit=path.name, without=wall[0], ends=tried(less))
        say(over=time.monotonic())
        time.sleep(1)
    subprocess.run(("systemctl", "poweroff", "--force", "--force"), check=False)


if __name__ == "__main__":
    if sys.argv[1:] == ["tries"]:
        sys.stdout.write(json.dumps({name: outcome(try_) for name, try_ in TRIES.items()}))
    else:
        main()
