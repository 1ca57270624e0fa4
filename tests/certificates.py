"""Authorities and certificates for tests, also such as no honest authority makes."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tinyflow_runtime.rpc.credentials import Pems, put
from tinyflow_runtime.rpc.identity import module_identity

DAY = datetime.timedelta(days=1)
WANTED, NEIGHBOUR, STRANGER = (module_identity("here", name) for name in ("wanted", "neighbour", "stranger"))
FOREIGNER = module_identity("elsewhere", "neighbour")


def _pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Authority:
    """Signs whatever a test asks for."""

    def __init__(self, name="tests"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateBuilder(self.name, self.name, self.key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(now - 300 * DAY).not_valid_after(now + 300 * DAY)
        made = made.add_extension(x509.BasicConstraints(True, None), critical=True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
        self.certificate = made.sign(self.key, hashes.SHA256())

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, *names, begins=-DAY, ends=30 * DAY, trusted=b""):
        """A key and a certificate for these names, each a URI or a host name; trusts this authority, or others."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateBuilder(
            self.name, x509.Name([]), key.public_key(), x509.random_serial_number(), now + begins, now + ends
        )
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        made = made.add_extension(issuer, critical=False)  # two authorities may have one name
        if names:
            kinds = [x509.UniformResourceIdentifier(name) if ":" in name else x509.DNSName(name) for name in names]
            made = made.add_extension(x509.SubjectAlternativeName(kinds), critical=True)
        certificate = made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return Pems(certificate, _pem(key), trusted or self.pem)

    def of(self, identity, folder, **more):
        """Files that prove an identity, in a folder that is returned."""
        put(folder, self.issue(identity.uri, identity.host, **more))
        return folder
