"""As open_house.py, on a box without a battery that was off for three days and finds no network."""

import runpy
import sys
import time
from pathlib import Path

from gateway import app
from gateway.clock import Clock, System

SLEPT_S = 3 * 86_400


class Woken(System):
    def time(self) -> float:
        return time.time() - SLEPT_S

    def is_synchronised(self) -> bool:
        return False

    def battery_time(self) -> float | None:
        return None

    def goes_on_from_a_file(self) -> bool:
        return True


vars(app)["Clock"] = lambda told=None: Clock(told, Woken())
sys.argv[0] = str(Path(__file__).with_name("open_house.py"))
runpy.run_path(sys.argv[0], run_name="__main__")
