"""What root's part of a box asks of systemd, of the kernel and of the gateway's page: updating.Units, for real."""

import json
import logging
import subprocess
import time
from pathlib import Path

from gateway.box.app_slots import App
from gateway.box.updating import Gateway

log = logging.getLogger(__name__)

VENV, BASE = Path("/opt/releve/venv"), Path("/opt/releve/base")
GATEWAY, SYNC, APP_UNIT, SETTLE = "releve.service", "releve-sync.service", "releve-app.service", "releve-settle.service"
COMMAND_S_MAX = 120.0
ANSWER_S_MAX = 10.0
ANSWER_BYTES_MAX = 10_000


class Systemd:
    """`address`, `port`: where the gateway's page is."""

    def __init__(self, address: str = "127.0.0.1", port: int = 80) -> None:
        self._address = address
        self._port = port

    def stop(self) -> None:
        _run("systemctl", "stop", SYNC, GATEWAY)

    def restart(self) -> None:
        # What stands on the app is stopped and started with it (Requires=).
        _run("systemctl", "stop", SYNC, GATEWAY, APP_UNIT)
        _run("systemctl", "start", APP_UNIT)
        _run("systemctl", "start", "--no-block", GATEWAY)
        # One that settles is waited for by nobody: it is this very process that goes back.
        _run("systemctl", "start", "--no-block", SETTLE)

    def reboot(self, *arguments: str) -> None:
        named = [f"--reboot-argument={argument}" for argument in arguments]
        _run("systemctl", "reboot", *named)

    def gateway(self) -> Gateway:
        properties = "ActiveState,ActiveEnterTimestampMonotonic,NRestarts"
        lines = _run("systemctl", "show", GATEWAY, f"--property={properties}").splitlines()
        found = dict(line.split("=", 1) for line in lines if "=" in line)
        since_us, restarts = found.get("ActiveEnterTimestampMonotonic", ""), found.get("NRestarts", "")
        active_s = None
        if found.get("ActiveState") == "active" and since_us.isdigit():
            active_s = time.monotonic() - int(since_us) / 1e6
        return Gateway(active_s, int(restarts) if restarts.isdigit() else 0)

    def answers(self) -> bool:
        import http.client  # which brings TLS: each start of a box waits for the rest of this module, and asks nothing

        connection = http.client.HTTPConnection(self._address, self._port, timeout=ANSWER_S_MAX)
        try:
            connection.request("GET", "/api/v1/health", headers={"Host": "localhost"})
            response = connection.getresponse()
            said = json.loads(response.read(ANSWER_BYTES_MAX))
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            log.info("the page does not answer: %s", error)
            return False
        finally:
            connection.close()
        return response.status == http.HTTPStatus.OK and isinstance(said, dict) and said.get("status") == "ok"

    def mount(self, app: App, path: Path | None) -> None:
        while VENV.is_mount():
            _must("umount", "--lazy", str(VENV))
        if path is None:
            _must("mount", "--bind", str(BASE), str(VENV))
            return
        options = f"ro,nosuid,nodev,loop,offset={app.at},sizelimit={app.bytes}"
        _must("mount", "-t", "squashfs", "-o", options, str(path), str(VENV))


def _run(*command: str) -> str:
    """What it prints; that it fails is in the log."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=COMMAND_S_MAX)  # noqa: S603  ours
    except subprocess.TimeoutExpired:
        log.warning("%s: not done within %.0f s", " ".join(command), COMMAND_S_MAX)
        return ""
    if done.returncode:
        log.warning("%s: %s", " ".join(command), done.stderr.strip())
    return done.stdout


def _must(*command: str) -> None:
    """OSError where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=COMMAND_S_MAX)  # noqa: S603  ours
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{command[0]}: not done within {COMMAND_S_MAX:.0f} s") from error
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")
