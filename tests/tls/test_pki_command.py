"""`tallystick pki` and devices' certificates as an operator has them: one command, then TLS."""

import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from gateway import config
from gateway.config import ConfigError
from gateway.operations import accounts, certificates, devices
from gateway.operations.errors import BadInput
from gateway.operations.office import init, opened
from gateway.pki.authority import Issued, PkiError
from gateway.store import audit
from gateway.store.errors import Conflict
from simulator.broker import Broker, find_mosquitto, start_mosquitto
from simulator.gateway_process import GatewayProcess
from tests.cli.tallystick import Cli
from tests.services import unavailable
from tests.tls.client import lets_in
from tests.tls.conftest import certify

KEY = bytes(SigningKey(b"\x07" * 32).verify_key)


@dataclass
class Installation:
    """An initialised gateway with certificates."""

    data: Path

    @property
    def config(self) -> config.Config:
        """Its settings, as they stand now."""
        return config.load(self.data)

    def device(self) -> str:
        """Register a device; its id."""
        with opened(self.config) as office:
            accounts.add(office.store, "fleet", "Fleet", "EUR", credit_limit=10**9)
            row, _ = devices.register(
                office.store, office.credentials, KEY, "fleet", "meter", office.keys.public
            )
            return str(row.id)

    def certificate(self, device: str) -> Issued:
        """A certificate of this device."""
        with opened(self.config) as office:
            return devices.certificate(office.store, office.credentials, device)[0]

    def revoke(self, device: str) -> None:
        """Revoke this device."""
        with opened(self.config) as office:
            devices.revoke(office.store, office.credentials, device)

    def context(self, issued: Issued) -> ssl.SSLContext:
        """A client's context with this certificate."""
        pair = self.data / f"{issued.serial}.pem"
        pair.write_bytes(issued.key_pem + issued.certificate_pem)
        context = ssl.create_default_context(cafile=str(self.data / "pki" / "ca.crt"))
        context.load_cert_chain(pair)
        return context


@pytest.fixture
def here(data_folder: Path) -> Installation:
    """An installation set up for TLS."""
    init(config.load(data_folder))
    certify(data_folder, ["broker.example"], password_port=8884)
    return Installation(data_folder)


@pytest.fixture
def broker(here: Installation) -> Iterator[Broker]:
    """A Mosquitto with the configuration that the command has written."""
    program = find_mosquitto()
    if program is None:
        unavailable("no Mosquitto on this machine to speak TLS with")
        return
    with start_mosquitto(program, here.data) as started:
        yield started


@pytest.mark.threat("N9")
def test_a_certificate_lets_its_device_in_until_the_device_is_revoked(
    here: Installation, broker: Broker
) -> None:
    id_ = here.device()
    context = here.context(here.certificate(id_))
    assert lets_in(broker.tls_ports[0], context)
    here.revoke(id_)
    assert any(not lets_in(broker.tls_ports[0], context) for _ in range(100))
    with pytest.raises(Conflict, match="is revoked"):
        here.certificate(id_)


@pytest.mark.threat("N9")
def test_one_lost_certificate_ends_alone(here: Installation, broker: Broker) -> None:
    id_ = here.device()
    first, second = here.certificate(id_), here.certificate(id_)
    with opened(here.config) as office:
        assert certificates.revoke(office, first.serial).revoked is not None
    assert any(not lets_in(broker.tls_ports[0], here.context(first)) for _ in range(100))
    assert lets_in(broker.tls_ports[0], here.context(second))


def test_the_command_line_makes_hands_over_lists_and_revokes(
    data_folder: Path, tmp_path: Path
) -> None:
    cli = Cli(data_folder)
    cli.ok("init")
    made = cli.ok("pki", "init", "--host", "broker.example")
    assert made["hosts"] == "broker.example, localhost, 127.0.0.1"
    id_ = Installation(data_folder).device()
    given = cli.ok("device", "certificate", id_, "--out", tmp_path / "given")
    names = sorted(path.name for path in (tmp_path / "given").iterdir())
    assert names == sorted(Path(each).name for each in given["files"])
    again = cli("device", "certificate", id_, "--out", tmp_path / "given")
    assert (again.status, "exists" in again.err) == (1, True)
    context = ssl.create_default_context(cafile=str(tmp_path / "given" / "ca.crt"))
    context.load_cert_chain(tmp_path / "given" / "device.crt", tmp_path / "given" / "device.key")
    cli.ok("pki", "revoke", given["serial"])
    listed = {each["serial"]: each for each in cli.ok("pki", "list")}
    assert listed[given["serial"]]["name"] == id_
    assert [each["role"] for each in listed.values() if each["revoked"]] == ["device"]


def test_the_gateway_then_speaks_tls_to_its_broker_and_to_its_callers(
    here: Installation, broker: Broker
) -> None:
    with GatewayProcess(here.data, broker.tls_ports[0]) as gateway:
        assert gateway.url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(here.data / "pki" / "ca.crt"))
        with urllib.request.urlopen(f"{gateway.url}/readyz", context=trusting, timeout=30) as ok:
            assert json.load(ok) == {"status": "ok"}
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(f"{gateway.url}/readyz", timeout=30)
        host, port = gateway.url.removeprefix("https://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as plain:
            plain.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" not in plain.recv(4096)
    assert f"on port {broker.tls_ports[0]}" in broker.log.read_text()
    assert "as gateway" in broker.log.read_text()


def test_renewed_certificates_are_for_the_same_hosts_and_taken_up(
    here: Installation, broker: Broker
) -> None:
    old = (here.data / "broker" / "server.crt").read_text()
    with opened(here.config) as office:
        hosts = certificates.renew(office, [])
    assert hosts == ["broker.example", "localhost", "127.0.0.1"]
    new = (here.data / "broker" / "server.crt").read_text()
    assert new != old

    def shown() -> str:
        return ssl.get_server_certificate(("127.0.0.1", broker.tls_ports[1]))

    assert any(shown() == new for _ in range(200))
    with opened(here.config) as office:
        assert certificates.renew(office, ["other.example"])[0] == "other.example"


def test_certificates_that_are_made_and_revoked_stand_in_the_audit_log(here: Installation) -> None:
    id_ = here.device()
    lost = here.certificate(id_)
    with opened(here.config) as office:
        certificates.renew(office, ["other.example"])
        for _ in range(2):
            certificates.revoke(office, lost.serial)
        with pytest.raises(PkiError):
            certificates.revoke(office, "0")
        with office.store.read() as conn:
            rows = audit.page(conn)[::-1]
        made = [each.serial for each in certificates.listed(office.config)]
    found = [
        (row.action, row.subject, json.loads(row.after))
        for row in rows
        if row.action.startswith(("pki.", "certificate.", "device.certificate"))
    ]
    actions = ["pki.init", "device.certificate", "pki.renew", "certificate.revoke"]
    assert [action for action, _subject, _after in found] == actions
    begun, issued, renewed, revoked = (after for _action, _subject, after in found)
    assert begun["hosts"][0] == "broker.example" and renewed["hosts"][0] == "other.example"
    assert sorted([*begun["serials"], issued["serial"], *renewed["serials"]]) == sorted(made)
    assert (issued["serial"], found[3][1]) == (lost.serial, lost.serial)
    assert revoked == {"role": "device", "name": id_}


def test_what_the_operator_has_set_is_left_alone_and_named(data_folder: Path) -> None:
    init(config.load(data_folder))
    settings = data_folder / "tallystick.toml"
    settings.write_text('broker_port = 2883\napi_host = "::1"\n')
    conf = data_folder / "mosquitto.conf"
    conf.write_text("# mine\n" + conf.read_text())
    begun = certify(data_folder)
    assert begun.differing == ["broker_port"]
    assert settings.read_text().startswith('broker_port = 2883\napi_host = "::1"\n\n# TLS')
    assert config.load(data_folder).api_key_file == data_folder / "pki" / "api.key"
    assert conf.read_text().startswith("# mine\n")
    assert conf.read_text().count("\nlistener 8883") == 1


def test_what_can_not_be_done_is_said_and_nothing_is_made(data_folder: Path) -> None:
    init(config.load(data_folder))
    settings = config.load(data_folder)
    with pytest.raises(PkiError, match="pki init"):
        certificates.listed(settings)
    with opened(settings) as office, pytest.raises(PkiError, match="pki init"):
        certificates.renew(office, [])
    with pytest.raises(PkiError, match="host"):
        certify(data_folder, ["no host"])
    with pytest.raises(BadInput, match="port"):
        certify(data_folder, password_port=8883)
    assert not (data_folder / "pki").exists()
    with opened(settings) as office, office.store.read() as conn:
        assert not [row for row in audit.page(conn) if row.action.startswith("pki.")]


@pytest.mark.parametrize("name", ["broker_key_file", "api_key_file"])
def test_a_key_that_others_may_read_is_refused(here: Installation, name: str) -> None:
    key = here.config.broker_key_file if name.startswith("broker") else here.config.api_key_file
    assert key is not None
    key.chmod(0o644)
    done = Cli(here.data)("serve", "--api-port", "0")
    assert done.status == 2
    assert name in done.err and "chmod 600" in done.err


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"broker_host": "broker.example"}, "broker_insecure"),
        ({"broker_host": "10.0.0.1"}, "broker_insecure"),
        ({"api_host": "0.0.0.0"}, "api_certificate_file"),
        ({"api_key_file": "x"}, "api_certificate_file"),
        ({"broker_certificate_file": "x", "broker_key_file": "x"}, "broker_ca_file"),
    ],
)
def test_insecure_choices_must_be_asked_for_by_name(
    data_folder: Path, setting: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        config.load(data_folder, **setting)
