"""What every test needs before Airflow is imported."""

import gc
import os
import ssl
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

from masked_secrets import forget_masked_secrets

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-home-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

settings.register_profile("quick", max_examples=300, deadline=None)
settings.register_profile("thorough", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_collection_finish():
    # Airflow and all tests are some 400,000 objects, which the garbage collector need not visit again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


@pytest.fixture(autouse=True)
def only_secrets_of_this_test_are_masked():
    forget_masked_secrets()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Files of a CA, of a server on this machine, and of a client, all signed by it."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


class Certificates:
    def __init__(self, folder):
        from cryptography.hazmat.primitives import serialization

        self._folder = folder
        self._ca_key, self._ca = ec_key(), None
        self._ca = self._issue("ca", self._ca_key)
        self.ca = self._write("ca.pem", self._ca)
        self.other_ca = self._write("other-ca.pem", self._issue("ca", other := ec_key(), signer=other))
        server, client = ec_key(), ec_key()
        self.server = self._write("server.pem", server, self._issue("localhost", server))
        self.client = self._write("client.pem", self._issue("client", client))
        self.client_key = self._write("client-key.pem", client)
        self.other_key = self._write("other-key.pem", ec_key())
        self.encrypted_key = folder / "encrypted-key.pem"
        pass_phrase = serialization.BestAvailableEncryption(b"pass phrase")
        self.encrypted_key.write_bytes(
            client.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, pass_phrase)
        )
        self.broken = folder / "broken.pem"
        self.broken.write_text("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n")

    def server_context(self, *, requires_client_certificate=False):
        """What a server on ``127.0.0.1``, ``::1`` and ``localhost`` takes."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        if requires_client_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca)
        return context

    def _write(self, name, *parts):
        from cryptography.hazmat.primitives import serialization

        pem = serialization.Encoding.PEM
        plain = (pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        texts = [p.private_bytes(*plain) if hasattr(p, "private_bytes") else p.public_bytes(pem) for p in parts]
        (self._folder / name).write_bytes(b"".join(texts))
        return self._folder / name

    def _issue(self, name, key, signer=None):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        is_ca = name == "ca"
        signer = signer or self._ca_key
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if is_ca else self._ca.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if is_ca:  # Python 3.13 is strict about it
            uses = dict.fromkeys(
                (
                    "digital_signature",
                    "content_commitment",
                    "key_encipherment",
                    "data_encipherment",
                    "key_agreement",
                    "encipher_only",
                    "decipher_only",
                ),
                False,
            )
            builder = builder.add_extension(x509.KeyUsage(**uses, key_cert_sign=True, crl_sign=True), critical=True)
        else:
            hosts = [x509.DNSName("localhost"), *(x509.IPAddress(ip_address(ip)) for ip in ("127.0.0.1", "::1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        return builder.sign(signer, hashes.SHA256())


def ec_key():
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())
