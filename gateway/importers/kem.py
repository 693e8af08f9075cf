"""Key files of Kamstrup: KEM and KEM2, a ZIP with XML in it, encrypted as XML Encryption says or opened already.

What is known of them, and from where, stands in docs/keys.md.
"""

import base64
import io
import zipfile
import zlib
from collections.abc import Iterable
from xml.etree import ElementTree as ET
from xml.parsers import expat

from gateway.importers import keycells
from gateway.importers.keyfile import UNPACKED_BYTES_MAX, KeyFile, KeyFileError, Refusal, Why
from gateway.keys import Plate

ENDINGS = (".kem", ".kem2", ".xml", ".csv")
FILES_MAX = 20
DEPTH_MAX = 20
PACKINGS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
ENCRYPTED = 0x1  # of a ZIP entry's flags
CIPHER = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
BLOCK_BYTES = 16
PASSWORD_BYTES_MAX = BLOCK_BYTES
# The key of a meter's data among its other keys.
DATA_KEY = "DEK"


def is_archive(data: bytes) -> bool:
    return data.startswith(b"PK\x03\x04")


def is_xml(data: bytes) -> bool:
    return data.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"<")


def unpacked(data: bytes) -> bytes:
    """The one key file in an archive; KeyFileError where there is none, several, or one that grows beyond measure."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            found = [info for info in infos if info.filename.lower().endswith(ENDINGS)]
            if len(found) != 1 or len(infos) > FILES_MAX:
                raise KeyFileError(Why.ARCHIVE_FILES, len(found))
            if found[0].compress_type not in PACKINGS or found[0].flag_bits & ENCRYPTED:
                raise KeyFileError(Why.ARCHIVE)
            with archive.open(found[0]) as file:
                content = file.read(UNPACKED_BYTES_MAX + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError):
        raise KeyFileError(Why.ARCHIVE) from None
    if len(content) > UNPACKED_BYTES_MAX:
        raise KeyFileError(Why.LONG, UNPACKED_BYTES_MAX)
    return content


def read(data: bytes, password: str | None) -> KeyFile:
    """The meters of an XML file; KeyFileError when it is none, or the password is not the right one."""
    root = _tree(data)
    sealed = [element for element in root.iter() if element.tag == "CipherValue"]
    if sealed:
        root = _opened(root, sealed, password)
    match root.tag:
        case "MetersInOrder":
            return _meters(root, "Meter", ("SerialNo", "MeterNo"))
        case "Devices":
            return _meters(root, "Device", ("SerialNumber", "CustomerDeviceNumber"))
        case _:
            raise KeyFileError(Why.UNKNOWN)


def _opened(root: ET.Element, sealed: list[ET.Element], password: str | None) -> ET.Element:
    """XML Encryption with AES-128-CBC; the password, filled up with zeros, is both the key and the first block's vector."""
    ways = {element.get("Algorithm") for element in root.iter() if element.tag == "EncryptionMethod"}
    if len(sealed) != 1 or not ways <= {CIPHER}:
        raise KeyFileError(Why.CIPHER)
    try:
        data = base64.b64decode("".join((sealed[0].text or "").split()), validate=True)
    except ValueError:
        raise KeyFileError(Why.XML) from None
    if not data or len(data) % BLOCK_BYTES:
        raise KeyFileError(Why.XML)
    if not password:
        raise KeyFileError(Why.LOCKED)
    secret = password.encode("utf-8", "surrogatepass")
    if len(secret) > PASSWORD_BYTES_MAX:
        raise KeyFileError(Why.LOCKED_LONG, PASSWORD_BYTES_MAX)

    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    key = secret.ljust(BLOCK_BYTES, b"\0")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key)).decryptor()
    plain = decryptor.update(data) + decryptor.finalize()
    padding = plain[-1]  # XML Encryption 1.0, 5.2: the last byte counts what was filled in
    plain = plain[:-padding] if 0 < padding <= BLOCK_BYTES else plain
    try:
        return _tree(plain.rstrip(b"\0"))
    except KeyFileError as error:
        raise KeyFileError(Why.LOCKED_WRONG if error.why is Why.XML else error.why) from None


def _meters(root: ET.Element, tag: str, numbers: tuple[str, str]) -> KeyFile:
    file = KeyFile("meter")
    for place, meter in enumerate(root.iter(tag), 1):
        plates = _plates(meter, numbers)
        key = _key(place, meter)
        if not plates:
            file.take(place, Refusal(place, Why.NUMBER))
        else:
            file.take(place, key if isinstance(key, Refusal) else (plates, key))
    return file


def _plates(meter: ET.Element, numbers: tuple[str, str]) -> tuple[Plate, ...]:
    """By its serial number, and by the customer's if that could be one on the air too.

    The maker is not looked at: its meters speak under several letters, and the file says one for all.
    """
    serial, customer = (list(_texts(meter, name)) for name in numbers)
    found = [keycells.plate(text) for text in serial] + [keycells.plate(text, exact=True) for text in customer]
    return tuple(sorted({Plate(plate.id) for plate in found if plate is not None}, key=str))


def _key(place: int, meter: ET.Element) -> bytes | Refusal:
    said = list(_texts(meter, DATA_KEY))
    if not said:
        listed = [(_kind(element), text) for element in meter.iter("Key") for text in _texts(element, "Value")]
        said = [text for kind, text in listed if kind == DATA_KEY] or [text for _, text in listed]
    said = list(dict.fromkeys(said))
    if len(said) > 1:
        return Refusal(place, Why.KEYS, len(said))
    if not said:
        return Refusal(place, Why.KEY)
    key = keycells.key(said[0])
    return key if key is not None else Refusal(place, Why.KEY_DIGITS, len(keycells.key_digits(said[0])))


def _kind(element: ET.Element) -> str:
    """What a `Key` is for: an attribute or an element of its own says so."""
    told = [element.get(name) for name in ("Type", "KeyType", "Name")]
    told += [text for name in ("Type", "KeyType", "Name") for text in _texts(element, name)]
    return next((text.strip().upper() for text in told if text), "")


def _texts(element: ET.Element, tag: str) -> Iterable[str]:
    return (text for each in element.iter(tag) if (text := (each.text or "").strip()))


def _tree(data: bytes) -> ET.Element:
    """The elements by their names without prefix. A document type is refused where it begins, and with it all entities."""
    builder = ET.TreeBuilder()
    depth = 0

    def refuse(*_: object) -> None:
        raise KeyFileError(Why.DOCUMENT_TYPE)

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH_MAX:
            raise KeyFileError(Why.UNKNOWN)
        builder.start(_local(name), {_local(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_local(name))

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
        return builder.close()
    except (expat.ExpatError, ValueError, LookupError):
        raise KeyFileError(Why.XML) from None


def _local(name: str) -> str:
    return name.rpartition(":")[2]
