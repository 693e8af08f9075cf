"""Who stands before the Cozy double: its owner, who says yes in a browser; and targets that lead there."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urlsplit
from zoneinfo import ZoneInfo

import aiohttp

from gateway.way import Form, Kind, Way
from sync.model import Parcel, Series, Trouble, Why
from sync.net import Net
from sync.targets import make
from sync.targets.cozy import Cozy as Target
from tests.cozy import Cozy

GRANT = "0123456789abcdef"
REDIRECT = "http://releve.local:8080/back"
PARIS = ZoneInfo("Europe/Paris")


class Owner:
    """`sync.model.Home`, and the owner with a browser. `change` may alter what it brings back."""

    def __init__(self, cozy: Cozy, grant: str = GRANT) -> None:
        self.grant = grant
        self.redirect = REDIRECT
        self.cozy = cozy
        self.kept: dict[str, str] = {}
        self.links: list[str] = []
        self.change: Callable[[dict[str, str]], Mapping[str, str]] = dict

    @property
    def now(self) -> int:
        return int(self.cozy.now)

    async def keep(self, secrets: Mapping[str, str]) -> None:
        self.kept = dict(secrets)

    async def show(self, link: str) -> None:
        self.links.append(link)

    async def brought(self) -> Mapping[str, str]:
        return self.change(await self.say_yes())

    async def say_yes(self) -> dict[str, str]:
        """What the address holds to which the browser is sent back after the button of the page."""
        async with aiohttp.ClientSession() as browser:
            async with browser.get(self.links[-1]) as answer:
                page = _Page(await answer.text())
            assert page.action, page.text
            body = urlencode(page.fields)
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            parts = urlsplit(self.links[-1])
            async with browser.post(
                f"{parts.scheme}://{parts.netloc}{page.action}", data=body, headers=headers, allow_redirects=False
            ) as answer:
                assert answer.status == 302
                back = answer.headers["Location"]
        assert back.startswith(REDIRECT + "?")
        return dict(parse_qsl(urlsplit(back).query))


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.action, self.fields = text, "", list[tuple[str, str]]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = said["action"]
        if tag == "input":
            self.fields.append((said["name"], said["value"]))


@asynccontextmanager
async def target(
    address: str, owner: Owner, form: Form, *sealed_for: str, adopt: bool = False
) -> AsyncIterator[Target]:
    """A new one, as after each start of the process: it knows what the gateway kept, and nothing else."""
    way = Way(Kind.COZY, address, "", form, sealed_for, at_home=True, adopt=adopt)
    way.check()
    async with Net("127.0.0.1", at_home=True) as net:
        made = make(way, owner.kept, owner, net)
        assert isinstance(made, Target)
        try:
            yield made
        finally:
            await made.close()


@dataclass(frozen=True)
class Step:
    """What is done, and what is seen once it came to its end."""

    do: Callable[[], Awaitable[object]]
    seen: Callable[[], object]
    wanted: object


async def cut_everywhere(cozy: Cozy, *steps: Step) -> None:
    """Round after round each step loses its line after one answer more, and is then done whole; until a round loses none."""
    answers, ended = 0, False
    while not ended:
        ended = True
        for step in steps:
            cozy.answers_left = answers
            try:
                await step.do()
            except Trouble as error:
                assert error.why is Why.UNREACHABLE  # noqa: PT017 - the last round ends without one
                ended = False
            finally:
                cozy.answers_left = None
            await step.do()
            assert step.seen() == step.wanted
        answers += 1
    assert answers > 20


def midnight(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=PARIS).timestamp())


def day_after(at: int) -> int:
    day = datetime.fromtimestamp(at, PARIS).date() + timedelta(days=1)
    return midnight(day.year, day.month, day.day)


def day(
    start: int,
    index: Callable[[int], str | None],
    *series: tuple[str, str, str],
    revision: int = 0,
    held: str | None = None,
) -> Parcel:
    """A day of half-hours, each series (key, medium, unit) with the index that the function says."""
    end = day_after(start)
    at = tuple(range(start, end + 1, 1800))
    name = datetime.fromtimestamp(start, PARIS).strftime("%Y-%m-%d")
    rows = tuple(
        Series(
            key,
            key.partition(":")[0],
            medium,
            "energy" if unit == "Wh" else "volume",
            unit,
            "index",
            at,
            (),
            tuple(map(index, at)),
        )
        for key, medium, unit in series
    )
    return Parcel(name, start, end, "30min", revision, rows, held)
