"""The ports, running: each in a task of its own that is started again when its line fails, and changed as they run."""

import asyncio
from collections.abc import Callable, Coroutine

from gateway.beats import PORT_S_MAX, Beats, Stepped
from gateway.collect import Collect
from gateway.config import Config
from gateway.config import Port as PortConfig
from gateway.ports import Port
from gateway.supervise import keep_running


class Running:
    """All ports of the house. `run` keeps them until it is cancelled; a bug of ours in one ends it."""

    def __init__(self, open_port: Callable[[PortConfig], Port], collect: Collect, lost: Callable[[], None]) -> None:
        self._open_port = open_port
        self._collect = collect
        self._lost = lost
        self.beats = Beats()
        self._tasks: asyncio.TaskGroup | None = None
        self._ports: dict[str, tuple[Port, asyncio.Task[None]]] = {}

    async def run(self, config: Config) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for port in config.ports:
                self._start(port)
            try:
                await asyncio.get_running_loop().create_future()  # until cancelled, or until a port's bug
            finally:
                self._tasks = None

    def port(self, name: str) -> Port | None:
        """The running port of this name, to be asked something on a page."""
        found = self._ports.get(name)
        return None if found is None else found[0]

    def spawn(self, job: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """A task beside the ports; OSError when they do not run."""
        if self._tasks is None:
            job.close()
            raise OSError("the lines are not running")
        return self._tasks.create_task(job, name=name)

    async def restart(self, port: PortConfig) -> None:
        """Start this port, or start it anew with what it is to ask now."""
        await self.stop(port.name)
        if self._tasks is not None:
            self._start(port)

    async def stop(self, name: str) -> None:
        """Let go of this port's line, if it runs."""
        running = self._ports.pop(name, None)
        if running is not None:
            running[1].cancel()
            await asyncio.wait([running[1]])
            self.beats.forget(_part(name))

    def _start(self, port: PortConfig) -> None:
        assert self._tasks is not None
        opened = self._open_port(port)
        kept = Stepped(self._keep(opened), lambda: self.beats.moved(_part(port.name), PORT_S_MAX))
        self._ports[port.name] = opened, self._tasks.create_task(kept, name=f"port {port.name}")

    async def _keep(self, port: Port) -> None:
        def lost(reason: str) -> None:
            self._collect.lost(port.name, reason)
            self._lost()

        await keep_running(port.run, lost)


def _part(port: str) -> str:
    return f"the port {port}"
