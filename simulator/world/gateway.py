"""The machine that the gateway runs on: starts it, kills it, starts it again as a supervisor would.

Its clock is the database's clock. What the gateway does is in `process`, and in `gateway/`.
"""

from sqlalchemy.exc import SQLAlchemyError

from gateway.keys import GatewayKeys
from simulator.world.broker import Broker
from simulator.world.clock import Clock
from simulator.world.faults import Faults
from simulator.world.process import Process
from simulator.world.storage import POINTS, Storage
from simulator.world.watch import Watch

BEGAN = 1_800_000_000
"""Unix seconds when the world began."""
_RESTART_MS = 2_000


class GatewayMachine:
    """One machine, with one gateway on it at most times."""

    def __init__(
        self,
        storage: Storage,
        keys: GatewayKeys,
        clock: Clock,
        broker: Broker,
        watch: Watch,
        faults: Faults,
    ) -> None:
        self.storage = storage
        self.keys = keys
        self._clock = clock
        self._broker = broker
        self._watch = watch
        self._faults = faults
        self._ahead_s = 0
        self._started = 0
        self._cause = "gateway_killed"
        self.processes: list[Process] = []
        self.restart_ms = _RESTART_MS

    def now_s(self) -> int:
        """Unix seconds by this machine's clock."""
        # No clock that a system takes goes back behind 1970.
        return max(0, BEGAN + self._clock.now // 1000 + self._ahead_s)

    # What is done to it

    def start(self) -> None:
        """Start the gateway, unless one runs."""
        if not self.processes:
            self.start_another()

    def start_another(self) -> None:
        """Start a gateway on this database, whether one runs or not."""
        self._started += 1
        try:
            process = Process(
                f"gateway-{self._started}",
                self.storage,
                self.keys,
                self._clock,
                self._broker,
                self._watch,
                self.now_s,
                self._died,
            )
        except SQLAlchemyError:
            self._clock.after(_RESTART_MS, self.start)
            return
        if self.processes:
            self._faults.took_effect("second_gateway")
        self.processes.append(process)
        self._watch.trace.note(self._clock.now, f"gateway {process.name} starts")
        process.connect()

    def kill(self, down_ms: int = _RESTART_MS) -> None:
        """kill -9 now; its supervisor starts it again after `down_ms`."""
        self.restart_ms = down_ms
        for process in list(self.processes):
            self._cause = "gateway_killed"
            process.end("killed")

    def kill_at(self, point: str, after: int = 0, down_ms: int = _RESTART_MS) -> None:
        """kill -9 at a point of `storage.POINTS`, or at a `publish`, after so many more of them."""
        self.restart_ms = down_ms
        for process in self.processes:
            if point in POINTS:
                process.traps.set(point, after)
                self._cause = (
                    "gateway_killed_after_commit"
                    if point == "after_commit"
                    else "gateway_killed_in_step"
                )
            else:
                process.speak_after = after
                self._cause = "gateway_killed_speaking"

    def lose_power(self, down_ms: int = _RESTART_MS) -> None:
        """Lose power now, with all that was not synced."""
        self.restart_ms = down_ms
        self._cut_power()
        for process in list(self.processes):
            self._cause = "gateway_killed"
            process.end("killed")

    def lose_power_at(self, point: str, after: int = 0, down_ms: int = _RESTART_MS) -> None:
        """Lose power at a point of `storage.POINTS`, after so many more of them."""
        self.restart_ms = down_ms
        for process in self.processes:
            process.traps.set(point, after, self._cut_power)

    def _cut_power(self) -> None:
        if self.storage.lose_power():
            self._faults.took_effect("power_loss")

    def fail_disk(self, what: str, after: int = 0) -> None:
        """Let the disk's `write` or `sync` after so many more fail."""
        self.storage.fail(what, after)

    def stall(self, milliseconds: int) -> None:
        """Let it stand still for a while."""
        for process in self.processes[-1:]:
            self._faults.took_effect("gateway_stalled")
            process.stall(milliseconds)

    def jump_clock(self, seconds: int) -> None:
        """Its clock jumps, forward or back."""
        self._ahead_s += seconds
        self._faults.took_effect("gateway_clock")

    def right_clock(self) -> None:
        """Its clock is right again."""
        self._ahead_s = 0

    def rotate(self, seed: bytes) -> bytes:
        """Another key follows its newest; processes use it from their start on. The new public
        key."""
        self.keys = self.keys.followed_by(seed, self.now_s())
        return self.keys.public

    def retire(self, public: bytes) -> None:
        """A key that was followed is deleted; processes that run still have it."""
        self.keys = self.keys.without(public)

    # What happens by itself

    def _died(self, process: Process, why: str) -> None:
        self.processes.remove(process)
        if why == "killed":
            self._faults.took_effect(self._cause)
            self._cause = "gateway_killed"
        elif why == "fenced":
            self._faults.took_effect("gateway_fenced")
        self._clock.after(self.restart_ms, self.start)

    def keep_house(self) -> None:
        """The upkeep of each gateway that runs."""
        for process in list(self.processes):
            process.keep_house()

    @property
    def current(self) -> Process | None:
        """The gateway that was started last, if one runs."""
        return self.processes[-1] if self.processes else None

    @property
    def idle(self) -> bool:
        """Whether exactly one runs, and nothing waits in it."""
        return len(self.processes) == 1 and self.processes[0].idle
