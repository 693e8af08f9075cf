"""The command line's way into a running gateway: HTTP on a unix socket that only its owner may open."""

import asyncio
import base64
import dataclasses
import http.client
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway.backup import BackupError, Backups, Seal
from gateway.catalog import CatalogError
from gateway.export import Export
from gateway.holders import HoldersError
from gateway.house import House
from gateway.importers import keyfile
from gateway.keys import KeysError
from gateway.ledger import Ledger, LedgerError
from gateway.store import StoreError
from gateway.trouble import Trouble
from gateway.views import LineQuality, Listening

if TYPE_CHECKING:
    from gateway.bring import Desk

SOCKET = "releve.sock"
ANSWER_S_MAX = 600.0
ENTRIES_MAX = 1000  # of the ledger an answer; who wants all asks again
BODY_BYTES_MAX = 2 * keyfile.FILE_BYTES_MAX  # a key file in base64, and its password


def make_app(
    house: House,
    ledger: Ledger,
    backups: Backups,
    setup_code: Callable[[], str | None],
    recover: Callable[[str], Awaitable[str]],
) -> web.Application:
    """The routes of the socket; `setup_code` gives the first visit's code while no password exists.

    `recover` ends every access, for whoever stands at the box: it is told how, and gives the code of another first visit.
    """

    async def status(_: web.Request) -> web.Response:
        return web.json_response(_status(house, setup_code()))

    shares = [0.0]  # how far the import is that somebody waits for

    def told(share: float) -> None:
        shares[0] = share

    async def bring_in(request: web.Request) -> web.Response:
        asked = await request.json()
        paths = [Path(path) for path in asked["paths"]]
        told(0)
        try:
            reports = await asyncio.to_thread(
                _desk(house).take_ours, paths, dry_run=bool(asked["dry_run"]), progress=told
            )
        except (OSError, ValueError, CatalogError, HoldersError, StoreError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"reports": reports})

    async def progress(_: web.Request) -> web.Response:
        return web.json_response({"share": shares[0]})

    async def backup(request: web.Request) -> web.Response:
        asked = await request.json()
        seal = Seal(asked["recipient"], asked["passphrase"])
        told(0)
        try:
            path = await asyncio.to_thread(backups.write_inside, seal, told)
        except (OSError, BackupError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"path": str(path)})

    async def check_store(_: web.Request) -> web.Response:
        try:
            return web.json_response(dataclasses.asdict(await asyncio.to_thread(house.store.check)))
        except StoreError as error:
            return web.json_response({"error": str(error)}, status=400)

    parts = Export(house.catalog, house.store, house.holders, house.now, house.gap_s)

    async def export(request: web.Request) -> web.Response:
        try:
            return web.json_response(await asyncio.to_thread(parts.piece, request.path, await request.json()))
        except (StoreError, HoldersError) as error:
            return web.json_response({"error": str(error)}, status=400)

    async def entries(request: web.Request) -> web.Response:
        after = (await request.json())["after"]
        try:
            found = await ledger.following(after, ENTRIES_MAX)
        except LedgerError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"entries": [dataclasses.asdict(one) for one in found]})

    async def erase(request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            return web.json_response(await house.erase(asked["point"], asked["start"], asked["end"]))
        except (LookupError, OSError, StoreError, HoldersError, LedgerError) as error:
            return web.json_response({"error": str(error)}, status=400)

    async def recover_(_: web.Request) -> web.Response:
        try:
            return web.json_response({"setup_code": await recover("command")})
        except LedgerError as error:
            return web.json_response({"error": str(error)}, status=400)

    async def bring_keys(request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            file = await asyncio.to_thread(keyfile.read, base64.b64decode(asked["data"]), asked["password"])
            report = await house.bring_keys(file)
        except (OSError, keyfile.KeyFileError, KeysError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(report.as_dict())

    async def holders_files(request: web.Request) -> web.Response:
        from gateway.bring import BringError  # late: most days nobody brings a file

        desk = _desk(house)
        asked = await request.json()
        paths = [Path(path) for path in asked["paths"]]
        told(0)
        try:
            answer = await asyncio.to_thread(
                desk.take,
                paths,
                asked["point"],
                asked["fields"],
                dry_run=bool(asked["dry_run"]),
                same_home=bool(asked["same_home"]),
                progress=told,
            )
        except (OSError, ValueError, BringError, CatalogError, HoldersError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(answer)

    async def imports(_: web.Request) -> web.Response:
        return web.json_response({"imports": await asyncio.to_thread(_desk(house).imports)})

    async def undo(request: web.Request) -> web.Response:
        number = (await request.json())["id"]
        try:
            return web.json_response({"points": await asyncio.to_thread(_desk(house).undo, number)})
        except (OSError, CatalogError, HoldersError, StoreError) as error:
            return web.json_response({"error": str(error)}, status=400)

    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_get("/status", status)
    app.router.add_post("/import", bring_in)
    app.router.add_get("/progress", progress)
    app.router.add_post("/backup", backup)
    app.router.add_post("/check-store", check_store)
    app.router.add_post("/ledger", entries)
    app.router.add_post("/erase", erase)
    app.router.add_post("/recover", recover_)
    for path in ("/export", "/export/points", "/export/amounts", "/export/periods"):
        app.router.add_post(path, export)
    app.router.add_post("/keys", bring_keys)
    app.router.add_post("/holders", holders_files)
    app.router.add_get("/imports", imports)
    app.router.add_post("/undo", undo)
    return app


def heard_as(listening: Listening | None) -> dict[str, Any] | None:
    """How a TIC line is heard, for a program: the API says the same."""
    if listening is None:
        return None
    return {"hears": listening.hears, "mode": listening.mode, "bauds": list(listening.bauds)}


def quality_as(quality: LineQuality | None) -> dict[str, Any] | None:
    if quality is None:
        return None
    return {"word": quality.word, "bad_groups": quality.bad_groups, "share": round(quality.share, 6)}


def _desk(house: House) -> "Desk":
    from gateway.bring import Desk

    return Desk(house.holders, house.catalog, house.store, house.zone, house.now, house.language, house.places())


def ask(runtime: Path, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One question to the running gateway; Trouble when it refuses, ConnectionError when none runs or it ended."""
    connection = _UnixConnection(runtime / SOCKET)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None)
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (FileNotFoundError, ConnectionRefusedError):
        raise ConnectionRefusedError(f"{runtime / SOCKET}: no gateway runs here") from None
    except ConnectionError:
        raise ConnectionResetError(f"{runtime / SOCKET}: the gateway ended before it answered") from None
    except PermissionError:
        raise Trouble(
            f"{runtime / SOCKET}: not permitted; ask as the user that the gateway runs as, or as root"
        ) from None
    except OSError as error:
        raise Trouble(f"{runtime / SOCKET}: {error.strerror or error}") from None
    except ValueError:
        raise Trouble("the gateway's answer is none of ours: see its log") from None
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise Trouble(answer.get("error", f"the gateway answered {response.status}"))
    return answer


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_S_MAX)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _status(house: House, setup_code: str | None) -> dict[str, Any]:
    return {
        "now": house.now(),
        "started_at": house.started_at,
        "saved_to": house.saved_to,
        "trouble": house.store_trouble,
        "clock": house.clock.trust,
        "damaged": house.store_damaged,
        "keys_trouble": house.keys_trouble,
        "setup_code": setup_code,
        "ports": [
            {
                "name": port.name,
                "protocol": port.protocol,
                "open": port.open,
                "receiver": port.receiver,
                "since": port.since,
                "reason": port.reason,
                "heard_at": port.heard_at,
                "counts": port.counts,
                "last_fault": port.last_fault,
                "listening": heard_as(port.listening),
                "quality": quality_as(port.quality),
            }
            for port in house.ports()
        ],
        "points": [
            {
                "id": view.point.id,
                "name": view.point.name,
                "address": view.address,
                "state": view.state,
                "heard_at": view.heard_at,
                "index": str(view.index.value) if view.index else None,
                "unit": view.index.quantity.unit if view.index else None,
            }
            for view in house.points()
        ],
        "heard": len(house.heard()),
        "set_aside": house.set_aside(),
    }
