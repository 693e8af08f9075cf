"""KEM and KEM2 files of our own making, after what docs/keys.md says of them; no meter of them exists."""

import base64
import io
import zipfile

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

XMLENC = "http://www.w3.org/2001/04/xmlenc#"


def meter(serial: str, key: str, number: str = "", more: str = "") -> str:
    return (
        f"<Meter><MeterNo>{number}</MeterNo><SerialNo>{serial}</SerialNo><EncKeys><DEK>{key}</DEK>{more}</EncKeys>"
        "<MeterName>X1</MeterName><ConsumptionType>VolumeCold</ConsumptionType><VendorId>KAM</VendorId></Meter>"
    )


def kem(*meters: str) -> str:
    return f'<MetersInOrder orderid="1" schemaVersion="2.0">{"".join(meters)}</MetersInOrder>'


def device(serial: str, *keys: str) -> str:
    return (
        f"<Device><DeviceId><SerialNumber>{serial}</SerialNumber><ManufacturerId>KAM</ManufacturerId></DeviceId>"
        f"<Keys>{''.join(keys)}</Keys></Device>"
    )


def kem2(*devices: str) -> str:
    return f'<Devices schemaVersion="1.0">{"".join(devices)}</Devices>'


def encrypted(plain: str, password: str, *, way: str = XMLENC + "aes128-cbc", signature: str = "") -> bytes:
    data = plain.encode()
    filled = 16 - len(data) % 16
    data += bytes([filled]) * filled
    key = password.encode().ljust(16, b"\0")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key)).encryptor()
    text = base64.encodebytes(encryptor.update(data) + encryptor.finalize()).decode()
    return (
        f'<?xml version="1.0" encoding="utf-8"?><EncryptedData Type="{XMLENC}aes128-cbc" xmlns="{XMLENC}">'
        f'<EncryptionMethod Algorithm="{way}" /><CipherData><CipherValue>{text}</CipherValue></CipherData>'
        f"{signature}</EncryptedData>"
    ).encode()


def archive(**files: bytes) -> bytes:
    """A ZIP; `_` in a name stands for the dot."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in files.items():
            zipped.writestr(name.replace("_", "."), data)
    return packed.getvalue()
