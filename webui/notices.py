"""What root's part of a box has met with, in sentences on the pages: its card, its Wi-Fi, an update (gateway/box/said.py)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markupsafe import Markup

from gateway.box import said
from gateway.box.said import Said
from gateway.catalog import Catalog
from gateway.standing import Standing
from webui import update_words
from webui.words import Words, mark, typographic

# Where they stand; what is grave stands on every page, and cannot be put away.
PLACES, UPDATES = ("/", "/box"), "/box/update"
# A setting: what each file said when its owner had seen it.
SEEN = "notices seen"

SORRY = mark("The box says something that this page does not know.")
CARD, WIFI, UPDATE = mark("Memory card"), mark("Wi-Fi"), mark("Update")
MEMORY = mark("The card can no longer be written: what is read from now on is kept only until the next power cut.")
# What to do, by the code of what happened to the card; `""` where it is another one.
MEMORY_TO_DO = {
    "": mark(
        "Take what you need along before you switch the box off. Then put another card in, and bring a back-up back; keep the old card, what it held may still be on it."
    ),
    "missing": mark("The card has no room for readings: write the image on another one, of 8 GB or more."),
    "not-erased": mark(
        "It was to be erased, and could not be: what it held is still on it. Break it before you give it away, and put another one in."
    ),
    "unreadable": mark(
        "What was on it cannot be read, nor be repaired. Put another card in, and bring a back-up back; keep the old one, somebody may get something out of it."
    ),
}
REPAIRED = (
    mark("The file system of the memory card was damaged, most often by a power cut. The box has repaired it."),
    mark("A little of what was read before may be missing: have a back-up, and another card at hand."),
)
SMALL = (
    mark("The memory card is too small: years of readings do not fit on it."),
    mark("The box works. Take another card one day, of 8 GB or more, and bring a back-up back on it."),
)
NO_WIFI = mark("The box did not join the Wi-Fi that was written for it.")
WIFI_TO_DO = mark("Write it once more: START-HERE.html, on the card, has the form. A cable always works.")
ON_A_STICK = mark("An update lies on the USB stick that was plugged into the box: version %(version)s.")
LOOK_AT_IT = mark("On the page of the box, under “Updates”, look at it, and install it if you like.")


@dataclass(frozen=True, slots=True)
class Notice:
    """`why` is the technical reason, in English, for whoever repairs."""

    subject: str
    title: str
    sentence: Markup
    to_do: Markup | None
    why: str | None = None
    is_grave: bool = False
    is_bad: bool = True
    can_be_seen: bool = True
    is_on_updates: bool = False  # `/box/update` says it itself


def shown(
    standing: Standing, words: Words, catalog: Catalog, path: str, *, occupant: bool, hands: bool
) -> tuple[Notice, ...]:
    """Those for this page. What is grave is told to everybody: where the card holds nothing, there is no account.

    `hands`: who installs, to whom an update is nothing.
    """
    if standing.image is None:
        return ()
    return tuple(
        one
        for one in _all(standing, words, catalog)
        if one.is_grave
        or (path in PLACES and (occupant or (hands and one.subject != said.UPDATE)))
        or (
            occupant and path == UPDATES and one.subject == said.UPDATE and one.can_be_seen
        )  # what goes on, it says itself
    )


def in_memory(standing: Standing) -> bool:
    """Whether the house lies in memory, since the card cannot be used: nothing of it is saved, whatever the store says."""
    if standing.image is None:
        return False
    found = said.read(said.DATA, standing.places.said)
    return found is not None and found.state == "memory"


def see(standing: Standing, catalog: Catalog, subject: str) -> None:
    """Its owner has seen what this file says now."""
    found = said.read(subject, standing.places.said) if subject in SUBJECTS else None
    if found is not None:
        catalog.set_setting(SEEN, {**_seen(catalog), subject: _mark(found)})


def _all(standing: Standing, words: Words, catalog: Catalog) -> Iterator[Notice]:
    seen = _seen(catalog)
    for subject, say in SUBJECTS.items():
        found = said.read(subject, standing.places.said)
        if found is None or (notice := say(words, found)) is None:
            continue
        if notice.is_grave or seen.get(subject) != _mark(found):
            yield notice


def _of_card(words: Words, found: Said) -> Notice | None:
    match found.state:
        case "well":
            return None
        case "memory":
            to_do = MEMORY_TO_DO.get(found.text("code"), MEMORY_TO_DO[""])
            return Notice(said.DATA, CARD, words.say(MEMORY), words.say(to_do), found.why, is_grave=True)
        case "repaired":
            return Notice(said.DATA, CARD, *_both(words, REPAIRED), found.why)
        case "small":
            return Notice(said.DATA, CARD, *_both(words, SMALL), found.why)
        case _:
            return Notice(said.DATA, CARD, words.say(SORRY), None, found.why or found.state)


def _of_wifi(words: Words, found: Said) -> Notice | None:
    """Root knows the words for it in both languages: they stand on the card, too."""
    if found.state not in ("wrong", "failed"):
        return None
    why = found.text("why_fr") if words.language == "fr" else found.why
    sentence = words.say(NO_WIFI) + (Markup(" {}").format(typographic(words.language, why)) if why else "")
    return Notice(said.WIFI, WIFI, sentence, words.say(WIFI_TO_DO))


def _of_update(words: Words, found: Said) -> Notice | None:
    if found.state == update_words.OFFERED:
        sentence = words.say(ON_A_STICK, version=found.text("version"))
        return Notice(said.UPDATE, UPDATE, sentence, words.say(LOOK_AT_IT), is_bad=False, is_on_updates=True)
    told = update_words.outcome(words, found)
    if told is None:
        return None
    return Notice(
        said.UPDATE,
        UPDATE,
        told.sentence,
        told.to_do,
        found.why,
        is_bad=told.is_bad,
        can_be_seen=not told.goes_on,
        is_on_updates=told.goes_on,
    )


SUBJECTS: dict[str, Callable[[Words, Said], Notice | None]] = {
    said.DATA: _of_card,
    said.UPDATE: _of_update,
    said.WIFI: _of_wifi,
}


def _both(words: Words, texts: tuple[str, str]) -> tuple[Markup, Markup]:
    return words.say(texts[0]), words.say(texts[1])


def _seen(catalog: Catalog) -> dict[str, str]:
    kept = catalog.setting(SEEN)
    return kept if isinstance(kept, dict) else {}


def _mark(found: Said) -> str:
    """By its time alone two would be one: a box without a clock is switched on at the same moment each time."""
    return f"{found.state} {found.at.isoformat()} {found.why or ''}"
