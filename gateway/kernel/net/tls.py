"""TLS for the one port: a configured certificate, or a self-signed one that clients pin."""

import datetime
import hashlib
import ipaddress
import socket
import ssl
from pathlib import Path
from typing import Final

from gateway.kernel.config.files import write_private
from gateway.kernel.config.gateway import TlsSettings
from gateway.kernel.home import Home
from protocol.errors import Unavailable

LIFETIME: Final = datetime.timedelta(days=3650)
"""Clients pin the fingerprint, so an early expiry would only break them; a new certificate is a deliberate
act.
"""


class TlsFailed(Unavailable):
    """The certificate or its key cannot be used."""


def server_context(home: Home, settings: TlsSettings) -> ssl.SSLContext:
    """The listener's context, with TLS 1.2 or newer.

    Raises:
        TlsFailed: naming the file that cannot be used and what to do.
    """
    certificate, key = certificate_paths(home, settings)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if settings.cert is None and not certificate.exists():
            _make_self_signed(certificate, key)
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise TlsFailed(
            f"cannot use the certificate {certificate} with the key {key}: {error}; "
            "check gateway.tls.cert and gateway.tls.key"
        ) from error
    return context


def certificate_paths(home: Home, settings: TlsSettings) -> tuple[Path, Path]:
    """Where the certificate and its key are, configured or generated."""
    if settings.cert is not None and settings.key is not None:
        return home.root / settings.cert, home.root / settings.key
    return home.keys_dir / "tls.crt", home.keys_dir / "tls.key"


def fingerprint(certificate: Path) -> str:
    """SHA-256 of the first certificate in a PEM file, as upper-case hex pairs with colons."""
    pem = certificate.read_text(encoding="utf-8", errors="replace")  # a person may have written above it
    end = pem.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE-----") : end])
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[index : index + 2] for index in range(0, len(digest), 2))


def _make_self_signed(certificate: Path, key: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "homarus gateway")])
    now = datetime.datetime.now(datetime.UTC)
    host = socket.gethostname()
    names: list[x509.GeneralName] = [
        *(x509.DNSName(name) for name in ("localhost", host) if name.isascii() and name),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")),
    ]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(key, secret.decode())
    write_private(certificate, signed.public_bytes(pem).decode())
