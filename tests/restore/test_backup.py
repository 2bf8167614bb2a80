"""A backup is whole, is of one moment, and says of itself when it is not."""

import json
import stat
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.keys import GatewayKeys
from gateway.operations.backup import backup, check
from gateway.operations.errors import BadInput
from gateway.store import backup_archive, channels
from gateway.store.errors import ArchiveError, StoreError
from tests.restore.house import House, built
from tests.sizes import size


def test_a_backup_tells_what_it_holds_and_is_read_back(house: House) -> None:
    made = house.backup()
    manifest = made.manifest
    assert manifest.gateway_key == house.office.keys.public.hex()
    assert (manifest.channels, manifest.units) == (3, 100 + 250 + 300)
    assert manifest.amount == 3 * manifest.units
    assert manifest.generation == 1
    assert manifest.journal_index == manifest.counts["entry"] > 0
    assert check(made.path, house.office.keys.public) == made


def test_only_its_owner_may_read_a_backup_and_nothing_else_is_left(house: House) -> None:
    made = house.backup()
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert sorted(each.name for each in made.path.parent.iterdir()) == ["data", "one.tar"]


def test_without_a_name_each_backup_is_a_new_file_in_the_data_folder(house: House) -> None:
    first = backup(house.office, None)
    second = backup(house.office, None)
    assert first.path != second.path
    assert first.path.parent == second.path.parent == house.data / "backups"
    assert stat.S_IMODE(first.path.parent.stat().st_mode) == 0o700


def test_the_secret_key_is_in_it_only_when_asked_for(house: House) -> None:
    seed = (house.data / "gateway.key").read_bytes()
    password = (house.data / "broker" / "gateway.password").read_bytes().strip()
    plain = house.backup("plain.tar")
    keyed = house.backup("keyed.tar", with_key=True)
    assert not plain.with_key and keyed.with_key
    assert seed not in plain.path.read_bytes()
    assert seed in keyed.path.read_bytes()
    assert password not in keyed.path.read_bytes()


def test_settings_password_hashes_and_rail_files_are_in_it(house: House) -> None:
    with tarfile.open(house.backup().path) as tar:
        names = tar.getnames()
    assert {"files/tallystick.toml", "files/mosquitto.conf", "files/broker/passwords"} <= set(names)
    assert "settlements/run-1.csv" in names


def test_a_backup_under_load_is_of_one_moment(house: House) -> None:
    """Marks, closes and runs go on meanwhile; what is read back is right in itself."""
    busy = [house.fleet.open("ant", "cat", 10 + number) for number in range(4)]
    ending = threading.Event()
    failures: list[BaseException] = []

    def pay() -> None:
        units = 0
        try:
            while not ending.is_set():
                units += 1
                for channel in busy:
                    house.fleet.mark(channel, units)
                if units % 10 == 0:
                    house.settle()
                if units % 25 == 0:
                    over = house.fleet.open("bee", "ant", 1000 + units)
                    house.fleet.mark(over, 5)
                    house.close(over)
        except BaseException as error:
            failures.append(error)

    paying = threading.Thread(target=pay)
    paying.start()
    try:
        made = [house.backup(f"{number}.tar") for number in range(5)]
    finally:
        ending.set()
        paying.join(timeout=60)
    assert not failures
    units = [each.manifest.units for each in made]
    assert units == sorted(units)
    house.books_are_right()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of one backup."""
    folder = tmp_path_factory.mktemp("whole")
    with built(folder / "data", "") as house:
        return house.backup().path.read_bytes()


def _refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ArchiveError):
        check(path)


@pytest.mark.threat("C5", "C6")
def test_a_flipped_bit_anywhere_is_found(whole: bytes, tmp_path: Path) -> None:
    """In each region: manifest, parts, headers, padding, seal and the end."""
    count = size("archive_flips", 150, 20_000)
    step = max(1, len(whole) // count)
    places = {*range(0, len(whole), step), *range(0, 1024, 37)}
    places |= {len(whole) - 2048 + offset for offset in range(0, 2048, 29)}
    for number, place in enumerate(sorted(places)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (number % 8)
        _refused(tmp_path / "damaged.tar", bytes(damaged))


@pytest.mark.threat("C5", "C6")
def test_a_backup_cut_short_or_longer_is_refused(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.tar"
    for length in {0, 1, 511, 512, 2048, 6144, *range(0, len(whole), len(whole) // 25)}:
        _refused(path, whole[:length])
    _refused(path, whole + bytes(512))
    _refused(path, whole + b"x")


def test_a_backup_of_another_gateway_is_refused(house: House) -> None:
    made = house.backup()
    with pytest.raises(ArchiveError, match="key"):
        check(made.path, [GatewayKeys(bytes(32)).public])


def test_a_backup_that_somebody_else_sealed_is_refused(house: House) -> None:
    """Whoever can write the file can't make the gateway take other books from it."""
    made = house.backup()
    stranger = GatewayKeys(bytes(32))
    forged = made.path.with_name("forged.tar")
    with tarfile.open(made.path) as tar:
        files = {}
        for part in made.manifest.parts:
            source = tar.extractfile(part.name)
            assert source is not None
            files[part.name] = made.path.parent / part.sha256
            files[part.name].write_bytes(source.read())
    backup_archive.write(forged, made.manifest, files, stranger.sign)
    with pytest.raises(ArchiveError, match="not signed"):
        check(forged, house.office.keys.public)


def test_books_that_are_wrong_make_no_backup_and_leave_the_old_one(house: House) -> None:
    good = house.backup()
    before = good.path.read_bytes()
    with house.store.write() as conn:
        wrong = channels.channel.update().values(units=channels.channel.c.units + 1)
        conn.execute(wrong.where(channels.channel.c.state == "open"))
    with pytest.raises(ArchiveError, match="discrepancies"):
        house.backup()
    assert good.path.read_bytes() == before
    assert sorted(each.name for each in good.path.parent.iterdir()) == ["data", "one.tar"]


def test_a_backup_goes_into_a_folder_that_exists(house: House) -> None:
    with pytest.raises(BadInput, match="folder"):
        backup(house.office, house.data / "nowhere" / "one.tar")


def test_a_newer_schema_or_format_is_refused_by_name(house: House) -> None:
    made = house.backup()
    path = made.path.with_name("newer.tar")
    part = made.path.parent / "part"
    with tarfile.open(made.path) as tar:
        files = {}
        for number, each in enumerate(made.manifest.parts):
            source = tar.extractfile(each.name)
            assert source is not None
            files[each.name] = part.with_name(f"part-{number}")
            files[each.name].write_bytes(source.read())
    sign = house.office.keys.sign
    backup_archive.write(path, replace(made.manifest, format=2), files, sign)
    with pytest.raises(ArchiveError, match="format 2"):
        check(path)
    if made.manifest.engine != "sqlite":
        backup_archive.write(path, replace(made.manifest, schema="9999"), files, sign)
        with pytest.raises(StoreError, match="9999"):
            check(path)


def test_the_command_makes_and_checks_a_backup(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    path = house.data.parent / "by-command.tar"
    url = house.office.config.database_url
    monkey = pytest.MonkeyPatch()
    with monkey.context() as environment:
        environment.setenv("TALLYSTICK_DATABASE_URL", url)
        for words in (["backup", "--to", str(path)], ["backup", "--check", str(path)]):
            with pytest.raises(SystemExit) as ended:
                main(["--data", str(house.data), "--json", *words])
            assert ended.value.code == 0
            out = json.loads(capsys.readouterr().out)
            assert out["file"] == str(path)
            assert out["holds_the_secret_key"] is False
