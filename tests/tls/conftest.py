"""A real Mosquitto with the TLS listeners that `tallystick pki` writes, and certificates for it."""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import config
from gateway.broker.conf import mosquitto_conf, with_tls
from gateway.broker.credentials import new_password, set_passwords
from gateway.operations import certificates
from gateway.operations.certificates import Begun
from gateway.operations.office import opened
from gateway.pki import authority, folder
from gateway.pki.authority import Issued
from gateway.pki.folder import Pki
from simulator.broker import Broker, find_mosquitto, start_mosquitto
from tests.services import prepare, unavailable

ALICE = "a1" * 16
MALLORY = "0b" * 16
HOSTS = ["localhost", "127.0.0.1"]


def now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def certify(
    data: Path, hosts: Sequence[str] = (), port: int = 8883, password_port: int | None = None
) -> Begun:
    """Set an initialised installation up for TLS, as `tallystick pki init` does."""
    with opened(config.load(data)) as office:
        return certificates.begin(office, hosts, port, password_port)


@dataclass
class Secured:
    """A broker that runs with TLS: `port` asks for a certificate, `password_port` for a password,
    `plain_port` speaks plain MQTT."""

    data: Path
    pki: Pki
    broker: Broker
    gateway_password: str
    passwords: dict[str, str]

    @property
    def port(self) -> int:
        """Where clients need a certificate."""
        return self.broker.tls_ports[0]

    @property
    def password_port(self) -> int:
        """Where clients need a password."""
        return self.broker.tls_ports[1]

    def context(self, client: Issued | None = None) -> ssl.SSLContext:
        """A client's TLS context: trusts the installation's authority alone, checks the host, and
        shows a certificate if one is given."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(self.data / "broker" / "ca.crt")
        if client is not None:
            pair = self.data / f"client-{client.certificate.serial_number:x}.pem"
            pair.write_bytes(client.key_pem + client.certificate_pem)
            made.load_cert_chain(pair)
        return made

    def device(self, name: str = ALICE) -> Issued:
        """A device's certificate, as it is given out."""
        return self.pki.device(name, folder.DEVICE_DAYS, now())

    def odd(self, name: str, role: str = authority.DEVICE, days: int = 30) -> Issued:
        """A certificate of this authority with a name that is never given out."""
        return authority.issue(self.pki._ca, role, name, HOSTS, days, now())

    def past(self, name: str = ALICE) -> Issued:
        """A certificate of this authority that has expired."""
        return authority.issue(
            self.pki._ca, authority.DEVICE, name, (), 30, now() - timedelta(days=60)
        )


@contextmanager
def secured_broker(data: Path) -> Iterator[Secured]:
    """A Mosquitto with both TLS listeners, a gateway, and two devices' passwords; skips the test
    where there is none."""
    program = find_mosquitto()
    if program is None:
        unavailable("no Mosquitto on this machine to speak TLS with")
        raise AssertionError("not reached")
    gateway_password = prepare(data)
    passwords = {name: new_password() for name in (ALICE, MALLORY)}
    set_passwords(data, passwords)
    pki = folder.create(data, "test", now())
    pki.servers(HOSTS, folder.SERVER_DAYS, now())
    (data / "mosquitto.conf").write_text(with_tls(mosquitto_conf(1883), 8883, 8884))
    with start_mosquitto(program, data) as broker:
        yield Secured(data, pki, broker, gateway_password, passwords)


@pytest.fixture
def secured(data_folder: Path) -> Iterator[Secured]:
    """A broker of the test's own."""
    with secured_broker(data_folder) as made:
        yield made
