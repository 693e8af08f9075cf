"""An address of yours that is told each message: JSON, posted (docs/messages.md)."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from yarl import URL

from gateway.way import Way
from sync.model import Home, Message, Messenger, Told, Trouble, Why
from sync.net import Net, of_status
from sync.told import login, mark, subject, text, told


def make(way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> Messenger:
    """`secrets`: `password`, a token, or the user's password where one was typed."""
    return Webhook(way, secrets, home, net)


class Webhook:
    """See sync.model.Messenger."""

    def __init__(self, way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> None:
        self._url, self._login = _address(way), login(way, secrets)
        self._home, self._net = home, net

    async def open(self) -> None:
        """Such an address can be asked for nothing: it is told, or not."""

    async def tell(self, message: Message) -> Told:
        name = mark(self._home.grant, message)
        said = json.dumps(body(name, message), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": name, **self._login}
        answer = await self._net.ask("POST", self._url, headers=headers, data=said)
        if not 200 <= answer.status < 300:
            raise of_status(answer, "webhook")
        return told(said, answer.line)

    async def leave(self) -> None:
        """Nothing of ours stands there."""

    async def close(self) -> None:
        """Connections are the Net's."""


def body(name: str, message: Message) -> dict[str, object]:
    return {
        "releve": 1,
        "id": name,
        "about": message.about,
        "subject": subject(message),
        "text": text(message),
        "at": datetime.fromtimestamp(message.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "urgent": message.urgent,
    }


def _address(way: Way) -> str:
    """Trouble for one that is none; it is not repeated, as a password may be in it."""
    try:
        url = URL(way.address)
    except ValueError:
        raise Trouble(Why.ODD, "the address is no address") from None
    if url.user or url.password or url.fragment or not url.host:
        raise Trouble(Why.ODD, "the address of a webhook has no name, password or # in it")
    return str(url)
