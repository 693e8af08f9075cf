"""Any WebDAV server, with a name and a password (RFC 4918, RFC 7617)."""

import base64
from collections.abc import Mapping, Sequence

from yarl import URL

from gateway.way import Way
from sync.dav import Dav
from sync.files import Files
from sync.model import Home, Lies, Parcel, Piece, Put, Trouble, Why
from sync.net import Net

GRANT_CHARACTERS = 8


def make(way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> "Webdav":
    """`way.address`: a folder; `secrets`: `password`, where there is one, and `user` where it is not the way's."""
    said = login(secrets.get("user", way.user), secrets.get("password", ""))
    return Webdav(Dav(net, folder_address(way), said, folder_name(home)), way.sealed_for)


class Webdav:
    """See sync.model.Target."""

    def __init__(self, dav: Dav, sealed_for: Sequence[str]) -> None:
        self._dav = dav
        self._files = Files(dav, sealed_for)

    async def open(self) -> None:
        await self._dav.check()

    async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
        return await self._files.put(parcels)

    async def look(self) -> Lies | None:
        return await self._files.look()

    async def erase(self, pieces: Sequence[Piece]) -> None:
        await self._files.erase(pieces)

    async def leave(self) -> None:
        """Nothing there was made for us: the password is its owner's."""

    async def close(self) -> None:
        pass


def folder_name(home: Home) -> str:
    """One a grant, so that what one grant erases is no other's."""
    return f"releve-{home.grant[:GRANT_CHARACTERS]}"


def folder_address(way: Way) -> str:
    """Trouble for an address that is no folder's; it is not repeated, as a password may be in it."""
    try:
        url = URL(way.address)
    except ValueError:
        raise Trouble(Why.ODD, "the address is no address") from None
    if url.user or url.password or url.query_string or url.fragment:
        raise Trouble(Why.ODD, "the address of a folder has no name, password, ? or # in it")
    return str(url)


def login(user: str, password: str) -> dict[str, str]:
    """The header that logs in."""
    if ":" in user:
        raise Trouble(Why.REFUSED, "a user's name with a colon in it cannot be said to this server (RFC 7617)")
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
