"""In the guest: runs the commands that the test sends, as root. Needs nothing but Python's standard library.

It is sent over a port of its own and never lies in the image. A request is one JSON object a line, so is its answer.
"""

import base64
import json
import subprocess
import time
from typing import Any, BinaryIO


def serve(line: BinaryIO) -> None:
    """For ever, over that port."""
    pending = b""
    while True:
        piece = line.read(65536)
        if not piece:  # nobody is at the other end
            time.sleep(0.1)
            continue
        pending += piece
        while b"\n" in pending:
            asked, _, pending = pending.partition(b"\n")
            said = json.dumps(answer(json.loads(asked))).encode() + b"\n"
            while said:
                said = said[line.write(said) or 0 :]


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    given = base64.b64decode(asked.get("input", ""))
    try:
        done = subprocess.run(asked["run"], input=given, capture_output=True, check=False, timeout=asked["within_s"])
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"code": 127, "out": "", "said": str(error)}
    out = base64.b64encode(done.stdout).decode()
    return {"code": done.returncode, "out": out, "said": done.stderr.decode(errors="replace")[-4000:]}
