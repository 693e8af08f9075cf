"""From "give" to "stop, and erase", through the pages of a gateway that runs, its own sync process, and a real WebDAV server."""

import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from html import unescape

import pytest

from sync.targets.webdav import login
from tests.clouds import PASSWORD, USER, serving, valid
from tests.e2e.conftest import started

SENT_S_MAX = 60.0
BROWSER = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())  # a form is bound to its cookie


def ask(url: str, fields: dict[str, str] | None = None) -> str:
    data = None if fields is None else urllib.parse.urlencode(fields).encode()
    with BROWSER.open(urllib.request.Request(url, data)) as answer:
        text: str = answer.read().decode()
        return text


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found}


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SENT_S_MAX
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.2)


def by_its_owner(url: str) -> None:
    """Deleted there, through the server."""
    asked = urllib.request.Request(url, method="DELETE")
    asked.add_header("Authorization", login(USER, PASSWORD)["Authorization"])
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 204


@pytest.mark.timeout(180)
def test_readings_are_given_sent_counted_and_erased_again() -> None:
    with serving("rclone") as server, started("-m", "gateway", "demo", "--port", "0", lines=3) as demo:
        assert "Nothing leaves your home." in ask(f"{demo.url}/data?lang=en")
        form = ask(f"{demo.url}/data/send/webdav")
        confirming = ask(
            f"{demo.url}/data/give",
            {
                "token": hidden(form)["token"], "to": "webdav", "target": "Ma boîte", "operator": "moi",
                "purpose": "garder", "point-maison": "on", "resolution": "30min", "delay": "0", "lasts": "31536000",
                "past": "on", "address": server.url, "user": USER, "form": "files", "at-home": "on",
            },
        )  # fmt: skip
        given = hidden(confirming)
        ask(f"{demo.url}/data/given", {**given, "password": PASSWORD})
        folder = server.files / f"releve-{given['id'][:8]}"

        def there() -> int:
            found = re.search(r"<dt>Lies there</dt><dd>([\d,]+)", ask(f"{demo.url}/data?lang=en"))
            return int(found[1].replace(",", "")) if found else 0

        until(lambda: "has taken all that was due" in ask(f"{demo.url}/data?lang=en"))
        assert there() > 10_000
        lying, sent = 0, there()
        for path in valid(folder).values():
            said = json.loads(path.read_bytes())
            for one in said["series"]:
                lying += sum(
                    value is not None and at < said["to"] for at, value in zip(one["at"], one["value"], strict=True)
                )
        assert lying == sent
        assert "figures" in ask(f"{demo.url}/data/ledger?lang=en")
        files = len(valid(folder))

        def says_itself(number: int) -> bool:
            return f"it said itself: {number}\u00a0files" in ask(f"{demo.url}/data?lang=en")

        until(lambda: says_itself(files))
        by_its_owner(server.url + f"{folder.name}/" + "/".join(next(iter(valid(folder).values())).parts[-2:]))
        ask(f"{demo.url}/data/now", {"token": given["token"], "grant": given["id"]})
        until(lambda: says_itself(files - 1))
        assert f"fewer parts than were sent: {files - 1}\u00a0of {files}" in ask(f"{demo.url}/data?lang=en")
        ask(f"{demo.url}/data/again", {"token": given["token"], "grant": given["id"]})
        until(lambda: says_itself(files))
        assert there() >= sent
        ask(f"{demo.url}/data/withdraw", {"token": given["token"], "grant": given["id"], "what": "erase"})
        until(lambda: not folder.exists())
        until(lambda: "Nothing of yours that the box sent lies at" in ask(f"{demo.url}/data/ledger?lang=en"))
        assert "Nothing leaves your home." in ask(f"{demo.url}/data?lang=en")
