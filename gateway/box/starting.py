"""`python -I -m gateway.box.starting COMMAND`: a first boot and each start (docs/first-boot.md), by the units that run them.

A command loads what it needs and no more: the gateway waits for some of them.
"""

import sys
from collections.abc import Callable


def _wifi() -> None:
    from gateway.box import handed, hotspot

    places = handed.Places()
    hotspot.make(places)
    handed.take_wifi(places)


def _wifi_wanted() -> None:
    from gateway.box import handed, hotspot

    if handed.take_wanted(handed.Places()):
        hotspot.join(hotspot.ask)


def _hotspot() -> None:
    from gateway.box import hotspot

    try:
        hotspot.run(hotspot.ask)
    except KeyboardInterrupt:
        return  # systemd's stop: what was open is shut


def _first() -> None:
    from gateway.box import first, handed

    first.run(handed.Places())


COMMANDS: dict[str, Callable[[], None]] = {
    "wifi": _wifi,
    "wifi-wanted": _wifi_wanted,
    "hotspot": _hotspot,
    "first": _first,
}


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        raise SystemExit(f"one of {', '.join(COMMANDS)} is needed")
    COMMANDS[sys.argv[1]]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
