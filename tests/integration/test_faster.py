"""Time that passes faster passes so for every way in which a program of ours waits."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration import faster

RATE = 480
WAITS = {
    "a timer of asyncio": f"asyncio.run(asyncio.sleep({RATE}))",
    "a sleep": f"time.sleep({RATE})",
    "a thread that waits for another": f"threading.Event().wait({RATE})",
    "a queue": f"try:\n    queue.SimpleQueue().get(timeout={RATE})\nexcept queue.Empty:\n    pass",
    "a socket": f"select.select([], [], [], {RATE})",
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_eight_minutes_pass_in_a_second(tmp_path: Path, wait: str) -> None:
    program = f"""
import asyncio, queue, select, threading, time
clocks = time.CLOCK_REALTIME, time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME
before = [time.clock_gettime(clock) for clock in clocks]
{wait}
print(*(time.clock_gettime(clock) - at for clock, at in zip(clocks, before)))
"""
    fast = os.environ | faster.environment(faster.build(tmp_path), time.time(), RATE)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program], env=fast, capture_output=True, text=True, timeout=20, check=True
    )
    took_s = time.monotonic() - began
    assert took_s < 5
    passed = [float(text) for text in done.stdout.split()]
    assert all(RATE <= each < RATE * took_s for each in passed), passed
