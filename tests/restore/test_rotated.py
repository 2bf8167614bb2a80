"""Backups of a gateway whose key was followed: whichever key made them, with all keys in them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import key_files
from gateway.key_files import FOLDER, KEY_FILE, KeyFileError
from gateway.operations import rotation
from gateway.operations.backup import Backup, backup, check
from gateway.operations.office import init, opened
from gateway.operations.restore import fence_by_hand, restore
from gateway.settlement.verify_books import verify_books
from gateway.store.errors import ArchiveError
from tests.restore.house import House, built, settings


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An installation that has settled under its first key, and has a second one."""
    with built(tmp_path / "data", "") as made:
        rotation.rotate(made.office)
        yield made


def _backup(house: House, name: str, *, with_key: bool = False) -> Backup:
    """A backup by the key that is the newest now."""
    with opened(house.office.config) as office:
        return backup(office, house.data.parent / name, with_key=with_key)


def test_what_the_first_key_signed_stays_proven_and_further_runs_are_the_seconds(
    house: House,
) -> None:
    with opened(house.office.config) as office:
        assert verify_books(office.store, *office.keys.publics).ok
        assert not verify_books(office.store, office.keys.public).ok
        second = House(office, house.fleet)
        second.settle()
        second.books_are_right()
        assert not verify_books(office.store, office.keys.publics[0]).ok


def test_a_backup_with_the_key_brings_all_of_them_to_an_empty_folder(house: House) -> None:
    made = _backup(house, "with.tar", with_key=True)
    new = house.data.parent / "new"
    restore(settings(new, ""), made.path)
    was = key_files.load(house.data)
    back = key_files.load(new)
    assert back.publics == was.publics
    assert len(back.held) == 2
    assert {path.stat().st_mode & 0o777 for path in (new / FOLDER).iterdir()} == {0o600}
    assert (new / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_backup_without_the_key_holds_no_secret_and_still_proves_the_line(house: House) -> None:
    made = _backup(house, "without.tar")
    content = made.path.read_bytes()
    for path in (house.data / KEY_FILE, *(house.data / FOLDER).glob("*.key")):
        assert path.read_bytes() not in content
    assert not made.with_key
    assert check(made.path).sha256 == made.sha256
    new = house.data.parent / "new"
    new.mkdir()
    with pytest.raises(KeyFileError, match=key_files.load(house.data).public.hex()):
        restore(settings(new, ""), made.path)
    shutil.copy(house.data / KEY_FILE, new / KEY_FILE)
    restore(settings(new, ""), made.path)
    back = key_files.load(new)
    assert back.publics == key_files.load(house.data).publics
    assert len(back.held) == 1


def test_a_backup_of_before_is_restored_after(house: House) -> None:
    before = house.backup("before.tar")
    assert before.manifest.gateway_key == house.office.keys.public.hex()
    assert check(before.path, key_files.load(house.data).publics)
    house.store.close()
    restore(house.office.config, before.path, over_newer=True)
    with opened(house.office.config) as office:
        assert len(office.keys.held) == 2
        assert verify_books(office.store, *office.keys.publics).ok


def test_a_backup_of_after_is_refused_where_only_the_key_of_before_is(house: House) -> None:
    made = _backup(house, "after.tar")
    new = house.data.parent / "new"
    new.mkdir()
    old = next((house.data / FOLDER).glob("*.key"))
    shutil.copy(old, new / KEY_FILE)
    with pytest.raises(ArchiveError, match="of the gateway with key"):
        restore(settings(new, ""), made.path)
    assert list(new.glob("gateway.db")) == []


def test_a_backup_of_a_stranger_is_refused(house: House, tmp_path: Path) -> None:
    with built(tmp_path / "stranger", "") as stranger:
        rotation.rotate(stranger.office)
        made = stranger.backup("stranger.tar")
    with pytest.raises(ArchiveError, match="of the gateway with key"):
        restore(house.office.config, made.path, over_newer=True)
    with pytest.raises(ArchiveError, match="of the gateway with key"):
        check(made.path, key_files.load(house.data).publics)


def test_the_database_is_still_this_gateways(house: House) -> None:
    assert init(house.office.config).public_key == key_files.load(house.data).public
    assert fence_by_hand(house.office.config).generation == 2
