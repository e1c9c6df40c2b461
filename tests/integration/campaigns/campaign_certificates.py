"""Certificates of a CA of our own."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
# Resolved by the proxies alone, so that no rule about loopback addresses keeps a client from using them.
NAME = "milvus.test"


def certificates(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """The file of a new CA, and the TLS of a server that it has signed for 127.0.0.1, localhost and `NAME`."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def issue(common_name: str, issuer: Any, signer: Any, key: Any, extension: Any, *, ca: bool) -> Any:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer or name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        for one in extension:
            builder = builder.add_extension(one, critical=False)
        return builder.sign(signer, hashes.SHA256())

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    # Python 3.13 is strict about what a CA says of itself.
    others = ("content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
    uses = x509.KeyUsage(
        digital_signature=True,
        key_encipherment=False,
        key_cert_sign=True,
        crl_sign=True,
        **dict.fromkeys(others, False),
    )
    ca = issue("campaign CA", None, ca_key, ca_key, [identifier, uses], ca=True)
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ip_address(HOST)), x509.DNSName("localhost"), x509.DNSName(NAME)]
    )
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    leaf = issue("campaign server", ca.subject, ca_key, key, [names, authority], ca=False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "server.pem").write_bytes(
        leaf.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return folder / "ca.pem", context
