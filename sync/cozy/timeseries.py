"""Form DOCUMENTS: one document a parcel, in a doctype of ours, after io.cozy.timeseries (cozy-doctypes, docs/io.cozy.timeseries.md)."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from sync.cozy.device import Device, Json
from sync.cozy.documents import Doctypes, Documents
from sync.model import Home, Lies, Parcel, Piece, Put, Thing

# A doctype begins with a domain of who makes it, turned round, or with `github.` and their name there (docs/doctype.md).
DOCTYPE = "github.releve.timeseries"
# Documents are made, changed and deleted by `_bulk_docs`, which is POST.
SCOPE = f"{DOCTYPE}:GET,POST"
APP = "releve"


class Timeseries:
    """What `put` and `erase` of a target are, in this form. A parcel's document is written in one go: a kill leaves none half there."""

    def __init__(self, device: Device, home: Home) -> None:
        self._doctypes = Doctypes(device)
        self._home = home

    async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
        wished: Documents = {}
        for parcel in parcels:
            wished[self._id(parcel.period)] = document(parcel, self._home) if parcel.values else {}
        there = await self._doctypes.read(DOCTYPE, list(wished))
        written = await self._doctypes.write(DOCTYPE, wished, there)
        done: list[Put] = []
        for parcel in parcels:
            sent = written.bodies.get(self._id(parcel.period), b"")
            done.append(Put(DOCTYPE if sent else "", len(sent), hashlib.sha256(sent).hexdigest(), written.line))
        return done

    async def look(self) -> Lies | None:
        number = len(await self._doctypes.ids(DOCTYPE, self._id("")))
        return Lies(Thing.DOCUMENTS, number, number)

    async def erase(self, pieces: Sequence[Piece]) -> None:
        ids = list(dict.fromkeys(self._id(piece.period) for piece in pieces))
        there = await self._doctypes.read(DOCTYPE, ids, whole=False)
        await self._doctypes.write(DOCTYPE, {id_: {} for id_ in ids}, there)

    def _id(self, period: str) -> str:
        return f"{self._home.grant}-{period}"


def document(parcel: Parcel, home: Home) -> Json:
    """A parcel as `docs/sync.md` describes its file, with what a Cozy's documents have in common."""
    said: Json = json.loads(parcel.document())
    media = sorted({one.medium for one in parcel.series})
    return {
        "startDate": utc(parcel.start),
        "endDate": utc(parcel.end),
        "title": f"Relevé {parcel.period}",
        "source": "Relevé",
        "theme": media[0] if len(media) == 1 else "home",
        "grant": home.grant,
        **said,
        "cozyMetadata": metadata(home.now),
    }


def metadata(now: int) -> Json:
    """Who wrote it, and when (cozy-doctypes, docs/README.md)."""
    return {
        "doctypeVersion": "1",
        "metadataVersion": 1,
        "createdAt": utc(now),
        "createdByApp": APP,
        "updatedAt": utc(now),
        "updatedByApps": [{"slug": APP, "date": utc(now)}],
    }


def utc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
