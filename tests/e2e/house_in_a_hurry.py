"""A gateway as `open_house.py` makes one, whose step test waits for seconds where a home's waits for minutes."""

import runpy
from pathlib import Path

from gateway import collect
from gateway.services import step_test
from webui import leak

collect.INDEX_PACE_S = 1
step_test.REST_S = 1
step_test.SPAN_S_MIN = 4
leak.RELOAD_S_MIN = 2
runpy.run_path(str(Path(__file__).with_name("open_house.py")), run_name="__main__")
