"""A person at a browser somewhere on the LAN."""

import re
import urllib.error
import urllib.parse
import urllib.request
from html import unescape

from tests.integration.home import Host

ANSWER_S_MAX = 60.0


def hidden(page: str) -> dict[str, str]:
    """The fields that a form brings along."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found}


class Visitor:
    """Keeps its cookies; `status` is that of the last answer."""

    def __init__(self, host: Host, url: str) -> None:
        self._host = host
        self._url = url
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open
        self.status = 0

    def ask(self, path: str, fields: dict[str, str] | None = None) -> str:
        """The page; an error page too, whose `status` tells."""
        data = None if fields is None else urllib.parse.urlencode(fields).encode()
        return self._answer(urllib.request.Request(self._url + path, data))

    def fetches(self, page: str, to: str, /, **fields: str) -> bytes:
        """Fill in the form of a page that hands a file over."""
        given = {"token": hidden(self.ask(page))["token"], **fields}
        return self._bytes(urllib.request.Request(self._url + to, urllib.parse.urlencode(given).encode()))

    def sends_file(self, page: str, to: str, name: str, data: bytes, **fields: str) -> str:
        """Fill in a form of a page, choose a file in it, and send it (RFC 7578)."""
        mark, parts = "releve-visitor", []
        for field, value in {"token": hidden(self.ask(page))["token"], **fields}.items():
            parts += [f"--{mark}", f'Content-Disposition: form-data; name="{field}"', "", value]
        parts += [f"--{mark}", f'Content-Disposition: form-data; name="file"; filename="{name}"', "", ""]
        head = "\r\n".join(parts)
        body = head.encode() + data + f"\r\n--{mark}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        return self._answer(urllib.request.Request(self._url + to, body, headers))

    def _answer(self, request: urllib.request.Request) -> str:
        return self._bytes(request).decode(errors="replace")

    def _bytes(self, request: urllib.request.Request) -> bytes:
        with self._host.inside():
            try:
                with self._open(request, timeout=ANSWER_S_MAX) as answer:
                    self.status = answer.status
                    body: bytes = answer.read()
            except urllib.error.HTTPError as error:
                self.status = error.code
                body = error.read()
        return body

    def sends(self, page: str, to: str, /, **fields: str) -> str:
        """Fill in the form of a page."""
        return self.ask(to, {"token": hidden(self.ask(page))["token"], **fields})

    def set_up(self, code: str, password: str) -> None:
        """The first visit."""
        self.sends("/setup?lang=en", "/setup", code=code, password=password, again=password)
        assert self.status == 200
