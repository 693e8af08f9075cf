"""What the box knows of the time, in words; and a person's way to tell it."""

from datetime import datetime

from aiohttp import web

from gateway.clock import Trust, may_be
from webui.page import ACCESS, HOUSE, read_form, see, session_of
from webui.words import mark

TRUST_WORDS = {
    Trust.NETWORK: mark("The box keeps it by the network’s time."),
    Trust.TOLD: mark("A meter or one of you told it since the box was switched on."),
    Trust.BATTERY: mark("The box has a clock with a battery, which says the same."),
    Trust.PLAUSIBLE: mark("Nobody vouches for it, and nothing speaks against it."),
}
UTC_DIGITS_MAX = 10


async def tell(request: web.Request) -> web.Response:
    """The browser's time (`utc`, where its script runs), or what was typed (`local`, of the house's zone)."""
    house = request.app[HOUSE]
    fields = await read_form(request)
    utc = _utc(fields.get("utc", ""))
    if utc is None:
        try:
            utc = datetime.fromisoformat(fields.get("local", "")).replace(tzinfo=house.zone).timestamp()
        except (ValueError, OverflowError):
            raise see("/box?time=unread#clock") from None
    if not may_be(utc):
        raise see("/box?time=unread#clock")
    known = await house.tell_time(utc)
    if (session := session_of(request)) is not None:
        await request.app[ACCESS].renew_session(session.id)  # who has just told the time is not to log in again for it
    raise see("/box#clock" if known else "/box?time=refused#clock")


def _utc(text: str) -> float | None:
    return float(text) if text.isdecimal() and text.isascii() and len(text) <= UTC_DIGITS_MAX else None
