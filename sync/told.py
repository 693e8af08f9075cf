"""What each messenger does alike: what a message is called elsewhere, its words as they can be said, and what the ledger keeps of it."""

import base64
import hashlib
from collections.abc import Mapping

from gateway.way import ANSWER_CHARACTERS_MAX, Way
from sync.model import Message, Told, Trouble, Why, plain

MARK_CHARACTERS = 32


def mark(grant: str, message: Message) -> str:
    """Hexadecimal, the same at a second try and of no other message; whoever runs the place learns nothing of its name."""
    return hashlib.sha256(f"{grant} {message.name}".encode()).hexdigest()[:MARK_CHARACTERS]


def subject(message: Message) -> str:
    """One line."""
    return " ".join(plain(message.subject).split())


def text(message: Message) -> str:
    """Lines that end with a newline each, and nothing in them but what can be printed."""
    return "".join(f"{plain(line).rstrip()}\n" for line in message.text.splitlines())


def told(said: bytes, answer: str) -> Told:
    return Told(len(said), hashlib.sha256(said).hexdigest(), plain(answer)[:ANSWER_CHARACTERS_MAX])


def login(way: Way, secrets: Mapping[str, str]) -> dict[str, str]:
    """The header that logs in (RFC 6750, RFC 7617): a token where no user was typed, nothing where nothing was."""
    password = secrets.get("password", "")
    if way.user:
        if ":" in way.user:
            raise Trouble(Why.REFUSED, "a user's name with a colon in it cannot be said to this server (RFC 7617)")
        return {"Authorization": "Basic " + base64.b64encode(f"{way.user}:{password}".encode()).decode()}
    if not password:
        return {}
    if not password.isascii() or not password.isprintable() or " " in password:
        raise Trouble(Why.REFUSED, "a token has no other characters than letters, digits and signs (RFC 6750)")
    return {"Authorization": f"Bearer {password}"}
