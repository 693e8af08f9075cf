"""A connection to a mail server: dialled to a pinned address, encrypted, logged in (RFC 5321, RFC 3207, RFC 4954).

The protocol is the standard library's, in a thread; the connection is cut when its time is over, and the thread ends with it.
"""

import asyncio
import base64
import contextlib
import os
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from sync.model import Trouble, Why, plain
from sync.net import CONNECT_S_MAX, TOTAL_S_MAX, Net

# Our name: that of the machine is nobody's business, and a name server would be asked for it (RFC 5321, 4.1.3).
OUR_NAME = "[127.0.0.1]"
ANSWER_S_MAX = 30.0
# A server may think for long over a whole letter, and one that had no answer is sent again (RFC 5321, 4.5.3.2).
LETTER_S_MAX = 180.0
BYE_S_MAX = 5.0
# All that a server says on one connection; a few hundred are usual.
SAID_BYTES_MAX = 65_536
WORDS_CHARACTERS_MAX = 120
NO_MAIL = "an answer that is none of a mail server's"
# Replies by their beginning (RFC 5321, 4.2.3; RFC 4954, 6), the first that fits.
WHY = (
    ("552", Why.FULL),
    ("4", Why.BUSY),
    ("50", Why.ODD),
    ("555", Why.ODD),
    ("5", Why.REFUSED),
)
# What a reply says more exactly (RFC 3463), and that a mailbox is full (3.3 there).
STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
FULL = re.compile(r"[45]\.2\.2\b")

Result = TypeVar("Result")
Reply = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a server is spoken to. `at_once`: in TLS from the first byte; else by STARTTLS. In clear only `at_home`, and only without a login."""

    port: int
    at_once: bool
    at_home: bool
    user: str = ""
    password: str = field(default="", repr=False)


class Line:
    """One call at a time, in a thread that is its own. After a Trouble it is good for nothing but `drop`."""

    def __init__(self, smtp: "_Smtp") -> None:
        self._smtp = smtp
        self._thread = ThreadPoolExecutor(1, "smtp")

    async def is_there(self) -> bool:
        """Whether the server still answers: most end a connection that is idle."""
        try:
            return (await self._do(ANSWER_S_MAX, self._smtp.noop))[0] == 250
        except Trouble:
            return False

    async def hand_over(self, sender: str, to: Sequence[str], letter: bytes) -> str:
        """What the server answered, and whom it refused; Trouble where it refused all."""
        return await self._do(LETTER_S_MAX, lambda: self._smtp.hand_over(sender, to, letter))

    async def close(self) -> None:
        with contextlib.suppress(Trouble):
            await self._do(BYE_S_MAX, self._smtp.quit)
        self.drop()

    def drop(self) -> None:
        self._smtp.cut()
        self._smtp.close()
        self._thread.shutdown(wait=False)

    async def _do(self, seconds: float, work: Callable[[], Result]) -> Result:
        """What blocks, in a thread, which has ended when this does."""
        smtp, doing = self._smtp, asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(doing)
        except TimeoutError:
            raise Trouble(Why.UNREACHABLE, f"{smtp.host}: no answer in time") from None
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or "no TLS there"
            raise Trouble(Why.CERTIFICATE, f"{smtp.host}: {reason}") from None
        except smtplib.SMTPRecipientsRefused as error:
            # Of several that one which may change by itself: none was sent anything yet.
            raise smtp.refusal(*min(error.recipients.values())) from None
        except smtplib.SMTPResponseException as error:
            raise smtp.refusal(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPServerDisconnected as error:
            ended = "no answer in time" if isinstance(error.__context__, TimeoutError) else "it ended the connection"
            raise Trouble(Why.UNREACHABLE, f"{smtp.host}: {ended}") from None
        except smtplib.SMTPException:
            raise Trouble(Why.ODD, f"{smtp.host}: {NO_MAIL}") from None
        except OSError as error:
            raise Trouble(Why.UNREACHABLE, f"{smtp.host}: {error.strerror or type(error).__name__}") from None
        finally:
            if not doing.done():
                smtp.cut()
                await asyncio.wait((doing,))
                doing.exception()  # of the cut: it is asked for, or the loop logs it


async def connect(net: Net, manner: Manner) -> Line:
    """Trouble where the server is away, is none, cannot be spoken to without being overheard, or does not let us in."""
    line = Line(_Smtp(net.host, await _dial(net, manner.port), manner))
    tls = net.tls()
    if manner.at_home:  # what stands at home has seldom a certificate that anybody knows
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    try:
        await line._do(TOTAL_S_MAX, lambda: line._smtp.greet(tls))
    except BaseException:
        line.drop()
        raise
    return line


async def _dial(net: Net, port: int) -> socket.socket:
    lost = ""
    for address in await net.addresses():
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
        except (OSError, TimeoutError) as error:
            sock.close()
            lost = os.strerror(error.errno) if error.errno else "no answer in time"
        except BaseException:
            sock.close()
            raise
        else:
            sock.settimeout(ANSWER_S_MAX)
            return sock
    raise Trouble(Why.UNREACHABLE, f"{net.host}: {lost}")


class _Smtp(smtplib.SMTP):
    """The library's client on a connection that was dialled elsewhere. All but `cut` belongs to one thread at a time."""

    def __init__(self, host: str, sock: socket.socket, manner: Manner) -> None:
        super().__init__(local_hostname=OUR_NAME, timeout=ANSWER_S_MAX)
        self.host, self.sock, self._manner = host, sock, manner
        self._host = host  # whose certificate STARTTLS asks for
        # The same connection by another handle: TLS takes the first one.
        self._handle: socket.socket | None = sock.dup()
        self._last: Reply = (0, b"")
        self._said_bytes = 0

    def greet(self, tls: ssl.SSLContext) -> None:
        """The server's greeting, TLS, the login; in clear nothing but our name, and that we wish for TLS."""
        manner = self._manner
        if manner.at_once:
            assert self.sock is not None
            self.sock = tls.wrap_socket(self.sock, server_hostname=self.host)
        self._expect(220, self.getreply())
        self._hello()
        if not manner.at_once:
            if self.has_extn("starttls"):
                self._expect(220, self.starttls(context=tls))
                self._hello()
            elif manner.user or not manner.at_home:
                what = "password" if manner.user else "message"
                raise Trouble(
                    Why.FORBIDDEN, f"{self.host}: the server offers no STARTTLS, and no {what} is sent in clear"
                )
        if manner.user:
            self._log_in(manner.user, manner.password)

    def hand_over(self, sender: str, to: Sequence[str], letter: bytes) -> str:
        refused: Mapping[str, Reply] = self.sendmail(sender, to, letter)
        answer = self._words(*self._last)
        if refused:
            answer += "; refused: " + ", ".join(f"{one} ({self._words(*said)})" for one, said in refused.items())
        return answer

    def refusal(self, code: int, said: bytes | str) -> Trouble:
        """What a reply says that nobody wished for."""
        if not 400 <= code < 600:
            return Trouble(Why.ODD, f"{self.host}: {NO_MAIL}")
        words = self._words(code, said if isinstance(said, bytes) else said.encode())
        why = next(why for begins, why in WHY if str(code).startswith(begins))
        return Trouble(Why.FULL if FULL.search(words) else why, f"{self.host}: {words}")

    def getreply(self) -> Reply:
        if self.file is None:
            assert self.sock is not None
            self.file = _Counted(self.sock, self._count)
        self._last = super().getreply()
        return self._last

    def cut(self) -> None:
        """Whatever waits on the connection ends with an error; any thread may call this."""
        handle, self._handle = self._handle, None
        if handle is not None:
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)
            handle.close()

    def _hello(self) -> None:
        code, said = self.ehlo()
        self._expect(250, (code, said) if code == 250 else self.helo())

    def _log_in(self, user: str, password: str) -> None:
        """PLAIN (RFC 4616) or LOGIN, in UTF-8, which the library's own login cannot say. What is answered may repeat it: its numbers are kept."""
        ways = self.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in ways:
            code, said = self.docmd("AUTH", "PLAIN " + _base64(f"\0{user}\0{password}"))
        elif "LOGIN" in ways:
            code, said = self.docmd("AUTH", "LOGIN " + _base64(user))
            if code == 334:
                code, said = self.docmd(_base64(password))
        else:
            raise Trouble(Why.REFUSED, f"{self.host}: the server offers no login with a password")
        if code != 235:
            status = STATUS.match(said.decode("ascii", "replace"))
            raise self.refusal(code, f"{status[0] if status else ''} the login is not taken".strip())

    def _expect(self, code: int, reply: Reply) -> None:
        if reply[0] != code:
            raise self.refusal(*reply)

    def _words(self, code: int, said: bytes) -> str:
        """A reply in one line; empty of words where it repeats the password."""
        text = plain(said.decode("utf-8", "replace"))
        user, password = self._manner.user, self._manner.password
        secrets = (password, _base64(password), _base64(f"\0{user}\0{password}")) if password else ()
        if any(secret in text for secret in secrets):
            text = ""
        return f"{code} {' '.join(text.split())[:WORDS_CHARACTERS_MAX]}".strip()

    def _count(self, more_bytes: int) -> None:
        self._said_bytes += more_bytes
        if self._said_bytes > SAID_BYTES_MAX:
            raise Trouble(Why.ODD, f"{self.host}: more than {SAID_BYTES_MAX} bytes of answers")


class _Counted:
    """The lines that a server says; the library bounds each, and not how many."""

    def __init__(self, sock: socket.socket, count: Callable[[int], None]) -> None:
        self._file, self._count = sock.makefile("rb"), count

    def readline(self, bytes_max: int) -> bytes:
        line = self._file.readline(bytes_max)
        self._count(len(line))
        return line

    def close(self) -> None:
        self._file.close()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
