"""What the sync process asks of the gateway and tells it, through the hatch (gateway/hatch.py)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

from gateway.way import ANSWER_CHARACTERS_MAX, Way
from sync.model import Lies, Message, Parcel, Piece, Put, Told, Trouble, Why, plain

ANSWER_S_MAX = 120.0
# So long the owner has to say yes at the target, then the next address is shown.
BROUGHT_S_MAX = 20 * 60


class GoneError(Exception):
    """The gateway does not answer, or refuses: it has ended, or its card does not take what it is told."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done at the target of one grant: `do` is "send", "tell", "erase" or "leave"."""

    grant: str
    do: str
    way: Way
    secrets: Mapping[str, str]
    stamp: str
    page: str

    @classmethod
    def read(cls, said: Mapping[str, Any], page: str) -> "Job":
        return cls(
            said["grant"], said["do"], Way.read(said["way"]), said["secrets"], said["stamp"], said.get("page") or page
        )

    def __repr__(self) -> str:
        return f"Job({self.grant}, {self.do})"


@dataclass(frozen=True, slots=True)
class Jobs:
    wanted: bool
    jobs: tuple[Job, ...]
    run: str  # names this run of the gateway: after a restart it is another one


class Office:
    """The gateway's socket. Use as `async with`.

    GoneError where it does not answer; Trouble(ODD) where it does not take what it is told, as of a server's odd words.
    """

    def __init__(self, socket: Path) -> None:
        self._session = aiohttp.ClientSession(
            "http://gateway",
            connector=aiohttp.UnixConnector(str(socket)),
            timeout=aiohttp.ClientTimeout(total=ANSWER_S_MAX),
            trust_env=False,
        )

    async def __aenter__(self) -> "Office":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def jobs(self) -> Jobs:
        said = await self._ask("GET", "/jobs")
        return Jobs(said["wanted"], tuple(Job.read(each, said["page"]) for each in said["jobs"]), said["run"])

    async def due(self, grant: str) -> bool:
        return bool((await self._ask("GET", f"/grants/{grant}/due"))["due"])

    async def now(self, grant: str) -> int:
        return int((await self._ask("GET", "/jobs"))["now"])

    async def batch(self, grant: str) -> tuple[int, list[Parcel]]:
        said = await self._ask("POST", f"/grants/{grant}/batch")
        return said["batch"], [Parcel.read(each) for each in said["parcels"]]

    async def put(self, grant: str, batch: int, parcels: Sequence[Parcel], puts: Sequence[Put]) -> None:
        said = [
            {
                "period": parcel.period,
                "held": put.held,
                "bytes": put.bytes,
                "sha256": put.sha256,
                "answer": plain(put.answer)[:ANSWER_CHARACTERS_MAX],
            }
            for parcel, put in zip(parcels, puts, strict=True)
        ]
        await self._ask("POST", f"/grants/{grant}/put", {"batch": batch, "puts": said})

    async def message(self, grant: str) -> Message | None:
        """The next message of a grant; None: none is due."""
        said = (await self._ask("POST", f"/grants/{grant}/message"))["message"]
        return None if said is None else Message.read(said)

    async def told(self, grant: str, message: Message, told: Told) -> None:
        answer = plain(told.answer)[:ANSWER_CHARACTERS_MAX]
        said = {"name": message.name, "bytes": told.bytes, "sha256": told.sha256, "answer": answer}
        await self._ask("POST", f"/grants/{grant}/told", said)

    async def trouble(self, grant: str, trouble: Trouble, next_s: int | None) -> None:
        said = {"why": trouble.why, "detail": trouble.detail, "next_s": next_s}
        await self._ask("POST", f"/grants/{grant}/trouble", said)

    async def well(self, grant: str) -> None:
        await self._ask("POST", f"/grants/{grant}/well")

    async def looks(self, grant: str) -> bool:
        """Whether the target is to be asked what lies there."""
        return bool((await self._ask("POST", f"/grants/{grant}/look"))["look"])

    async def lies(self, grant: str, lies: Lies | None) -> None:
        await self._ask("POST", f"/grants/{grant}/lies", {"lies": lies and lies.body()})

    async def pieces(self, grant: str) -> list[Piece]:
        said = await self._ask("GET", f"/grants/{grant}/pieces")
        return [Piece(one["period"], one["from"], one["to"], one["held"]) for one in said["pieces"]]

    async def erased(self, grant: str, pieces: Sequence[Piece]) -> None:
        await self._ask("POST", f"/grants/{grant}/erased", {"periods": [one.period for one in pieces]})

    async def left(self, grant: str) -> None:
        await self._ask("POST", f"/grants/{grant}/left")

    async def _ask(self, method: str, path: str, said: object = None) -> Any:
        try:
            async with self._session.request(method, path, json=said) as response:
                body = await response.json()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise GoneError(f"{method} {path}: {str(error) or type(error).__name__}") from None
        if response.status == 400:
            raise Trouble(Why.ODD, str(body.get("error")))
        if response.status != 200:
            raise GoneError(f"{method} {path}: {response.status}: {body.get('error')}")
        return body


class AtHome:
    """`sync.model.Home`, for one job."""

    def __init__(self, office: Office, job: Job, now: int) -> None:
        self._office = office
        self._job = job
        self._now = now

    @property
    def grant(self) -> str:
        return self._job.grant

    @property
    def redirect(self) -> str:
        return f"{self._job.page}/{self._job.grant}"

    @property
    def now(self) -> int:
        return self._now

    async def keep(self, secrets: Mapping[str, str]) -> None:
        await self._office._ask("POST", f"/grants/{self.grant}/secrets", dict(secrets))

    async def show(self, link: str) -> None:
        await self._office._ask("POST", f"/grants/{self.grant}/link", {"link": link})

    async def brought(self) -> Mapping[str, str]:
        for _ in range(BROUGHT_S_MAX // 25):
            said = await self._office._ask("GET", f"/grants/{self.grant}/brought")
            if said["fields"] is not None:
                fields: dict[str, str] = said["fields"]
                return fields
        raise Trouble(Why.WAITING, "nobody said yes at the target")
