"""Asks one Shelly of the second generation or later what it measures, again and again, over HTTP on the LAN.

https://shelly-api-docs.shelly.cloud/gen2/: General/RPCChannels (GET /rpc/<method>), General/Authentication (digest, SHA-256,
the user is always "admin"), ComponentsAndServices/Shelly (GetStatus, GetDeviceInfo and its open twin, /shelly).
Imported by a house that has such a port, and by no other.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from drivers.model import DecodeError
from drivers.mqtt import shelly2
from drivers.mqtt.message import PAYLOAD_BYTES_MAX, table, words
from drivers.talk import Identity
from gateway.ports import ThingSink
from gateway.ports.lan import at_home
from gateway.ports.password import password_in

USER = "admin"
ANSWER_S_MAX = 5.0
EVERY_S = 5.0  # power to the live view; to the card each 10 s
MISSES_MAX = 3  # then the line is lost, and says why
GENERATION_MIN = 2
FIRST_GENERATION = "SH"  # what their types begin with: SHEM, SHPLG-S
STATUS = "/rpc/Shelly.GetStatus"


class FirstGenerationError(OSError):
    """A Shelly that answers other questions than these."""


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
        self._where = f"{self._host}:{self._port}"
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
            auto_decompress=False,  # a bound on what comes is then one on what it becomes
            headers={"Accept-Encoding": "identity"},
        ) as session:
            try:
                info = await self._get(session, "/shelly")
                device, model = self._identified(info)
                status = await self._status(session, info)
            except DecodeError as error:
                raise OSError(str(error)) from None
            self._sink.opened(self.name)
            self._sink.identified(self.name, Identity(f"Shelly {model}".strip()))
            memory, misses = shelly2.Memory(), 0
            self._tell(device, status, memory)
            while True:
                await asyncio.sleep(self._every_s)
                try:
                    status = await self._status(session, info)
                except DecodeError as error:
                    self._sink.fault(self.name, error)
                    misses += 1
                    if misses >= MISSES_MAX:
                        raise OSError(str(error)) from None
                else:
                    misses = 0
                    self._tell(device, status, memory)

    def _identified(self, info: Mapping[str, object]) -> tuple[str, str]:
        """The device's id, such as `shellypro3em-08f9e0e5c0a8`, and its model; OSError when it is nothing that is read here."""
        device, generation = info.get("id"), info.get("gen")
        if isinstance(generation, int) and generation >= GENERATION_MIN and shelly2.is_device_id(device):
            assert isinstance(device, str)
            return device, words(info.get("app"))
        if generation is None and words(info.get("type")).startswith(FIRST_GENERATION):
            raise FirstGenerationError(
                f"{self._where}: a Shelly of the first generation is read through an MQTT broker"
            )
        raise OSError(f"{self._where}: what answers is no Shelly of the second generation or later")

    async def _status(self, session: aiohttp.ClientSession, info: Mapping[str, object]) -> dict[str, object]:
        """What it measures. Another device may have got this address: OSError unless it is the one of `info`."""
        status = await self._get(session, STATUS)
        system = status.get("sys")
        if not isinstance(system, dict) or not words(system.get("mac")) or system["mac"] != info.get("mac"):
            raise OSError(f"{self._where}: another device answers than the one that said who it is")
        return status

    def _tell(self, device: str, status: Mapping[str, object], memory: shelly2.Memory) -> None:
        self._sink.things(self.name, lambda at: [heard.thing for heard in shelly2.whole_status(device, status, memory)])

    async def _get(self, session: aiohttp.ClientSession, path: str) -> dict[str, object]:
        """The JSON object at a path; OSError when the device is not for us, DecodeError when it may answer better later."""
        where = self._where
        try:
            async with session.get(path, allow_redirects=False) as answer:
                if answer.status == 401:
                    wrong = "the password is not this device's" if self._password else "it wants its password"
                    raise PermissionError(f"{where}: {wrong}")
                if answer.status >= 500:
                    raise DecodeError(f"{where}: it answers {answer.status}")
                if answer.status != 200:
                    raise OSError(f"{where}: it answers {answer.status} where a Shelly says what it is")
                body = bytearray()
                async for piece in answer.content.iter_any():
                    body += piece
                    if len(body) > PAYLOAD_BYTES_MAX:
                        raise DecodeError(f"{where}: more than {PAYLOAD_BYTES_MAX} bytes in an answer")
        except TimeoutError:
            raise DecodeError(f"{where}: no answer in {self._answer_s:g} s") from None
        except aiohttp.ClientError as error:
            raise DecodeError(f"{where}: {_why(error)}") from None
        try:
            return table(bytes(body))
        except DecodeError as error:
            raise DecodeError(f"{where}: {error}", error.data) from None


def _why(error: aiohttp.ClientError) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError):
        return "the connection is lost"
    return "what answers does not speak HTTP as a Shelly does"
