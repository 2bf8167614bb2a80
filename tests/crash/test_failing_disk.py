"""Every operation of a standard run that changes a disk fails in turn, by an error or for want of
room, once or from then on, and then the power goes: nothing that was told is lost, and what there
is in the end is what there is where nothing fails."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from gateway.store.engine import Store, open_engine, open_store
from gateway.store.resync import under_the_lock
from simulator.world.disk import DiskFault
from simulator.world.disk_vfs import SqliteDisk
from tests.crash.standard import STEPS, Standard
from tests.sizes import size

FULL = size("disk_full", 12, 100_000)
FILE = "gateway.db"
LOG = f"{FILE}-wal"
State = dict[str, list[object]]


class Run:
    """A standard run on a disk that can fail. A step can be played as often as one likes."""

    def __init__(self, disk: SqliteDisk, folder: Path) -> None:
        folder.mkdir()
        self.disk = disk
        self.failures = 0
        self._rail = folder / "rail"
        self._rail.mkdir()
        path = folder / FILE
        self.bounds: dict[str, int] = {}
        """How many operations there were when the process had begun, and when the step was done."""
        self._standard = Standard(open_store(f"sqlite:///{path}", upgrade=True))
        self._standard.progress = self._note
        self._before = path.read_bytes()
        self._told: list[tuple[bytes, int]] = []
        self._files = folder / "files"
        self._files.mkdir()

    def play(self, step: int, fault: Callable[[], None], name: str = "") -> State:
        """Play a step from where the run stands, with a fault set; what there is after it."""
        random = Random(f"{step} {name}")
        _copy(self._files, self._rail)
        for each in self.disk.names():
            self.disk.delete(each, synced=True)
        self.disk.put(FILE, self._before)
        self.disk.counts.clear()
        self._standard.told[:] = self._told
        fault()
        self._standard.play(self._opened, self._rail, lambda store: self._over(store, random), step)
        # Whatever is there must be there for good.
        self.disk.mend()
        self.disk.power_cut(random)
        store = self._opened()
        state = self._standard.state(store, self._rail)
        store.close()
        return state

    def go_on(self) -> None:
        """The step that was played last is done: the next begins where it ended."""
        self._before = self.disk.durable(FILE)
        self._told[:] = self._standard.told
        _copy(self._rail, self._files)

    def operations(self, step: int) -> range:
        """Those operations of the step just played that are its own: of some steps also those by
        which a process begins and ends."""
        if step in (0, STEPS // 2, STEPS - 1):
            return range(1, self.disk.counts["any"] + 1)
        return range(self.bounds["begun"] + 1, self.bounds["done"] + 1)

    def _note(self, what: str) -> None:
        self.bounds[what] = self.disk.counts["any"]

    def _opened(self) -> Store:
        # As `open_store` does, save that it need not look at the schema: it takes long.
        engine = open_engine(self.disk.url(FILE))
        under_the_lock(engine, self._log, self._write_log)
        return Store(engine, self._standard.clock)

    def _log(self) -> bytes:
        return self.disk.content(LOG) if self.disk.exists(LOG) else b""

    def _write_log(self, content: bytes) -> None:
        file = self.disk.open(LOG, create=False)
        assert file is not None
        try:
            self.disk.write(file, 0, content)
            self.disk.sync(LOG, file)
        except DiskFault as fault:
            raise OSError(str(fault)) from fault

    def _over(self, store: Store, random: Random) -> None:
        """The process can't write and ends, in good order or not, and often the power with it."""
        self.failures += 1
        if random.random() < 0.5:
            store.close()
        if random.random() < 0.5:
            self.disk.power_cut(random)
        else:
            self.disk.crash()
        store.close()
        self.disk.mend()


def _copy(folder: Path, to: Path) -> None:
    shutil.rmtree(to)
    shutil.copytree(folder, to)


@pytest.fixture
def run(disk: SqliteDisk, tmp_path: Path) -> Run:
    """The run, on a disk that is whole."""
    return Run(disk, tmp_path / "run")


@pytest.mark.timeout(600)
@pytest.mark.threat("C3", "C4", "C14")
@pytest.mark.parametrize("code", ["io", "full"])
def test_c4_each_write_and_sync_of_sqlite_fails_in_turn(run: Run, code: str) -> None:
    operations = 0
    for step in range(STEPS):
        whole = run.play(step, lambda: None)
        turns = run.operations(step)
        if code == "full":
            turns = turns[:: max(1, -(-len(turns) // FULL))]
        operations += len(turns)
        for number, nth in enumerate(turns):

            def fail(nth: int = nth, lasting: bool = number % 2 == 0) -> None:
                run.disk.fail("any", nth, code, lasting=lasting)

            state = run.play(step, fail, f"{code} {nth}")
            assert state == whole, f"step {step}, operation {nth}"
        assert run.play(step, lambda: None) == whole
        run.go_on()
    print(f"{operations} operations, {run.failures} ended a process")
    assert run.failures > operations // 2
