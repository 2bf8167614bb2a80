"""What `doctor` says of certificates, listeners and the broker's program."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway import config, doctor, doctor_tls
from gateway.broker.conf import mosquitto_conf, with_tls
from gateway.findings import FAIL, OK, WARN
from gateway.operations.office import init
from gateway.pki import folder
from simulator.broker import find_mosquitto, start_mosquitto
from tests.services import unavailable
from tests.tls.conftest import certify, now


def levels(data: Path, check: str) -> list[tuple[str, str]]:
    """What is found by this check."""
    found = doctor_tls.examine(config.load(data))
    return [(each.level, each.found) for each in found if each.check == check]


@pytest.mark.parametrize(
    ("changed", "level", "named"),
    [
        (lambda conf: conf, OK, "TLS alone"),
        (lambda conf: with_tls(conf, 8883, 8884), OK, "TLS alone"),
        (lambda conf: conf.replace("1883 127.0.0.1", "1883"), FAIL, "1883"),
        (lambda conf: conf.replace("1883 127.0.0.1", "1883 0.0.0.0"), FAIL, "1883"),
        (lambda conf: conf + "\nlistener 2883\nuse_username_as_clientid true\n", FAIL, "2883"),
        (lambda conf: conf.replace("\nuse_username_as", "\n#use_username_as"), FAIL, "session"),
    ],
)
def test_a_listener_that_others_reach_without_tls_is_a_failure(
    data_folder: Path, changed: object, level: str, named: str
) -> None:
    assert callable(changed)
    (data_folder / "mosquitto.conf").write_text(changed(mosquitto_conf(1883)))
    found = levels(data_folder, "broker listener")
    assert found[0][0] == level
    assert named in found[0][1]


def test_certificates_near_their_end_and_keys_that_others_may_read_are_told(
    data_folder: Path,
) -> None:
    pki = folder.create(data_folder, "test", now())
    pki.servers(["localhost"], 365, now())
    assert levels(data_folder, "certificates")[0][0] == OK
    pki.device("a1" * 16, 30, now())
    old = now() - timedelta(days=60)
    revoked = pki.device("0b" * 16, 30, old)
    pki.revoke([revoked.serial], now())
    found = levels(data_folder, "certificates")
    assert [level for level, _ in found] == [WARN]
    assert "a1" * 16 in found[0][1]
    pki.device("0b" * 16, 30, old)
    assert FAIL in [level for level, _ in levels(data_folder, "certificates")]
    pki.device("a1" * 16, 365, now())
    pki.device("0b" * 16, 365, now())
    assert levels(data_folder, "certificates")[0][0] == OK
    (pki.folder / "ca.key").chmod(0o644)
    assert levels(data_folder, "certificates")[0][0] == FAIL


@pytest.mark.parametrize(
    ("version", "level"), [("2.0.11", WARN), ("2.0.21", WARN), ("2.0.22", OK), ("2.1.0", OK)]
)
def test_a_mosquitto_without_security_fixes_is_a_warning(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, level: str
) -> None:
    program = tmp_path / "mosquitto"
    program.write_text(f"#!/bin/sh\necho mosquitto version {version}\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert [found for found, _ in levels(data_folder, "mosquitto")] == [level]


def test_all_is_well_where_pki_init_has_set_everything_up(data_folder: Path) -> None:
    program = find_mosquitto()
    if program is None:
        unavailable("no Mosquitto on this machine to speak TLS with")
        return
    init(config.load(data_folder))
    certify(data_folder)
    with start_mosquitto(program, data_folder) as broker:
        settings = config.load(data_folder, broker_port=broker.tls_ports[0])
        found = {each.check: each for each in doctor.examine(settings)}
    assert found["broker connection"].level == OK
    assert found["broker login"].level == OK, found["broker login"]
    assert found["broker topics"].level == OK
    assert found["broker anonymous"].level == OK
    assert {each.level for each in found.values()} <= {OK, WARN}
