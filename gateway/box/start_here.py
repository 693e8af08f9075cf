"""START-HERE.html, on the part of the card that any computer reads: one file, which fetches nothing and sends nothing.

In French, and in English beside it. What it says of the box is written into it by the box; names come from others, and are escaped.
"""

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

NAME = "START-HERE.html"
HERE = Path(__file__).parent


class Stage(StrEnum):
    NEW = "new"  # the box has never started
    CODE = "code"  # it waits for its first visit
    SET_UP = "set up"
    SILENT = "silent"  # it started, and its pages did not


@dataclass(frozen=True, slots=True)
class Trouble:
    """One sentence in both languages; `{name}` in it is the network's name, which anybody may have chosen."""

    french: str
    english: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Hotspot:
    """The network that the box opens itself where it finds none (gateway/box/hotspot.py)."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the page says of the box."""

    stage: Stage = Stage.NEW
    code: str | None = field(default=None, repr=False)
    addresses: Sequence[str] = ()
    wifi: Trouble | None = None
    hotspot: Hotspot | None = None


def page(standing: Standing) -> str:
    """The whole file."""
    script = (HERE / "start_here.js").read_text("utf-8")
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {"script": script, "script-hash": f"sha256-{hashed}", "now": _now(standing), "hotspot": _hotspot(standing)}
    # In one pass: what is put in is not looked through again.
    text = (HERE / "start_here.html").read_text("utf-8")
    return re.sub(r"\{(script-hash|script|now|hotspot)\}", lambda found: parts[found[1]], text)


def _now(standing: Standing) -> str:
    said = []
    if standing.wifi is not None:
        trouble = standing.wifi
        said.append(
            '<div class="sheet alert">'
            f'<p lang="fr"><b>Wi-Fi</b> {_named(_in_french(trouble.french), trouble.name)}</p>'
            f'<p lang="en"><b>Wi-Fi</b> {_named(trouble.english, trouble.name)}</p></div>'
        )
    match standing.stage:
        case Stage.NEW:
            said.append(
                _both(
                    "Le boîtier n’a pas encore démarré avec cette carte.", "The box has not started with this card yet."
                )
            )
        case Stage.CODE:
            said.append(
                _both(
                    "Le boîtier attend sa première visite. Il demandera ce code :",
                    "The box waits for its first visit. It will ask for this code:",
                )
            )
            said.append(f'<p class="code" id="code">{html.escape(standing.code or "")}</p>')
        case Stage.SET_UP:
            said.append(
                _both(
                    "Le boîtier est installé. Ses pages : http://releve.local",
                    "The box is set up. Its pages: http://releve.local",
                )
            )
        case Stage.SILENT:
            said.append(
                _both(
                    "Au dernier démarrage, le boîtier n’a pas pu ouvrir ses pages. Débranchez-le, attendez dix secondes et rebranchez-le.",
                    "When it last started, the box could not open its pages. Unplug it, wait ten seconds and plug it in again.",
                )
            )
    if standing.addresses:
        where = ", ".join(f"http://{address}" for address in standing.addresses)
        said.append(
            _both(
                f"Si releve.local ne répond pas, essayez son adresse du dernier démarrage : {where}",
                f"If releve.local does not answer, try the address of its last start: {where}",
                kind="small",
            )
        )
    elif standing.stage is not Stage.NEW:
        said.append(
            _both(
                "Au dernier démarrage, elle n’a trouvé ni câble réseau ni Wi-Fi.",
                "When it last started, it found neither a network cable nor Wi-Fi.",
                kind="small",
            )
        )
    return "\n".join(said)


def _hotspot(standing: Standing) -> str:
    own = standing.hotspot
    if own is None:
        french = "À son premier démarrage, le boîtier choisit le nom et le mot de passe de ce réseau, et les écrit ici."
        english = "When it first starts, the box chooses this network’s name and password, and writes them here."
        return _both(french, english, kind="small")
    name, password = html.escape(own.name), html.escape(own.password)
    french, english = "Nom, puis mot de passe :", "Name, then password:"
    return f'{_both(french, english, kind="small")}\n<p class="code own">{name}<br>{password}</p>'


def _both(french: str, english: str, *, kind: str = "say") -> str:
    french, english = html.escape(_in_french(french), quote=False), html.escape(english, quote=False)
    if kind == "say":
        return f'<p class="say" lang="fr">{french}</p>\n<p class="say" lang="en">{english}</p>'
    return f'<div class="both" style="margin-top:.9rem"><p lang="fr">{french}</p><p lang="en">{english}</p></div>'


def _named(sentence: str, name: str) -> str:
    before, _, after = html.escape(sentence, quote=False).partition("{name}")
    # bdi: a name may turn the direction of writing, and would turn ours.
    return f"{before}<bdi>{html.escape(name)}</bdi>{after}" if name else before + after


def _in_french(text: str) -> str:
    """With the spaces that French sets before its signs, which no line may break at."""
    text = re.sub(" ([;!?»])", "\u202f\\1", text).replace("« ", "«\u202f")
    return text.replace(" :", "\u00a0:")
