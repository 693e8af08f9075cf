"""A certificate authority that lives for a test, and what it signed."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """Its own certificate, and the certificate and key of one server."""

    ca: Path
    certificate: Path
    key: Path


def authority(folder: Path, name: str, at: str = "127.0.0.1") -> Authority:
    """An authority that signed a certificate of the server at an address, or of a name."""
    try:
        server_name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(at))
    except ValueError:
        server_name = x509.DNSName(at)
    own, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    made = Authority(*(folder / f"{name}-{what}.pem" for what in ("ca", "server", "key")))
    issuer, subject = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]) for common in (f"{name} authority", name)
    )
    now = datetime.datetime.now(datetime.UTC)
    for path, whose, key, ca in ((made.ca, issuer, own, True), (made.certificate, subject, server, False)):
        certificate = (
            x509.CertificateBuilder(issuer, whose, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([server_name]), critical=False)
            .sign(own, hashes.SHA256())
        )
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    made.key.write_bytes(server.private_bytes(*form))
    return made
