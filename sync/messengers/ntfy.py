"""A topic of ntfy, on ntfy.sh or on a server of yours (ntfy's documentation, "Sending messages", "Publish as JSON")."""

import json
import re
from collections.abc import Mapping

from yarl import URL

from gateway.way import Way
from sync.model import Home, Message, Messenger, Told, Trouble, Why
from sync.net import Answer, Net, of_status
from sync.told import login, mark, subject, text, told

TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
# A text above 4,096 bytes would come as a file ("Limitations"), and of all that is posted 8,192 are read.
TEXT_BYTES_MAX = 3_900
TITLE_BYTES_MAX = 400
CUT = " …"
# "Message priority": 5 is loud until somebody looks, 3 is as any other. "Tags & emojis": a sign before the title.
URGENT, USUAL = 5, 3
SIGN = "warning"


def make(way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> Messenger:
    """`secrets`: `password`, an access token, or the user's password where one was typed."""
    return Ntfy(way, secrets, home, net)


class Ntfy:
    """What is sent names the topic, the message's own words and how urgent it is: no link, and nothing of what it is about."""

    def __init__(self, way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> None:
        self._server, self._topic = _server_and_topic(way)
        self._login = login(way, secrets)
        self._home, self._net = home, net

    async def open(self) -> None:
        """Ntfy says only to a message whether this login may send one."""

    async def tell(self, message: Message) -> Told:
        """A second try has the same number: the phone's app shows it in the place of the first."""
        said = json.dumps(self._body(message), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", **self._login}
        answer = await self._net.ask("POST", self._server, headers=headers, data=said)
        if answer.status != 200:
            raise of_status(answer, "ntfy")
        if not self._is_ours(answer):
            raise Trouble(Why.ODD, "ntfy: an answer that is none of ntfy's")
        return told(said, answer.line)

    async def leave(self) -> None:
        """Nothing of ours stands there; what was told goes by itself."""

    async def close(self) -> None:
        """Connections are the Net's."""

    def _body(self, message: Message) -> dict[str, object]:
        return {
            "topic": self._topic,
            "title": shortened(subject(message), TITLE_BYTES_MAX),
            "message": shortened(text(message), TEXT_BYTES_MAX),
            "priority": URGENT if message.urgent else USUAL,
            "tags": [SIGN] if message.urgent else [],
            "sequence_id": mark(self._home.grant, message),
        }

    def _is_ours(self, answer: Answer) -> bool:
        try:
            said = json.loads(answer.body)
            return bool(said["id"]) and said["topic"] == self._topic
        except (ValueError, LookupError, TypeError, RecursionError):
            return False


def shortened(text: str, bytes_max: int) -> str:
    """The text; what is too long is cut, and shows it."""
    text = text.strip()
    whole = text.encode()
    if len(whole) <= bytes_max:
        return text
    return whole[: bytes_max - len(CUT.encode())].decode(errors="ignore").rstrip() + CUT


def _server_and_topic(way: Way) -> tuple[str, str]:
    """Trouble for what is no topic's address; it is not repeated, as a password may be in it."""
    try:
        url = URL(way.address)
    except ValueError:
        url = URL()
    if not url.host or url.user or url.password or url.query_string or url.fragment or not TOPIC.fullmatch(url.name):
        raise Trouble(Why.ODD, "address: https://HOST/TOPIC is needed, a topic of letters, digits, - and _")
    return str(url.with_path(url.path.removesuffix(url.name))), url.name
