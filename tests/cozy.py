"""A double for tests, and no Cozy: it answers a client device as the documentation and the handlers of cozy-stack say.

In memory, on 127.0.0.1. Cozy's own npm clients talk to it in tests/integration/test_cozy_clients.py. It knows one
person, who is logged in and says yes by the button of the authorize page. What a test may do to it is at its top.
"""

import base64
import hashlib
import html
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from tests.cozy_documents import LIMIT_MAX, CouchError, Doctype, Json, missing, page
from tests.cozy_files import FileError, Files

CODE_S = 300
PENDING_S = 3600
ACCESS_S = 7 * 86_400
RESERVED = ("io.cozy.files", "io.cozy.jobs", "io.cozy.triggers", "io.cozy.apps", "io.cozy.konnectors")
VERBS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE"))
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


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


class Cozy:
    """The double. `now` is its clock, which only a test moves."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0
        self.clients: dict[str, Client] = {}
        self.doctypes: dict[str, Doctype] = {}
        self.files = Files(lambda: self.now)
        self.asked: list[tuple[str, str]] = []
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, _Token] = {}
        self.full = False  # no space is left
        self.bulk_makes = True  # a batch makes its doctype; older ones do not
        self.devices_max: int | None = None
        self.statuses: deque[int] = deque()  # the next requests are answered with these, and nothing is done
        self.answers_left: int | None = None  # after so many answers it does what it is asked, and its answers are lost
        self.documents_left: int | None = None  # after so many documents of batches it dies in the middle of one

    def expire(self) -> None:
        """All access tokens are over, as after a week."""
        for token in self._tokens.values():
            if token.until is not None:
                token.until = self.now - 1

    def revoke(self) -> None:
        """The person takes away the access of all devices, in the settings."""
        self.clients.clear()

    def documents(self, doctype: str) -> list[Json]:
        return self.doctypes[doctype].documents() if doctype in self.doctypes else []

    def put(self, doctype: str, *documents: Json) -> None:
        """What somebody else wrote there, a konnector say."""
        for document in documents:
            self.doctypes.setdefault(doctype, Doctype()).save(document)

    # What a test may replace to see who notices.

    def stripped(self, document: Json) -> Json:
        """`_type` is cozy-stack's own, and CouchDB does not get it."""
        return {key: value for key, value in document.items() if key != "_type"}

    def refused_find(self, error: CouchError) -> CouchError:
        return error

    # The server.

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20, middlewares=[self._around])
        app.router.add_get("/status", self._status)
        app.router.add_get("/status/", self._status)
        app.router.add_post("/double/expire", self._expire)
        app.router.add_post("/auth/register", self._register)
        app.router.add_get("/auth/register/{id}", self._registered)
        app.router.add_delete("/auth/register/{id}", self._unregister)
        app.router.add_get("/auth/authorize", self._authorize_page)
        app.router.add_post("/auth/authorize", self._authorize)
        app.router.add_post("/auth/access_token", self._access_token)
        app.router.add_get("/permissions/self", self._permissions)
        app.router.add_post("/settings/synchronized", self._synchronized)
        app.router.add_get("/data/{doctype}/_all_docs", self._all_docs)
        app.router.add_post("/data/{doctype}/_all_docs", self._all_docs)
        app.router.add_get("/data/{doctype}/_normal_docs", self._normal_docs)
        app.router.add_get("/data/{doctype}/_design_docs", self._design_docs)
        app.router.add_get("/data/{doctype}/_changes", self._changes)
        app.router.add_post("/data/{doctype}/_bulk_docs", self._bulk_docs)
        app.router.add_post("/data/{doctype}/_index", self._index)
        app.router.add_post("/data/{doctype}/_find", self._find)
        app.router.add_post("/data/{doctype}/", self._create)
        app.router.add_delete("/data/{doctype}/", self._drop)
        app.router.add_get("/data/{doctype}/{id}", self._get)
        app.router.add_put("/data/{doctype}/{id}", self._put)
        app.router.add_delete("/data/{doctype}/{id}", self._delete)
        app.router.add_get("/files/metadata", self._file_metadata)
        app.router.add_get("/files/download", self._file_download)
        app.router.add_get("/files/download/{id}", self._file_download)
        app.router.add_delete("/files/trash/{id}", self._file_destroy)
        app.router.add_post("/files/", self._file_create)
        app.router.add_post("/files/{id}", self._file_create)
        app.router.add_get("/files/{id}", self._file_get)
        app.router.add_put("/files/{id}", self._file_put)
        app.router.add_delete("/files/{id}", self._file_trash)
        return app

    @web.middleware
    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked.append((request.method, request.path))
        if self.statuses:
            return web.json_response({"error": "as the test wants it"}, status=self.statuses.popleft())
        of_files = request.path.startswith(("/files/", "/settings/", "/permissions/"))
        answer: web.StreamResponse
        try:
            answer = await handler(request)
        except RefusedError as error:
            headers = {"WWW-Authenticate": error.header} if error.header else None
            said: Json = {"error": f"code={error.status}, message={error.message}"}
            if of_files:
                said = {"errors": [{"status": str(error.status), "title": "Refused", "detail": error.message}]}
            answer = web.json_response(said, status=error.status, headers=headers)
        except CouchError as error:
            answer = web.json_response(error.body, status=error.status)
        except FileError as error:
            said = {"errors": [{"status": str(error.status), "title": error.title, "detail": error.detail}]}
            answer = web.json_response(said, status=error.status, content_type="application/vnd.api+json")
        except _DiedError:
            return self._cut(request)
        if self.answers_left is not None:
            if self.answers_left == 0:
                return self._cut(request)
            self.answers_left -= 1
        return answer

    def _cut(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response(status=500)

    async def _status(self, request: web.Request) -> web.Response:
        return web.json_response({"message": "OK"})

    async def _expire(self, request: web.Request) -> web.Response:
        self.expire()
        return web.Response(status=204)

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

    # Documents: docs/data-system.md, web/data.

    def _there(self, doctype: str) -> Doctype:
        if doctype not in self.doctypes:
            raise missing("wrong_doctype")
        return self.doctypes[doctype]

    def _made(self, doctype: str) -> Doctype:
        if self.full:
            raise CouchError(413, "too_large", "no space is left")
        return self.doctypes.setdefault(doctype, Doctype())

    async def _json(self, request: web.Request) -> Json:
        try:
            said = await request.json()
        except ValueError as error:
            raise CouchError(400, "bad_request", str(error)) from None
        if not isinstance(said, dict):
            raise CouchError(400, "bad_request", "Document must be a JSON object")
        return said

    def _saved(self, doctype: str, document: Json, status: int) -> web.Response:
        id_, rev = self._made(doctype).save(document)
        data = {**document, "_id": id_, "_rev": rev, "_type": doctype}
        return web.json_response({"ok": True, "id": id_, "rev": rev, "type": doctype, "data": data}, status=status)

    async def _get(self, request: web.Request) -> web.Response:
        doctype = self._allow(request, "GET")
        if request.match_info["id"].startswith("_"):
            raise CouchError(400, "bad_id", f"Unsuported couchdb operation {request.match_info['id']}")
        return web.json_response({**self._there(doctype).get(request.match_info["id"]), "_type": doctype})

    async def _create(self, request: web.Request) -> web.Response:
        doctype = self._allow(request, "POST")
        document = self.stripped(await self._json(request))
        if document.get("_id"):
            raise CouchError(400, "defined_id", "document _id should be empty")
        return self._saved(doctype, document, 201)

    async def _put(self, request: web.Request) -> web.Response:
        document = self.stripped(await self._json(request))
        id_, rev = document.get("_id"), document.get("_rev")
        doctype = self._allow(request, "PUT" if id_ else "POST")
        if bool(id_) is not bool(rev):
            raise CouchError(400, "bad_request", "both _id and _rev, or neither of them")
        if id_ and id_ != request.match_info["id"]:
            raise CouchError(400, "bad_request", "document _id doesnt match url")
        if id_ and id_ not in self._there(doctype).kept:
            raise missing()
        return self._saved(doctype, {**document, "_id": request.match_info["id"]}, 200)

    async def _delete(self, request: web.Request) -> web.Response:
        doctype, id_ = self._allow(request, "DELETE"), request.match_info["id"]
        in_header, in_query = request.headers.get("If-Match", ""), request.query.get("rev", "")
        if (in_header and in_query and in_header != in_query) or not (in_header or in_query):
            raise CouchError(400, "bad_request", "one revision is needed")
        held = self._there(doctype)
        held.get(id_)
        _, rev = held.save({"_id": id_, "_rev": in_header or in_query, "_deleted": True})
        return web.json_response({"ok": True, "id": id_, "rev": rev, "type": doctype, "deleted": True})

    async def _drop(self, request: web.Request) -> web.Response:
        doctype = self._allow(request, "DELETE")
        self._there(doctype)
        del self.doctypes[doctype]
        return web.json_response({"ok": True, "deleted": True})

    async def _all_docs(self, request: web.Request) -> web.Response:
        doctype = self._allow(request, "GET")
        if doctype not in self.doctypes:  # CouchDB's own answer, which cozy-stack hands on
            return web.json_response({"error": "not_found", "reason": "Database does not exist."}, status=404)
        query = request.query
        keys = (await self._json(request)).get("keys") if request.method == "POST" else None
        low, high = (json.loads(query[name]) if name in query else None for name in ("startkey", "endkey"))
        include = query.get("include_docs") == "true"
        said = self.doctypes[doctype].all_docs(keys=keys, low=low, high=high, include=include)
        skip, limit = int(query.get("skip", "0")), query.get("limit")
        said["rows"] = said["rows"][skip : None if limit is None else skip + int(limit)]
        return web.json_response(said)

    async def _normal_docs(self, request: web.Request) -> web.Response:
        held = self._there(self._allow(request, "GET"))
        limit, skip = (request.query.get(name, "") for name in ("limit", "skip"))
        many = int(limit) if limit.isdecimal() and int(limit) <= LIMIT_MAX else None
        every = held.documents()
        rows, _, mark = page(every, many, int(skip) if skip.isdecimal() else 0, request.query.get("bookmark", ""))
        return web.json_response({"rows": rows, "total_rows": len(every), "bookmark": mark})

    async def _design_docs(self, request: web.Request) -> web.Response:
        held = self._there(self._allow(request, "GET"))
        rows: list[Json] = []
        for fields in held.indexes:
            keys = dict.fromkeys(fields, "asc")
            view = {"map": {"fields": keys}, "options": {"def": {"fields": list(fields)}}}
            name = f"_design/{_index_name(fields)}"
            doc = {"_id": name, "_rev": "1-a", "language": "query", "views": {_index_name(fields): view}}
            rows.append({"id": name, "key": name, "value": {"rev": "1-a"}, "doc": doc})
        return web.json_response({"total_rows": len(rows), "offset": 0, "rows": rows})

    async def _changes(self, request: web.Request) -> web.Response:
        doctype = self._allow(request, "GET")
        known = {"feed", "style", "since", "limit", "include_docs", "seq_interval", "descending", "_nonce"}
        if strange := sorted(set(request.query) - known):
            return web.json_response({"error": f"Unsupported query parameter '{strange[0]}'"}, status=400)
        since = request.query.get("since", "0").partition("-")[0] or "0"
        include = request.query.get("include_docs") == "true"
        return web.json_response(self._there(doctype).changes(int(since), include=include))

    async def _bulk_docs(self, request: web.Request) -> web.Response:
        doctype = self._allow(request, "POST")
        if not self.bulk_makes and doctype not in self.doctypes:
            return web.json_response({"error": "not_found", "reason": "Database does not exist."}, status=404)
        held = self._made(doctype)
        docs = (await self._json(request)).get("docs")
        if not isinstance(docs, list):
            raise CouchError(400, "bad_request", "POST body must include `docs` parameter.")
        answers: list[Json] = []
        for document in docs:
            if self.documents_left is not None:
                if self.documents_left == 0:
                    raise _DiedError
                self.documents_left -= 1
            try:
                id_, rev = held.save(document)
                answers.append({"ok": True, "id": id_, "rev": rev})
            except CouchError as error:
                if error.status == 400:
                    raise
                answers.append({"id": document.get("_id"), "error": error.error, "reason": error.reason})
        return web.json_response(answers, status=201)

    async def _index(self, request: web.Request) -> web.Response:
        held = self._made(self._allow(request, "GET"))
        said = await self._json(request)
        fields = tuple(one if isinstance(one, str) else next(iter(one)) for one in said["index"]["fields"])
        result = "created" if held.index(fields) else "exists"
        name = said.get("ddoc", "").removeprefix("_design/") or _index_name(fields)
        return web.json_response({"result": result, "id": f"_design/{name}", "name": said.get("name", name)})

    async def _find(self, request: web.Request) -> web.Response:
        held = self._there(self._allow(request, "GET"))
        try:
            return web.json_response(held.find(await self._json(request)))
        except CouchError as error:
            raise self.refused_find(error) from None

    # Files: docs/files.md.

    async def _file_create(self, request: web.Request) -> web.Response:
        self._allow(request, "POST", "io.cozy.files")
        parent = request.match_info.get("id", "")
        made = self.files.create(
            parent, dict(request.query), await request.read(), dict(request.headers), full=self.full
        )
        return _file(made, 201)

    async def _file_get(self, request: web.Request) -> web.Response:
        self._allow(request, "GET", "io.cozy.files")
        limit, cursor = (request.query.get(f"page[{name}]", "") for name in ("limit", "cursor"))
        return _file(self.files.get(request.match_info["id"], limit, cursor))

    async def _file_metadata(self, request: web.Request) -> web.Response:
        self._allow(request, "GET", "io.cozy.files")
        return _file(self.files.at(request.query.get("Path", "")))

    async def _file_download(self, request: web.Request) -> web.Response:
        self._allow(request, "GET", "io.cozy.files")
        id_ = request.match_info.get("id") or self.files.at(request.query.get("Path", ""))["data"]["id"]
        return web.Response(body=self.files.content(id_))

    async def _file_put(self, request: web.Request) -> web.Response:
        self._allow(request, "PUT", "io.cozy.files")
        body = await request.read()
        return _file(self.files.overwrite(request.match_info["id"], body, dict(request.headers), full=self.full))

    async def _file_trash(self, request: web.Request) -> web.Response:
        self._allow(request, "DELETE", "io.cozy.files")
        return _file(self.files.trash(request.match_info["id"], request.headers.get("If-Match")))

    async def _file_destroy(self, request: web.Request) -> web.Response:
        self._allow(request, "DELETE", "io.cozy.files")
        self.files.destroy(request.match_info["id"])
        return web.Response(status=204)


class _DiedError(Exception):
    pass


@asynccontextmanager
async def running(cozy: Cozy) -> AsyncIterator[str]:
    """Its address."""
    runner = web.AppRunner(cozy.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


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


def _index_name(fields: tuple[str, ...]) -> str:
    return "by_" + "_and_".join(fields)


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


def _file(said: Json, status: int = 200) -> web.Response:
    headers = {"Location": f"/files/{said['data']['id']}"} if status == 201 else None
    return web.json_response(said, status=status, headers=headers, content_type="application/vnd.api+json")
