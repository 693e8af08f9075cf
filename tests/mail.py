"""A mail server of a test's own: aiosmtpd on loopback, which keeps what it was given, and refuses what the test says."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "camille@example.org", "cheval réglo à piles"


@dataclass
class Post:
    """`letters` are those that were taken. A reply that stands in `replies` is given in the place of the usual one."""

    replies: dict[str, str] = field(default_factory=dict)  # of "MAIL", "DATA", "AUTH", or of an address
    letters: list[Envelope] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    port: int = 0

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.names.append(hostname)
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "MAIL" in self.replies:
            return self.replies["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.replies:
            return self.replies[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if "DATA" in self.replies:
            return self.replies["DATA"]
        self.letters.append(envelope)
        assert server.transport is not None
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return "250 2.0.0 taken as 4711"

    def enter(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.password)
        right = (data.login.decode(), data.password.decode()) == (USER, PASSWORD) and "AUTH" not in self.replies
        return AuthResult(success=right, handled=False, message=self.replies.get("AUTH"))

    def read(self, number: int = -1) -> EmailMessage:
        """A letter, as a mail program opens it."""
        content = self.letters[number].content
        assert isinstance(content, bytes)
        letter = message_from_bytes(content, policy=default)
        assert isinstance(letter, EmailMessage)
        return letter


@asynccontextmanager
async def posting(
    post: Post,
    *,
    starttls: ssl.SSLContext | None = None,
    smtps: ssl.SSLContext | None = None,
    login: bool = False,
    without: tuple[str, ...] = (),
) -> AsyncIterator[Post]:
    """In clear where neither context is given; with `login` nobody sends without one; `without` are ways of a login that it lacks."""
    loop = asyncio.get_running_loop()

    def make() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it asks for a password where it does not see TLS itself
            return made()

    def made() -> SMTP:
        return SMTP(
            post,
            hostname="mail.test",
            ident="a test's",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=post.enter if login else None,
            auth_required=login,
            auth_require_tls=starttls is not None,
            auth_exclude_mechanism=without,
            timeout=20,
            loop=loop,
        )

    server = await loop.create_server(make, "127.0.0.1", 0, ssl=smtps)
    post.port = server.sockets[0].getsockname()[1]
    try:
        yield post
    finally:
        server.close()
        await server.wait_closed()


def serving(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
