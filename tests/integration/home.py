"""A home and what lies beyond it, each host in a network namespace of its own: packets are real, and none leaves this machine.

    box ---- router ---- far: the Internet
               |
              out: where what sends to targets may be

The router is a host of the LAN too: a broker and meters may be there, and its resolver answers names as told.
"""

import contextlib
import ctypes
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.integration.sniff import Sniffer, asked

CLONE_NEWNET = 0x40000000
LOOK_S = 0.2
END_S_MAX = 10.0
A, AAAA = 1, 28
NAME_ERROR = 3  # RFC 1035, section 4.1.1
TTL_S = 1

LIBC = ctypes.CDLL(None, use_errno=True)


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


class Host:
    """A network namespace of its own, whose name no other run has."""

    def __init__(self, name: str) -> None:
        self.name = f"releve-{os.getpid()}-{name}"
        self._etc = Path("/etc/netns") / self.name
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")

    def remove(self) -> None:
        subprocess.run(("ip", "netns", "del", self.name), check=False)
        shutil.rmtree(self._etc, ignore_errors=True)

    def ip(self, *arguments: str) -> None:
        ip("-n", self.name, *arguments)

    def route(self, *routers: str) -> None:
        """Have all that is not on its links go there."""
        for router in routers:
            self.ip(*(("-6",) if ":" in router else ()), "route", "add", "default", "via", router)

    def resolve(self, *servers: str) -> None:
        """Ask names there. One that says nothing is given up after two seconds."""
        self._etc.mkdir(parents=True)
        lines = [f"nameserver {server}\n" for server in servers] + ["options timeout:1 attempts:1\n"]
        (self._etc / "resolv.conf").write_text("".join(lines))

    def processes(self) -> int:
        """How many run there."""
        listed = subprocess.run(("ip", "netns", "pids", self.name), capture_output=True, text=True, check=True)
        return len(listed.stdout.split())

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """What this thread opens meanwhile, sockets above all, is in this namespace, and stays there."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            _enter(there)
            yield
        finally:
            _enter(before)
            os.close(there)
            os.close(before)

    @contextlib.contextmanager
    def running(
        self, log: Path, *command: str, environment: Mapping[str, str] | None = None
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """A program there, killed at the end if it has not ended by itself."""
        # What is a battery's clock to this machine is none to a program that lives at another time.
        hidden = 'if [ -d /sys/class/rtc ]; then mount -t tmpfs none /sys/class/rtc; fi; exec "$@"'
        variables = [f"{name}={value}" for name, value in (environment or {}).items()]
        within = ("ip", "netns", "exec", self.name, "sh", "-c", hidden, "sh", "env", *variables, *command)
        with log.open("ab") as output:
            process = subprocess.Popen(within, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.kill()
            process.wait(END_S_MAX)


def _enter(namespace: int) -> None:
    if LIBC.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Resolver:
    """The DNS server of a home's router. `names`: the addresses of each; no address is no answer at all."""

    def __init__(self, *addresses: str) -> None:
        """In the network namespace of the thread that makes it."""
        self.names: dict[str, tuple[str, ...]] = {}
        self.asked: Counter[str] = Counter()
        self._ended = False
        self._threads = []
        for address in addresses:
            serving = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            serving.bind((address, 53))
            serving.settimeout(LOOK_S)
            thread = threading.Thread(target=self._serve, args=(serving,), name=f"resolver {address}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        self._ended = True
        for thread in self._threads:
            thread.join()

    def _serve(self, serving: socket.socket) -> None:
        with serving:
            while not self._ended:
                with contextlib.suppress(TimeoutError):
                    question, whose = serving.recvfrom(4096)
                    answer = self._answer(question)
                    if answer is not None:
                        serving.sendto(answer, whose)

    def _answer(self, question: bytes) -> bytes | None:
        """RFC 1035, section 4.1."""
        name, type_, end = asked(question)
        self.asked[name] += 1
        known = self.names.get(name)
        if known == ():
            return None
        family = {A: socket.AF_INET, AAAA: socket.AF_INET6}.get(type_)
        data = [
            socket.inet_pton(family, address)
            for address in known or ()
            if family is not None and (":" in address) == (family is socket.AF_INET6)
        ]
        flags = 0x8180 | (0 if known else NAME_ERROR)
        records = (struct.pack("!HHHIH", 0xC00C, type_, 1, TTL_S, len(each)) + each for each in data)
        return question[:2] + struct.pack("!HHHHH", flags, 1, len(data), 0, 0) + question[12:end] + b"".join(records)


class Home:
    """The hosts, their wires, what the box and `out` send on theirs, and the resolver. Use as `with`."""

    LAN = "10.77.0.0/24", "fd77::/64"
    BOX, ROUTER = ("10.77.0.2", "fd77::2"), ("10.77.0.1", "fd77::1")
    OUT, TO_OUT = ("10.78.0.2", "fd78::2"), ("10.78.0.1", "fd78::1")
    FAR, TO_FAR = ("100.64.0.2", "fd79::2"), ("100.64.0.1", "fd79::1")

    def __enter__(self) -> "Home":
        assert os.geteuid() == 0, "network namespaces need root"
        with contextlib.ExitStack() as opened:
            for name in ("router", "box", "out", "far"):
                setattr(self, name, self._host(name, opened))
            self._wire("box", self.box, self.BOX, self.ROUTER)
            self._wire("out", self.out, self.OUT, self.TO_OUT)
            self._wire("far", self.far, self.FAR, self.TO_FAR)
            self.router.route(*self.FAR)
            self.far.route(*self.TO_FAR)
            for host, routers in ((self.box, self.ROUTER), (self.out, self.TO_OUT)):
                host.route(*routers)
                host.resolve(*routers)
            with self.router.inside():
                for setting in ("ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv6/conf/box/keep_addr_on_down"):
                    Path("/proc/sys/net", setting).write_text("1")
                self.from_box, self.from_out = (Sniffer(name) for name in ("box", "out"))
                opened.callback(self.from_box.close)
                opened.callback(self.from_out.close)
                self.resolver = Resolver(*self.ROUTER, *self.TO_OUT)
                opened.callback(self.resolver.close)
            self._opened = opened.pop_all()
        return self

    router: Host
    box: Host
    out: Host
    far: Host

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _host(self, name: str, opened: contextlib.ExitStack) -> Host:
        host = Host(name)
        opened.callback(host.remove)
        return host

    def _wire(self, name: str, host: Host, addresses: tuple[str, str], routers: tuple[str, str]) -> None:
        ip("link", "add", "lan", "netns", host.name, "type", "veth", "peer", "name", name, "netns", self.router.name)
        for at, link, own in ((host, "lan", addresses), (self.router, name, routers)):
            four, six = own
            at.ip("addr", "add", f"{four}/24", "dev", link)
            at.ip("addr", "add", f"{six}/64", "dev", link, "nodad")
            at.ip("link", "set", link, "up")
