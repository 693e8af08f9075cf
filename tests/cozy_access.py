"""Who may come in to the Cozy double: devices, their owner's yes, tokens, and what each may do (cozy-stack, docs/auth.md, docs/permissions.md)."""

import base64
import hashlib
import html
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from tests.cozy_documents import Json

CODE_S = 300
PENDING_S = 3600
ACCESS_S = 7 * 86_400
RESERVED = ("io.cozy.files", "io.cozy.jobs", "io.cozy.triggers", "io.cozy.apps", "io.cozy.konnectors")
VERBS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE"))


@dataclass
class Client:
    """A registered device; it is forgotten after an hour in which nobody let it in."""

    fields: Json
    registered_at: float
    registration: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(24))
    pending: bool = True
    synchronized: int = 0

    @property
    def id(self) -> str:
        return str(self.fields["client_id"])


@dataclass
class _Code:
    client: str
    scope: str
    challenge: str
    until: float


@dataclass
class _Token:
    client: str
    scope: str
    until: float | None  # None: a refresh token, which never ends


class RefusedError(Exception):
    """The token does not open this."""

    def __init__(self, status: int, message: str, header: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.header = status, message, header


class Access:
    """`now` is its clock, which only a test moves."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0
        self.clients: dict[str, Client] = {}
        self.devices_max: int | None = None
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, _Token] = {}

    def expire(self) -> None:
        """All access tokens are over, as after a week."""
        for token in self._tokens.values():
            if token.until is not None:
                token.until = self.now - 1

    def revoke(self) -> None:
        """The person takes away the access of all devices, in the settings."""
        self.clients.clear()

    # Registration: docs/auth.md, RFC 7591 and 7592.

    async def _register(self, request: web.Request) -> web.Response:
        said = await request.json()
        redirects = said.get("redirect_uris")
        if not redirects:
            return _unregistered("invalid_redirect_uri", "redirect_uris is mandatory")
        for redirect in redirects:
            parts = urlsplit(redirect)
            if not parts.scheme or parts.hostname == request.url.host or parts.fragment:
                return _unregistered("invalid_redirect_uri", f"{redirect} is invalid")
        for name in ("client_name", "software_id"):
            if not said.get(name):
                return _unregistered("invalid_client_metadata", f"{name} is mandatory")
        taken = {client.fields["client_name"] for client in self._known().values()}
        name, number = said["client_name"], 1
        while name in taken:
            number += 1
            name = f"{said['client_name']}-{number}"
        client = Client(
            {
                **said,
                "client_name": name,
                "client_id": secrets.token_hex(16),
                "client_secret": base64.b64encode(secrets.token_bytes(24)).decode(),
                "client_secret_expires_at": 0,
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "cozyMetadata": {"metadataVersion": 1, "doctypeVersion": "1"},
            },
            self.now,
        )
        self.clients[client.id] = client
        answer = {**client.fields, "registration_access_token": client.registration, "pending": True}
        return web.json_response(answer, status=201)

    def _known(self) -> dict[str, Client]:
        for id_, client in list(self.clients.items()):
            if client.pending and self.now > client.registered_at + PENDING_S:
                del self.clients[id_]
        return self.clients

    def _registrant(self, request: web.Request) -> Client | web.Response:
        client = self._known().get(request.match_info["id"])
        if client is None:
            return web.json_response({"error": "Client not found"}, status=404)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") != client.registration:
            return web.json_response({"error": "invalid_token"}, status=401)
        return client

    async def _registered(self, request: web.Request) -> web.Response:
        found = self._registrant(request)
        return web.json_response(found.fields) if isinstance(found, Client) else found

    async def _unregister(self, request: web.Request) -> web.Response:
        found = self._registrant(request)
        if isinstance(found, Client):
            del self.clients[found.id]
        elif found.status != 404:
            return found
        return web.Response(status=204)

    # Authorization: docs/auth.md; errors are pages and go back to nobody.

    async def _authorize_page(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        if fault := self._authorize_fault(asked):
            return _page("Error", fault, 400)
        authorised = sum(not client.pending for client in self._known().values())
        if self.devices_max is not None and authorised >= self.devices_max:
            return _page("Limit exceeded", "the limit of connected devices", 200)
        fields = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in asked.items()
        )
        deny = _with(asked["redirect_uri"], {"error": "access_denied"})
        return _page(
            "Authorize",
            f'<form method="post" action="/auth/authorize">{fields}<button id="allow">Allow</button></form>'
            f'<a href="{html.escape(deny)}">Deny</a>',
            200,
        )

    def _authorize_fault(self, asked: dict[str, str]) -> str:
        for name in ("state", "client_id", "redirect_uri"):
            if not asked.get(name):
                return f"No {name} parameter"
        if asked.get("response_type") != "code":
            return "Invalid response type"
        if (asked.get("code_challenge_method", "S256") != "S256") or (
            "code_challenge_method" in asked and not asked.get("code_challenge")
        ):
            return "Invalid challenge code method"
        client = self._known().get(asked["client_id"])
        if client is None:
            return "No registered client"
        if asked["redirect_uri"] not in client.fields["redirect_uris"]:
            return "Incorrect redirect_uri"
        if not asked.get("scope", "").strip():
            return "No scope parameter"
        return "" if all(map(_permission, asked["scope"].split())) else "Invalid scope"

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = {name: str(value) for name, value in (await request.post()).items()}
        if fault := self._authorize_fault(asked):
            return _page("Error", fault, 400)
        code = secrets.token_hex(16)
        self._codes[code] = _Code(
            asked["client_id"], asked["scope"], asked.get("code_challenge", ""), self.now + CODE_S
        )
        back = _with(asked["redirect_uri"], {"access_code": code, "code": code, "state": asked["state"]}) + "#"
        if request.headers.get("Accept") == "application/json":
            return web.json_response({"deeplink": back})
        return web.Response(status=302, headers={"Location": back})

    async def _access_token(self, request: web.Request) -> web.Response:
        asked = {name: str(value) for name, value in (await request.post()).items()}
        for name in ("grant_type", "client_id", "client_secret"):
            if not asked.get(name):
                return _error(f"the {name} parameter is mandatory")
        client = self._known().get(asked["client_id"])
        if client is None:
            return _error("the client must be registered")
        if asked["client_secret"] != client.fields["client_secret"]:
            return _error("invalid client_secret")
        match asked["grant_type"]:
            case "authorization_code":
                return self._of_code(client, asked)
            case "refresh_token":
                token = self._tokens.get(asked.get("refresh_token", ""))
                if token is None or token.until is not None or token.client != client.id:
                    return _error("invalid refresh token")
                access = self._token(client, token.scope, ACCESS_S)
                return web.json_response({"token_type": "bearer", "scope": token.scope, "access_token": access})
        return _error("invalid grant type")

    def _of_code(self, client: Client, asked: dict[str, str]) -> web.Response:
        if not asked.get("code"):
            return _error("the code parameter is mandatory")
        code = self._codes.get(asked["code"])
        if code is None or code.client != client.id or self.now > code.until:
            return _error("invalid code")
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        if code.challenge and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != code.challenge:
            return _error("invalid code_verifier")
        del self._codes[asked["code"]]
        client.pending = False
        return web.json_response(
            {
                "token_type": "bearer",
                "scope": code.scope,
                "access_token": self._token(client, code.scope, ACCESS_S),
                "refresh_token": self._token(client, code.scope, None),
            }
        )

    def _token(self, client: Client, scope: str, lasts_s: float | None) -> str:
        token = secrets.token_urlsafe(32)
        self._tokens[token] = _Token(client.id, scope, None if lasts_s is None else self.now + lasts_s)
        return token

    # Rights: docs/permissions.md.

    def _bearer(self, request: web.Request) -> _Token:
        said = request.headers.get("Authorization", "")
        if not said.startswith("Bearer "):
            raise RefusedError(401, "No token in request")
        token = self._tokens.get(said.removeprefix("Bearer "))
        if token is None or token.until is None or token.client not in self._known():
            raise RefusedError(400, "Invalid JWT token", 'Bearer error="invalid_token"')
        if self.now > token.until:
            raise RefusedError(
                400, "Expired token", 'Bearer error="invalid_token" error_description="The access token expired"'
            )
        return token

    def _allow(self, request: web.Request, verb: str, doctype: str | None = None) -> str:
        """The doctype, where this token may do that to all of it."""
        token = self._bearer(request)
        doctype = request.match_info["doctype"] if doctype is None else doctype
        if not _name(doctype):
            raise RefusedError(403, f"{doctype} is not a valid doctype name")
        if verb != "GET" and request.path.startswith("/data/") and doctype in RESERVED:
            raise RefusedError(403, f"reserved doctype {doctype} unwritable")
        for one in map(_permission, token.scope.split()):
            assert one is not None
            pattern, verbs = one
            fits = doctype.startswith(pattern[:-1]) if pattern.endswith(".*") else doctype == pattern
            if fits and verb in verbs:
                return doctype
        raise RefusedError(403, "Forbidden")

    async def _permissions(self, request: web.Request) -> web.Response:
        token = self._bearer(request)
        rules: Json = {}
        for number, one in enumerate(map(_permission, token.scope.split())):
            assert one is not None
            rules[f"rule{number}"] = {"type": one[0], "verbs": sorted(one[1])}
        attributes = {"type": "oauth", "source_id": f"io.cozy.oauth.clients/{token.client}", "permissions": rules}
        said = {"data": {"type": "io.cozy.permissions", "attributes": attributes}}
        return web.json_response(said, content_type="application/vnd.api+json")

    async def _synchronized(self, request: web.Request) -> web.Response:
        self.clients[self._bearer(request).client].synchronized += 1
        return web.Response(status=204)


def _permission(said: str) -> tuple[str, frozenset[str]] | None:
    """A doctype, or a family of them, and what may be done to it; None where this is no scope for a device."""
    doctype, _, rest = said.partition(":")
    verbs = rest.partition(":")[0]
    asked = VERBS if verbs in ("", "ALL") else frozenset(verbs.split(","))
    if not asked <= VERBS:
        return None
    if doctype.endswith(".*"):
        return (doctype, asked) if doctype.count(".") >= 3 and _name(doctype[:-2]) else None
    return (doctype, asked) if _name(doctype) else None


def _name(doctype: str) -> bool:
    letters = all(one.islower() or one.isdecimal() or one in "._" for one in doctype)
    return letters and bool(doctype) and doctype[0] != "." and doctype[-1] != "." and ".." not in doctype


def _with(address: str, more: dict[str, str]) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), *more.items()])))


def _error(text: str) -> web.Response:
    return web.json_response({"error": text}, status=400)


def _unregistered(error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=400)


def _page(title: str, body: str, status: int) -> web.Response:
    text = f"<!doctype html><title>{title}</title><p>A double for tests, no Cozy.</p>{body}"
    return web.Response(text=text, status=status, content_type="text/html")
