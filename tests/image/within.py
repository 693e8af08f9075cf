"""In the guest: runs the commands that the test sends over a port of its own, as root; Python's standard library alone.

The image has no way in, and gets none: qemu is given the image's initrd with a few files more (`added`), which put this
program and its unit into /run. A request is one JSON object a line, so is its answer; `ready` says that it is there.
"""

import base64
import json
import subprocess
import time
from pathlib import Path
from typing import Any, BinaryIO

NAME = "releve.test"
PORT = f"/dev/virtio-ports/{NAME}"
PROGRAM = "/run/releve-test.py"
UNIT = f"""[Unit]
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target
[Service]
ExecStart=/usr/bin/python3 -I {PROGRAM}
"""
# initramfs-tools reads it as a piece of its own script, before there is the /run that stays.
PUTS = f"""(
  until [ -d /run/initramfs ]; do sleep 0.2; done
  mkdir -p /run/systemd/system/sysinit.target.wants
  cat /releve-test.service >/run/systemd/system/releve-test.service
  cat /releve-test.py >{PROGRAM}
  ln -s ../releve-test.service /run/systemd/system/sysinit.target.wants
) &
"""


def added() -> bytes:
    """The files more, as an archive that stands before the initrd."""
    files = {
        "conf": None,
        "conf/conf.d": None,
        "conf/conf.d/releve-test": PUTS,
        "releve-test.service": UNIT,
        "releve-test.py": Path(__file__).read_text(),
        "TRAILER!!!": "",
    }
    archive = b""
    for number, (name, text) in enumerate(files.items()):
        data = (text or "").encode()
        mode = 0o100644 if text is not None else 0o040755
        # cpio, "newc": magic, inode, mode, owner, group, links, date, size, four numbers of devices, size of the name, sum
        fields = (number + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        for piece in (b"070701" + "".join(f"{field:08x}" for field in fields).encode() + name.encode() + b"\0", data):
            archive += piece + bytes(-len(archive + piece) % 4)
    return archive + bytes(-len(archive) % 512)


def serve(line: BinaryIO) -> None:
    """For ever, over that port."""
    _say(line, b"ready")
    pending = b""
    while True:
        piece = line.read(65536)
        if not piece:  # nobody is at the other end
            time.sleep(0.1)
            continue
        pending += piece
        while b"\n" in pending:
            asked, _, pending = pending.partition(b"\n")
            _say(line, json.dumps(answer(json.loads(asked))).encode())


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    given = base64.b64decode(asked["input"])
    try:
        done = subprocess.run(asked["run"], input=given, capture_output=True, check=False, timeout=asked["within_s"])
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"code": 127, "out": "", "said": str(error)}
    out = base64.b64encode(done.stdout).decode()
    return {"code": done.returncode, "out": out, "said": done.stderr.decode(errors="replace")[-4000:]}


def _say(line: BinaryIO, text: bytes) -> None:
    left = text + b"\n"
    while left:
        left = left[line.write(left) or 0 :]


if __name__ == "__main__":
    while not Path(PORT).exists():
        time.sleep(0.2)
    with Path(PORT).open("r+b", buffering=0) as port:
        serve(port)
