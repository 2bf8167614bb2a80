"""A restore is whole or not at all, and goes back behind nothing without being told to."""

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from structlog.testing import capture_logs

from gateway import witness
from gateway.config import Config, ConfigError
from gateway.doctor import examine
from gateway.folder_lock import AlreadyServing, locked
from gateway.key_files import KEY_FILE, KeyFileError
from gateway.operations import settlement
from gateway.operations.backup import backup
from gateway.operations.office import init, opened
from gateway.operations.restore import WouldLoseNewer, fence_by_hand, restore
from gateway.store import backup_facts, fence, lease
from gateway.store.errors import ArchiveError, Fenced, SchemaMismatch
from gateway.witness import OlderThanSeen
from tests.restore.house import House, settings
from tests.restore.town import Town
from tests.settlement.test_destinations import payout
from tests.settlement.test_rail_sepa import OPERATOR, PAYEE


def facts(town: Town) -> tuple[int, int, int]:
    """Generation, journal index and units of the database as it is on disk."""
    with opened(town.config) as office, office.store.read() as conn:
        found = backup_facts.read(conn, 0)
    return found.generation, found.journal_index, found.units


@pytest.mark.threat("C6")
def test_older_books_do_not_replace_newer_ones_unless_told_to_by_name(town: Town) -> None:
    pair = town.device()
    pair.meter(10)
    made = town.backup()
    pair.meter(1)
    town.stop()
    before = facts(town)
    with pytest.raises(WouldLoseNewer, match="accepted units 11 > 10"):
        restore(town.config, made.path)
    assert facts(town) == before
    done = restore(town.config, made.path, over_newer=True)
    assert done.generation == 2
    assert facts(town) == (2, 0, 10)
    if done.kept is not None:
        with sqlite3.connect(done.kept) as old:
            assert old.execute("SELECT sum(units) FROM channel").fetchone() == (11,)
        old.close()


@pytest.mark.threat("C6")
def test_a_generation_is_never_used_twice(town: Town) -> None:
    """Restoring one old backup again and again: its serials and run numbers must not come again."""
    town.device().meter(10)
    made = town.backup()
    for generation in (2, 3, 4):
        assert town.restore(made).generation == generation
        with town.store.read() as conn:
            assert fence.run_floor(conn) == (generation - 1) * 1_000_000
            assert fence.first_serial(conn) == (generation - 1) << 32


@pytest.mark.threat("C6", "C7")
def test_a_gateway_that_still_writes_is_fenced_off_by_a_restore(town: Town) -> None:
    town.device().meter(10)
    made = town.backup()
    with town.store.write() as conn:
        token = lease.take(conn, "ingest", "the old one")
    town.stop()
    restore(town.config, made.path, over_newer=True)
    with opened(town.config) as office, office.store.write() as conn:
        with pytest.raises(Fenced):
            lease.check(conn, "ingest", token)
        assert lease.take(conn, "ingest", "the next") > token + 1


def test_into_an_empty_folder_with_the_key_from_elsewhere(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = house.backup()
    new = house.data.parent / "new"
    config = _elsewhere(house, monkeypatch)
    with pytest.raises(KeyFileError, match="put the gateway's key there"):
        restore(config, made.path)
    shutil.copy(house.data / KEY_FILE, new / KEY_FILE)
    restore(config, made.path)
    passwords = (new / "broker" / "passwords").read_text()
    assert set((house.data / "broker" / "passwords").read_text().splitlines()[1:]) <= set(
        passwords.splitlines()
    )
    assert (new / "settlements" / "run-1.csv").exists()
    with opened(config) as office, office.store.read() as conn:
        assert fence.is_up(conn)
        assert backup_facts.read(conn, 0).units == made.manifest.units


def test_into_an_empty_folder_with_the_key_in_the_backup(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = house.backup(with_key=True)
    new = house.data.parent / "new"
    restore(_elsewhere(house, monkeypatch), made.path)
    assert (new / KEY_FILE).read_bytes() == (house.data / KEY_FILE).read_bytes()
    assert (new / KEY_FILE).stat().st_mode & 0o777 == 0o600


def _elsewhere(house: House, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The settings of a new machine, which has no database yet, or an empty one on its server."""
    config = house.office.config
    if config.sqlite_path is None:
        monkeypatch.setenv("TALLYSTICK_DATABASE_URL", config.database_url)
        with house.store.write() as conn:
            conn.execute(text("DROP SCHEMA public CASCADE"))
            conn.execute(text("CREATE SCHEMA public"))
    return settings(config.data.parent / "new", "")


def test_the_record_of_another_rail_comes_back_where_its_settings_say(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C6: what a bank was given is known again, and given again it is the same."""
    folder = house.data.parent / "bank"
    lines = "".join(f'{name} = "{value}"\n' for name, value in OPERATOR.items())
    with (house.data / "tallystick.toml").open("a") as file:
        file.write(f'[rails.sepa]\nfolder = "{folder}"\n{lines}')
    url = house.office.config.database_url
    with opened(settings(house.data, url)) as office:
        payout(house.store, "cat", PAYEE)
        house.fleet.mark(house.fleet.open("ant", "cat", 9), 10_000)
        (run,) = settlement.settle(office.store, office.keys, office.rails, None, "shell:operator")
        handed = office.rails["sepa"].handed_over()
        made = backup(office, house.data.parent / "one.tar", with_key=True)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {f"run-{run.run}.csv", f"run-{run.run}-pay.xml"}
    shutil.rmtree(folder)
    config = _elsewhere(house, monkeypatch)
    restored = restore(config, made.path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert str(folder / f"run-{run.run}.csv") in restored.files
    with opened(settings(config.data, "")) as office:
        rail = office.rails["sepa"]
        assert [each.id for each in rail.handed_over()] == [f"run-{run.run}-cat"]
        assert rail.handed_over() == handed
    assert folder.stat().st_mode & 0o077 == 0


def test_a_rail_that_is_not_set_up_keeps_nothing_from_being_backed_up(house: House) -> None:
    with (house.data / "tallystick.toml").open("a") as file:
        file.write('[rails.sepa]\nname = "Nobody"\n')
    with (
        opened(settings(house.data, house.office.config.database_url)) as office,
        capture_logs() as logs,
    ):
        backup(office, house.data.parent / "one.tar")
    assert [each["rail"] for each in logs] == ["sepa"]


def test_another_gateways_backup_or_database_is_refused(house: House) -> None:
    made = house.backup()
    other = settings(house.data.parent / "other", "")
    init(other)
    with pytest.raises(ArchiveError, match="key"):
        restore(other, made.path, over_newer=True)


def test_while_a_gateway_serves_nothing_is_restored(house: House) -> None:
    made = house.backup()
    with locked(house.data, alone=False), pytest.raises(AlreadyServing):
        restore(house.office.config, made.path)


@pytest.mark.threat("C5")
def test_a_damaged_database_is_replaced_only_by_name_and_kept(town: Town) -> None:
    path = town.config.sqlite_path
    if path is None:
        pytest.skip("PostgreSQL looks after its own files")
    town.device().meter(10)
    made = town.backup()
    town.stop()
    path.write_bytes(b"SQLite format 3\x00" + bytes(8_000))
    with pytest.raises(WouldLoseNewer, match="can't be read"):
        restore(town.config, made.path)
    done = restore(town.config, made.path, over_newer=True)
    assert done.kept is not None and done.kept.exists()
    assert facts(town) == (2, 0, 10)


def test_books_of_a_newer_program_are_not_replaced(town: Town) -> None:
    made = town.backup()
    with town.store.write() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    town.stop()
    with pytest.raises(SchemaMismatch, match="9999"):
        restore(town.config, made.path, over_newer=True)


def _in_a_process_that_dies(action: Callable[[], object]) -> bool:
    """Run it in a process of its own; whether it came to its end before it was killed."""
    child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(0)
    _pid, status = os.waitpid(child, 0)
    return not os.WIFSIGNALED(status)


def _die_at(step: int) -> Callable[..., None]:
    left = [step]

    def count(*_given: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


@pytest.mark.threat("C6", "C1")
def test_a_restore_killed_at_any_step_leaves_the_old_books_or_the_new(town: Town) -> None:
    """Before and after each file operation, and at the statements in between."""
    pair = town.device()
    pair.meter(10)
    made = town.backup()
    pair.meter(5)
    town.settle()
    town.stop()
    old = facts(town)
    generation, ended, seen, step = 1, False, set(), 0
    stride = 1 if town.config.sqlite_path is not None else 7
    while not ended:
        step += stride
        ended = _in_a_process_that_dies(lambda at=step: _dying_restore(town, made.path, at))
        found = facts(town)
        seen.add(found[0] > generation)
        if found[0] > generation:
            assert found[1:] == (0, 10), f"step {step}"
            generation = found[0]
        elif generation == 1:
            assert found == old, f"step {step}"
        else:
            assert found == (generation, 0, 10), f"step {step}"
    assert seen == {False, True}
    assert step > 5 * stride


def _dying_restore(town: Town, path: Path, step: int) -> None:
    die = _die_at(step)

    def around(name: str) -> None:
        real: Any = getattr(os, name)

        def call(*given: Any, **named: Any) -> Any:
            die()
            result = real(*given, **named)
            die()
            return result

        setattr(os, name, call)

    for name in ("replace", "link", "rename", "fsync"):
        around(name)
    if town.config.sqlite_path is None:
        event.listen(Engine, "before_cursor_execute", die)
    event.listen(Engine, "commit", lambda conn: die(conn))
    restore(town.config, path, over_newer=True)


@pytest.mark.threat("C6")
def test_a_copy_put_back_by_hand_is_seen_and_nothing_is_done_with_it(town: Town) -> None:
    path = town.config.sqlite_path
    if path is None:
        pytest.skip("a file is copied")
    pair = town.device()
    pair.meter(10)
    _beat(town)
    town.stop()
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    town.start()
    pair.meter(5)
    _beat(town)
    town.stop()
    shutil.copy(copy, path)
    with pytest.raises(OlderThanSeen, match="restore --fence"), opened(town.config):
        pass
    assert any(each.check == "history" and each.level == "fail" for each in examine(town.config))
    assert fence_by_hand(town.config).generation == 2
    town.start()
    pair.connect()
    town.keep_house(3)
    town.all_is_accepted()
    town.compare_rail()
    town.lift()


def _beat(town: Town) -> None:
    """What `serve` does every few seconds."""
    with town.store.write() as conn:
        seen = witness.raise_beat(conn)
    witness.note(town.config.data, seen)


def test_a_witness_that_can_not_be_read_is_named(town: Town) -> None:
    town.stop()
    (town.config.data / witness.FILE).write_text("nonsense")
    with pytest.raises(ConfigError, match=r"gateway\.witness: is damaged"), opened(town.config):
        pass


def test_generation_of_books_never_restored_is_one(town: Town) -> None:
    with town.store.read() as conn:
        assert (fence.number(conn), fence.is_up(conn), fence.first_serial(conn)) == (1, False, 0)
        fence.check(conn)
