"""What the state machines share: how long they run, and a new database for each run of one."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

from gateway.keys import GatewayKeys
from gateway.store.engine import Clock as StoreClock
from gateway.store.engine import Store, open_store
from tests.ingest.parties import Clock, Gateway
from tests.sizes import size
from tests.store.migrated import migrated

STEPS = size("machine_steps", 30, 200)
"""Steps of one run."""
EXAMPLES = size("machine_examples", 8, 2_000)
"""Runs of one machine."""

MACHINE = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    # Explaining a failure runs it many times more; the shrunken steps say enough.
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)
"""The same runs each time; a failure prints its steps as a program."""


class Folder:
    """A folder with a database, gone when the run is over."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="tallystick-machine-"))
        migrated(self.path / "gateway.db")

    def store(self, clock: StoreClock | None = None) -> Store:
        """The database, opened anew."""
        return open_store(f"sqlite:///{self.path / 'gateway.db'}", clock=clock)

    def gateway(self) -> Gateway:
        """The hot path on it, with accounts and a tariff."""
        clock = Clock()
        return Gateway(self.store(clock), clock, GatewayKeys(bytes(range(32))))

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.path, ignore_errors=True)
