"""One file a kind of way to a person, with a function `make`. The folder is the registry: a kind is loaded when a grant names it."""

import importlib
from collections.abc import Mapping
from typing import cast

from gateway.way import Way
from sync.model import Home, MakeMessenger, Messenger
from sync.net import Net


def make(way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> Messenger:
    """The one who brings messages this way; nothing is asked of it yet."""
    return cast(MakeMessenger, importlib.import_module(f"sync.messengers.{way.kind}").make)(way, secrets, home, net)
