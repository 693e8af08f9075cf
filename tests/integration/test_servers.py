"""The servers that the product talks to are there and answer, each on 127.0.0.1 with a configuration of our own."""

import queue
import subprocess
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion


@pytest.fixture
def broker(start: Callable[..., None], listens: Callable[[int], bool], port: int, tmp_path: Path) -> int:
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"user root\nlistener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    start("mosquitto", "-c", str(config), ready=lambda: listens(port))
    return port


def test_the_broker_brings_a_retained_payload_from_its_own_client_to_ours(broker: int) -> None:
    address = ("-h", "127.0.0.1", "-p", str(broker))
    subprocess.run(["mosquitto_pub", *address, "-t", "house/water", "-m", "612483", "-r", "-q", "1"], check=True)
    heard: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda client, data, message: heard.put((message.topic, bytes(message.payload)))
    client.connect("127.0.0.1", broker)
    client.subscribe("house/#", qos=1)
    client.loop_start()
    try:
        assert heard.get(timeout=5) == ("house/water", b"612483")
    finally:
        client.disconnect()
        client.loop_stop()


APACHE = """
ServerName 127.0.0.1
ServerRoot "{folder}"
Listen 127.0.0.1:{port}
PidFile "{folder}/pid"
ErrorLog "{folder}/error.log"
User www-data
Group www-data
DocumentRoot "{folder}/files"
DavLockDB "{folder}/locks/db"
<Directory "{folder}/files">
    Dav On
    Require all granted
</Directory>
"""
MODULES = ("mpm_event", "authz_core", "dav", "dav_fs")


@pytest.fixture
def webdav(start: Callable[..., None], listens: Callable[[int], bool], port: int, tmp_path: Path) -> int:
    for folder in (tmp_path / "files", tmp_path / "locks"):
        folder.mkdir()
        folder.chmod(0o777)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o011)  # Apache's workers are not root
    loads = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in MODULES)
    config = tmp_path / "apache.conf"
    config.write_text(loads + APACHE.format(folder=tmp_path, port=port))
    start("apache2", "-X", "-f", str(config), ready=lambda: listens(port))
    return port


def test_the_webdav_server_keeps_lists_moves_and_removes_a_file(webdav: int) -> None:
    connection = HTTPConnection("127.0.0.1", webdav, timeout=5)

    def ask(method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    sealed = bytes(range(256))
    try:
        assert ask("MKCOL", "/releve/")[0] == 201
        assert ask("PUT", "/releve/new", sealed)[0] == 201
        assert ask("MOVE", "/releve/new", Destination=f"http://127.0.0.1:{webdav}/releve/1")[0] == 201
        status, listing = ask("PROPFIND", "/releve/", Depth="1")
        assert (status, b"<D:href>/releve/1</D:href>" in listing) == (207, True)
        assert ask("GET", "/releve/1") == (200, sealed)
        assert ask("DELETE", "/releve/1")[0] == 204
        assert ask("GET", "/releve/1")[0] == 404
    finally:
        connection.close()
