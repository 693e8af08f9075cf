"""One file a kind of target, with a function `make`. The folder is the registry: a kind is loaded when a grant names it."""

import importlib
from collections.abc import Mapping
from typing import cast

from gateway.way import Way
from sync.model import Home, Make, Target
from sync.net import Net


def make(way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> Target:
    """The target at the end of this way; nothing is asked of it yet."""
    return cast(Make, importlib.import_module(f"sync.targets.{way.kind}").make)(way, secrets, home, net)
