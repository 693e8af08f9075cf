"""Nextcloud: its owner lets us in on its own page (login flow v2) and may end it there; then it is a WebDAV server.

Nextcloud developer manual, "Login Flow" and "WebDAV"; the calls of OCS answer `{"ocs": {"meta": ..., "data": ...}}`.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from yarl import URL

from gateway.way import USER_CHARACTERS_MAX, Way
from sync.dav import Dav
from sync.files import Files
from sync.model import Home, Lies, Parcel, Piece, Put, Trouble, Why
from sync.net import Answer, Net, of_status
from sync.targets.webdav import folder_address, folder_name, login

POLL_S = 3.0
FLOW_S_MAX = 20 * 60.0  # as long as Nextcloud keeps it
LINK_CHARACTERS_MAX = 1000
OCS = {"OCS-APIRequest": "true"}


def make(way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> "Nextcloud":
    """`way.address`: of the server, with its path where it has one; `secrets`: none at first, then `user` and `password`."""
    return Nextcloud(way, secrets, home, net)


class Nextcloud:
    """See sync.model.Target."""

    def __init__(
        self,
        way: Way,
        secrets: Mapping[str, str],
        home: Home,
        net: Net,
        poll_s: float = POLL_S,
        flow_s: float = FLOW_S_MAX,
    ) -> None:
        self._way, self._home, self._net = way, home, net
        self._base = folder_address(way).rstrip("/")
        self._secrets = dict(secrets)
        self._poll_s, self._flow_s = poll_s, flow_s
        self._files: Files | None = None

    async def open(self) -> None:
        if not self._secrets:
            self._secrets = await self._flow()
            await self._home.keep(self._secrets)
        said = _body(await self._ocs("GET", "/ocs/v1.php/cloud/user?format=json"), "its user")
        user = _at(said, "ocs", "data", "id")
        if not user or len(user) > USER_CHARACTERS_MAX or not user.isprintable() or "/" in user or user in (".", ".."):
            raise Trouble(Why.ODD, "it does not say whose account this is")
        address = f"{self._base}/remote.php/dav/files/{quote(user, safe='')}/"
        dav = Dav(self._net, address, self._login(), folder_name(self._home), refused=Why.ENDED)
        await dav.check()
        self._files = Files(dav, self._way.sealed_for)

    async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
        assert self._files is not None, "open() comes first"
        return await self._files.put(parcels)

    async def look(self) -> Lies | None:
        assert self._files is not None, "open() comes first"
        return await self._files.look()

    async def erase(self, pieces: Sequence[Piece]) -> None:
        assert self._files is not None, "open() comes first"
        await self._files.erase(pieces)

    async def leave(self) -> None:
        """The password that was made for us is no more. It is well where its owner was faster."""
        if not self._secrets:
            return
        answer = await self._ask("DELETE", "/ocs/v2.php/core/apppassword", OCS | self._login())
        if answer.status not in (200, 401, 403):  # 403: no password that was made for a program
            raise of_status(answer, "giving back the password")

    async def close(self) -> None:
        pass

    async def _flow(self) -> dict[str, str]:
        """A name and a password of our own, once its owner has said yes there. Trouble(WAITING) if not in time."""
        answer = await self._ask("POST", "/index.php/login/v2")
        said = _body(answer, "login flow")
        link, endpoint, token = _at(said, "login"), _at(said, "poll", "endpoint"), _at(said, "poll", "token")
        for each in (link, endpoint):
            self._check_link(each)
        await self._home.show(link)
        end = asyncio.get_running_loop().time() + self._flow_s
        while asyncio.get_running_loop().time() < end:
            wait_s = self._poll_s
            try:
                answer = await self._net.ask("POST", endpoint, data={"token": token})
                if answer.status == 200:
                    said = _body(answer, "login flow")
                    return {"user": _at(said, "loginName"), "password": _at(said, "appPassword")}
                if answer.status != 404:  # 404: not yet
                    raise of_status(answer, "login flow")
            except Trouble as trouble:
                if trouble.why not in (Why.BUSY, Why.UNREACHABLE):  # these pass, and its owner may be typing
                    raise
                wait_s = max(wait_s, trouble.wait_s or 0)
            await asyncio.sleep(min(wait_s, max(0.0, end - asyncio.get_running_loop().time())))
        raise Trouble(Why.WAITING, "nobody said yes on the page of the cloud in time")

    def _check_link(self, link: str) -> None:
        """Its owner types a password there: it must be the very server that the grant names."""
        try:
            url = URL(link)
        except ValueError:
            raise Trouble(Why.ODD, "it names a page for the login that is no address") from None
        if url.host != self._net.host or url.user or len(link) > LINK_CHARACTERS_MAX or not link.isprintable():
            raise Trouble(Why.MOVED, f"it names a page for the login that is not at {self._net.host}")
        if url.scheme != "https" and not (url.scheme == "http" and self._way.at_home):
            raise Trouble(Why.FORBIDDEN, "it names a page for the login that is not https")

    def _login(self) -> dict[str, str]:
        return login(self._secrets["user"], self._secrets["password"])

    async def _ocs(self, method: str, path: str) -> Answer:
        answer = await self._ask(method, path, OCS | self._login())
        if answer.status == 401:
            raise Trouble(Why.ENDED, f"the password that was made for this box is no longer taken: {answer.line}")
        return answer

    async def _ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self._net.ask(method, self._base + path, headers=headers)


def _body(answer: Answer, what: str) -> Any:
    """JSON of a 200."""
    if answer.status != 200:
        raise of_status(answer, what)
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise Trouble(Why.ODD, f"{what}: an answer that is no Nextcloud's") from None


def _at(said: Any, *path: str) -> str:
    """A text in it; Trouble where there is none."""
    for name in path:
        said = said.get(name) if isinstance(said, dict) else None
    if not isinstance(said, str) or not said:
        raise Trouble(Why.ODD, f"an answer that is no Nextcloud's: {'.'.join(path)} is missing")
    return said
