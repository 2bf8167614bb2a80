"""The folder `pki/` of the data folder: the authority, what it has issued, and what it revoked.

    ca.key, ca.crt          the authority; its key is its owner's alone
    issued/<serial>.crt     every certificate that was issued (no keys of others are kept)
    crl.pem                 which of them are revoked, signed by the authority
    gateway.key, .crt       what the gateway logs in with at the broker
    api.key, .crt           what the API shows

What the broker reads (its own key, the authority, the revocations) is copied to `broker/`, since it
may run as another user. Devices' keys are handed over once and kept nowhere.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import secret_files
from gateway.broker.credentials import GATEWAY as GATEWAY_NAME
from gateway.broker.files import write_file
from gateway.pki import authority
from gateway.pki.authority import API, BROKER, DEVICE, GATEWAY, Issued, PkiError
from gateway.secret_files import SecretFileError
from protocol.topics import is_device_id

FOLDER = "pki"
SERVER_DAYS = 730
DEVICE_DAYS = 1825

_SKEW = timedelta(minutes=5)
_AUTHORITY_KEY = "ca.key"


@dataclass(frozen=True, slots=True)
class Known:
    """A certificate that was issued. `revoked` is when it was revoked, None if it was not."""

    certificate: x509.Certificate
    revoked: datetime | None

    @property
    def serial(self) -> str:
        """Its serial number, in hex digits."""
        return authority.serial_of(self.certificate)

    @property
    def role(self) -> str:
        """Whose it is, one of `authority.ROLES`."""
        return authority.role_of(self.certificate)

    @property
    def name(self) -> str:
        """Its common name: a device's id, `gateway`, or a server's first host."""
        return authority.name_of(self.certificate)


class Pki:
    """The certificates of one installation."""

    def __init__(self, data: Path, ca: Issued) -> None:
        self.data = data
        self.folder = data / FOLDER
        self._ca = ca

    @property
    def authority(self) -> x509.Certificate:
        """The certificate that all others are checked against."""
        return self._ca.certificate

    @property
    def authority_pem(self) -> bytes:
        """That certificate in PEM."""
        return self._ca.certificate_pem

    def servers(self, hosts: Sequence[str], days: int, now: datetime) -> list[Issued]:
        """New certificates of the broker, the API and the gateway, put where each reads its own.

        hosts: names and addresses under which broker and API are reached. Raises PkiError, OSError.
        """
        name = (*hosts, "")[0]
        broker = self._issue(BROKER, name, hosts, days, now)
        api = self._issue(API, name, hosts, days, now)
        gateway = self._issue(GATEWAY, GATEWAY_NAME, (), days, now)
        with self._one_writer():
            write_file(self.data, "server.key", broker.key_pem.decode())
            write_file(self.data, "server.crt", broker.certificate_pem.decode())
            for name, issued in (("api", api), ("gateway", gateway)):
                _write(self.folder / f"{name}.key", issued.key_pem, 0o600)
                _write(self.folder / f"{name}.crt", issued.certificate_pem, 0o644)
            self._publish()
        return [broker, api, gateway]

    def hosts(self) -> list[str]:
        """What the servers' certificates are for now. Raises PkiError."""
        return authority.hosts_of(_certificate(self.folder / "api.crt"))

    def device(self, device_id: str, days: int, now: datetime) -> Issued:
        """A certificate with which this device may log in. Raises PkiError, OSError."""
        if not is_device_id(device_id):
            raise PkiError(f"device: {device_id!r} must be 32 lower-case hex digits")
        return self._issue(DEVICE, device_id, (), days, now)

    def issued(self) -> list[Known]:
        """All certificates, the oldest first. Raises PkiError."""
        revoked = {each.serial_number: each.revocation_date_utc for each in self._crl()}
        found = [
            Known(certificate, revoked.get(certificate.serial_number))
            for certificate in (_certificate(path) for path in (self._issued()).glob("*.crt"))
        ]
        found.sort(key=lambda each: (each.certificate.not_valid_before_utc, each.serial))
        return found

    def revoke(self, serials: Sequence[str], now: datetime) -> int:
        """Revoke these certificates; how many of them were not yet.

        Raises PkiError for a serial number that was never issued, OSError.
        """
        wanted = []
        for serial in serials:
            path = self._issued() / f"{serial}.crt"
            if not serial.isalnum() or not path.exists():
                raise PkiError(f"serial: {serial} was not issued here; see `tallystick pki list`")
            wanted.append(_certificate(path).serial_number)
        with self._one_writer():
            before = self._crl()
            entries = {each.serial_number: each.revocation_date_utc for each in before}
            fresh = [serial for serial in wanted if serial not in entries]
            if fresh:
                entries |= dict.fromkeys(fresh, now)
                number = before.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
                # A broker that rereads its files keeps the older list too, and OpenSSL takes the
                # later of the two, by the second.
                updated = max(now - _SKEW, before.last_update_utc + timedelta(seconds=1))
                _keep_crl(self.folder, self._ca, sorted(entries.items()), number + 1, updated)
            self._publish()
        return len(fresh)

    def revoke_device(self, device_id: str, now: datetime) -> int:
        """Revoke all certificates of this device; how many were not yet. Raises PkiError."""
        return self.revoke(
            [
                each.serial
                for each in self.issued()
                if each.revoked is None and (each.role, each.name) == (DEVICE, device_id)
            ],
            now,
        )

    def _publish(self) -> None:
        """Give the broker the authority and the revocations; it rereads them when told to."""
        write_file(self.data, "ca.crt", self.authority_pem.decode())
        crl = self._crl().public_bytes(serialization.Encoding.PEM)
        write_file(self.data, "crl.pem", crl.decode())

    def _issue(
        self, role: str, name: str, hosts: Sequence[str], days: int, now: datetime
    ) -> Issued:
        made = authority.issue(self._ca, role, name, hosts, days, now)
        # Before anybody has it: what is not known here could not be revoked.
        _write(self._issued() / f"{made.serial}.crt", made.certificate_pem, 0o644)
        return made

    def _issued(self) -> Path:
        return self.folder / "issued"

    def _crl(self) -> x509.CertificateRevocationList:
        path = self.folder / "crl.pem"
        try:
            crl = x509.load_pem_x509_crl(path.read_bytes())
        except FileNotFoundError:
            raise PkiError(
                f"{path}: is missing; restore it, or revoked devices come back"
            ) from None
        except ValueError:
            raise PkiError(f"{path}: is damaged; restore it from a backup") from None
        if not crl.is_signature_valid(self._ca.key.public_key()):
            raise PkiError(f"{path}: is not signed by this authority; restore it from a backup")
        return crl

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def exists(data: Path) -> bool:
    """Whether this data folder has an authority, be its key there or not."""
    return any((data / FOLDER / name).exists() for name in (_AUTHORITY_KEY, "ca.crt"))


def files(data: Path, *, with_keys: bool) -> list[Path]:
    """What a backup of the certificates holds; private keys, which make devices, if asked for."""
    broker = [data / "broker" / name for name in ("ca.crt", "crl.pem", "server.crt", "server.key")]
    found = [*(data / FOLDER).glob("[!.]*.*"), *(data / FOLDER / "issued").glob("*.crt"), *broker]
    return sorted(path for path in found if path.is_file() and (with_keys or path.suffix != ".key"))


def create(data: Path, label: str, now: datetime, hosts: Sequence[str] = ()) -> Pki:
    """Make an authority, unless one of `hosts` can't be in a certificate.

    Raises PkiError, also if there is one, and OSError.
    """
    folder = data / FOLDER
    for host in hosts:
        authority.check_host(host)
    if exists(data):
        raise PkiError(
            f"{folder}: holds an authority already; `tallystick pki renew` renews what it issued "
            "(remove the folder only if nothing that was issued is in use)"
        )
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "issued").mkdir(mode=0o700, exist_ok=True)
    ca = authority.new_authority(label, now)
    _keep_crl(folder, ca, (), 1, now - _SKEW)
    _write(folder / "ca.crt", ca.certificate_pem, 0o644)
    # Last: where it is, everything is.
    _write(folder / _AUTHORITY_KEY, ca.key_pem, 0o600)
    return Pki(data, ca)


def load(data: Path) -> Pki:
    """The authority of this data folder.

    Raises PkiError if there is none, or its key is damaged, readable by others, or not the one of
    its certificate.
    """
    folder = data / FOLDER
    path = folder / _AUTHORITY_KEY
    begun = (folder / "ca.crt").exists()
    remedy = "put its copy back" if begun else "run `tallystick pki init`"
    try:
        text = secret_files.read(path, remedy)
    except SecretFileError as error:
        raise PkiError(str(error)) from None
    try:
        key = serialization.load_pem_private_key(text, None)
    except (ValueError, TypeError):
        raise PkiError(f"{path}: is damaged; restore it from a backup") from None
    certificate = _certificate(folder / "ca.crt")
    if (
        not isinstance(key, ec.EllipticCurvePrivateKey)
        or key.public_key() != certificate.public_key()
    ):
        raise PkiError(f"{path}: is not the key of ca.crt; restore both from one backup")
    return Pki(data, Issued(certificate, key))


def _keep_crl(
    folder: Path,
    ca: Issued,
    entries: Sequence[tuple[int, datetime]],
    number: int,
    updated: datetime,
) -> None:
    crl = authority.revocation_list(ca, entries, number, updated)
    _write(folder / "crl.pem", crl.public_bytes(serialization.Encoding.PEM), 0o644)


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise PkiError(f"{path}: can't be read ({error}); restore it from a backup") from None


def _write(path: Path, content: bytes, mode: int) -> None:
    """Put a file there, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)
    listing = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(listing)
    finally:
        os.close(listing)
