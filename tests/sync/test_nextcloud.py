"""Nextcloud's login against a double of ours (tests/nextcloud.py: it is no Nextcloud), and against odd and hostile answers."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from gateway.way import Kind
from sync.model import Trouble, Why
from sync.net import Net
from sync.targets import make
from sync.targets.nextcloud import Nextcloud
from tests.clouds import Owner, way
from tests.nextcloud import Double, doubled

LINK, ENDPOINT = "/index.php/login/v2/flow/abc", "/index.php/login/v2/poll"


def target(base: str, owner: Owner, net: Net, *, flow_s: float = 5.0, at_home: bool = True) -> Nextcloud:
    there = replace(way(base, kind=Kind.NEXTCLOUD, user=""), at_home=at_home)
    return Nextcloud(there, owner.kept[-1] if owner.kept else {}, owner, net, 0.01, flow_s)


async def opened(double: Double, owner: Owner, net: Net) -> Trouble | None:
    """Its owner says yes as soon as the page shows where; what came of it."""
    opening = asyncio.create_task(target(double.base, owner, net).open())
    while not owner.shown and not opening.done():
        await asyncio.sleep(0.005)
    double.say_yes()
    try:
        await opening
    except Trouble as trouble:
        return trouble
    return None


async def test_nobody_says_yes_and_it_goes_on_waiting_for_its_owner_another_time() -> None:
    async with doubled() as double, Net("127.0.0.1", at_home=True) as net:
        owner = Owner()
        with pytest.raises(Trouble) as trouble:
            await target(double.base, owner, net, flow_s=0.1).open()
        assert trouble.value.why is Why.WAITING
        assert (owner.kept, len(owner.shown)) == ([], 1)


async def test_a_poll_that_breaks_or_is_too_much_is_tried_again() -> None:
    async with doubled() as double, Net("127.0.0.1", at_home=True) as net:
        answers = iter([503, 429, 500, 404])
        poll = double.poll

        async def poor(request: web.Request) -> web.StreamResponse:
            status = next(answers, None)
            return await poll(request) if status is None else web.Response(status=status)

        double.before_poll = poor
        owner = Owner()
        assert await opened(double, owner, net) is not None  # files are no part of the double: the login went through
        assert len(owner.kept) == 1
        assert next(answers, None) is None


@pytest.mark.parametrize("user_id", ["..", ".", "a/../../b", "x" * 300, "a\nb"])
async def test_the_name_of_an_account_that_would_lead_elsewhere_is_refused(user_id: str) -> None:
    async with doubled() as double, Net("127.0.0.1", at_home=True) as net:
        double.user_id = user_id
        trouble = await opened(double, Owner(), net)
        assert trouble is not None
        assert (trouble.why, trouble.detail) == (Why.ODD, "it does not say whose account this is")


def flow(login: object, endpoint: object, token: object = "t") -> Callable[[str], Any]:
    def said(base: str) -> Any:
        there = [each.replace("BASE", base) if isinstance(each, str) else each for each in (login, endpoint)]
        return {"poll": {"token": token, "endpoint": there[1]}, "login": there[0]}

    return said


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (flow("https://login.example/", f"BASE{ENDPOINT}"), Why.MOVED),
        (flow(f"BASE{LINK}", "http://192.168.1.1/poll"), Why.MOVED),
        (flow("http://x@127.0.0.1/", f"BASE{ENDPOINT}"), Why.MOVED),
        (flow("http://127.0.0.1.login.example/", f"BASE{ENDPOINT}"), Why.MOVED),
        (flow("javascript:alert(1)", f"BASE{ENDPOINT}"), Why.MOVED),
        (flow("ftp://127.0.0.1/", f"BASE{ENDPOINT}"), Why.FORBIDDEN),
        (flow("http://[", f"BASE{ENDPOINT}"), Why.ODD),
        (flow("http://127.0.0.1/" + "x" * 1000, f"BASE{ENDPOINT}"), Why.MOVED),
        (flow(None, f"BASE{ENDPOINT}"), Why.ODD),
        (flow(f"BASE{LINK}", f"BASE{ENDPOINT}", ["t"]), Why.ODD),
        (lambda base: [], Why.ODD),
        (lambda base: {"poll": "x", "login": f"{base}/x"}, Why.ODD),
    ],
)
async def test_a_page_for_the_login_that_is_not_the_grants_own_server_is_never_shown(
    said: Callable[[str], Any], why: Why
) -> None:
    async with doubled() as double, Net("127.0.0.1", at_home=True) as net:
        double.before_begin = lambda: web.json_response(said(double.base))
        owner = Owner()
        with pytest.raises(Trouble) as trouble:
            await target(double.base, owner, net).open()
        assert trouble.value.why is why
        assert (owner.shown, owner.kept) == ([], [])


async def test_a_page_for_the_login_that_is_not_https_is_shown_only_at_home() -> None:
    async with doubled() as double, Net("127.0.0.1", at_home=True) as net:
        owner = Owner()
        with pytest.raises(Trouble) as trouble:
            await target(double.base, owner, net, at_home=False).open()
        assert trouble.value.why is Why.FORBIDDEN
        assert owner.shown == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda: web.Response(text="<html>Log in</html>", content_type="text/html"), Why.ODD),
        (lambda: web.Response(text="[" * 100_000), Why.ODD),
        (lambda: web.Response(text="null"), Why.ODD),
        (lambda: web.Response(status=404), Why.ODD),
        (lambda: web.Response(status=500), Why.UNREACHABLE),
        (lambda: web.Response(status=503), Why.BUSY),
        (lambda: web.Response(status=403), Why.REFUSED),
        (lambda: web.Response(status=302, headers={"Location": "http://192.168.1.1/"}), Why.MOVED),
    ],
)
async def test_what_is_no_nextcloud_is_said_and_nothing_is_shown(answer: Callable[[], web.Response], why: Why) -> None:
    async with doubled() as double, Net("127.0.0.1", at_home=True) as net:
        double.before_begin = answer
        owner = Owner()
        with pytest.raises(Trouble) as trouble:
            await target(double.base, owner, net).open()
        assert trouble.value.why is why
        assert (owner.shown, owner.kept) == ([], [])


async def test_a_password_that_is_no_longer_taken_is_the_end_and_not_asked_for_again() -> None:
    async with doubled() as double, Net("127.0.0.1", at_home=True) as net:
        owner = Owner(kept=[{"user": "camille", "password": "taken back"}])
        made = target(double.base, owner, net)
        with pytest.raises(Trouble) as trouble:
            await made.open()
        assert trouble.value.why is Why.ENDED
        assert "taken back" not in str(trouble.value)
        await made.leave()
        assert (owner.shown, double.flows) == ([], {})


async def test_who_was_never_let_in_leaves_without_a_word() -> None:
    async with doubled() as double, Net("127.0.0.1", at_home=True) as net:
        there = make(way(double.base, kind=Kind.NEXTCLOUD, user=""), {}, Owner(), net)
        await there.leave()
        await there.close()
        assert double.asked == []
