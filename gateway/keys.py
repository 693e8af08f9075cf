"""Keys and passwords at rest: one file, each sealed under the box secret and bound to its meter, or port (docs/keys.md)."""

import base64
import hmac
import json
import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.files import flush_names, remains, replace
from gateway.secret import BoxSecret, SecretError

log = logging.getLogger(__name__)

VERSION = 2  # the first had no version, and its keys in clear
FILE_BYTES_MAX = 10_000_000
KEY_BYTES = 16
KEYS_MAX = 5000  # the key file of a tower block; each is about 200 bytes here
PASSWORD_BYTES_MAX = 128
PORT = "port:"  # then its name: what is kept is the password of what it asks
GRANT = "grant:"  # then its id: what opens the target that its readings are sent to, as JSON
SECRETS_BYTES_MAX = 16_384
NONCE_BYTES = 12
ADDRESS = re.compile(r"w?mbus:(.{3})-([0-9A-Fa-f]{8})-([0-9a-f]{2})-([0-9a-f]{2})")


class KeysError(Exception):
    """Why a key cannot be kept, or the file must not be touched, in one sentence; no key is in it."""


@dataclass(frozen=True, slots=True)
class Plate:
    """What a key file says of a meter: the number on its plate, and perhaps its maker, version and type.

    Version and type are as the file has them, of two digits at most, since some count in hexadecimal and some do not.
    """

    id: str
    maker: str = ""
    version: str = ""
    type: str = ""

    def fits(self, address: str) -> bool:
        """Whether the meter of this address may be the one that was meant."""
        found = ADDRESS.fullmatch(address)
        return (
            found is not None
            and found[2].lower() == self.id
            and self.maker in ("", found[1])
            and _may_be(self.version, found[3])
            and _may_be(self.type, found[4])
        )

    @property
    def parts(self) -> int:
        """How much it says: of two plates that fit a meter, the one that says more is meant."""
        return sum(bool(part) for part in (self.maker, self.version, self.type))

    def __str__(self) -> str:
        return "-".join(part or "?" for part in (self.maker, self.id, self.version, self.type))

    @classmethod
    def parse(cls, text: str) -> "Plate":
        """Read back what `str()` wrote; ValueError for anything else."""
        found = re.fullmatch(r"(.{3}|\?)-([0-9a-f]{8})-([0-9a-f]{1,2}|\?)-([0-9a-f]{1,2}|\?)", text)
        if found is None:
            raise ValueError(text)
        maker, id_, version, type_ = (part.replace("?", "") for part in found.groups())
        return cls(id_, maker, version, type_)


def sealed_anew(data: bytes, before: bytes, now: bytes) -> bytes:
    """A file of keys, sealed under the box secret `now` and no longer under the one before. KeysError where it is damaged.

    What does not open stays as it is, and is said when the file is read; so is a file that another secret opens.
    """
    try:
        content = json.loads(data)
        if content.get("version") != VERSION or not content["keys"] or content["secret"] != _id(before):
            return data
        for one in content["keys"]:
            key = _unseal(before, one["dwelling"], one["meter"], one["sealed"])
            if key is not None:
                one["sealed"] = _seal(now, one["dwelling"], one["meter"], key)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise KeysError("the keys are damaged") from None
    return json.dumps(content | {"secret": _id(now)}, ensure_ascii=False, indent=1).encode()


def _may_be(said: str, byte: str) -> bool:
    return not said or int(said, 16) == int(byte, 16) or (said.isdecimal() and int(said) == int(byte, 16))


class Keys:
    """The keys of one dwelling. One owner, whose writers wait for one another; reading is for any thread.

    Keys that cannot be read are no keys: `trouble` says why, and the file stays as it is until a key is put, which
    leaves it under another name. The cryptography is loaded where there is a key to seal or to open.
    """

    def __init__(self, path: Path, secret: BoxSecret, dwelling: str) -> None:
        self._path = path
        self._secret = secret
        self._dwelling = dwelling
        self._fault: str | None = None  # of the whole file
        self._shut: set[str] = set()  # whose key does not open, in a file that does
        self._id = ""  # of the box secret that these are sealed under
        self._sealed: dict[tuple[str, str], str] = {}
        self._clear: dict[tuple[str, str], bytes] = {}
        self._keys: dict[str, bytes] = {}
        self._plates: dict[str, list[Plate]] = {}
        self._of_plates: dict[str, bytes | None] = {}
        self._load()
        self._index()

    @property
    def trouble(self) -> str | None:
        """Why keys that are kept cannot be read, or lie open, in one sentence; None when all is well."""
        if self._fault is not None:
            return self._fault
        if self._shut:
            return f"{self._path}: the key of {min(self._shut)} was changed or moved and does not open; type it again"
        return None

    def of(self, address: str) -> bytes | None:
        """The meter's own key, else the one that a key file gave for a plate like its own."""
        return self._keys.get(address) or self._of_plate(address)

    def get(self, meter: str | Plate) -> bytes | None:
        """The key that was put for exactly this address or plate."""
        return self._keys.get(str(meter))

    def names(self, prefix: str) -> list[str]:
        """What a key was put for, of those that begin so."""
        return [name for name in self._keys if name.startswith(prefix)]

    def plates(self, id_: str) -> tuple[Plate, ...]:
        """The plates of this number that a key was put for."""
        return tuple(self._plates.get(id_, ()))

    def put(self, changes: Mapping[str | Plate, bytes | None]) -> None:
        """Keep these keys, and forget those that are None: all of them, or none when an error is raised."""
        wanted = {str(meter): key for meter, key in changes.items()}
        assert all(key is None or _fits(meter, key) for meter, key in wanted.items())
        if all(self._keys.get(meter) == key for meter, key in wanted.items()) and not self._shut & wanted.keys():
            return
        keys = {meter: key for meter, key in (self._keys | wanted).items() if key is not None}
        if len(keys) > max(KEYS_MAX, len(self._keys)):
            raise KeysError(f"{self._path}: at most {KEYS_MAX} keys are kept")
        others = {name: key for name, key in self._clear.items() if name[0] != self._dwelling}
        sealed = {
            name: text for name, text in self._sealed.items() if name[0] != self._dwelling or name[1] not in wanted
        }
        self._write(sealed, others | {(self._dwelling, meter): key for meter, key in keys.items()})
        self._keys = keys
        self._shut = {meter for meter in self._shut if meter not in keys and (self._dwelling, meter) in self._sealed}
        self._index()

    def seal(self) -> None:
        """Seal keys that an older program left in clear; where that is not possible, they go on as they are."""
        if not self._clear:
            return
        try:
            self._write({}, self._clear)
        except (KeysError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            self._fault = f"{self._path}: the keys in it still lie in clear: {reason}"
        else:
            log.info("%s: its keys lay in clear, and are sealed now", self._path)

    # -- from the file ------------------------------------------------------------------------------------------------
    def _load(self) -> None:
        remains(self._path).unlink(missing_ok=True)
        try:
            with self._path.open("rb") as file:
                self._path.chmod(0o600)
                data = file.read(FILE_BYTES_MAX + 1)
            if len(data) > FILE_BYTES_MAX:
                raise ValueError
            content = json.loads(data)
            version = content.get("version")
            if version is None:
                self._clear = _clear_keys(content)
            elif type(version) is not int or version < VERSION:
                raise ValueError
            elif version > VERSION:
                raise KeysError(f"{self._path}: was written by a newer program, which this one does not follow")
            else:
                self._open(content)
        except FileNotFoundError:
            return
        except OSError as error:
            self._fault = f"{self._path}: the keys in it cannot be read: {error.strerror}; type them again"
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            self._clear = {}
            self._fault = f"{self._path}: is damaged, and the keys in it cannot be read; type them again"
        self._keys |= {meter: key for (dwelling, meter), key in self._clear.items() if dwelling == self._dwelling}

    def _open(self, content: Mapping[str, object]) -> None:
        listed = content["keys"]
        if not isinstance(listed, list):
            raise ValueError
        sealed = {(_text(one["dwelling"]), _text(one["meter"])): _text(one["sealed"]) for one in listed}
        if not sealed:
            return
        try:
            secret = self._secret.read()
        except SecretError as error:
            self._fault = f"{self._path}: the keys in it cannot be read: {error}"
            return
        if secret is None or _id(secret) != _text(content["secret"]):
            what = "is not there" if secret is None else "is another one"
            self._fault = (
                f"{self._path}: the keys in it cannot be read: the box secret that they are sealed under, "
                f"{self._secret.path}, {what}; put it back, or type the keys again"
            )
            return
        self._sealed, self._id = sealed, _id(secret)
        for (dwelling, meter), text in sealed.items():
            if dwelling == self._dwelling:
                key = _unseal(secret, dwelling, meter, text)
                if key is None:
                    self._shut.add(meter)
                else:
                    self._keys[meter] = key

    # -- to the file --------------------------------------------------------------------------------------------------
    def _write(self, sealed: Mapping[tuple[str, str], str], keys: Mapping[tuple[str, str], bytes]) -> None:
        """Replace the file by one with what is sealed already, and with the other keys, sealed now.

        A file of which something cannot be read again stays beside it.
        """
        try:
            secret = self._secret.make()
        except SecretError as error:
            raise KeysError(str(error)) from None
        id_ = _id(secret)
        carried = dict(sealed) if id_ == self._id else {}
        whole = carried | {name: _seal(secret, *name, key) for name, key in keys.items() if name not in carried}
        if (self._fault is not None and not self._clear) or not sealed.keys() <= whole.keys():
            self._set_aside()
        listed = [{"dwelling": dwelling, "meter": meter, "sealed": text} for (dwelling, meter), text in whole.items()]
        content = {"version": VERSION, "secret": id_, "keys": listed}
        replace(self._path, json.dumps(content, ensure_ascii=False, indent=1).encode())
        self._sealed, self._id, self._clear, self._fault = whole, id_, {}, None

    def _set_aside(self) -> None:
        aside = self._path.with_name(f"{self._path.name}.unreadable")
        number = 1
        while aside.exists():
            number += 1
            aside = self._path.with_name(f"{self._path.name}.unreadable-{number}")
        aside.hardlink_to(self._path)  # and not a rename: until the new file is whole, the old one keeps its name
        flush_names(self._path.parent)
        log.warning("%s: could not be read, and is kept as %s", self._path, aside.name)

    # -- by plate -----------------------------------------------------------------------------------------------------
    def _index(self) -> None:
        plates: dict[str, list[Plate]] = {}
        for meter in self._keys:
            if ":" not in meter:
                plate = Plate.parse(meter)
                plates.setdefault(plate.id, []).append(plate)
        self._plates, self._of_plates = plates, {}

    def _of_plate(self, address: str) -> bytes | None:
        if address not in self._of_plates:
            found = ADDRESS.fullmatch(address)
            plates = [plate for plate in self.plates(found[2].lower()) if plate.fits(address)] if found else []
            most = max((plate.parts for plate in plates), default=0)
            keys = {self._keys[str(plate)] for plate in plates if plate.parts == most}
            self._of_plates[address] = keys.pop() if len(keys) == 1 else None
        return self._of_plates[address]


def _clear_keys(content: Mapping[str, Mapping[str, Mapping[str, object]]]) -> dict[tuple[str, str], bytes]:
    """The keys of the first version: a table of documents."""
    found = {}
    for document in content.get("keys", {}).values():
        text = _text(document["key"])
        if not re.fullmatch(r"[0-9a-f]*", text) or len(text) != 2 * KEY_BYTES:
            raise ValueError
        address = _text(document["address"])
        if ":" not in address:
            raise ValueError
        found[_text(document["dwelling"]), address] = bytes.fromhex(text)
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _id(secret: bytes) -> str:
    """Which box secret it is, without saying anything of it."""
    return hmac.digest(secret, b"releve: which box secret", "sha256")[:8].hex()


def _sealing_key(secret: bytes) -> bytes:
    return hmac.digest(secret, b"releve: meter keys", "sha256")


def _bound(dwelling: str, meter: str) -> bytes:
    """What a sealed key is bound to, so that it opens for no other meter."""
    return f"releve key {VERSION}\n{dwelling}\n{meter}".encode("utf-8", "surrogatepass")


def _seal(secret: bytes, dwelling: str, meter: str, key: bytes) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # late: a house without keys does not load it

    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(_sealing_key(secret)).encrypt(nonce, key, _bound(dwelling, meter))
    return base64.b64encode(nonce + sealed).decode()


def _unseal(secret: bytes, dwelling: str, meter: str, text: str) -> bytes | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        data = base64.b64decode(text, validate=True)
        key = AESGCM(_sealing_key(secret)).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], _bound(dwelling, meter))
    except (InvalidTag, ValueError):
        return None
    return key if _fits(meter, key) else None


def _fits(name: str, key: bytes) -> bool:
    if name.startswith(GRANT):
        return 0 < len(key) <= SECRETS_BYTES_MAX
    return 0 < len(key) <= PASSWORD_BYTES_MAX if name.startswith(PORT) else len(key) == KEY_BYTES
