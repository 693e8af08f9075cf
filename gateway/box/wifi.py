"""`wifi.txt`, which a person puts on the card, and the connection that NetworkManager makes of it.

A line says `nom = …`, `mot de passe = …` or `pays = FR`, in French or English words, with `=` or `:`, in whatever an editor saves.
What is wrong is said in one sentence that names the line and never repeats it: it may hold the password.
"""

import codecs
import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

FILE_BYTES_MAX = 4096
NAME_BYTES_MAX = 32  # IEEE 802.11: an SSID
PASSWORD_BYTES = range(8, 64)  # IEEE 802.11: a passphrase of WPA2 and WPA3
KEY_DIGITS = 64  # or the key itself, in hexadecimal digits
COUNTRY = "FR"  # where nothing is said
CONNECTION = "releve-wifi"
UUID = "52656c76-0000-4000-8000-77692d666900"  # one connection, replaced whole


class Part(StrEnum):
    NAME = "name"
    PASSWORD = "password"  # noqa: S105 - a word, not a password
    COUNTRY = "country"
    HIDDEN = "hidden"
    OPEN = "open"


class Fault(StrEnum):
    """What can be wrong with the file; the words for it are in FRENCH and ENGLISH."""

    TOO_BIG = "too_big"
    EMPTY = "empty"
    NOT_TEXT = "not_text"
    NO_SEPARATOR = "no_separator"
    UNKNOWN = "unknown"
    TWICE = "twice"
    NO_NAME = "no_name"
    NAME_LONG = "name_long"
    ODD_SIGN = "odd_sign"
    NO_PASSWORD = "no_password"  # noqa: S105 - a word, not a password
    PASSWORD_LENGTH = "password_length"  # noqa: S105 - a word, not a password
    PASSWORD_OF_OPEN = "password_of_open"  # noqa: S105 - a word, not a password
    COUNTRY = "country"
    YES_NO = "yes_no"


FRENCH = {
    Fault.TOO_BIG: "wifi.txt est trop long : quelques lignes sont attendues, 4 Kio au plus.",
    Fault.EMPTY: "wifi.txt est vide : les lignes « nom = … » et « mot de passe = … » sont attendues.",
    Fault.NOT_TEXT: "wifi.txt, ligne {line} : ce n’est pas du texte ; un fichier de texte simple est attendu.",
    Fault.NO_SEPARATOR: "wifi.txt, ligne {line} : il manque le signe = ; « nom = … », « mot de passe = … » ou « pays = FR » est attendu.",
    Fault.UNKNOWN: "wifi.txt, ligne {line} : le mot avant le signe = n’est pas connu ; « nom », « mot de passe » ou « pays » est attendu.",
    Fault.TWICE: "wifi.txt, ligne {line} : cela est déjà dit plus haut ; une seule ligne de chaque sorte est attendue.",
    Fault.NO_NAME: "wifi.txt : il manque le nom du réseau ; une ligne « nom = … » est attendue.",
    Fault.NAME_LONG: "wifi.txt, ligne {line} : le nom du réseau est trop long ; 32 octets au plus sont attendus (une lettre accentuée en prend deux).",
    Fault.ODD_SIGN: "wifi.txt, ligne {line} : il y a un signe invisible ; des lettres, des chiffres et des signes ordinaires sont attendus.",
    Fault.NO_PASSWORD: "wifi.txt : il manque le mot de passe ; une ligne « mot de passe = … » est attendue, ou « ouvert = oui » pour un réseau qui n’en a pas.",
    Fault.PASSWORD_LENGTH: "wifi.txt, ligne {line} : le mot de passe n’a pas la bonne longueur ; 8 à 63 caractères sont attendus.",
    Fault.PASSWORD_OF_OPEN: "wifi.txt, ligne {line} : le réseau est dit ouvert, et un mot de passe est donné ; l’un ou l’autre est attendu.",
    Fault.COUNTRY: "wifi.txt, ligne {line} : le pays n’est pas reconnu ; deux lettres sont attendues, FR pour la France.",
    Fault.YES_NO: "wifi.txt, ligne {line} : « oui » ou « non » est attendu.",
}
ENGLISH = {
    Fault.TOO_BIG: "wifi.txt is too long: a few lines are expected, 4 KiB at most.",
    Fault.EMPTY: "wifi.txt is empty: the lines “name = …” and “password = …” are expected.",
    Fault.NOT_TEXT: "wifi.txt, line {line}: this is no text; a file of plain text is expected.",
    Fault.NO_SEPARATOR: "wifi.txt, line {line}: the sign = is missing; “name = …”, “password = …” or “country = FR” is expected.",
    Fault.UNKNOWN: "wifi.txt, line {line}: the word before the sign = is not known; “name”, “password” or “country” is expected.",
    Fault.TWICE: "wifi.txt, line {line}: this is said above already; one line of each kind is expected.",
    Fault.NO_NAME: "wifi.txt: the network’s name is missing; a line “name = …” is expected.",
    Fault.NAME_LONG: "wifi.txt, line {line}: the network’s name is too long; 32 bytes at most are expected (a letter with an accent takes two).",
    Fault.ODD_SIGN: "wifi.txt, line {line}: there is an invisible sign; letters, digits and ordinary signs are expected.",
    Fault.NO_PASSWORD: "wifi.txt: the password is missing; a line “password = …” is expected, or “open = yes” for a network that has none.",
    Fault.PASSWORD_LENGTH: "wifi.txt, line {line}: the password has not the right length; 8 to 63 characters are expected.",
    Fault.PASSWORD_OF_OPEN: "wifi.txt, line {line}: the network is said to be open, and a password is given; one or the other is expected.",
    Fault.COUNTRY: "wifi.txt, line {line}: the country is not recognised; two letters are expected, FR for France.",
    Fault.YES_NO: "wifi.txt, line {line}: “yes” or “no” is expected.",
}

# As they are after `_folded`.
WORDS = {
    **dict.fromkeys(("nom", "nomdureseau", "nomduwifi", "reseau", "name", "networkname", "network"), Part.NAME),
    **dict.fromkeys(("ssid", "wifi", "wifiname"), Part.NAME),
    **dict.fromkeys(("motdepasse", "motdepassewifi", "motdepasseduwifi", "mdp", "cle", "clewifi"), Part.PASSWORD),
    **dict.fromkeys(("password", "wifipassword", "passphrase", "pass", "key", "psk"), Part.PASSWORD),
    **dict.fromkeys(("pays", "country"), Part.COUNTRY),
    **dict.fromkeys(("cache", "reseaucache", "hidden"), Part.HIDDEN),
    **dict.fromkeys(("ouvert", "reseauouvert", "open"), Part.OPEN),
}
YES_NO = {"oui": True, "yes": True, "non": False, "no": False}
COUNTRIES = {"france": "FR", "belgique": "BE", "belgium": "BE", "suisse": "CH", "switzerland": "CH", "luxembourg": "LU"}
QUOTES = (('"', '"'), ("'", "'"), ("«", "»"), ("“", "”"))
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),  # what Notepad calls Unicode
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class WifiError(Exception):
    """The file is of no use; `line` counts from 1, 0 is the file as a whole."""

    def __init__(self, fault: Fault, line: int = 0) -> None:
        super().__init__(ENGLISH[fault].format(line=line))
        self.fault = fault
        self.line = line

    @property
    def french(self) -> str:
        return FRENCH[self.fault].format(line=self.line)


@dataclass(frozen=True, slots=True)
class Network:
    """What to join. A network without a password is one that was said to be open."""

    name: str
    password: str | None = field(repr=False)
    country: str = COUNTRY
    hidden: bool = False


def parse(data: bytes) -> Network:
    """The network that a `wifi.txt` names; WifiError where it names none."""
    if len(data) > FILE_BYTES_MAX:
        raise WifiError(Fault.TOO_BIG)
    found: dict[Part, tuple[int, str]] = {}
    # Not splitlines(), which parts a line at signs that a name may hold.
    for number, line in enumerate(re.split("\r\n|\r|\n", _text(data)), start=1):
        if "\0" in line:
            raise WifiError(Fault.NOT_TEXT, number)
        said = line.strip()
        if not said or said.startswith(("#", ";")):
            continue
        word, separator, value = _parted(said)
        if not separator:
            raise WifiError(Fault.NO_SEPARATOR, number)
        part = WORDS.get(_folded(word))
        if part is None:
            raise WifiError(Fault.UNKNOWN, number)
        if part in found:
            raise WifiError(Fault.TWICE, number)
        found[part] = number, _unquoted(value.strip())
    if not found:
        raise WifiError(Fault.EMPTY)
    return _network(found)


def keyfile(network: Network) -> bytes:
    """The connection as NetworkManager reads it from its folder (nm-settings-keyfile(5)).

    The name goes as a list of its bytes, which needs no quoting. `wpa-psk` is WPA2 and WPA3, whichever both sides know.
    """
    name = "".join(f"{byte};" for byte in network.name.encode())
    lines = [
        *("[connection]", f"id={CONNECTION}", f"uuid={UUID}", "type=wifi"),
        # For ever: a router may be switched on after the box.
        "autoconnect-retries=0",
        *("", "[wifi]", "mode=infrastructure", f"ssid={name}"),
        # Asleep, a Raspberry Pi's radio misses the question who releve.local is.
        "powersave=2",
        # The one that a router's list of its devices may already have.
        "cloned-mac-address=permanent",
    ]
    if network.hidden:
        lines.append("hidden=true")
    if network.password is not None:
        password = network.password.replace("\\", "\\\\").replace(" ", "\\s")
        lines += ["", "[wifi-security]", "key-mgmt=wpa-psk", f"psk={password}"]
    lines += ["", "[ipv4]", "method=auto", "", "[ipv6]", "method=auto", "addr-gen-mode=eui64", "ip6-privacy=0", ""]
    return "\n".join(lines).encode()


def written(name: str, password: str, country: str = COUNTRY, *, hidden: bool = False) -> str:
    """The lines of a `wifi.txt` that says so, as a form is filled in; without a password, that the network is open."""
    lines = [f'nom = "{name}"', f'mot de passe = "{password}"' if password else "ouvert = oui", f"pays = {country}"]
    # An end of a line would begin another one.
    return "".join(re.sub("[\r\n]", "\t", line) + "\n" for line in (*lines, *(("caché = oui",) if hidden else ())))


def _network(found: dict[Part, tuple[int, str]]) -> Network:
    line, name = found.get(Part.NAME, (0, ""))
    if not name:
        raise WifiError(Fault.NO_NAME)
    if len(name.encode()) > NAME_BYTES_MAX:
        raise WifiError(Fault.NAME_LONG, line)
    if _is_odd(name):
        raise WifiError(Fault.ODD_SIGN, line)
    line, password = found.get(Part.PASSWORD, (0, ""))
    if password:
        if _yes(found, Part.OPEN):
            raise WifiError(Fault.PASSWORD_OF_OPEN, line)
        if _is_odd(password):
            raise WifiError(Fault.ODD_SIGN, line)
        if len(password.encode()) not in PASSWORD_BYTES and not re.fullmatch(f"[0-9A-Fa-f]{{{KEY_DIGITS}}}", password):
            raise WifiError(Fault.PASSWORD_LENGTH, line)
    elif not _yes(found, Part.OPEN):
        raise WifiError(Fault.NO_PASSWORD)
    return Network(name, password or None, _country(found), _yes(found, Part.HIDDEN))


def _country(found: dict[Part, tuple[int, str]]) -> str:
    line, said = found.get(Part.COUNTRY, (0, COUNTRY))
    country = COUNTRIES.get(_folded(said), said.upper())
    if not re.fullmatch("[A-Z]{2}", country):
        raise WifiError(Fault.COUNTRY, line)
    return country


def _yes(found: dict[Part, tuple[int, str]], part: Part) -> bool:
    line, said = found.get(part, (0, "non"))
    yes = YES_NO.get(_folded(said))
    if yes is None:
        raise WifiError(Fault.YES_NO, line)
    return yes


def _text(data: bytes) -> str:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return (
                data.removeprefix(mark).decode(encoding, errors="replace").replace("\ufffd", "\0")
            )  # refused with its line
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _parted(line: str) -> tuple[str, str, str]:
    """The word, the separator and the rest, at the first of both separators."""
    at = min((place for place in (line.find("="), line.find(":")) if place >= 0), default=-1)
    return (line, "", "") if at < 0 else (line[:at], line[at], line[at + 1 :])


def _folded(word: str) -> str:
    """Its letters and digits, small, without accents."""
    parts = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in parts if letter.isalnum())


def _unquoted(value: str) -> str:
    for opening, closing in QUOTES:
        if len(value) > 1 and value.startswith(opening) and value.endswith(closing):
            inner = value[1:-1]
            return inner.strip() if opening == "«" else inner  # a space within them is the typesetter's
    return value


def _is_odd(value: str) -> bool:
    return any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in value)
