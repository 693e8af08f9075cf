"""Who may reach the server at all: the names it answers to, pages of other sites, and what a browser may load.

A home server without this is read by any web page that a person at home visits: DNS rebinding (a foreign name that
points at the box) and requests across sites.
"""

import ipaddress
import re

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with it browsers send `Origin: null` from our own forms (Fetch, "append a request Origin
    # header"), and over plain http that is all there is to tell our forms from another site's.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
NO_STORE = "no-store"
# RFC 9110, 7.2: a name or an address, perhaps a port. What else an authority may hold is somebody's trick.
HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([0-9A-Za-z.-]+))(?::([0-9]{0,5}))?", re.ASCII)
PORT_MAX = 65535


class Misdirected(web.HTTPClientError):
    """The name asked for is not ours (RFC 9110, 15.5.20)."""

    status_code = 421


def host_name(host: str) -> str | None:
    """The name or address in a Host, in lower case; None for anything that is no Host."""
    found = HOST.fullmatch(host)
    if found is None or int(found[3] or 0) > PORT_MAX:
        return None
    return (found[1] or found[2]).lower().removesuffix(".")


def host_allowed(host: str, names: frozenset[str]) -> bool:
    """An address, `localhost` or a name of ours. A foreign name that points here is another site's trick."""
    name = host_name(host)
    if name is None:
        return False
    if name == "localhost" or name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def same_site(request: web.Request) -> bool:
    """Whether a browser says that this request comes from our own page. A program that is no browser says nothing."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    return origin.partition("://")[2].lower() == request.host.lower()


def guard(host_names: tuple[str, ...]) -> Middleware:
    names = frozenset(name.lower() for name in host_names)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        # Two hosts where the target names one itself (RFC 9112, 3.2.2): `request.host` is then that one.
        if not all(host_allowed(host, names) for host in (request.headers.get("Host", ""), request.host)):
            raise Misdirected(text="This box does not answer to that name.\n")
        if request.method not in SAFE_METHODS and not same_site(request):
            raise web.HTTPForbidden(text="This request comes from another site.\n")
        return await handler(request)

    return check


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every answer, errors too; what nobody marked as lasting is not kept by any cache."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "releve"  # else aiohttp says its version and Python's to whoever asks
    # Elsewhere over http a browser ignores it, and complains.
    if request.secure or host_name(request.headers.get("Host", "")) in LOOPBACK:
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Cache-Control", NO_STORE)
