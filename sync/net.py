"""The only way out: names resolved once and pinned, no address at home unless the owner says it is there, no redirect followed."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDictProxy
from yarl import URL

from sync.model import Trouble, Why, plain

ANSWER_BYTES_MAX = 4_000_000
TOTAL_S_MAX = 60.0
CONNECT_S_MAX = 15.0
WAIT_S_MAX = 86_400
AGENT = "Releve"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. `line` is its status, as the ledger keeps it."""

    status: int
    reason: str
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def line(self) -> str:
        return plain(f"{self.status} {self.reason}").strip()[:80]


class Net:
    """The connections of one grant, to the one host that it names. Use as `async with`."""

    def __init__(self, host: str, *, at_home: bool) -> None:
        """`at_home`: its owner said that this target stands at home: private addresses and http are then right."""
        self.host = host
        self._at_home = at_home
        self._pinned: tuple[str, ...] = ()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Net":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def addresses(self) -> tuple[str, ...]:
        """The host's addresses: asked for once, so that no second answer can lead elsewhere. Trouble where none is right."""
        if not self._pinned:
            try:
                found = await asyncio.get_running_loop().getaddrinfo(self.host, None, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError) as error:
                raise Trouble(Why.UNREACHABLE, f"{self.host}: no such name: {error}") from None
            every = dict.fromkeys(str(each[4][0]) for each in found)
            right = tuple(each for each in every if self._may(each))
            if not right:
                raise Trouble(
                    Why.FORBIDDEN, f"{self.host}: {', '.join(every)} is at home, and the grant does not say so"
                )
            self._pinned = right
        return self._pinned

    def tls(self) -> ssl.SSLContext:
        """For connections that are no HTTP: the system's authorities, and the host's name checked."""
        return ssl.create_default_context()

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: aiohttp.BasicAuth | None = None,
        data: bytes | Mapping[str, str] | None = None,
        json: object = None,
        total_s: float = TOTAL_S_MAX,
    ) -> Answer:
        """One request and its whole answer, whatever its status but 3xx; Trouble where there is none."""
        try:
            address = URL(url)
        except ValueError:
            raise Trouble(Why.ODD, f"{method}: the server names an address that is none") from None
        if address.host != URL.build(scheme="https", host=self.host).host:
            raise Trouble(Why.MOVED, f"{self.host} names another host: {address.host}")
        if address.scheme != "https" and not (address.scheme == "http" and self._at_home):
            raise Trouble(Why.FORBIDDEN, f"https is needed, not {address.scheme}, for a target that is not at home")
        await self.addresses()
        try:
            async with (
                asyncio.timeout(total_s),
                self._open_session().request(
                    method, address, headers=headers, auth=auth, data=data, json=json, allow_redirects=False
                ) as response,
            ):
                if 300 <= response.status < 400 and response.status != 304:
                    raise Trouble(Why.MOVED, f"{method} {address.path}: {response.status}, to another address")
                body = await response.content.read(ANSWER_BYTES_MAX + 1)
                while not response.content.at_eof() and len(body) <= ANSWER_BYTES_MAX:
                    body += await response.content.read(ANSWER_BYTES_MAX + 1 - len(body))
                if len(body) > ANSWER_BYTES_MAX:
                    raise Trouble(Why.ODD, f"{method} {address.path}: more than {ANSWER_BYTES_MAX} bytes of an answer")
                return Answer(response.status, response.reason or "", response.headers, body)
        except aiohttp.ClientConnectorCertificateError as error:
            raise Trouble(Why.CERTIFICATE, f"{self.host}: {error.certificate_error}") from None
        except aiohttp.ClientConnectorSSLError as error:
            raise Trouble(Why.CERTIFICATE, f"{self.host}: {error.strerror or error}") from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            said = str(error) or type(error).__name__
            raise Trouble(Why.UNREACHABLE, f"{method} {self.host}: {said}") from None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=_Pinned(self), limit=4, force_close=False),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S_MAX),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": AGENT},
                trust_env=False,
            )
        return self._session

    def _may(self, address: str) -> bool:
        ip = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(ip, ipaddress.IPv6Address):
            inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
            if inner is None and ip.is_site_local:
                return False
            ip = inner or ip
        if ip.is_loopback:
            return self._at_home
        if ip.is_multicast or ip.is_unspecified or ip.is_reserved:
            return False
        # What stands at home has an address of the home: a tick by mistake sends nothing in clear to the Internet.
        return ip.is_global is not self._at_home


class _Pinned(AbstractResolver):
    def __init__(self, net: Net) -> None:
        self._net = net

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._net.addresses()
        ]

    async def close(self) -> None:
        pass


def of_status(answer: Answer, what: str) -> Trouble:
    """What an HTTP status says that no caller expected."""
    detail = f"{what}: {answer.line}"
    match answer.status:
        case 401 | 403:
            return Trouble(Why.REFUSED, detail)
        case 413 | 507:
            return Trouble(Why.FULL, detail)
        case 429 | 503:
            asked = answer.headers.get("Retry-After", "")
            return Trouble(
                Why.BUSY, detail, min(int(asked), WAIT_S_MAX) if asked.isdecimal() and len(asked) < 7 else None
            )
        case status if status >= 500:
            return Trouble(Why.UNREACHABLE, detail)
        case _:
            return Trouble(Why.ODD, detail)
