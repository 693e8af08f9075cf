"""A Cozy: documents of ours, documents as Ecolyo reads them, or sealed files; let in by its owner, and a device in its settings."""

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.way import Form, Way
from sync.cozy import ecolyo, folder, timeseries
from sync.cozy.device import Device, origin
from sync.cozy.ecolyo import Ecolyo
from sync.cozy.folder import Folder, FolderFiles
from sync.cozy.timeseries import Timeseries
from sync.model import Home, Lies, Parcel, Piece, Put, Trouble
from sync.net import Net
from sync.targets.webdav import folder_name

log = logging.getLogger(__name__)


class _Keeps(Protocol):
    async def put(self, parcels: Sequence[Parcel]) -> list[Put]: ...

    async def look(self) -> Lies | None: ...

    async def erase(self, pieces: Sequence[Piece]) -> None: ...


def make(way: Way, secrets: Mapping[str, str], home: Home, net: Net) -> "Cozy":
    """`way.address`: of the Cozy; `secrets`: what `Device` kept, empty at first."""
    address = origin(way.address)
    match way.form:
        case Form.DOCUMENTS:
            device = Device(net, address, timeseries.SCOPE, secrets, home)
            return Cozy(device, Timeseries(device, home))
        case Form.ECOLYO:
            device = Device(net, address, ecolyo.SCOPE, secrets, home)
            return Cozy(device, Ecolyo(device, home, adopt=way.adopt))
        case _:
            device = Device(net, address, folder.SCOPE, secrets, home)
            return Cozy(device, FolderFiles(Folder(device, folder_name(home)), way.sealed_for))


class Cozy:
    """See sync.model.Target."""

    def __init__(self, device: Device, form: _Keeps) -> None:
        self._device = device
        self._form = form

    async def open(self) -> None:
        await self._device.open()

    async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
        done = await self._form.put(parcels)
        try:
            await self._device.synchronized()
        except Trouble as error:  # all is there: it is no reason to send it again
            log.info("the Cozy's settings do not show this sync: %s", error)
        return done

    async def look(self) -> Lies | None:
        return await self._form.look()

    async def erase(self, pieces: Sequence[Piece]) -> None:
        await self._form.erase(pieces)

    async def leave(self) -> None:
        await self._device.leave()

    async def close(self) -> None:
        pass
