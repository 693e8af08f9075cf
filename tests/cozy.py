"""A double for tests, and no Cozy: it answers a client device as the documentation and the handlers of cozy-stack say.

In memory, on 127.0.0.1. Cozy's own npm clients talk to it in tests/integration/test_cozy_clients.py. It knows one
person, who is logged in and says yes by the button of the authorize page. What a test may do to it is at its top.
"""

import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from tests.cozy_access import Access, RefusedError
from tests.cozy_documents import LIMIT_MAX, CouchError, Doctype, Json, missing, page
from tests.cozy_files import FileError, Files

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Cozy(Access):
    """The double. `now` is its clock, which only a test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.doctypes: dict[str, Doctype] = {}
        self.files = Files(lambda: self.now)
        self.asked: list[tuple[str, str]] = []
        self.full = False  # no space is left
        self.bulk_makes = True  # a batch makes its doctype; older ones do not
        self.statuses: deque[int] = deque()  # the next requests are answered with these, and nothing is done
        self.answers_left: int | None = None  # after so many answers it does what it is asked, and its answers are lost
        self.documents_left: int | None = None  # after so many documents of batches it dies in the middle of one

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


def _index_name(fields: tuple[str, ...]) -> str:
    return "by_" + "_and_".join(fields)


def _file(said: Json, status: int = 200) -> web.Response:
    headers = {"Location": f"/files/{said['data']['id']}"} if status == 201 else None
    return web.json_response(said, status=status, headers=headers, content_type="application/vnd.api+json")
