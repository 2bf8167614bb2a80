"""N9: whom the broker lets in over TLS, on a real Mosquitto with the configuration that is shipped,
and what a client that checks refuses of a broker."""

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from firmware import mqtt_packets
from gateway.broker.credentials import reload_broker
from gateway.pki import authority
from tests.tls.client import lets_in, said_to
from tests.tls.conftest import ALICE, HOSTS, MALLORY, Secured, now

pytestmark = pytest.mark.threat("N9")


def lost(secured: Secured, context: ssl.SSLContext) -> bool:
    """Whether the broker comes to refuse this client, once it has reread its files."""
    return any(not lets_in(secured.port, context) for _ in range(100))


def test_a_device_is_let_in_by_its_certificate_and_needs_no_password(secured: Secured) -> None:
    assert lets_in(secured.port, secured.context(secured.device()))


def test_the_gateway_is_let_in_by_the_certificate_it_was_given(secured: Secured) -> None:
    context = secured.context()
    folder = secured.data / "pki"
    context.load_cert_chain(folder / "gateway.crt", folder / "gateway.key")
    assert lets_in(secured.port, context)


def test_without_a_certificate_nobody_is_let_in_where_one_is_asked_for(secured: Secured) -> None:
    assert not lets_in(secured.port, secured.context(), ALICE, secured.passwords[ALICE])


def test_an_expired_certificate_is_refused(secured: Secured) -> None:
    assert not lets_in(secured.port, secured.context(secured.past()))


def test_a_certificate_of_another_authority_is_refused(secured: Secured) -> None:
    other = authority.new_authority("other", now())
    forged = authority.issue(other, authority.DEVICE, ALICE, (), 30, now())
    assert not lets_in(secured.port, secured.context(forged))


def test_an_authority_of_the_same_name_with_another_key_is_refused(secured: Secured) -> None:
    other = authority.new_authority("test", now())
    assert other.certificate.subject == secured.pki.authority.subject
    forged = authority.issue(other, authority.DEVICE, ALICE, (), 30, now())
    assert not lets_in(secured.port, secured.context(forged))


def test_a_device_can_not_issue_certificates(secured: Secured) -> None:
    device = secured.device(MALLORY)
    forged = authority.issue(device, authority.DEVICE, ALICE, (), 30, now())
    chain = secured.data / "chain.pem"
    chain.write_bytes(forged.key_pem + forged.certificate_pem + device.certificate_pem)
    context = secured.context()
    context.load_cert_chain(chain)
    assert not lets_in(secured.port, context)


def test_a_servers_certificate_lets_nobody_in(secured: Secured) -> None:
    for role in (authority.BROKER, authority.API):
        assert not lets_in(secured.port, secured.context(secured.odd(ALICE, role)))


def test_a_revoked_certificate_is_refused_after_a_reload_and_others_are_not(
    secured: Secured,
) -> None:
    pid_file = secured.data / "broker" / "persistence" / "mosquitto.pid"
    mallorys, alices = secured.device(MALLORY), secured.device(ALICE)
    again = secured.device(MALLORY)
    contexts = [secured.context(each) for each in (mallorys, again)]
    assert all(lets_in(secured.port, each) for each in contexts)
    # Two lists in one second: the broker must take the second.
    for each in (mallorys, again):
        assert secured.pki.revoke([f"{each.certificate.serial_number:x}"], now()) == 1
        reload_broker(pid_file)
    assert all(lost(secured, each) for each in contexts)
    assert lets_in(secured.port, secured.context(alices))
    secured.broker.restart()
    assert not any(lets_in(secured.port, each) for each in contexts)
    assert lets_in(secured.port, secured.context(alices))


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated")
def test_tls_1_1_is_refused_and_1_2_is_not(secured: Secured) -> None:
    for version, good in (
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ):
        context = secured.context(secured.device())
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = version
        # The system's own policy must not be what refuses the old one.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        assert lets_in(secured.port, context) == good, version


def test_plain_mqtt_on_a_tls_port_gets_no_mqtt_answer(secured: Secured) -> None:
    for port in (secured.port, secured.password_port):
        connect = mqtt_packets.connect("probe", 60, True, ALICE, b"x", None)
        assert not said_to(port, connect).startswith(b"\x20")
        assert not lets_in(port, None, ALICE, secured.passwords[ALICE])


def test_a_password_over_tls_is_checked_as_ever(secured: Secured) -> None:
    port, context = secured.password_port, secured.context()
    assert lets_in(port, context, ALICE, secured.passwords[ALICE])
    assert not lets_in(port, context, ALICE, secured.passwords[MALLORY])
    assert not lets_in(port, context)


def test_a_certificate_is_no_password(secured: Secured) -> None:
    context = secured.context(secured.device())
    assert not lets_in(secured.password_port, context)
    assert not lets_in(secured.password_port, context, ALICE, "x" * 43)


def test_a_client_refuses_a_broker_of_another_authority_or_another_name(
    secured: Secured, tmp_path: Path
) -> None:
    other = authority.new_authority("other", now())
    (tmp_path / "other.crt").write_bytes(other.certificate_pem)
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stranger.load_verify_locations(tmp_path / "other.crt")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"self-signed|unable to get"):
        lets_in(secured.password_port, stranger)
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        lets_in(secured.password_port, secured.context(), name="broker.example")


def test_a_client_refuses_a_broker_whose_certificate_has_expired(secured: Secured) -> None:
    old = authority.issue(
        secured.pki._ca, authority.BROKER, HOSTS[0], HOSTS, 30, now() - timedelta(days=60)
    )
    (secured.data / "broker" / "server.key").write_bytes(old.key_pem)
    (secured.data / "broker" / "server.crt").write_bytes(old.certificate_pem)
    secured.broker.restart()
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        lets_in(secured.password_port, secured.context())
