"""The authority signs certificates for modules, the gateway and the operator. Pure: its key is handed in."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.names import AUTHORITY
from tinyflow_runtime.rpc.credentials import Pems
from tinyflow_runtime.rpc.identity import DOMAIN, Identity

LIFE = datetime.timedelta(days=30)  # of a certificate; what is renewed at two thirds of it survives ten days without us
OF_ITS_OWN = datetime.timedelta(days=3650)  # of an authority that is made here; one from elsewhere ends when it says
EARLY = datetime.timedelta(minutes=5)  # a clock that is behind does not take a new certificate for one of tomorrow
LITTLE = datetime.timedelta(minutes=1)  # a certificate that would end so little later is not worth another

CertificateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key.

    Attributes:
        not_after: When it ends, as Kubernetes writes times.
        authority: Which authority it is of, and which others are trusted with it.
    """

    pems: Pems
    not_after: str
    authority: str


class Authority:
    """Signs with one key, and says whom to trust.

    Args:
        certificate: Its own, PEM; those that lead to its root follow.
        key: PEM.
        trusted: Who is trusted, PEM; several where one authority takes the place of another. Empty: this one.

    Attributes:
        name: Differs from that of any other authority, and of this one with others trusted beside it.
        trusted: All of them, PEM.

    Raises:
        ClusterError: TF-194, it cannot be one.
    """

    def __init__(self, certificate: bytes, key: bytes, trusted: bytes = b"") -> None:
        try:
            chain = x509.load_pem_x509_certificates(certificate)
            found = serialization.load_pem_private_key(key, None)
            beside = x509.load_pem_x509_certificates(trusted) if trusted.strip() else []
        except (ValueError, TypeError) as error:
            raise _unusable(f"it cannot be read: {error}") from error
        self._certificate = chain[0]
        if not isinstance(found, CertificateKey):
            raise _unusable("its key is neither RSA nor ECDSA")
        self._key: CertificateKey = found
        self._refuse()
        rooted = self._certificate.issuer == self._certificate.subject
        if rooted and self._certificate not in beside:
            beside.append(self._certificate)
        if not beside:
            raise _unusable("another one has signed it, so its ca.crt has to say which is trusted")
        self._chain = [] if rooted else chain
        self.trusted = b"".join(map(_pem, beside))
        self.name = hashlib.sha256(_pem(self._certificate) + self.trusted).hexdigest()[:16]

    @property
    def ends(self) -> datetime.datetime:
        return self._certificate.not_valid_after_utc

    def issue(self, identity: Identity) -> Issued:
        """A new key, and a certificate that says whose it is."""
        key = ec.generate_private_key(ec.SECP256R1())
        ends = self._end()
        uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity.uri), x509.DNSName(identity.host)])
        made = (
            _builder(self._certificate.subject, x509.Name([]), key, ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(uses, critical=False)
            .add_extension(names, critical=True)  # nothing else says whose it is
            .add_extension(self._identifier(), critical=False)
        )
        certificate = made.sign(self._key, hashes.SHA256())
        pems = Pems(b"".join(map(_pem, (certificate, *self._chain))), _pem_of_key(key), self.trusted)
        return Issued(pems, f"{ends:%Y-%m-%dT%H:%M:%SZ}", self.name)

    def is_due(self, not_after: str, authority: str) -> bool:
        """Whether a certificate is to be replaced: it is of another authority, or two thirds of its life are over."""
        try:
            ends = datetime.datetime.strptime(not_after, "%Y-%m-%dT%H:%M:%S%z")
        except ValueError:
            return True
        late = _now() >= ends - LIFE / 3
        return authority != self.name or (late and self._end() > ends + LITTLE)

    def _end(self) -> datetime.datetime:
        return min(_now() + LIFE, self.ends)

    def _identifier(self) -> x509.AuthorityKeyIdentifier:
        """Tells it from its successor, which may have the same name."""
        try:
            found = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        except x509.ExtensionNotFound:
            return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        # As it says of itself: not everybody counts it in the same way.
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)

    def _refuse(self) -> None:
        certificate = self._certificate
        try:
            constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        except x509.ExtensionNotFound:
            raise _unusable("its certificate is not one that may sign others") from None
        if not constraints.ca:
            raise _unusable("its certificate is not one that may sign others")
        if certificate.public_key() != self._key.public_key():
            raise _unusable("its key is that of another certificate")
        if not certificate.not_valid_before_utc - EARLY <= _now() < certificate.not_valid_after_utc:
            begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            raise _unusable(f"it is valid from {begins} to {ends}, and now is {_now()}")


def make() -> Pems:
    """The three files of a new authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"TinyFlow ({DOMAIN})")])
    made = (
        _builder(name, name, key, _now() + OF_ITS_OWN)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
    )
    certificate = _pem(made.sign(key, hashes.SHA256()))
    return Pems(certificate, _pem_of_key(key), certificate)


def _builder(
    issuer: x509.Name, subject: x509.Name, key: CertificateKey, ends: datetime.datetime
) -> x509.CertificateBuilder:
    public = key.public_key()
    serial, begins = x509.random_serial_number(), _now() - EARLY
    made = x509.CertificateBuilder(issuer, subject, public, serial, begins, ends)
    return made.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_of_key(key: CertificateKey) -> bytes:
    unlocked = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unlocked)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def _unusable(why: str) -> ClusterError:
    what = f"The authority in the Secret {AUTHORITY} cannot be used: {why}."
    return ClusterError("TF-194", what, "Put a usable one there, or delete it: then a new one is made.")
