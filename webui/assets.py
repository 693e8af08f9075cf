"""CSS, scripts and icons: read once, named by their content, kept by browsers for ever."""

import hashlib
import mimetypes
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).with_name("assets")
LASTING = "public, max-age=31536000, immutable"


class Assets:
    """`url("releve.css")` changes with the file, so a browser never shows an old page with a new style."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        self._urls: dict[str, str] = {}
        for path in sorted(FOLDER.iterdir()):
            content = path.read_bytes()
            name = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
            kind = {".js": "text/javascript", ".webmanifest": "application/manifest+json"}.get(path.suffix)
            self._files[name] = (content, kind or mimetypes.guess_type(path.name)[0] or "application/octet-stream")
            self._urls[path.name] = f"/assets/{name}"

    def url(self, name: str) -> str:
        return self._urls[name]

    async def serve(self, request: web.Request) -> web.Response:
        found = self._files.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        content, kind = found
        charset = "utf-8" if kind.startswith(("text/", "image/svg")) else None
        response = web.Response(body=content, content_type=kind, charset=charset, headers={"Cache-Control": LASTING})
        response.enable_compression()
        return response
