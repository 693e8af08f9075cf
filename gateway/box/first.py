"""What a box says to who stands before it, at each start: where its pages are, the code of the first visit, and how the Wi-Fi did.

It goes into START-HERE.html on the card, onto every console, and into /run/releve-box for the pages. The code goes nowhere else.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from gateway.box import handed, hotspot, said, wifi
from gateway.box.handed import Places
from gateway.box.hotspot import Run
from gateway.box.start_here import NAME, Stage, Standing, Trouble, page

WAIT_S_MAX = 90.0  # for the network; a router that is switched on with the box takes longer, and the page is right at the next start
LOOK_S = 3.0
CONSOLES = Path("/sys/class/tty/console/active")

# The network's name is put where {name} stands.
FATES = {
    "no_radio": (
        "Le boîtier n’a pas de Wi-Fi, ou ne le trouve pas. Reliez-le par un câble réseau.",
        "The box has no Wi-Fi, or does not find it. Link it with a network cable.",
    ),
    "not_found": (
        "Le réseau « {name} » n’a pas été trouvé. Vérifiez son nom, lettre par lettre, et approchez le boîtier du routeur.",
        "The network “{name}” was not found. Look at its name, letter for letter, and bring the box nearer to the router.",
    ),
    "refused": (
        "Le réseau « {name} » est là, et n’a pas laissé entrer le boîtier. Vérifiez le mot de passe, lettre par lettre.",
        "The network “{name}” is there, and did not let the box in. Look at the password, letter for letter.",
    ),
    "no_address": (
        "Le réseau « {name} » a laissé entrer le boîtier, et ne lui a pas donné d’adresse. Redémarrez le routeur.",
        "The network “{name}” let the box in, and gave it no address. Start the router again.",
    ),
    "unknown": (
        "Le boîtier n’a pas rejoint le réseau « {name} ».",
        "The box did not join the network “{name}”.",
    ),
}


def run(places: Places, ask: Run | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait a while for the network, then say how it stands, and again if the code has changed since.

    OSError: the card could not be written; all else is said by then.
    """
    asked = ask or hotspot.ask
    while True:
        code = handed.read_code(places)
        if code and not handed.page_has(places, NAME, code):
            # At once: whoever waits for the code unplugs the box after two minutes.
            handed.write_page(
                places, page(Standing(Stage.CODE, code, addresses(asked), hotspot=hotspot.own(places))), NAME
            )
        kept, fate, reached = _settled(places, asked, sleep)
        code = handed.read_code(places)
        stage = {None: Stage.SILENT, "": Stage.SET_UP}.get(code, Stage.CODE)
        standing = Standing(stage, code or None, reached, _say_wifi(places, kept, fate), hotspot.own(places))
        said.write(said.FIRST, stage.value, folder=places.said, addresses=reached)
        tell(standing)
        handed.write_page(places, page(standing), NAME)
        if handed.read_code(places) == code:
            return


def _settled(
    places: Places, ask: Run, sleep: Callable[[float], None]
) -> tuple[said.Said | None, str | None, list[str]]:
    """Which Wi-Fi was named, what became of it, and the box's addresses: as soon as all is well, else after a while."""
    waited, country = 0.0, ""
    while True:
        kept = said.read(said.WIFI, places.box)  # each time: another one may have been named on a page
        if kept is not None and kept.text("country") != country:
            # Which channels a radio may use; without it, only what is allowed everywhere.
            country = kept.text("country")
            ask(("iw", "reg", "set", country))
        fate, reached = wifi_fate(kept, ask), addresses(ask)
        if waited >= WAIT_S_MAX or (reached and fate in (None, "joined")):
            return kept, fate, reached
        sleep(LOOK_S)
        waited += LOOK_S


def wifi_fate(kept: said.Said | None, ask: Run) -> str | None:
    """`joined`, or a word of FATES; None where no Wi-Fi is wanted."""
    if kept is None or kept.state != "kept":
        return None
    answer = ask(hotspot.DEVICES)
    if answer is None:
        return "unknown"
    radios = [(device.state, device.connection) for device in hotspot.devices(answer) if device.kind == "wifi"]
    if not radios:
        return "no_radio"
    ours = [state for state, connection in radios if connection == wifi.CONNECTION]
    if "connected" in ours:
        return "joined"
    if any("IP" in state for state in ours):  # connecting (getting IP configuration)
        return "no_address"
    # NetworkManager calls a refused password of WPA3 a network that was not found: what is heard says which it is.
    heard = _lines(ask(("nmcli", "-t", "-f", "SSID-HEX", "device", "wifi", "list", "--rescan", "no")))
    return "refused" if kept.text("ssid").encode().hex().upper() in heard else "not_found"


def addresses(ask: Run) -> list[str]:
    """IPv4, under which the home reaches the box; that of its own Wi-Fi is none."""
    try:
        links = json.loads(ask(("ip", "-j", "-4", "address", "show", "up", "scope", "global")) or "[]")
        found = [one["local"] for link in links for one in link.get("addr_info", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    return [address for address in found if address != hotspot.ADDRESS]


def words(standing: Standing) -> str:
    """What a console shows: who can see it stands at the box."""
    where = ["http://releve.local", *(f"http://{address}" for address in standing.addresses)]
    lines = ["", "Relevé", "  " + "  ".join(where)]
    match standing.stage:
        case Stage.CODE:
            lines.append(f"  Code de la première visite / code of the first visit: {standing.code}")
        case Stage.SILENT:
            lines.append(
                "  Les pages ne répondent pas. Rebranchez le boîtier. / The pages do not answer. Plug the box in again."
            )
        case _:
            pass
    if not standing.addresses:
        if standing.hotspot is not None:
            own = standing.hotspot
            lines.append(f"  Wi-Fi: {own.name}  {own.password}  http://{hotspot.ADDRESS}")
        lines.append("  Ni câble réseau ni Wi-Fi. / Neither a network cable nor Wi-Fi.")
    if standing.wifi is not None:
        name = _printable(standing.wifi.name)
        lines += ["  " + each.replace("{name}", name) for each in (standing.wifi.french, standing.wifi.english)]
    return "\n".join((*lines, ""))


def tell(standing: Standing, consoles: Path = CONSOLES, devices: Path = Path("/dev")) -> None:
    """On every console, the screen and the serial line; one that takes nothing is left alone."""
    try:
        names = consoles.read_text("ascii").split()
    except OSError:
        return
    text = words(standing).replace("\n", "\r\n").encode()
    for name in names:
        try:
            file = os.open(devices / name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            os.write(file, text)
        except OSError:
            continue
        finally:
            os.close(file)


def _say_wifi(places: Places, kept: said.Said | None, fate: str | None) -> Trouble | None:
    """To the pages, and in two languages for the card."""
    if kept is not None and kept.state == "wrong":
        said.write(
            said.WIFI,
            "wrong",
            kept.why,
            folder=places.said,
            why_fr=kept.text("why_fr"),
            code=kept.text("code"),
            line=kept.number("line"),
        )
        return Trouble(kept.text("why_fr"), kept.why or "")
    if kept is None or fate is None:
        said.write(said.WIFI, "none", folder=places.said)
        return None
    name = kept.text("ssid")
    if fate == "joined":
        said.write(said.WIFI, "joined", folder=places.said, ssid=name)
        return None
    french, english = FATES[fate]
    why, why_fr = english.replace("{name}", name), french.replace("{name}", name)
    said.write(said.WIFI, "failed", why, folder=places.said, why_fr=why_fr, code=fate, ssid=name)
    return Trouble(french, english, name)


def _printable(text: str) -> str:
    """A stranger's name must not move a console's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _lines(text: str | None) -> list[str]:
    return [line for line in (text or "").splitlines() if line]
