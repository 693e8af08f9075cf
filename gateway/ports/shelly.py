"""Asks one Shelly of the second generation or later what it measures, again and again, over HTTP on the LAN.

https://shelly-api-docs.shelly.cloud/gen2/: General/RPCChannels (GET /rpc/<method>), General/Authentication (digest, SHA-256,
the user is always "admin"), ComponentsAndServices/Shelly (GetStatus, GetDeviceInfo and its open twin, /shelly).
Imported by a house that has such a port, and by no other.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from drivers.model import DecodeError
from drivers.mqtt import shelly2
from drivers.mqtt.message import PAYLOAD_BYTES_MAX, table
from drivers.talk import Identity
from gateway.ports import ThingSink
from gateway.ports.lan import at_home
from gateway.ports.password import password_in

USER = "admin"
ANSWER_S_MAX = 5.0
EVERY_S = 5.0  # power to the live view; to the card each 10 s
MISSES_MAX = 3  # then the line is lost, and says why
GENERATION_MIN = 2


class ShellyPort:
    """One device. Each of its measuring channels is a meter."""

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        sink: ThingSink,
        *,
        password: str | None = None,
        password_file: Path | None = None,
        every_s: float = EVERY_S,
        answer_s: float = ANSWER_S_MAX,
    ) -> None:
        self.name = name
        self._host, self._port = address
        self._sink = sink
        self._every_s = every_s
        self._password = password
        self._password_file = password_file
        self._answer_s = answer_s

    async def run(self) -> None:
        host = await at_home(self._host, self._port)
        if self._password_file is not None:
            self._password = password_in(self._password_file)
        digest = aiohttp.DigestAuthMiddleware(USER, self._password) if self._password else None
        async with aiohttp.ClientSession(
            base_url=f"http://{f'[{host}]' if ':' in host else host}:{self._port}",
            timeout=aiohttp.ClientTimeout(total=self._answer_s),
            middlewares=(digest,) if digest else (),
            connector=aiohttp.TCPConnector(limit=1),
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            device = self._identified(await self._get(session, "/shelly"))
            memory = shelly2.Memory()
            opened, misses = False, 0
            while True:
                try:
                    status = await self._get(session, "/rpc/Shelly.GetStatus")
                except DecodeError as error:
                    self._sink.fault(self.name, error)
                    misses += 1
                    if misses >= MISSES_MAX:
                        raise OSError(str(error)) from None
                else:
                    misses = 0
                    if not opened:
                        self._sink.opened(self.name)
                        opened = True
                    self._tell(device, status, memory)
                await asyncio.sleep(self._every_s)

    def _identified(self, info: Mapping[str, object]) -> str:
        """The device's id, such as `shellypro3em-08f9e0e5c0a8`; OSError when it is nothing that is read here."""
        device, generation, model = info.get("id"), info.get("gen"), info.get("app")
        if not isinstance(generation, int) or generation < GENERATION_MIN or not shelly2.is_device_id(device):
            raise OSError(f"{self._host}: a Shelly of the second generation or later is needed")
        self._sink.identified(self.name, Identity(f"Shelly {model}" if isinstance(model, str) else "Shelly"))
        assert isinstance(device, str)
        return device

    def _tell(self, device: str, status: Mapping[str, object], memory: shelly2.Memory) -> None:
        self._sink.things(self.name, lambda at: [heard.thing for heard in shelly2.whole_status(device, status, memory)])

    async def _get(self, session: aiohttp.ClientSession, path: str) -> dict[str, object]:
        """The JSON object at a path; OSError when the device is not there or not for us, DecodeError when it makes no sense."""
        where = f"{self._host}:{self._port}"
        try:
            async with session.get(path, allow_redirects=False) as answer:
                if answer.status == 401:
                    wrong = "the password is not this device's" if self._password else "it wants its password"
                    raise OSError(f"{where}: {wrong}")
                if answer.status != 200:
                    raise OSError(f"{where}: it answers {answer.status}, and is asked for {path}")
                body = bytearray()
                async for piece in answer.content.iter_any():
                    body += piece
                    if len(body) > PAYLOAD_BYTES_MAX:
                        raise DecodeError(f"{where}: more than {PAYLOAD_BYTES_MAX} bytes in an answer")
        except TimeoutError:
            raise OSError(f"{where}: no answer in {self._answer_s:g} s") from None
        except aiohttp.ClientError as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise OSError(f"{where}: {reason}") from None
        return table(bytes(body))
