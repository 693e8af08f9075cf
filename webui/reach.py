"""`/alerts/reach`: how a person is told who does not look at the page: ways to them, a trial of each, and quiet hours."""

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from gateway.grants import (
    NAME_CHARACTERS_MAX,
    Grant,
    GrantError,
    Held,
    NotDatingError,
    Resolution,
    ShutError,
    Wish,
    new_id,
)
from gateway.house import House
from gateway.keys import KeysError
from gateway.ledger import LedgerError
from gateway.teller import DAY_MIN, QUIET, Last, quiet_hours
from gateway.telling import WEEK, Telling
from gateway.way import (
    ADDRESS_CHARACTERS_MAX,
    FORMS,
    MAILS_TO_MAX,
    MESSENGERS,
    USER_CHARACTERS_MAX,
    Form,
    Kind,
    Way,
    is_mail_address,
)
from webui import consent, reached, targets, who
from webui.consent import LASTS
from webui.giving import (
    CARD_REFUSES,
    KEYS_REFUSE,
    LONG_PASSWORD,
    NAME_MISSING,
    NO_ADDRESS,
    NO_TIME,
    NOT_AT_HOME,
    OPERATOR_MISSING,
    TOO_MANY,
    Fault,
    clean,
    is_id,
)
from webui.page import ACCESS, HOUSE, by_of, language_of, read_form, render, see, words_of
from webui.targets import State
from webui.words import Words, mark, plain

log = logging.getLogger(__name__)

YEAR_S = 365 * 86_400
# Of a person nobody wants to be told for a day alone.
LASTS_OFFERED = {lasts_s: said for lasts_s, said in LASTS.items() if lasts_s > 86_400}
PURPOSE = mark("to be told when something at home needs attention")
TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")

NO_MAIL = Fault(mark("One to five e-mail addresses are needed, with commas between them."), "mail-to")
NOTHING_TOLD = Fault(mark("Tick at least one thing to be told."), "about")
DONE = {
    "given": mark("It is given. Try it: a trial message shows whether it arrives."),
    "tried": mark("A trial is on its way. Open this page again in a moment: it says what was answered."),
    "not-tried": mark("No trial was sent: this way is paused, or has ended."),
    "kept": mark("The quiet hours are kept."),
}


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form."""

    to: Kind
    form: Form
    target: str = ""
    operator: str = ""
    address: str = ""
    user: str = ""
    mail_to: str = ""
    about: tuple[str, ...] = tuple(str(one) for one in reached.ABOUTS)
    language: str = "fr"
    lasts_s: int = YEAR_S
    at_home: bool = False

    @property
    def fields(self) -> dict[str, str]:
        """As the form sends them."""
        said = {
            "to": self.to, "form": self.form, "target": self.target, "operator": self.operator, "address": self.address,
            "user": self.user, "mail-to": self.mail_to, "language": self.language, "lasts": str(self.lasts_s),
            "at-home": "on" if self.at_home else "", **{f"about-{one}": "on" for one in self.about},
        }  # fmt: skip
        return {name: str(value) for name, value in said.items() if value}


@dataclass(frozen=True, slots=True)
class Row:
    """One way that stands, as the page shows it."""

    held: Held
    state: State
    about: str
    last: Last | None
    last_about: str
    is_trial: bool


async def page(request: web.Request) -> web.Response:
    """The ways that stand, those that can be added, and the quiet hours."""
    access, quiet = request.app[ACCESS], quiet_hours(request.app[HOUSE].catalog)
    return render(
        request,
        "reach.html",
        rows=[
            _row(request, held) for held in access.grants.all() if held.grant.telling is not None and held.end is None
        ],
        reached=reached,
        consent=consent,
        quiet_from=_time(quiet.start),
        quiet_to=_time(quiet.end),
        done={**who.DONE, **DONE}.get(request.query.get("done", ""), ""),
    )


def _row(request: web.Request, held: Held) -> Row:
    access, words, grant = request.app[ACCESS], words_of(request), held.grant
    assert grant.telling is not None
    assert grant.way is not None
    last = access.teller.last(grant.id)
    return Row(
        held,
        targets.state(words, grant.way, access.outbox.live(grant.id), paused=held.paused, sent=held.total.reads > 0),
        plain(reached.about(words, grant.telling)),
        last,
        plain(reached.of_message(words, last.about)) if last is not None else "",
        access.teller.is_trial(grant.id),
    )


async def form(request: web.Request) -> web.Response:
    to = _kind(request.match_info["kind"])
    return _form(request, Typed(to, FORMS[to][0], language=language_of(request)))


def _form(request: web.Request, typed: Typed, fault: Fault | None = None, *, password: bool = False) -> web.Response:
    """`password`: one was typed, which no page shows again."""
    words = words_of(request)
    return render(
        request,
        "reach-form.html",
        status=422 if fault else 200,
        typed=typed,
        reached=reached,
        forms={one: reached.FORMS[one] for one in FORMS[typed.to]},
        lasts=LASTS_OFFERED,
        fault=words.say(fault.message) if fault else None,
        fault_at=fault.at if fault else None,
        password_again=password,
    )


async def confirm(request: web.Request) -> web.Response:
    """The form was filled in: say all of it in one sentence, and give nothing yet."""
    typed = _typed(await read_form(request))
    wish = _wish(request, typed)
    return _form(request, typed, wish) if isinstance(wish, Fault) else _confirm(request, typed, wish)


def _confirm(
    request: web.Request, typed: Typed, wish: Wish, fault: Fault | None = None, status: int = 200
) -> web.Response:
    words, now = words_of(request), request.app[HOUSE].now()
    grant = Grant(
        new_id(), by_of(request), wish.target, wish.operator, wish.purpose, (), wish.resolution, 0, now,
        now + wish.lasts_s, past=False, way=wish.way, telling=wish.telling,
    )  # fmt: skip
    return render(
        request,
        "reach-confirm.html",
        status=status,
        typed=typed,
        grant=grant,
        sentence=consent.sentence(words, grant),
        targets=targets,
        fault=words.say(fault.message) if fault else None,
    )


async def give(request: web.Request) -> web.Response:
    """The one click."""
    fields = await read_form(request)
    typed = _typed(fields)
    wish = _wish(request, typed)
    id_, password = fields.get("id", ""), fields.get("password", "")
    if isinstance(wish, Fault):
        return _form(request, typed, wish, password=bool(password))
    if not is_id(id_):
        raise web.HTTPBadRequest
    if len(password) > targets.PASSWORD_CHARACTERS_MAX:
        return _confirm(request, typed, wish, LONG_PASSWORD, 422)
    access = request.app[ACCESS]
    assert wish.way is not None
    if access.grants.get(id_) is None:
        try:  # before it is given: a grant whose server cannot be logged in to would only fail
            access.outbox.keep(id_, targets.secrets(wish.way, password))
            await access.grants.give(id_, wish, by_of(request))
        except KeysError as error:
            log.warning("a way to a person is not given, as its password cannot be kept: %s", error)
            return _confirm(request, typed, wish, KEYS_REFUSE, 507)
        except (LedgerError, OSError) as error:
            log.warning("a way to a person is not given, as the card does not take it: %s", error)
            return _confirm(request, typed, wish, CARD_REFUSES, 507)
        except NotDatingError:
            return _form(request, typed, NO_TIME, password=bool(password))
        except ShutError:
            raise see("/leave") from None
        except GrantError:
            if access.grants.get(id_) is None:
                return _form(request, typed, TOO_MANY, password=bool(password))
    raise see("/alerts/reach?done=given")


async def trial(request: web.Request) -> web.Response:
    """A person wants to see that a message arrives."""
    access, id_ = request.app[ACCESS], (await read_form(request)).get("grant", "")
    if not access.teller.try_out(id_):
        raise see("/alerts/reach?done=not-tried")
    access.outbox.poke(id_)
    raise see(f"/alerts/reach?done=tried#{id_}")


async def set_quiet(request: web.Request) -> web.Response:
    """Between which times only what cannot wait is told."""
    fields = await read_form(request)
    minutes = [_minute(fields.get(name, "")) for name in ("from", "to")]
    if None in minutes:
        raise web.HTTPBadRequest
    await asyncio.to_thread(request.app[HOUSE].catalog.set_setting, QUIET, minutes)
    raise see("/alerts/reach?done=kept#quiet")


def _typed(fields: Mapping[str, str]) -> Typed:
    """The fields of the form; a choice that it does not offer is refused."""
    to = _kind(fields.get("to", ""))
    try:
        form_, lasts_s = Form(fields.get("form", "")), int(fields.get("lasts", ""))
    except ValueError:
        raise web.HTTPBadRequest from None
    language = fields.get("language", "")
    if form_ not in FORMS[to] or lasts_s not in LASTS_OFFERED or language not in reached.LANGUAGES:
        raise web.HTTPBadRequest
    return Typed(
        to,
        form_,
        clean(fields.get("target", "")),
        clean(fields.get("operator", "")),
        clean(fields.get("address", "")),
        clean(fields.get("user", "")),
        clean(fields.get("mail-to", "")),
        reached.ordered(one for one in reached.ABOUTS if f"about-{one}" in fields),
        language,
        lasts_s,
        "at-home" in fields,
    )


def _wish(request: web.Request, typed: Typed) -> Wish | Fault:
    """What is asked for, or what is wrong with it."""
    words: Words = words_of(request)
    house: House = request.app[HOUSE]
    way = _way(typed)
    if isinstance(way, Fault):
        return way
    # Of a week there is nothing to say without words.
    about = tuple(one for one in typed.about if one != WEEK or typed.form is Form.WORDS)
    if not about:
        return NOTHING_TOLD
    if not 0 < len(typed.target) <= NAME_CHARACTERS_MAX:
        return NAME_MISSING
    if not 0 < len(typed.operator) <= NAME_CHARACTERS_MAX:
        return OPERATOR_MISSING
    if not house.dating:
        return NO_TIME
    telling = Telling(about, typed.language, f"{request.scheme}://{request.host}")
    purpose = plain(words.say(PURPOSE))
    return Wish(
        typed.target,
        typed.operator,
        purpose,
        (),
        Resolution.RAW,
        0,
        typed.lasts_s,
        past=False,
        way=way,
        telling=telling,
    )


def _way(typed: Typed) -> Way | Fault:
    """Where to and how, or what is wrong with it."""
    try:
        address = urlsplit(typed.address)
        host, port = address.hostname, address.port
    except ValueError:
        return NO_ADDRESS
    right = address.scheme in reached.SCHEMES[typed.to] and host and port != 0 and "@" not in address.netloc
    if not right or len(typed.address) > ADDRESS_CHARACTERS_MAX or len(typed.user) > USER_CHARACTERS_MAX:
        return NO_ADDRESS
    if address.scheme in reached.OPEN and not typed.at_home:
        return NOT_AT_HOME
    to: tuple[str, ...] = ()
    if typed.to is Kind.MAIL:
        to = tuple(one for one in re.split(r"[,;\s]+", typed.mail_to) if one)
        if not 0 < len(to) <= MAILS_TO_MAX or not all(map(is_mail_address, to)):
            return NO_MAIL
    return Way(typed.to, typed.address, typed.user, typed.form, at_home=typed.at_home, to=to)


def _kind(word: str) -> Kind:
    if word not in MESSENGERS:
        raise web.HTTPNotFound
    return Kind(word)


def _minute(text: str) -> int | None:
    found = TIME.fullmatch(text)
    return None if found is None else int(found[1]) * 60 + int(found[2])


def _time(minute: int) -> str:
    return f"{minute % DAY_MIN // 60:02}:{minute % 60:02}"
