"""A real Home Assistant, as tools/home-assistant made it, in the network namespace of the thread that starts it."""

import asyncio
import json
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

FOLDER = Path(os.environ.get("RELEVE_HOME_ASSISTANT", "/var/tmp/releve-home-assistant"))
URL = "http://127.0.0.1:8123"
CLIENT = f"{URL}/"
START_S_MAX, END_S_MAX, ANSWER_S_MAX = 180.0, 60.0, 30.0
CONFIGURATION = "energy:\nhistory:\nrecorder:\n  commit_interval: 1\n"
# What is mounted is seen by it alone, and gone with it.
WITHIN = """
mount --bind /dev "$0/dev"
mount -t proc proc "$0/proc"
mount --bind "$1" "$0/config"
exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin HOME=/config LANG=C.UTF-8 /opt/hass/bin/hass --config /config --skip-pip
"""


def until(holds: Callable[[], bool], what: str, within_s: float) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, f"not within {within_s:g} s: {what}"
        time.sleep(0.5)


@dataclass(frozen=True)
class Entity:
    """What it made of a series, by its own interface; `state` is `unavailable` where it does not know us there."""

    id: str
    state: str
    attributes: dict[str, Any]


class HomeAssistant:
    def __init__(self, config: Path) -> None:
        self.config = config
        self.log = config / "home-assistant.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._refresh = self._token = ""
        config.mkdir()
        (config / "configuration.yaml").write_text(CONFIGURATION)

    def start(self) -> None:
        assert (FOLDER / "made").exists(), "tools/home-assistant makes it"
        with (self.config / "output.log").open("ab") as output:
            command = ("unshare", "--mount", "sh", "-ec", WITHIN, str(FOLDER / "root"), str(self.config))
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        until(self._runs, "Home Assistant runs", START_S_MAX)

    def end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(END_S_MAX)
            finally:
                process.kill()
                process.wait(END_S_MAX)

    @property
    def resident_mb(self) -> int:
        assert self._process is not None
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024

    def set_up(self, broker: int, user: str, password: str) -> str:
        """As its owner does on the first day: a user, and then MQTT in a form. Its version."""
        owner = {"name": "Camille", "username": "camille", "password": "cheval correct", "language": "fr"}
        code = self.ask("/api/onboarding/users", {**owner, "client_id": CLIENT})["auth_code"]
        self._refresh = self._log_in(grant_type="authorization_code", code=code)["refresh_token"]
        flow = self.ask("/api/config/config_entries/flow", {"handler": "mqtt"})
        other = {"set_client_cert": False, "set_ca_cert": "off", "transport": "tcp"}
        fields = {"broker": "127.0.0.1", "port": broker, "protocol": "3.1.1", "username": user, "password": password}
        done = self.ask(f"/api/config/config_entries/flow/{flow['flow_id']}", {**fields, "other_settings": other})
        assert done["type"] == "create_entry", done
        version: str = self.ask("/api/config")["version"]
        return version

    def ask(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        if not self._token:
            del headers["Authorization"]
        try:
            with urllib.request.urlopen(
                urllib.request.Request(URL + path, data, headers), timeout=ANSWER_S_MAX
            ) as said:
                return json.load(said)
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from None

    def command(self, type_: str, **fields: object) -> Any:
        """Through its WebSocket, as its own pages do."""
        return asyncio.run(self._command(type_, fields))

    def entities(self) -> dict[str, Entity]:
        """Those that MQTT made and that have a state, by their unique id."""
        states = {one["entity_id"]: one for one in self.ask("/api/states")}
        registered = self.command("config/entity_registry/list")
        return {
            one["unique_id"]: Entity(one["entity_id"], state["state"], state["attributes"])
            for one in registered
            if one["platform"] == "mqtt" and (state := states.get(one["entity_id"])) is not None
        }

    def devices(self) -> list[dict[str, Any]]:
        return [
            one
            for one in self.command("config/device_registry/list")
            if one["identifiers"] and one["manufacturer"] == "Relevé"
        ]

    def history(self, entities: list[str], start: str) -> dict[str, list[str]]:
        """All states that it wrote down, in their order."""
        query = urllib.parse.urlencode({"filter_entity_id": ",".join(entities), "minimal_response": ""})
        said = self.ask(f"/api/history/period/{urllib.parse.quote(start)}?{query}")
        return {one[0]["entity_id"]: [each["state"] for each in one] for one in said}

    def log_in(self) -> None:
        """Anew, after a start or within half an hour of the last time."""
        self._log_in(grant_type="refresh_token", refresh_token=self._refresh)

    def _log_in(self, **fields: str) -> dict[str, str]:
        data = urllib.parse.urlencode({**fields, "client_id": CLIENT}).encode()
        with urllib.request.urlopen(f"{URL}/auth/token", data, timeout=ANSWER_S_MAX) as answer:
            said: dict[str, str] = json.load(answer)
        self._token = said["access_token"]
        return said

    async def _command(self, type_: str, fields: dict[str, object]) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{URL}/api/websocket", max_msg_size=0) as line,
        ):
            assert (await line.receive_json())["type"] == "auth_required"
            await line.send_json({"type": "auth", "access_token": self._token})
            assert (await line.receive_json())["type"] == "auth_ok"
            await line.send_json({"id": 1, "type": type_, **fields})
            answer = await line.receive_json(timeout=ANSWER_S_MAX)
        assert answer["success"], answer
        return answer["result"]

    def _runs(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.config / "output.log").read_text()
        try:
            with urllib.request.urlopen(f"{URL}/manifest.json", timeout=ANSWER_S_MAX):
                return True
        except OSError:
            return False
