"""Tries what the lines of a unit forbid, and prints how each try ended as one JSON object. Needs no package, runs as root in the machine."""

import ctypes
import errno
import json
import mmap
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER = 0x10000000
READ_IMPLIES_EXEC = 0x0400000
PTRACE_TRACEME = 0
FOLDERS = [
    "/",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/etc",
    "/etc/releve",
    "/opt",
    "/opt/releve",
    "/opt/releve/venv",
    "/boot",
    "/home",
    "/root",
    "/media",
    "/mnt",
    "/srv",
    "/var",
    "/var/lib",
    "/var/lib/releve",
    "/var/tmp",
    "/var/log",
    "/tmp",
    "/run",
    "/run/releve",
    "/run/systemd",
    "/dev",
    "/dev/shm",
]


def called(function: str, *arguments: int) -> str:
    if getattr(LIBC, function)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), function)
    return "done"


def in_child(try_: Callable[[], str]) -> str:
    """What changes the process itself is done by one that ends with it."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, outcome(try_).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as said:
        return said.read()


def written() -> str:
    """Which folders can be written to, of all that somebody might want to."""
    return " ".join(folder for folder in FOLDERS if outcome(partial(new_file, folder)) == "done")


def new_file(folder: str) -> str:
    tempfile.TemporaryFile(dir=folder).close()
    return "done"


def run_what_was_brought() -> str:
    """In which of them what is put there can be run."""
    return " ".join(folder for folder in FOLDERS if outcome(partial(run_from, folder)) == "done")


def run_from(folder: str) -> str:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        subprocess.run((shutil.copy("/usr/bin/true", own),), check=True)
    return "done"


def write_what_runs() -> str:
    try:
        mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    except PermissionError:  # EPERM of a filter of system calls, or EACCES of a newer kernel's own
        return "refused"
    return "done"


def set_user_id() -> str:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).chmod(0o4755)
    return "done"


def control_group() -> str:
    folder = Path("/sys/fs/cgroup/releve-wall")
    folder.mkdir()
    folder.rmdir()
    return "done"


def raw_packets() -> str:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    return "done"


def pinned() -> str:
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    return "done"


def status(word: str) -> str:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return lines[word].strip()


def mode_of_a_new_file() -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "new")
        path.write_text("")
        return f"{path.stat().st_mode & 0o777:o}"


def listed(path: str) -> Callable[[], str]:
    return lambda: str(sorted(each.name for each in Path(path).iterdir()))


def there(path: str) -> Callable[[], str]:
    return lambda: str(Path(path).exists())


def read(path: str) -> Callable[[], str]:
    return lambda: f"{len(Path(path).read_bytes())} bytes"


def connected(path: str) -> str:
    with socket.socket(socket.AF_UNIX) as to:
        to.connect(path)
    return "done"


def credential() -> str:
    return read(f"{os.environ['CREDENTIALS_DIRECTORY']}/box-secret")()


TRIES: dict[str, Callable[[], str]] = {
    "written": written,
    "write installed": lambda: new_file("/usr/lib"),
    "write to run": lambda: new_file("/run"),
    "run from tmp": lambda: run_from("/tmp"),
    "list home": listed("/home"),
    "see others' tmp": there("/tmp/releve-planted"),
    "run what was brought": run_what_was_brought,
    "write what runs": write_what_runs,
    "trace": lambda: in_child(lambda: called("ptrace", PTRACE_TRACEME, 0, 0, 0)),
    "pin": pinned,
    "user namespace": lambda: in_child(lambda: called("unshare", CLONE_NEWUSER)),
    "raw packets": raw_packets,
    "capabilities": lambda: status("CapBnd"),
    "new rights": lambda: status("NoNewPrivs"),
    "users": lambda: " ".join(Path("/proc/self/uid_map").read_text().split()),
    "set user id": set_user_id,
    "personality": lambda: in_child(lambda: called("personality", READ_IMPLIES_EXEC)),
    "see others": there("/proc/1"),
    "ask the kernel": there("/proc/meminfo"),
    "kernel modules": listed("/usr/lib/modules"),
    "control group": control_group,
    "mode": mode_of_a_new_file,
    "files at once": lambda: str(resource.getrlimit(resource.RLIMIT_NOFILE)),
    "core": lambda: str(resource.getrlimit(resource.RLIMIT_CORE)),
    "see a line": there("/dev/ttyUSB0"),
    "list configuration": listed("/etc/releve"),
    "read configuration": read("/etc/releve/releve.toml"),
    "read secret": read("/etc/releve/box-secret"),
    "credential": credential,
    "list house": listed("/var/lib/releve"),
    "list runtime": listed("/run/releve"),
    "command line": lambda: connected("/run/releve/releve.sock"),
    "sending": lambda: connected("/run/releve/sync.sock"),
}


def outcome(try_: Callable[[], str]) -> str:
    try:
        return try_()
    except KeyError as error:
        return f"no {error.args[0]}"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "OSError")


if __name__ == "__main__":
    sys.stdout.write(json.dumps({name: outcome(try_) for name, try_ in TRIES.items()}))
