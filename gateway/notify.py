"""Tells systemd how the gateway does, where systemd started it: sd_notify(3), in a few lines."""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping

log = logging.getLogger(__name__)

US = 1_000_000


class Notifier:
    """One who wants to know, or nobody. Telling never waits and never fails."""

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        self._address = address
        self.watchdog_s = watchdog_s

    @classmethod
    def take(cls, environment: MutableMapping[str, str]) -> "Notifier":
        """Who started this process; the words are taken away, since they are meant for no program that it starts itself."""
        address = environment.pop("NOTIFY_SOCKET", None)
        for_s, whose = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        ours = for_s.isdecimal() and whose in ("", str(os.getpid()))
        return cls(address, int(for_s) / US if ours and int(for_s) else None)

    def tell(self, *lines: str) -> None:
        """Lines such as READY=1."""
        if self._address is None:
            return
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
                to.setblocking(False)
                to.sendto("\n".join(lines).encode(), path)
        except OSError as error:
            log.warning("%s: cannot be told %s: %s", self._address, lines[0], error.strerror)

    async def feed(
        self, still: Callable[[], str | None], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Feed the watchdog, if there is one, while nothing stands still; until cancelled.

        What stands still is said, and nothing is ended here: systemd does that, and also ends what cannot end itself.
        """
        if self.watchdog_s is None:
            return
        said: str | None = None
        while True:
            why = still()
            if why is None:
                self.tell("WATCHDOG=1")
            elif said is None:
                log.error("%s: the watchdog is not fed, and ends the gateway if this does not change", why)
            if why != said and (why is None or said is None):
                self.tell(f"STATUS={why or 'all moves again'}")
            said = why
            await sleep(self.watchdog_s / 2)
