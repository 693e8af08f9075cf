"""E-mail, by a mail server that its owner has an account with (RFC 6409, RFC 8314; docs/messages.md)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import urlsplit

from gateway.way import Way, is_mail_address
from sync.model import Home, Message, Messenger, Told, Trouble, Why
from sync.net import Net
from sync.smtp_line import Line, Manner, connect
from sync.told import mark, subject, text, told

PORTS = {"smtps": 465, "smtp": 587}
NAME = "Relevé"


def make(way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> Messenger:
    """`way.address`: `smtps://HOST` or `smtp://HOST`; `secrets`: `password`, where `way.user` logs in."""
    return Mail(way, secrets, home, net)


class Mail:
    """Keeps its connection for the next message, and connects anew where the server has ended it."""

    def __init__(self, way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> None:
        self._to, self._home, self._net = way.to, home, net
        self._manner = _manner(way, secrets.get("password", ""))
        wrong = [one for one in way.to if not is_mail_address(one)]
        if wrong:
            raise Trouble(Why.REFUSED, f"{wrong[0]}: no address that a mail can be sent to")
        self._sender = way.user if is_mail_address(way.user) else way.to[0]
        self._line: Line | None = None

    async def open(self) -> None:
        """Connect, and log in."""
        await self.close()
        self._line = await connect(self._net, self._manner)

    async def tell(self, message: Message) -> Told:
        """One letter for all. Whom the server refuses is named in its answer; Trouble where it refuses all."""
        said = letter(self._to, self._sender, mark(self._home.grant, message), message)
        line, self._line = self._line, None
        if line is not None and not await line.is_there():
            line.drop()
            line = None
        line = line or await connect(self._net, self._manner)
        try:
            answer = await line.hand_over(self._sender, self._to, said)
        except BaseException:
            line.drop()
            raise
        self._line = line
        return told(said, answer)

    async def leave(self) -> None:
        """The account is its owner's, and a letter is whose it was sent to."""

    async def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()


def letter(to: Sequence[str], sender: str, name: str, message: Message) -> bytes:
    """As it is sent, the same at a second try (RFC 5322, RFC 3834): plain text, and nothing in it that a reader would fetch."""
    made = EmailMessage(policy=SMTP)
    made["From"] = Address(NAME, addr_spec=sender)
    made["To"] = [Address(addr_spec=one) for one in to]
    made["Subject"] = subject(message)
    made["Date"] = format_datetime(datetime.fromtimestamp(message.at, UTC))
    made["Message-ID"] = f"<{name}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    if message.urgent:
        made["X-Priority"] = "1"
        made["Importance"] = "high"
    made.set_content(text(message), charset="utf-8", cte="quoted-printable")
    return made.as_bytes()


def _manner(way: Way, password: str) -> Manner:
    """Trouble for an address that is none; it is not repeated, as a password may be in it."""
    try:
        parts = urlsplit(way.address)
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        parts, port = urlsplit(""), 0
    if not parts.hostname or parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise Trouble(Why.ODD, "address: smtps://HOST or smtp://HOST is needed, and at most :PORT behind it")
    return Manner(port, parts.scheme == "smtps", way.at_home, way.user, password if way.user else "")
