"""Certificates survive with the rest: a backup that is put back knows who was revoked."""

import stat
from pathlib import Path

import pytest

from gateway import config
from gateway.operations import certificates
from gateway.operations.backup import backup
from gateway.operations.office import init, opened
from gateway.operations.restore import restore
from gateway.pki import folder
from gateway.pki.authority import PkiError
from tests.tls.conftest import ALICE, certify, now


@pytest.mark.parametrize("with_key", [True, False])
def test_a_restored_gateway_knows_whom_it_has_revoked(
    data_folder: Path, tmp_path: Path, with_key: bool
) -> None:
    init(config.load(data_folder))
    certify(data_folder, ["broker.example"])
    pki = folder.load(data_folder)
    lost = pki.device(ALICE, 30, now())
    pki.revoke([lost.serial], now())
    with opened(config.load(data_folder)) as office:
        made = backup(office, tmp_path / "backup.tar", with_key=with_key)
    new = tmp_path / "new"
    new.mkdir(mode=0o700)
    if not with_key:
        (new / "gateway.key").write_bytes((data_folder / "gateway.key").read_bytes())
        (new / "gateway.key").chmod(0o600)
    restore(config.load(new), made.path)
    for name in ("pki/ca.crt", "pki/crl.pem", "broker/crl.pem", "broker/ca.crt"):
        assert (new / name).read_bytes() == (data_folder / name).read_bytes()
    if not with_key:
        assert not list(new.rglob("ca.key"))
        with pytest.raises(PkiError, match="put its copy back"):
            folder.load(new)
        # Neither is another one made in its place, nor does a revocation pass for done.
        with pytest.raises(PkiError, match="holds an authority already"):
            certify(new)
        with opened(config.load(new)) as office, pytest.raises(PkiError, match="put its copy"):
            office.credentials.remove(ALICE)
        (new / "pki" / "ca.key").write_bytes((data_folder / "pki" / "ca.key").read_bytes())
        (new / "pki" / "ca.key").chmod(0o600)
    again = folder.load(new)
    assert {each.serial for each in again.issued() if each.revoked} == {lost.serial}
    with opened(config.load(new)) as office:
        assert certificates.renew(office, [])[0] == "broker.example"
    for key in (*(new / "pki").glob("*.key"), new / "broker" / "server.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
