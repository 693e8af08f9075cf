"""The commands of root's units: `python -I -m gateway.box COMMAND`. Ends with 0 done, 1 the world was wrong, 2 wrong use."""

import sys
from collections.abc import Callable


def main(arguments: list[str]) -> int:
    command = COMMANDS.get(arguments[0]) if len(arguments) == 1 else None
    if command is None:
        sys.stderr.write(f"gateway.box: one of {', '.join(COMMANDS)} is needed, not '{' '.join(arguments)}'\n")
        return 2
    try:
        command()
    except OSError as error:
        sys.stderr.write(f"gateway.box {arguments[0]}: {error}\n")
        return 1
    except KeyboardInterrupt:  # systemd's stop, where something is to be put right first
        return 0
    return 0


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

    hotspot.run(hotspot.ask)


def _first() -> None:
    from gateway.box import first, handed

    first.run(handed.Places())


def _page() -> None:
    from gateway.box.start_here import Standing, page

    sys.stdout.buffer.write(page(Standing()).encode())


# `page` writes the card's page as it is before the first start, for the image.
COMMANDS: dict[str, Callable[[], None]] = {
    "wifi": _wifi,
    "wifi-wanted": _wifi_wanted,
    "hotspot": _hotspot,
    "first": _first,
    "page": _page,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
