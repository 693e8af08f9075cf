"""A Shelly of the second generation, as its maker documents it: /shelly for all, /rpc behind a digest, by RFC 7616."""

import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

ID = "shellyproem50-08f9e0e5c0a8"


class Shelly:
    """What it measures is `status`, which a test may change. `refused` counts requests without the right password."""

    def __init__(self, password: str | None = None, generation: int = 2) -> None:
        self.password = password
        self.info: dict[str, Any] = {
            "name": "Tableau",
            "id": ID,
            "mac": "08F9E0E5C0A8",
            "model": "SPEM-002CEBEU50",
            "gen": generation,
            "fw_id": "20240101-000000/1.0.0-g000000",
            "ver": "1.0.0",
            "app": "ProEM50",
            "auth_en": password is not None,
            "auth_domain": ID if password is not None else None,
        }
        self.status: dict[str, Any] = {
            "em1:0": {"id": 0, "current": 2.1, "voltage": 231.4, "act_power": 480.5, "aprt_power": 486.0, "pf": 0.99,
                      "freq": 50.0, "calibration": "factory"},
            "em1data:0": {"id": 0, "total_act_energy": 1234567.89, "total_act_ret_energy": 12.5},
            "em1:1": {"id": 1, "current": 0.0, "voltage": 231.4, "act_power": 0.0, "aprt_power": 3.0, "pf": 0.0,
                      "freq": 50.0, "calibration": "factory"},
            "em1data:1": {"id": 1, "total_act_energy": 42.0, "total_act_ret_energy": 0.0},
            "switch:0": {"id": 0, "output": False, "temperature": {"tC": 41.0, "tF": 105.8}},
            "sys": {"mac": "08F9E0E5C0A8", "uptime": 4242, "time": "12:34"},
            "wifi": {"sta_ip": "127.0.0.1", "status": "got ip", "ssid": "maison", "rssi": -61},
        }  # fmt: skip
        self.answers = 200
        self.instead: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {}  # by path
        self.asked: list[str] = []
        self.refused = 0
        self._nonces: set[str] = set()

    @asynccontextmanager
    async def serving(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[int]:
        """Answer there; the port that it got."""
        app = web.Application()
        app.router.add_get("/shelly", self._about)
        app.router.add_get("/rpc/Shelly.GetStatus", self._say)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        await site.start()
        try:
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    async def _about(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path in self.instead:
            return await self.instead[request.path](request)
        return web.json_response(self.info)

    async def _say(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path in self.instead:
            return await self.instead[request.path](request)
        if self.password is not None and not self._knows(request):
            self.refused += 1
            nonce = secrets.token_hex(8)
            self._nonces.add(nonce)
            challenge = f'Digest qop="auth", realm="{self.info["id"]}", nonce="{nonce}", algorithm=SHA-256'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        return web.json_response(self.status, status=self.answers)

    def _knows(self, request: web.Request) -> bool:
        """RFC 7616, 3.4.1 to 3.4.3, with qop "auth"."""
        said = {
            name: quoted or plain
            for name, quoted, plain in re.findall(
                r'(\w+)=(?:"([^"]*)"|([^\s,]+))', request.headers.get("Authorization", "")
            )
        }
        if said.get("username") != "admin" or said.get("nonce") not in self._nonces:
            return False
        first = _hash(f"admin:{self.info['id']}:{self.password}")
        second = _hash(f"{request.method}:{said.get('uri')}")
        wanted = _hash(f"{first}:{said['nonce']}:{said.get('nc')}:{said.get('cnonce')}:{said.get('qop')}:{second}")
        return said.get("response") == wanted and said.get("uri") == request.path_qs


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
