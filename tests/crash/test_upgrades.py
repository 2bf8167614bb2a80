"""An upgrade of each older version's database ends at any of its statements, and is done again: the
database is as if nothing had happened, before and after."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.exc import DBAPIError

from gateway.config import load
from gateway.operations.office import init
from gateway.store.engine import open_store
from tests.crash import older
from tests.crash.between import between
from tests.crash.faulty_postgres import cut
from tests.services import fresh_database
from tests.sizes import size

KILLS = size("upgrade_kills", 2, 100_000)
"""At most so many of the statements of one upgrade are where it ends."""
OLDER = older.VERSIONS[:-1]

pytestmark = pytest.mark.threat("C12", "C14")


def chosen(version: str, count: int) -> list[int]:
    """Which statements, of so many."""
    numbers = range(1, count + 1)
    return random.Random(version).sample(numbers, min(KILLS, count))


@contextmanager
def before_each(hook: Callable[[Connection, int], None]) -> Iterator[None]:
    """Call `hook` before each statement with its number, and before each commit, in this thread."""
    count = 0

    def reached(conn: Connection, *_given: object) -> None:
        nonlocal count
        count += 1
        hook(conn, count)

    names = ("before_cursor_execute", "commit")
    for name in names:
        event.listen(Engine, name, reached)
    try:
        yield
    finally:
        for name in names:
            event.remove(Engine, name, reached)


def upgrade(url: str) -> None:
    open_store(url, upgrade=True).close()


def statements(url: str) -> int:
    """Upgrade a database; how many statements and commits it takes."""
    numbers = [0]
    with before_each(lambda _conn, number: numbers.append(number)):
        upgrade(url)
    return numbers[-1]


class Nursery:
    """`tallystick init` on one data folder, forked again and again."""

    def __init__(self, data: Path) -> None:
        self.config = load(data)
        self.key = init(self.config).public_key
        words = ["--data", str(data), "init"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.nursery", str(data / "init.log"), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout

    def run(self, point: str, nth: int) -> int:
        """The status with which it ends; negative: by that signal."""
        self._in.write(f"{point} {nth}\n")
        self._in.flush()
        self._out.readline()
        return int(self._out.readline().removeprefix("died "))

    def close(self) -> None:
        with self._process:
            self._process.kill()


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """`tallystick init` on a folder that is made."""
    made = Nursery(tmp_path_factory.mktemp("nursery") / "data")
    yield made
    made.close()


@pytest.mark.timeout(600 + 3 * min(KILLS, 500))
@pytest.mark.parametrize("version", OLDER)
def test_c12_an_upgrade_that_is_killed_anywhere_is_made_again(
    nursery: Nursery, tmp_path: Path, version: str
) -> None:
    path, url = nursery.config.sqlite_path, nursery.config.database_url
    assert path is not None

    def put(database: Path) -> None:
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()
        shutil.copy(database, path)

    old = tmp_path / "old.db"
    older.make(f"sqlite:///{old}", version, nursery.key)
    before = older.everything(f"sqlite:///{old}")
    put(old)
    assert nursery.run("-", 0) == 0
    after = older.everything(url)
    assert before != after
    put(old)
    count = statements(url)
    for nth in chosen(version, count):
        put(old)
        assert nursery.run("MainThread:database", nth) == -9, f"{nth} of {count}"
        assert older.everything(url) in (before, after)
        assert nursery.run("-", 0) == 0
        assert older.everything(url) == after, f"{nth} of {count}"


@pytest.mark.timeout(600 + 3 * min(KILLS, 500))
@pytest.mark.parametrize("version", OLDER)
def test_c12_an_upgrade_whose_connection_is_cut_anywhere_is_made_again(
    postgres_url: str, version: str
) -> None:
    name = f"upgrade_{version}_{os.getpid()}"

    @contextmanager
    def copy(number: int) -> Iterator[str]:
        with fresh_database(postgres_url, f"{name}_{number}", template=name) as url:
            yield url

    with fresh_database(postgres_url, name) as old:
        older.make(old, version, bytes(32))
        before = older.everything(old)
        with copy(0) as url:
            count = statements(url)
            after = older.everything(url)
        assert before != after
        for nth in chosen(version, count):

            def fail(conn: Connection, number: int, nth: int = nth) -> None:
                if number == nth:
                    driver = conn.connection.driver_connection
                    assert isinstance(driver, psycopg.Connection)
                    cut(driver)

            with copy(nth) as url:
                with before_each(fail), pytest.raises(DBAPIError):
                    upgrade(url)
                assert older.everything(url) in (before, after), f"{nth} of {count}"
                upgrade(url)
                assert older.everything(url) == after, f"{nth} of {count}"


@pytest.mark.threat("C9")
@pytest.mark.parametrize("version", [OLDER[0], OLDER[-1]])
def test_c9_an_upgrade_whose_commit_is_not_answered_is_made_once(
    postgres_url: str, version: str
) -> None:
    with fresh_database(postgres_url, f"answer_{version}_{os.getpid()}") as url:
        older.make(url, version, bytes(32))
        real = make_url(url)
        with between(real.host or "127.0.0.1", real.port or 5432) as proxy:
            through = real.set(host="127.0.0.1", port=proxy.port)
            proxy.lose_commits(1)
            with pytest.raises(DBAPIError):
                upgrade(through.render_as_string(hide_password=False))
            assert proxy.lost == 1
        after = older.everything(url)
        upgrade(url)
        assert older.everything(url) == after
