"""A gateway as `open_house.py` makes one, on a machine whose /dev and /sys are in the folder of the second argument."""

import runpy
import sys
from pathlib import Path

from gateway import plugged

machine = Path(sys.argv[2])
plugged.DEV, plugged.SYS = machine / "dev", machine / "sys"

runpy.run_path(str(Path(__file__).with_name("open_house.py")), run_name="__main__")
