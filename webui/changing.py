"""What the pages that add ports and meters, or let go of them, have in common."""

from collections.abc import Awaitable, Mapping
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from gateway.config import ConfigError
from gateway.house import House
from gateway.keys import KeysError
from webui.page import HOUSE, see
from webui.words import Words, mark

NOT_KEPT = mark("The box did not keep it: %(reason)s.")
CARD_REFUSES = mark("the card refuses it")
SAME = "same"  # the field of a form: the meter is the one that stood there before


async def not_kept(words: Words, change: Awaitable[None]) -> Markup | None:
    """Why a change was refused, and then is not in force; None when it is."""
    try:
        await change
    except (ConfigError, KeysError) as error:
        return words.say(NOT_KEPT, reason=str(error))
    except OSError:
        return words.say(NOT_KEPT, reason=words.say(CARD_REFUSES))
    return None


async def let_go(request: web.Request, fields: Mapping[str, str], page: str) -> web.HTTPSeeOther:
    """The form's `meter`, or its `port` with all its meters, which pages added; where to go then."""
    house, port = request.app[HOUSE], fields.get("port", "")
    try:
        if "meter" in fields:
            await house.devices.uninstall(meters=[fields["meter"]])
            return see(f"{page}?" + urlencode({"port": port}))
        await house.devices.uninstall(ports=[port], meters=[m.name for m in house.config.meters if m.port == port])
    except LookupError:
        raise web.HTTPNotFound from None
    except OSError:
        raise web.HTTPInsufficientStorage from None
    return see("/meters/find")


def added(house: House, address: str) -> web.HTTPSeeOther:
    """The page of a meter that was just added."""
    meter = house.meter(address)
    assert meter is not None
    return see("/meters/added?" + urlencode({"point": meter.point}))
