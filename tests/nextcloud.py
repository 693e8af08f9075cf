"""A double of the calls by which Nextcloud lets a program in and out. It is no Nextcloud: written from its developer manual.

"Login Flow" (v2) and the OCS calls `cloud/user` and `core/apppassword`, as that manual says them. Files are not its business: a
real WebDAV server stands beside it, or in front of it.
"""

import base64
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

LOGIN_NAME = "camille"  # what its owner logs in with, which need not be
USER_ID = "Camille d'Ô 100%"  # the name of the account's folder


@dataclass
class Double:
    """`base` is the address under which it says that it is found; `passwords` are the app passwords that are good."""

    base: str = ""
    prefix: str = ""
    port: int = 0
    user_id: str = USER_ID
    passwords: set[str] = field(default_factory=set)
    flows: dict[str, bool] = field(default_factory=dict)  # a token, and whether its owner has said yes
    asked: list[str] = field(default_factory=list)
    issued: Callable[[str | None], None] = lambda password: None
    # What a test answers in the place of a call.
    before_begin: Callable[[], web.StreamResponse] | None = None
    before_poll: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None

    def say_yes(self) -> None:
        """What its owner does in a browser, on the page that the login address shows."""
        self.flows = dict.fromkeys(self.flows, True)

    def end(self) -> None:
        """Its owner takes the password back, on the page of devices and sessions."""
        self.passwords.clear()
        self.issued(None)

    async def begin(self, request: web.Request) -> web.StreamResponse:
        if self.before_begin is not None:
            return self.before_begin()
        self.asked.append(request.headers.get("User-Agent", ""))
        token = secrets.token_hex(64)
        self.flows[token] = False
        return web.json_response(
            {
                "poll": {"token": token, "endpoint": f"{self.base}/index.php/login/v2/poll"},
                "login": f"{self.base}/index.php/login/v2/flow/{secrets.token_hex(64)}",
            }
        )

    async def polled(self, request: web.Request) -> web.StreamResponse:
        return await (self.before_poll or self.poll)(request)

    async def poll(self, request: web.Request) -> web.StreamResponse:
        token = str((await request.post()).get("token"))
        if not self.flows.get(token):
            return web.json_response([], status=404)
        del self.flows[token]  # said once
        password = secrets.token_hex(36)
        self.passwords.add(password)
        self.issued(password)
        return web.json_response({"server": self.base, "loginName": LOGIN_NAME, "appPassword": password})

    def _may(self, request: web.Request) -> str | None:
        said = request.headers.get("Authorization", "").removeprefix("Basic ")
        user, _, password = base64.b64decode(said).decode().partition(":")
        good = user == LOGIN_NAME and password in self.passwords and request.headers.get("OCS-APIRequest") == "true"
        return password if good else None

    async def user(self, request: web.Request) -> web.Response:
        if self._may(request) is None:
            return _ocs(997, None, status=401)
        return _ocs(100, {"id": self.user_id, "display-name": "Camille"})

    async def revoke(self, request: web.Request) -> web.Response:
        password = self._may(request)
        if password is None:
            return _ocs(997, None, status=401)
        self.end()
        return _ocs(200, [])


def _ocs(code: int, data: object, status: int = 200) -> web.Response:
    meta = {"status": "ok" if status == 200 else "failure", "statuscode": code, "message": ""}
    return web.json_response({"ocs": {"meta": meta, "data": data}}, status=status)


@asynccontextmanager
async def doubled(prefix: str = "") -> AsyncIterator[Double]:
    """A double that listens on 127.0.0.1, and says that it is found there, until its `base` is set."""
    double = Double(prefix=prefix)
    app = web.Application()
    app.router.add_post(f"{prefix}/index.php/login/v2", double.begin)
    app.router.add_post(f"{prefix}/index.php/login/v2/poll", double.polled)
    app.router.add_get(f"{prefix}/ocs/v1.php/cloud/user", double.user)
    app.router.add_delete(f"{prefix}/ocs/v2.php/core/apppassword", double.revoke)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    double.port = runner.addresses[0][1]
    double.base = f"http://127.0.0.1:{double.port}{prefix}"
    try:
        yield double
    finally:
        await runner.cleanup()
