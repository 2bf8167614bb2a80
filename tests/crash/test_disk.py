"""The simulated disk itself: that it loses what a real one may lose, and nothing that it may not,
so that what the other campaigns find is the gateway's doing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from random import Random

import pytest

from gateway.store.engine import assert_durable
from simulator.world.disk import SECTOR, Disk, DiskFault
from simulator.world.disk_vfs import SqliteDisk

SEEDS = 40


@contextmanager
def database(disk: SqliteDisk, synchronous: str = "FULL") -> Iterator[sqlite3.Connection]:
    """A connection with the gateway's settings, save how it syncs."""
    with closing(disk.connect("a.db")) as connection:
        connection.isolation_level = None
        assert_durable(connection)
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint=8")
        connection.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, text TEXT)")
        yield connection


def rows(disk: SqliteDisk) -> list[int]:
    """What is there; whole, or the test fails."""
    with closing(disk.connect("a.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [n for (n,) in connection.execute("SELECT n FROM t ORDER BY n")]


def commit_until_it_fails(connection: sqlite3.Connection, most: int) -> int:
    """Insert 1, 2, 3 ..., each in a transaction; how many commits succeeded."""
    for number in range(1, most + 1):
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO t VALUES (?, ?)", (number, "x" * 3000))
            connection.execute("COMMIT")
        except sqlite3.OperationalError:
            return number - 1
    return most


@pytest.mark.threat("C3")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_c3_a_power_cut_takes_no_commit_that_was_synced(disk: SqliteDisk, seed: int) -> None:
    random = Random(seed)
    with database(disk) as connection:
        disk.fail("any", random.randint(1, 160), lasting=True)
        committed = commit_until_it_fails(connection, 40)
        disk.power_cut(random)
    disk.mend()
    # The one that failed may have reached the disk: its outcome was never said.
    assert rows(disk) in (list(range(1, committed + 1)), list(range(1, committed + 2)))


def test_a_power_cut_takes_commits_that_were_not_synced(disk: SqliteDisk) -> None:
    """Were it not so, the campaigns would prove nothing."""
    lost = 0
    for seed in range(SEEDS):
        with database(disk, synchronous="NORMAL") as connection:
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute("DELETE FROM t")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            commit_until_it_fails(connection, 3)
            disk.power_cut(Random(seed))
        kept = rows(disk)
        assert kept == list(range(1, len(kept) + 1))
        lost += len(kept) < 3
    assert 0 < lost < SEEDS


def test_a_process_that_dies_leaves_all_that_it_wrote(disk: SqliteDisk) -> None:
    with database(disk, synchronous="OFF") as connection:
        commit_until_it_fails(connection, 5)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (99, '')")
        disk.crash()
        with pytest.raises(sqlite3.OperationalError):
            connection.execute("COMMIT")
        # Its locks died with it.
        with database(disk) as other:
            other.execute("INSERT INTO t VALUES (6, '')")
    assert rows(disk) == [1, 2, 3, 4, 5, 6]


def test_after_a_failed_sync_a_later_one_does_not_make_it_durable() -> None:
    disk = Disk(Random(3))
    file = disk.open("a", create=True)
    assert file is not None
    disk.write(file, 0, b"old!" * SECTOR)
    disk.sync("a", file)
    disk.write(file, 0, b"new!" * SECTOR)
    disk.fail("sync", 1)
    with pytest.raises(DiskFault):
        disk.sync("a", file)
    disk.sync("a", file)
    assert disk.content("a") == b"new!" * SECTOR
    assert disk.durable("a") != disk.content("a")


def test_an_unsynced_write_is_kept_torn_or_lost_by_sectors() -> None:
    seen = set()
    for seed in range(60):
        disk = Disk(Random(seed))
        file = disk.open("a", create=True)
        assert file is not None
        disk.write(file, 0, b"o" * 3 * SECTOR)
        disk.sync("a", file)
        disk.write(file, 100, b"n" * 2 * SECTOR)
        disk.power_cut()
        content = disk.content("a")
        assert len(content) == 3 * SECTOR
        assert content[:100] == b"o" * 100
        assert content[100 + 2 * SECTOR :] == b"o" * (SECTOR - 100)
        parts = [content[100:SECTOR], content[SECTOR : 2 * SECTOR], content[2 * SECTOR :][:100]]
        seen.add(tuple("torn" if len(set(part)) > 1 else part[:1].decode() for part in parts))
    assert {("o", "o", "o"), ("n", "n", "n")} < seen
    assert any("torn" in each for each in seen)
    assert any({"o", "n"} <= set(each) for each in seen)


def test_names_and_ends_of_files_are_not_sure_before_a_sync() -> None:
    new, gone = set(), set()
    for seed in range(30):
        disk = Disk(Random(seed))
        disk.put("old", b"1")
        disk.open("new", create=True)
        disk.delete("old", synced=False)
        disk.power_cut()
        new.add(disk.exists("new"))
        gone.add(disk.exists("old"))
    assert new == gone == {True, False}


def test_writers_wait_for_each_other_and_readers_for_nobody(disk: SqliteDisk) -> None:
    with database(disk) as one, database(disk) as two:
        two.execute("PRAGMA busy_timeout=0")
        one.execute("BEGIN IMMEDIATE")
        one.execute("INSERT INTO t VALUES (1, '')")
        assert two.execute("SELECT count(*) FROM t").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            two.execute("BEGIN IMMEDIATE")
        one.execute("COMMIT")
        two.execute("BEGIN IMMEDIATE")
        two.execute("INSERT INTO t VALUES (2, '')")
        two.execute("COMMIT")
    assert rows(disk) == [1, 2]


def test_a_full_disk_says_so_and_works_again_when_there_is_room(disk: SqliteDisk) -> None:
    with database(disk) as connection:
        disk.fail("write", 1, "full", lasting=True)
        with pytest.raises(sqlite3.OperationalError, match="full"):
            connection.execute("INSERT INTO t VALUES (1, '')")
        disk.mend()
        connection.execute("INSERT INTO t VALUES (2, '')")
    assert rows(disk) == [2]


def test_one_seed_gives_the_same_bytes(disk: SqliteDisk) -> None:
    images = []
    for _ in range(2):
        again = SqliteDisk(Random(5), now=lambda: 1_800_000_000.25)
        with database(again) as connection:
            commit_until_it_fails(connection, 20)
            (now,) = connection.execute("SELECT strftime('%s', 'now'), random()").fetchall()
            images.append(([again.content(name) for name in again.names()], now))
            assert now[0] == "1800000000"
        again.close()
    assert images[0] == images[1]


def test_a_flipped_bit_is_found(disk: SqliteDisk) -> None:
    with database(disk) as connection:
        commit_until_it_fails(connection, 5)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    disk.flip("a.db", 8 * (4096 + 3) + 1)  # the count of cells on the first page of a table
    with closing(disk.connect("a.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]
