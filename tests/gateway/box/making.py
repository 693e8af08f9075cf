"""Update files, good and bad, signed by a key that the tests made."""

import hashlib
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.box.update_file import FORMAT

PRIVATE = "11" * 32
PUBLIC = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(PRIVATE)).public_key().public_bytes_raw()
ALIGN_BYTES = 4096

SYSTEM = {
    "root": b"root " * 900,
    "boot/linux": b"kernel",
    "boot/initrd": b"initrd",
    "boot/overlays/w1-gpio.dtbo": b"w1",
}
SCHEMAS = {"series": 1, "ledger": 8}


def line(text: bytes, private: str = PRIVATE, align: int = ALIGN_BYTES) -> bytes:
    """The head of a file with this manifest, whatever it says."""
    text += b" " * (-(len(FORMAT) + 129 + len(text) + 1) % align)
    signature = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private)).sign(FORMAT + text)
    return FORMAT + signature.hex().encode() + b"\n" + text + b"\n"


def manifest(parts: Mapping[str, bytes], **fields: object) -> dict[str, object]:
    listed = [
        {"name": name, "bytes": len(part), "sha256": hashlib.sha256(part).hexdigest()} for name, part in parts.items()
    ]
    return {
        "product": "releve",
        "kind": "system" if "root" in parts else "app",
        "version": "0.2.0",
        "made": "2026-11-27T10:00:00Z",
        "arch": "amd64",
        "python": "3.13",
        "base": "0.1.0",
        "schemas": SCHEMAS,
        "parts": listed,
    } | fields


def update(parts: Mapping[str, bytes], private: str = PRIVATE, align: int = ALIGN_BYTES, **fields: object) -> bytes:
    """A whole file."""
    said = json.dumps(manifest(parts, **fields)).encode()
    return line(said, private, align) + b"".join(parts.values())


def app(content: bytes = b"app", private: str = PRIVATE, align: int = ALIGN_BYTES, **fields: object) -> bytes:
    return update({"app": content}, private, align, **fields)
