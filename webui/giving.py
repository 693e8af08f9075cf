"""`/data/give` and `/data/send`: the form of an access, the one sentence that says all of it, and the click that gives it."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web
from markupsafe import Markup

from drivers.model import Kind as QuantityKind
from gateway.backup import BackupError, load_age
from gateway.backup import recipient as recipient_of
from gateway.fluids import RESOLUTIONS as ECOLYO_RESOLUTIONS
from gateway.grants import (
    NAME_CHARACTERS_MAX,
    PURPOSE_CHARACTERS_MAX,
    SERIES_MAX,
    Grant,
    GrantedSeries,
    GrantError,
    NotDatingError,
    Resolution,
    ShutError,
    Wish,
    new_id,
)
from gateway.house import House
from gateway.keys import KeysError
from gateway.ledger import LedgerError
from gateway.views import PointView
from gateway.way import ADDRESS_CHARACTERS_MAX, FORMS, MESSENGERS, USER_CHARACTERS_MAX, Form, Kind, Way
from webui import consent, ecolyo, targets
from webui.consent import DELAYS, FINE, LASTS
from webui.page import ACCESS, HOUSE, by_of, joined, read_form, render, see, words_of
from webui.shown import HUES
from webui.words import Words, mark

log = logging.getLogger(__name__)

ID_DIGITS = 16
# Where databases take a password in an address, which is shown on pages and kept in the ledger.
OPENING = frozenset({"p", "password", "token", "sslpassword"})


@dataclass(frozen=True, slots=True)
class Fault:
    """Why nothing is given: a sentence, the field that it is about, and the meters that it names."""

    message: str
    at: str | None = None
    names: str = ""


NAME_MISSING = Fault(mark("A name of 1 to 80 characters is needed."), "target")
OPERATOR_MISSING = Fault(mark("Who runs it, in 1 to 80 characters, is needed."), "operator")
PURPOSE_MISSING = Fault(mark("What it is for, in 1 to 300 characters, is needed."), "purpose")
NO_POINT = Fault(mark("Tick at least one meter. A meter that has said nothing yet cannot be given."), "points")
TOO_MUCH = Fault(mark("That is more than one access can hold. Tick fewer meters."), "points")
NO_TIME = Fault(mark("The box does not know the time, so no access can begin or end. Tell it the time first."))
TOO_MANY = Fault(mark("There are as many accesses as a box can hold. Take one back first."))
NO_ADDRESS = Fault(mark("An address like the example is needed, without a password in it."), "address")
NOT_AT_HOME = Fault(
    mark(
        "That connection is not encrypted: it is possible with a machine in your home alone. Tick that it is one, if it is."
    ),
    "address",
)
NO_RECIPIENT = Fault(
    mark(
        "A public key begins with age1 and has 62 characters; this is none. Leave it empty, and the box makes a pair for you."
    ),
    "recipient",
)
NO_SEALING = Fault(
    mark("On this machine the box cannot seal: there is no package for it. Choose another form."), "form"
)
ECOLYO_STEPS = Fault(
    mark("Ecolyo reads half-hours or days: choose one figure each half-hour, or one figure a day."), "resolution"
)
ECOLYO_ALIKE = mark("Ecolyo shows one meter of each kind. Of these, tick one alone: %(names)s.")
ECOLYO_NONE = mark("Ecolyo can show none of these meters. %(names)s")
CARD_REFUSES = Fault(mark("Nothing was given: the box’s memory card refuses to keep it. Try again in a moment."))
KEYS_REFUSE = Fault(
    mark("Nothing was given: the box cannot seal the password, as something is wrong with the keys that it keeps.")
)
LONG_PASSWORD = Fault(mark("That is too long for a password. Nothing was given."))


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form; `to` is None for an application that asks."""

    to: Kind | None = None
    target: str = ""
    operator: str = ""
    purpose: str = ""
    points: tuple[str, ...] = ()
    more: bool = False
    resolution: Resolution = Resolution.DAY
    delay_s: int = 0
    lasts_s: int = 30 * 86_400
    past: bool = False
    address: str = ""
    user: str = ""
    form: Form | None = None
    recipient: str = ""
    at_home: bool = False
    adopt: bool = False

    @property
    def fields(self) -> dict[str, str]:
        """As the form sends them."""
        said = {
            "to": self.to or "", "target": self.target, "operator": self.operator, "purpose": self.purpose,
            "resolution": self.resolution, "delay": str(self.delay_s), "lasts": str(self.lasts_s),
            "address": self.address, "user": self.user, "form": self.form or "", "recipient": self.recipient,
            "more": "on" if self.more else "", "past": "on" if self.past else "", "at-home": "on" if self.at_home else "",
            "adopt": "on" if self.adopt else "",
            **{f"point-{point}": "on" for point in self.points},
        }  # fmt: skip
        return {name: value for name, value in said.items() if value}


async def choose(request: web.Request) -> web.Response:
    """To whom: which kind of target."""
    return render(request, "send.html", names=targets.NAMES, about=targets.ABOUT)


async def form(request: web.Request) -> web.Response:
    return _form(request, Typed())


async def form_to(request: web.Request) -> web.Response:
    """The form of a kind of target."""
    try:
        to = Kind(request.match_info["to"])
    except ValueError:
        raise web.HTTPNotFound from None
    if to in MESSENGERS:
        raise web.HTTPNotFound
    return _form(request, Typed(to, form=FORMS[to][0], resolution=Resolution.HALF_HOUR, lasts_s=365 * 86_400))


def _form(request: web.Request, typed: Typed, fault: Fault | None = None, *, password: bool = False) -> web.Response:
    """`password`: one was typed, which no page shows again."""
    words, house = words_of(request), request.app[HOUSE]
    return render(
        request,
        "give.html",
        status=422 if fault else 200,
        typed=typed,
        points=[view for view in house.points() if _series(house, view, more=True)],
        fine=FINE,
        delays=DELAYS,
        lasts=LASTS,
        fault=words.say(fault.message, names=fault.names) if fault else None,
        fault_at=fault.at if fault else None,
        password_again=password,
        hues=HUES,
        targets=targets,
        forms={one: targets.FORMS[one] for one in FORMS[typed.to]} if typed.to else {},
    )


async def confirm(request: web.Request) -> web.Response:
    """The form was filled in: say all of it in one sentence, and give nothing yet."""
    typed = _typed(request.app[HOUSE], await read_form(request))
    wish = _wish(words_of(request), request.app[HOUSE], typed)
    return _form(request, typed, wish) if isinstance(wish, Fault) else _confirm(request, typed, wish)


def _confirm(
    request: web.Request, typed: Typed, wish: Wish, fault: Fault | None = None, status: int = 200
) -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    now = house.now()
    grant = Grant(
        new_id(), by_of(request), wish.target, wish.operator, wish.purpose, wish.series, wish.resolution, wish.delay_s,
        now, now + wish.lasts_s, wish.past, way=wish.way,
    )  # fmt: skip
    return render(
        request,
        "give-confirm.html",
        status=status,
        typed=typed,
        grant=grant,
        sentence=consent.sentence(words, grant),
        targets=targets,
        not_shown=_look(house, typed).others if typed.form is Form.ECOLYO else (),
        fault=words.say(fault.message) if fault else None,
        make_key=typed.form is Form.SEALED and not typed.recipient,
    )


async def give(request: web.Request) -> web.Response:
    """The one click. The token, or the key, is on the page that answers, and nowhere else, ever."""
    fields = await read_form(request)
    house, words = request.app[HOUSE], words_of(request)
    typed = _typed(house, fields)
    key = ""
    if typed.form is Form.SEALED and not typed.recipient and typed.to is not None:
        try:
            identity = load_age().x25519.Identity.generate()
        except BackupError:
            return _form(request, typed, NO_SEALING, password=bool(fields.get("password")))
        key, recipient = str(identity), str(identity.to_public())
        wish = _wish(words, house, typed, recipient)
    else:
        wish = _wish(words, house, typed)
    id_, password = fields.get("id", ""), fields.get("password", "")
    if isinstance(wish, Fault):
        return _form(request, typed, wish, password=bool(password))
    if not is_id(id_):
        raise web.HTTPBadRequest
    if len(password) > targets.PASSWORD_CHARACTERS_MAX:
        return _confirm(request, typed, wish, LONG_PASSWORD, 422)
    grants, outbox = request.app[ACCESS].grants, request.app[ACCESS].outbox
    if grants.get(id_) is not None:  # sent twice
        raise see("/data?done=given")
    address = f"{request.scheme}://{request.host}"
    if wish.way is not None:
        outbox.page = f"{address}/data/connect"
        try:  # before it is given: a grant whose target cannot be opened would only fail
            outbox.keep(id_, targets.secrets(wish.way, password))
        except (KeysError, LedgerError, OSError) as error:
            log.warning("an access is not given, as its password cannot be kept: %s", error)
            return _confirm(request, typed, wish, KEYS_REFUSE if isinstance(error, KeysError) else CARD_REFUSES, 507)
    try:
        try:
            grant, token = await grants.give(id_, wish, by_of(request))
        except Exception:
            if wish.way is not None and grants.get(id_) is None:
                # Of what was never given nothing is kept over the next start.
                with suppress(KeysError, LedgerError, OSError):
                    outbox.keep(id_, {})
            raise
    except LedgerError as error:
        log.warning("an access is not given, as the card does not take it: %s", error)
        return _confirm(request, typed, wish, CARD_REFUSES, 507)
    except NotDatingError:
        return _form(request, typed, NO_TIME, password=bool(password))
    except ShutError:
        raise see("/leave") from None
    except GrantError:
        if grants.get(id_) is not None:  # two clicks at once
            raise see("/data?done=given") from None
        return _form(request, typed, TOO_MANY, password=bool(password))
    if grant.way is not None and not key:
        raise see("/data?done=sending")
    return render(
        request,
        "given.html",
        grant=grant,
        app_token=token,
        key=key,
        address=address,
        first=grant.series[0].key,
        sentence=consent.sentence(words, grant),
        targets=targets,
    )


def _typed(house: House, fields: Mapping[str, str]) -> Typed:
    """The fields of the form; a choice that it does not offer is refused."""
    try:
        to = Kind(fields["to"]) if fields.get("to") else None
        form = Form(fields["form"]) if to is not None else None
        resolution = Resolution(fields.get("resolution", ""))
        delay_s, lasts_s = int(fields.get("delay", "")), int(fields.get("lasts", ""))
    except (ValueError, KeyError):
        raise web.HTTPBadRequest from None
    if (
        delay_s not in DELAYS
        or lasts_s not in LASTS
        or (to is not None and (to in MESSENGERS or form not in FORMS[to]))
    ):
        raise web.HTTPBadRequest
    return Typed(
        to,
        clean(fields.get("target", "")),
        clean(fields.get("operator", "")),
        clean(fields.get("purpose", "")),
        tuple(view.point.id for view in house.points() if f"point-{view.point.id}" in fields),
        "more" in fields,
        resolution,
        delay_s,
        lasts_s,
        "past" in fields,
        clean(fields.get("address", "")),
        clean(fields.get("user", "")),
        form,
        clean(fields.get("recipient", "")),
        "at-home" in fields,
        "adopt" in fields and form is Form.ECOLYO,
    )


def _wish(words: Words, house: House, typed: Typed, recipient: str = "") -> Wish | Fault:
    """What is asked for, or what is wrong with it. `recipient`: instead of one that was typed."""
    if not 0 < len(typed.target) <= NAME_CHARACTERS_MAX:
        return NAME_MISSING
    if not 0 < len(typed.operator) <= NAME_CHARACTERS_MAX:
        return OPERATOR_MISSING
    if not 0 < len(typed.purpose) <= PURPOSE_CHARACTERS_MAX:
        return PURPOSE_MISSING
    way = None if typed.to is None else _way(typed, recipient)
    if isinstance(way, Fault):
        return way
    found = [_series(house, view, more=typed.more) for view in _ticked(house, typed)]
    if not found or not all(found):
        return NO_POINT
    if not house.dating:
        return NO_TIME
    series = _ecolyo(words, house, typed) if typed.form is Form.ECOLYO else tuple(one for some in found for one in some)
    if isinstance(series, Fault):
        return series
    if len(series) > SERIES_MAX:
        return TOO_MUCH
    return Wish(
        typed.target, typed.operator, typed.purpose, series, typed.resolution, typed.delay_s, typed.lasts_s, typed.past,
        way,
    )  # fmt: skip


def _ecolyo(words: Words, house: House, typed: Typed) -> tuple[GrantedSeries, ...] | Fault:
    """The series that Ecolyo counts, and no other: what it cannot show is no reason to give it."""
    if typed.resolution not in ECOLYO_RESOLUTIONS:
        return ECOLYO_STEPS
    found = _look(house, typed)
    if found.alike:
        return Fault(ECOLYO_ALIKE, "points", joined(words, [Markup("{}").format(name) for name in found.alike]))
    if not found.series:
        said = [words.say("%(name)s: %(why)s", name=name, why=words.say(why)) for name, why in found.others]
        return Fault(ECOLYO_NONE, "points", Markup(" ").join(said))
    return found.series


def _look(house: House, typed: Typed) -> ecolyo.Look:
    return ecolyo.look(
        (view.point.name, [_series(house, view, more=more) for more in (False, True)]) for view in _ticked(house, typed)
    )


def _ticked(house: House, typed: Typed) -> list[PointView]:
    return [view for view in house.points() if view.point.id in typed.points]


def _way(typed: Typed, recipient: str) -> Way | Fault:
    """Where to and how, or what is wrong with it."""
    assert typed.to is not None
    assert typed.form is not None
    try:
        address = urlsplit(typed.address)
        host, port = address.hostname, address.port
        named = {name.strip().lower() for name, _ in parse_qsl(address.query, keep_blank_values=True)}
    except ValueError:
        return NO_ADDRESS
    right = address.scheme in targets.SCHEMES[typed.to] and host and port != 0 and "@" not in address.netloc
    right = right and not named & OPENING
    if not right or len(typed.address) > ADDRESS_CHARACTERS_MAX or len(typed.user) > USER_CHARACTERS_MAX:
        return NO_ADDRESS
    if address.scheme in targets.OPEN and not typed.at_home:
        return NOT_AT_HOME
    sealed_for: tuple[str, ...] = ()
    if typed.form is Form.SEALED:
        sealed_for = (recipient or typed.recipient or "age1",)
        if typed.recipient and not recipient:
            try:
                recipient_of(typed.recipient)
            except BackupError:
                return NO_RECIPIENT
    return Way(typed.to, typed.address, typed.user, typed.form, sealed_for, typed.at_home, typed.adopt)


def _series(house: House, view: PointView, *, more: bool) -> tuple[GrantedSeries, ...]:
    """What a metering point consists of: the index that is its total, and with `more` all else that can be counted."""
    keys = house.series(view.point.id) if more else view.index_series
    return tuple(
        GrantedSeries(info.key, view.point.name, view.point.medium, info.quantity)
        for info in house.store.series()
        if info.key in keys and info.quantity.kind in (QuantityKind.INDEX, QuantityKind.LEVEL)
    )


def is_id(text: str) -> bool:
    """Whether it may be the id of a grant that is about to be given."""
    return len(text) == ID_DIGITS and set(text) <= set("0123456789abcdef")


def clean(text: str) -> str:
    """A field of one line, as it can be kept and shown."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
