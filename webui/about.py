"""`/about`: which version this is, of what it is made, under which licences, and where a fault is reported."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime
from importlib import metadata
from pathlib import Path

from aiohttp import web

from gateway import inside
from gateway.inside import Inside
from gateway.standing import IMAGE_SBOM, PACKAGE_SBOM
from webui.page import STANDING, render

APP_FILE, SYSTEM_FILE = "releve.cdx.json", "system.cdx.json"


@dataclass(frozen=True, slots=True)
class Lists:
    """What the program is made of, and the image around it where this is one."""

    app: Inside
    system: Inside | None


class Contents:
    """Those lists, read when somebody asks, and once."""

    def __init__(self, share: Path) -> None:
        self._share = share
        self._lists: Lists | None = None

    async def lists(self) -> Lists:
        if self._lists is None:
            self._lists = await asyncio.to_thread(self._read)
        return self._lists

    def _read(self) -> Lists:
        app = inside.listed(self._share / PACKAGE_SBOM)
        if app is None or app.of != version():  # an update of the program alone brought others
            app = inside.installed(version())
        return Lists(app, inside.listed(self._share / IMAGE_SBOM))


CONTENTS = web.AppKey("contents", Contents)


def version() -> str:
    """Of the program that runs."""
    try:
        return metadata.version("releve")
    except metadata.PackageNotFoundError:
        return ""


async def page(request: web.Request) -> web.Response:
    lists, image = await request.app[CONTENTS].lists(), request.app[STANDING].image
    return render(
        request,
        "about.html",
        version=version(),
        image=image,
        made=_day(image.made) if image else None,
        app=lists.app.parts,
        app_file=APP_FILE,
        system=lists.system.parts if lists.system else (),
        system_file=SYSTEM_FILE,
    )


async def file(request: web.Request) -> web.Response:
    """A list as it came."""
    lists, name = await request.app[CONTENTS].lists(), request.match_info["name"]
    found = {APP_FILE: lists.app, SYSTEM_FILE: lists.system}.get(name)
    if found is None:
        raise web.HTTPNotFound
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=found.file, content_type="application/vnd.cyclonedx+json", headers=headers)


def _day(made: str) -> date | None:
    try:
        return datetime.fromisoformat(made).date()
    except ValueError:
        return None
