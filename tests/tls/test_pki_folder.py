"""The authority's folder: who may read its key, what is refused, what is revoked stays revoked."""

import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from gateway.pki import authority, folder
from gateway.pki.authority import PkiError
from gateway.pki.folder import Pki

NOW = datetime(2026, 5, 1, tzinfo=UTC)
DEVICE = "a1" * 16


@pytest.fixture
def pki(data_folder: Path) -> Pki:
    return folder.create(data_folder, "test", NOW)


def crl_of(data: Path) -> x509.CertificateRevocationList:
    """The revocations as the broker has them."""
    return x509.load_pem_x509_crl((data / "broker" / "crl.pem").read_bytes())


def test_private_keys_are_their_owners_alone(pki: Pki) -> None:
    pki.servers(["broker.example"], 30, NOW)
    for name in ("pki/ca.key", "pki/api.key", "pki/gateway.key", "broker/server.key"):
        assert stat.S_IMODE((pki.data / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(pki.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o666, 0o601])
def test_an_authority_whose_key_others_may_read_is_refused(pki: Pki, mode: int) -> None:
    (pki.folder / "ca.key").chmod(mode)
    with pytest.raises(PkiError, match=r"others may read it .*chmod 600"):
        folder.load(pki.data)


def test_an_authority_is_never_made_over_another(pki: Pki) -> None:
    before = (pki.folder / "ca.key").read_bytes()
    with pytest.raises(PkiError, match="holds an authority already"):
        folder.create(pki.data, "test", NOW)
    assert (pki.folder / "ca.key").read_bytes() == before


def test_damage_is_named_and_not_mended_by_forgetting(pki: Pki) -> None:
    def damaged(name: str, content: bytes) -> str:
        path = pki.folder / name
        kept = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(PkiError) as refused:
            folder.load(pki.data).revoke([], NOW)
        path.write_bytes(kept)
        return str(refused.value)

    other = authority.new_authority("test", NOW)
    assert "is damaged" in damaged("ca.key", b"no key")
    assert "not the key of ca.crt" in damaged("ca.key", other.key_pem)
    assert "can't be read" in damaged("ca.crt", b"no certificate")
    assert "is damaged" in damaged("crl.pem", b"")
    empty = authority.revocation_list(other, (), 9, NOW)
    text = empty.public_bytes(authority.serialization.Encoding.PEM)
    assert "not signed by this authority" in damaged("crl.pem", text)
    (pki.folder / "crl.pem").unlink()
    with pytest.raises(PkiError, match="revoked devices come back"):
        pki.issued()


def test_what_was_issued_is_listed_and_can_be_revoked_once(pki: Pki) -> None:
    first, second = pki.device(DEVICE, 30, NOW), pki.device("0b" * 16, 30, NOW)
    assert {each.serial for each in pki.issued()} == {first.serial, second.serial}
    assert pki.revoke([first.serial], NOW) == 1
    assert pki.revoke([first.serial], NOW + timedelta(days=1)) == 0
    found = {each.serial: each.revoked for each in folder.load(pki.data).issued()}
    assert found == {first.serial: NOW, second.serial: None}


def test_all_certificates_of_a_device_end_together_and_no_others(pki: Pki) -> None:
    pki.servers(["broker.example"], 30, NOW)
    mine = [pki.device(DEVICE, 30, NOW) for _ in range(3)]
    pki.device("0b" * 16, 30, NOW)
    assert pki.revoke_device(DEVICE, NOW) == 3
    assert pki.revoke_device(DEVICE, NOW) == 0
    revoked = {each.serial_number for each in crl_of(pki.data)}
    assert revoked == {each.certificate.serial_number for each in mine}


@pytest.mark.parametrize("serial", ["", "1f", "../../broker/server", "../ca", "*"])
def test_only_what_was_issued_here_can_be_revoked(pki: Pki, serial: str) -> None:
    pki.servers(["broker.example"], 30, NOW)
    with pytest.raises(PkiError, match="serial"):
        pki.revoke([serial], NOW)


def test_each_list_is_later_than_the_one_before_even_within_a_second(pki: Pki) -> None:
    seen = []
    for _ in range(5):
        pki.revoke([pki.device(DEVICE, 30, NOW).serial], NOW)
        seen.append(crl_of(pki.data).last_update_utc)
    assert len(set(seen)) == 5
    assert seen == sorted(seen)
    assert seen[-1] <= NOW


def test_revocations_at_once_lose_none(pki: Pki) -> None:
    issued = [pki.device(f"{number:032x}", 30, NOW) for number in range(12)]
    threads = [
        threading.Thread(target=folder.load(pki.data).revoke, args=([each.serial], NOW))
        for each in issued
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(crl_of(pki.data))) == len(issued)


@pytest.mark.parametrize("name", ["gateway", "", "+", "#", "A1" * 16, DEVICE + "/"])
def test_a_devices_certificate_is_for_a_device_alone(pki: Pki, name: str) -> None:
    with pytest.raises(PkiError, match="device"):
        pki.device(name, 30, NOW)


@pytest.mark.parametrize("days", [0, -1, authority.LONGEST_DAYS + 1])
def test_days_beyond_the_bounds_are_refused(pki: Pki, days: int) -> None:
    with pytest.raises(PkiError, match="days: must be 1 to 3650"):
        pki.device(DEVICE, days, NOW)


@pytest.mark.parametrize("host", ["", "two words", "a/b", "-x.example", "*.example", "x" * 64])
def test_hosts_that_are_none_are_refused_before_anything_is_made(
    data_folder: Path, host: str
) -> None:
    with pytest.raises(PkiError, match="host"):
        folder.create(data_folder, "test", NOW, [host])
    assert not folder.exists(data_folder)


def test_nothing_outlives_its_authority(pki: Pki) -> None:
    late = NOW + timedelta(days=authority.AUTHORITY_DAYS - 10)
    assert (
        pki.device(DEVICE, 365, late).certificate.not_valid_after_utc
        == pki.authority.not_valid_after_utc
    )
    with pytest.raises(PkiError, match="authority: has expired"):
        pki.device(DEVICE, 1, late + timedelta(days=10))
