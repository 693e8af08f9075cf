"""Targets in plain words: what each kind is, how readings lie there, what stays when it ends, and why one takes nothing now."""

from dataclasses import dataclass

from markupsafe import Markup

from gateway.grants import Grant
from gateway.outbox import Live
from gateway.way import MESSENGERS, Form, Kind, Way
from webui import reached
from webui.words import Words, mark

NAMES = {
    Kind.WEBDAV: mark("A folder of files (WebDAV)"),
    Kind.NEXTCLOUD: mark("My Nextcloud"),
    Kind.COZY: mark("My Cozy"),
    Kind.MQTT: mark("Home Assistant, over MQTT"),
    Kind.POSTGRESQL: mark("A database (PostgreSQL)"),
    Kind.INFLUX: mark("A database of measurements (InfluxDB, VictoriaMetrics)"),
    Kind.PROMETHEUS: mark("Prometheus (remote write)"),
}
ABOUT = {
    Kind.WEBDAV: mark("At a provider, or on a machine of yours: a file for each day, that you can read elsewhere."),
    Kind.NEXTCLOUD: mark(
        "A file for each day, in your own Nextcloud. You say yes there; the box gets a password of its own."
    ),
    Kind.COZY: mark("In your own Cozy. You say yes there, and can take it back there, too."),
    Kind.MQTT: mark("The last figure of each meter, to a broker at home. No history is kept there by us."),
    Kind.POSTGRESQL: mark("Of a landlord, a city or your own: rows that only this access can write and erase."),
    Kind.INFLUX: mark("For who draws curves with Grafana and the like."),
    Kind.PROMETHEUS: mark("For who watches many machines already. What was sent can hardly be erased there."),
}
FORMS = {
    Form.SEALED: mark("sealed: only your own key opens it"),
    Form.FILES: mark("open: whoever runs the place can read it"),
    Form.ROWS: mark("rows, that whoever runs the database can read"),
    Form.DOCUMENTS: mark("documents, that the apps of your Cozy can read"),
    Form.ECOLYO: mark("documents as the app Ecolyo reads them"),
    Form.LIVE: mark("the last figure alone, that all who use the broker can read"),
    **reached.FORMS,
}
ADOPTED = mark("documents as the app Ecolyo reads them, also in the place of your supplier’s older figures")
STAYS = {
    Kind.WEBDAV: mark(
        "Copies that the provider made of the folder may stay. Change the folder’s password if the box alone used it."
    ),
    Kind.NEXTCLOUD: mark("What Nextcloud keeps in its bin and its old versions stays until you empty them."),
    Kind.COZY: mark("What other apps of your Cozy made of it stays."),
    Kind.MQTT: mark("What Home Assistant, or whoever else listens to the broker, has written down stays with them."),
    Kind.POSTGRESQL: mark("Copies and sums that whoever runs the database made of it stay with them."),
    Kind.INFLUX: mark("Copies and sums that whoever runs the database made of it stay with them."),
    Kind.PROMETHEUS: mark("What was sent stays there until whoever runs it erases it."),
    Kind.MAIL: mark("The letters that were sent stay with whoever got them, and with the providers of both."),
    Kind.NTFY: mark("Messages stay on the telephones, and for a while on the server."),
    Kind.EVENT: mark("What Home Assistant, or whoever else listens to the broker, has written down stays with them."),
    Kind.WEBHOOK: mark("What the program made of the messages stays with whoever runs it."),
}
EXAMPLES = {
    Kind.WEBDAV: "https://dav.example.org/releve/",
    Kind.NEXTCLOUD: "https://cloud.example.org",
    Kind.COZY: "https://ada.mycozy.cloud",
    Kind.MQTT: "mqtt://192.168.1.20:1883",
    Kind.POSTGRESQL: "postgresql://db.example.org/releve",
    Kind.INFLUX: "https://influx.example.org/api/v2/write?org=maison&bucket=releve",
    Kind.PROMETHEUS: "https://metrics.example.org/api/v1/write",
}
SCHEMES = {
    Kind.WEBDAV: ("https", "http"),
    Kind.NEXTCLOUD: ("https", "http"),
    Kind.COZY: ("https", "http"),
    Kind.MQTT: ("mqtts", "mqtt"),
    Kind.POSTGRESQL: ("postgresql",),
    Kind.INFLUX: ("https", "http"),
    Kind.PROMETHEUS: ("https", "http"),
}
# What is typed beside the address; at the others their owner says yes, and nothing is typed here.
PASSWORD = frozenset({Kind.WEBDAV, Kind.MQTT, Kind.POSTGRESQL, Kind.INFLUX, Kind.PROMETHEUS, *MESSENGERS})
PASSWORD_CHARACTERS_MAX = 1000
OPEN = frozenset({"http", "mqtt"})

ODD = mark("It answers in a way that is none of its kind: is the address right?")
# By the words of sync.model.Why.
WHY = {
    "unreachable": mark("It does not answer. The box tries again by itself; nothing is lost meanwhile."),
    "certificate": mark(
        "It does not prove that it is who it says (its certificate is wrong or out of date). Nothing is sent until it does."
    ),
    "forbidden": mark(
        "Its address lies within your home, or its connection is not encrypted, and this access does not allow that. Give another one that says so, if it is a machine of yours."
    ),
    "refused": mark("It refuses the password, or this access lacks a right there."),
    "ended": mark(
        "The access was taken back on its side. Nothing is sent any longer; take it back here, too, or give another one."
    ),
    "full": mark("There is no room left. Make some there; the box tries again."),
    "busy": mark("It asks to be left alone for a while. The box tries again later."),
    "moved": mark(
        "It answers that it lives at another address now. The box follows no such word: give another access with the new address, if it is right."
    ),
    "odd": ODD,
    "waiting": mark("Nobody has said yes there yet."),
}
# Of messages: what is over before they could be told is told nobody, and a server may refuse more than a login.
WHY_TOLD = {
    **WHY,
    "unreachable": mark("It does not answer. The box tries again by itself, as long as there is something to tell."),
    "refused": mark("It refuses the login, an address or the message. The box tries again by itself."),
}


@dataclass(frozen=True, slots=True)
class State:
    """How a target does, in words; `link`: where its owner says yes."""

    sentence: Markup
    detail: str | None = None
    link: str | None = None
    wrong: bool = False
    password: bool = False


def state(words: Words, way: Way, live: Live, *, paused: bool, sent: bool) -> State:
    """As far as the sync process has told."""
    if paused:
        return State(words.say("It is paused: nothing is sent."))
    if live.link is not None and _may_be_opened(live.link, way):
        return State(words.say("Say yes there, and what you gave begins to be sent:"), link=live.link)
    if (trouble := live.trouble) is not None:
        said = words.say((WHY_TOLD if way.is_for_messages else WHY).get(trouble.why, ODD))
        return State(said, trouble.detail, wrong=True, password=trouble.why == "refused" and way.kind in PASSWORD)
    if live.well_at is not None:
        return State(words.say("It answers, and has taken all that was due."))
    if live.answers:
        return State(words.say("It answers; what is due is being sent."))
    if sent:
        return State(words.say("It was not asked yet since the box was started."))
    return State(words.say("It was not asked yet."))


def _may_be_opened(link: str, way: Way) -> bool:
    """Whether a browser may be sent there, whoever said so: a page of https, or of http on a machine at home."""
    return link.startswith("https://") or (link.startswith("http://") and way.at_home)


def files_lie_there(grant: Grant) -> bool:
    """Whether what is sent are files in a folder, to be opened with the script of `sync/folder`."""
    return grant.way is not None and grant.way.form in (Form.FILES, Form.SEALED)


def form(way: Way) -> str:
    """How readings lie there."""
    return ADOPTED if way.adopt else FORMS[way.form]


def secrets(way: Way, password: str) -> dict[str, str]:
    """What was typed, as the target's file in sync/targets asks for it."""
    if way.kind not in PASSWORD or not password:
        return {}
    return {"token" if way.kind is Kind.INFLUX and not way.user else "password": password}
