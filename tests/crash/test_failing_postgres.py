"""Every statement and every commit of a standard run on PostgreSQL fails in turn, by an error, for
want of room, or for a connection that is cut before or after it: nothing that was told is lost, and
what there is in the end is what there is where nothing fails."""

import contextlib
import itertools
import random
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.engine import Store, open_engine, open_store
from tests.crash.faulty_postgres import FAULTS, Faults
from tests.crash.standard import STEPS, Standard
from tests.services import fresh_database
from tests.sizes import size

AT_EACH_STEP = size("postgres_failures", 1, 100_000)
"""So many statements and commits of each step at most fail, each by each fault."""
State = dict[str, list[object]]


class Run:
    """A standard run on PostgreSQL. A step can be played as often as one likes."""

    def __init__(self, server: str, folder: Path) -> None:
        self.faults = Faults()
        self._server = server
        self._names = (f"failing_{uuid.uuid4().hex[:8]}_{number}" for number in itertools.count())
        self._databases = contextlib.ExitStack()
        self._rail, self._files = folder / "rail", folder / "files"
        for each in (self._rail, self._files):
            each.mkdir(parents=True)
        self._before = next(self._names)
        url = self._databases.enter_context(fresh_database(server, self._before))
        self._standard = Standard(open_store(url, upgrade=True))
        self._told: list[tuple[bytes, int]] = []

    def play(self, step: int, nth: int = 0, fault: str = "") -> State:
        """Play a step from where the run stands; what there is after it."""
        with fresh_database(self._server, next(self._names), template=self._before) as url:
            return self._play(url, step, nth, fault)

    def go_on(self, step: int) -> None:
        """Play a step, from whose end the next one begins."""
        name = next(self._names)
        made = fresh_database(self._server, name, template=self._before)
        self._play(self._databases.enter_context(made), step, 0, "")
        self._before = name
        self._told[:] = self._standard.told
        _copy(self._rail, self._files)

    def close(self) -> None:
        """Drop what is left of it."""
        self._databases.close()

    def _play(self, url: str, step: int, nth: int, fault: str) -> State:
        _copy(self._files, self._rail)
        self._standard.told[:] = self._told
        self.faults.fail(nth, fault, lasting=nth % 2 == 0)

        def opened() -> Store:
            return Store(self.faults.into(open_engine(url)), self._standard.clock)

        def over(store: Store) -> None:
            self.faults.mend()
            store.close()

        self._standard.play(opened, self._rail, over, step)
        self.faults.mend()
        store = Store(open_engine(url), self._standard.clock)
        state = self._standard.state(store, self._rail)
        store.close()
        return state


def _copy(folder: Path, to: Path) -> None:
    shutil.rmtree(to)
    shutil.copytree(folder, to)


@pytest.fixture
def run(postgres_url: str, tmp_path: Path) -> Iterator[Run]:
    """The run, of which nothing fails yet."""
    made = Run(postgres_url, tmp_path / "run")
    yield made
    made.close()


@pytest.mark.timeout(600 + 60 * min(AT_EACH_STEP, 200))
# What was read row by row when its connection was cut is closed by nobody.
@pytest.mark.filterwarnings(
    "ignore:.*ServerCursorMixin.__del__:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.threat("C4", "C9", "C10", "C14")
@pytest.mark.parametrize("fault", FAULTS)
def test_c4_each_statement_and_commit_of_postgres_fails_in_turn(run: Run, fault: str) -> None:
    tried = 0
    for step in range(STEPS):
        whole = run.play(step)
        turns = range(1, run.faults.count + 1)
        few = random.Random(f"{fault} {step}").sample(turns, min(AT_EACH_STEP, len(turns)))
        for nth in few:
            state = run.play(step, nth, fault)
            assert state == whole, f"step {step}, {fault} {nth} of {len(turns)}"
        tried += len(few)
        run.go_on(step)
    print(f"{tried} of them failed")
    assert run.faults.happened >= tried
