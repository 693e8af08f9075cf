"""`python -I -m gateway.box COMMAND`, as root, by the units of an image: docs/updates.md."""

import argparse
import fcntl
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gateway.box import card, fitting, said, stick, system_slots, update_file, updating, wanted
from gateway.box.units import BASE, Systemd
from gateway.box.update_file import Refused
from gateway.box.updating import Box

log = logging.getLogger("releve-box")

DATA, P1, KEYS = Path("/data"), Path("/boot/firmware"), Path("/usr/share/releve/update-keys")
STICK = Path("/run/releve-stick")
RESET = "releve-factory-reset"
SCHEMAS_S_MAX = 60.0


def main() -> int:
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    os.umask(0o077)
    match options.what:
        case "choose":
            app = updating.choose(_box(options))
            log.info("app: version %s, %s", app.version, app.slot or "the root's own")
        case "install":
            _install(options)
        case "settle":
            updating.settle(_box(options), options.healthy_s)
        case "stick":
            _stick(options)
        case "reset":
            _reset(options)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gateway.box", description="what root does on a box")
    parser.add_argument("what", choices=("choose", "install", "settle", "stick", "reset"))
    parser.add_argument("device", nargs="?", help="of a stick: its partition in /dev")
    parser.add_argument("--port", type=int, default=80, help="of the gateway's page on 127.0.0.1 (default: 80)")
    parser.add_argument(
        "--healthy-s", type=float, default=updating.HEALTHY_S, help="that a trial has to run (default: 120)"
    )
    return parser.parse_args()


def _box(options: argparse.Namespace) -> Box:
    files = card.Card()
    system = fitting.system_version()
    if system is None:
        raise SystemExit(f"{fitting.IMAGE}: missing or damaged: this is no box that was made as an image")
    return Box(
        data=DATA,
        p1=P1,
        run=said.FOLDER,
        files=files,
        units=Systemd(port=options.port),
        known=update_file.keys(KEYS),
        system=system,
        arch=fitting.arch(),
        python=fitting.python(),
        schemas=_schemas,
        slot=system_slots.running_slot(Path("/proc/cmdline").read_text()),
        boot_id=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        boot=system_slots.boot_of(system_slots.loader(), files, P1),
        root_part=system_slots.root_part,
    )


def _schemas() -> Mapping[str, int]:
    """Of the root's own app, which says so itself: what is here needs nothing of the gateway."""
    command = (str(BASE / "bin/python"), "-I", "-m", "gateway.schemas")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SCHEMAS_S_MAX)  # noqa: S603  ours
        return {str(name): int(number) for name, number in json.loads(done.stdout).items()}
    except (subprocess.SubprocessError, OSError, ValueError, AttributeError) as error:
        log.warning("which forms the root's own app keeps a house in is not known: %s", error)
        return {}


def _install(options: argparse.Namespace) -> None:
    source = wanted.take(wanted.INSTALL)
    if source is None:
        return
    with _alone() as box:
        found = _box(options)
        if not box:
            found.say("refused", "another update is being installed", code="busy")
            return
        try:
            stream = wanted.from_stick() if source == "stick" else wanted.arrived()
        except Refused as error:
            found.say("refused", str(error), code=error.code, **error.fields)
            return
        with stream:
            updating.install(found, stream, os.fstat(stream.fileno()).st_size)


def _stick(options: argparse.Namespace) -> None:
    """Mounted for this process alone (PrivateMounts=), read-only."""
    device = options.device or ""
    if not device.startswith("/dev/"):
        raise SystemExit(f"a partition in /dev is needed, not {device!r}")
    with _alone() as box:
        if not box:
            log.info("an update is being installed: the stick is left alone")
            return
        STICK.mkdir(mode=0o700, exist_ok=True)
        if not _mounted(device):
            return
        try:
            stick.offer(_box(options), STICK)
        finally:
            subprocess.run(("umount", "--lazy", str(STICK)), check=False)  # noqa: S603, S607  ours


def _mounted(device: str) -> bool:
    """Read-only; a journal that is left open on it is not even closed (noload), as that would be written."""
    for kind, more in (("vfat", ""), ("exfat", ""), ("ext4", ",noload")):
        command = ("mount", "-t", kind, "-o", f"ro,noexec,nosuid,nodev{more}", device, str(STICK))
        if not subprocess.run(command, capture_output=True, check=False).returncode:  # noqa: S603  ours
            return True
    log.info("%s: is of no kind that is looked at", device)
    return False


def _reset(options: argparse.Namespace) -> None:
    """Ask the next start to erase the house, before anything reads it. The power may be cut: it is asked for, or not."""
    if wanted.take(wanted.RESET) is None:
        return
    files = card.Card()
    card.replace(files, P1 / RESET, b"asked for on the page\n")
    log.warning("the house is to be erased: the box starts anew")
    found = _box(options)
    state = found.slots.read()
    if found.boot is not None and state is not None and state.trial is not None and state.trial.slot != found.slot:
        found.boot.forget(state.trial.slot)  # nothing would be left that settles it
    found.units.reboot()


@contextmanager
def _alone() -> Iterator[IO[bytes] | None]:
    """The lock of all that installs; None: somebody has it."""
    with (said.FOLDER / "lock").open("wb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield stream


if __name__ == "__main__":
    sys.exit(main())
