"""`/people`: who else may come in, and as what: let in and out by who lives here."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from markupsafe import Markup

from gateway.roles import Role
from webui.auth import Busy, NotDating
from webui.page import ACCESS, PASSWORD, by_of, read_form, render, see, words_of
from webui.words import mark

ROLES = {
    Role.OCCUPANT: mark("Who lives here"),
    Role.GUEST: mark("Guest"),
    Role.INSTALLER: mark("Installer"),
    Role.LANDLORD: mark("Landlord"),
}
# Who logs in.
WHO = {
    Role.OCCUPANT: mark("I live here"),
    Role.GUEST: mark("I am a guest"),
    Role.INSTALLER: mark("I install or repair"),
    Role.LANDLORD: mark("I let this home"),
}
SEES = {
    Role.GUEST: mark("What the meters say now: no past, no index, no settings."),
    Role.INSTALLER: mark("Lines and meters, with the index that is on the dial: no past."),
    Role.LANDLORD: mark("Whether the box runs and the meters are heard: no figure at all."),
}
NAME_CHARACTERS_MAX = 80
# How long an installer may stay; the others until they are let out.
LASTS = {86_400: mark("a day"), 7 * 86_400: mark("a week"), 30 * 86_400: mark("a month (30 days)")}
BUSY = mark("The box is checking other passwords. Try again in a moment.")
NO_NAME = mark("A name is needed, so that you know later who it is.")
THERE = mark("Somebody has this role already: end that access first.")
NO_TIME = mark("The box does not know the time yet: it could not say when this ends. Tell it the time first.")


@dataclass(frozen=True, slots=True)
class Made:
    """An account that was just made: its password is shown this once."""

    role: Role
    name: str
    password: str


async def page(request: web.Request) -> web.Response:
    return _page(request)


def _page(
    request: web.Request,
    *,
    status: int = 200,
    fault: Markup | None = None,
    made: Made | None = None,
    fields: Mapping[str, str] | None = None,
) -> web.Response:
    if not request.app[PASSWORD]:
        raise web.HTTPNotFound
    accounts = [account for account in request.app[ACCESS].people.accounts if account.role is not Role.OCCUPANT]
    taken = {account.role for account in accounts}
    return render(
        request,
        "people.html",
        status=status,
        accounts=accounts,
        free=[role for role in SEES if role not in taken],
        roles=ROLES,
        sees=SEES,
        who=WHO,
        lasts=LASTS,
        in_time=request.app[ACCESS].in_time,
        made=made,
        fault=fault,
        typed=fields or {},
        done=request.query.get("done"),
    )


async def add(request: web.Request) -> web.Response:
    """A guest, an installer or a landlord comes in; the password is made by the box, and shown this once."""
    fields, words = await read_form(request), words_of(request)
    role = next((role for role in SEES if role == fields.get("role")), None)
    lasts_s = next((lasts for lasts in LASTS if str(lasts) == fields.get("lasts")), max(LASTS))
    if role is None or not request.app[PASSWORD]:
        raise web.HTTPNotFound
    name = clean_name(fields.get("name", ""))
    if name is None:
        return _page(request, status=422, fault=words.say(NO_NAME), fields=fields)
    try:
        password = await request.app[ACCESS].let_in(
            role, name, lasts_s if role is Role.INSTALLER else None, by_of(request)
        )
    except Busy:
        return _page(request, status=503, fault=words.say(BUSY), fields=fields)
    except NotDating:
        return _page(request, status=503, fault=words.say(NO_TIME), fields=fields)
    if password is None:
        return _page(request, status=422, fault=words.say(THERE), fields=fields)
    return _page(request, made=Made(role, name, password))


async def end(request: web.Request) -> web.Response:
    """Out, with all its browsers, at once."""
    fields = await read_form(request)
    role = next((role for role in SEES if role == fields.get("role")), None)
    if role is None or not request.app[PASSWORD]:
        raise web.HTTPNotFound
    await request.app[ACCESS].let_out(role, by_of(request))
    raise see("/people?done=ended")


def clean_name(text: str) -> str | None:
    """One line that can be shown; None where nothing is left."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())[:NAME_CHARACTERS_MAX] or None
