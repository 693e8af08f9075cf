"""Hypothesis: no deadline, since a shared machine is slow at times; the same examples in every run where CI is set."""

import os

from hypothesis import settings

settings.register_profile("desk", deadline=None, max_examples=100)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
