"""The commands of a first boot and of each start (docs/first-boot.md), by the units that run them."""

import sys
from collections.abc import Callable

from gateway.box import first, handed, hotspot
from gateway.box.start_here import Standing, page


def _wifi() -> None:
    places = handed.Places()
    hotspot.make(places)
    handed.take_wifi(places)


def _wifi_wanted() -> None:
    if handed.take_wanted(handed.Places()):
        hotspot.join(hotspot.ask)


def _hotspot() -> None:
    try:
        hotspot.run(hotspot.ask)
    except KeyboardInterrupt:
        return  # systemd's stop: what was open is shut


def _first() -> None:
    first.run(handed.Places())


def _page() -> None:
    """The card's page as it is before the first start, for the image."""
    sys.stdout.buffer.write(page(Standing()).encode())


COMMANDS: dict[str, Callable[[], None]] = {
    "wifi": _wifi,
    "wifi-wanted": _wifi_wanted,
    "hotspot": _hotspot,
    "first": _first,
    "page": _page,
}
