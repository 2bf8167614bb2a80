"""What certificates say: pure rules, no files and no clock.

P-256 with SHA-256 throughout: OpenSSL, Mosquitto, Python and mbedTLS on a microcontroller all take
it, and Ed25519 certificates mbedTLS does not. Each certificate is good for one side only (a
broker's can't log in, a device's can't pose as the broker), and nobody below may issue others.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BROKER, API, GATEWAY, DEVICE = "broker", "api", "gateway", "device"
ROLES = (BROKER, API, GATEWAY, DEVICE)
_SERVERS = (BROKER, API)

AUTHORITY_DAYS = 3650
LONGEST_DAYS = AUTHORITY_DAYS
_BACKDATED = timedelta(days=1)
"""Clocks differ: a certificate is valid from a day before it was made."""

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")


class PkiError(ValueError):
    """A certificate, its key or a wish for one that can't be used; the text says what would be
    right."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def serial(self) -> str:
        """The certificate's serial number, in hex digits."""
        return serial_of(self.certificate)

    @property
    def certificate_pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key in PEM (PKCS #8), not encrypted."""
        return self._key_as(serialization.Encoding.PEM)

    @property
    def certificate_der(self) -> bytes:
        """The certificate in DER, as MicroPython takes it."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_der(self) -> bytes:
        """The private key in DER (PKCS #8), not encrypted."""
        return self._key_as(serialization.Encoding.DER)

    def _key_as(self, encoding: serialization.Encoding) -> bytes:
        return self.key.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def check_host(host: str) -> str:
    """`host` if it is a name or an address that a certificate can be for. Raises PkiError."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not _HOST.fullmatch(host):
            raise PkiError(f"host: {host!r} must be a name or an IP address") from None
    return host


def new_authority(label: str, now: datetime) -> Issued:
    """A new authority, valid for ten years. `label` tells it from others, for people."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Tallystick authority {label}")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(name, name, key, now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return Issued(certificate, key)


def issue(
    authority: Issued, role: str, name: str, hosts: Sequence[str], days: int, now: datetime
) -> Issued:
    """A certificate with a new key.

    role: one of ROLES. name: the common name, which the broker takes for the MQTT user name. hosts:
    what a server's is for; empty for a client's. days: 1 to 3650, cut off where the authority ends.
    Raises PkiError.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise PkiError(f"days: must be 1 to {LONGEST_DAYS}")
    if role in _SERVERS and not hosts:
        raise PkiError("host: a server's certificate needs at least one")
    ends = authority.certificate.not_valid_after_utc
    if now >= ends:
        raise PkiError("authority: has expired; make a new one in an empty folder `pki`")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    purpose = (
        ExtendedKeyUsageOID.SERVER_AUTH if role in _SERVERS else ExtendedKeyUsageOID.CLIENT_AUTH
    )
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    above = authority.key.public_key()
    builder = (
        _builder(subject, authority.certificate.subject, key, now, days, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
    )
    if hosts:
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return Issued(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    days: int,
    latest: datetime | None = None,
) -> x509.CertificateBuilder:
    until = now + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(until if latest is None else min(until, latest))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(check_host(host)))
    except ValueError:
        return x509.DNSName(host)


def revocation_list(
    authority: Issued, revoked: Iterable[tuple[int, datetime]], number: int, updated: datetime
) -> x509.CertificateRevocationList:
    """The list of these serial numbers, each with the time of its revocation.

    It is good until the authority ends: the broker reads it from a file beside it, and refuses
    everybody once it is out of date, so that a date would protect nobody and could stop all.
    """
    certificate = authority.certificate
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(certificate.subject)
        .last_update(updated)
        .next_update(certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
    )
    for serial, when in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority.key, hashes.SHA256())


def serial_of(certificate: x509.Certificate) -> str:
    """Its serial number, in hex digits."""
    return f"{certificate.serial_number:x}"


def role_of(certificate: x509.Certificate) -> str:
    """What a certificate of this authority is for."""
    return _first(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME)


def name_of(certificate: x509.Certificate) -> str:
    """Its common name."""
    return _first(certificate, NameOID.COMMON_NAME)


def hosts_of(certificate: x509.Certificate) -> list[str]:
    """The hosts that a server's certificate is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(each.value) for each in found]


def _first(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""
