"""A process that has imported the gateway and forks one whenever it is told to: it can be killed
and started again hundreds of times.

A line on standard input, `POINT NTH`, starts a gateway that ends itself there (`- 0`: nowhere).
Answers are lines too: `born PID`, and when it has ended `died STATUS` (negative: the signal).
"""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

from simulator.gateway_process import GatewayFailed, GatewayProcess

NOWHERE = ("-", 0)
_READY_SECONDS = 60.0


class NurseryGateway(GatewayProcess):
    """`tallystick serve`, forked; `doom` is where the next one that is started ends by itself."""

    def __init__(self, data: Path, broker_port: int, *options: str) -> None:
        self.doom = NOWHERE
        self.status: int | None = None
        self._pid = 0
        ready = data / "serve.ready"
        words = ["--data", str(data), "serve", "--ready-file", str(ready)]
        words += ["--broker-port", str(broker_port), "--api-port", "0", *options]
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.nursery", str(data / "serve.log"), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Unbuffered: what was read ahead `select` would not see.
            bufsize=0,
            start_new_session=True,
        )
        super().__init__(data, broker_port, *options)

    @property
    def pid(self) -> int:
        """The gateway's process id, not the nursery's."""
        return self._pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        if self.status is None and self._said(0):
            self._hear_of_its_end()
        return self.status is None

    def signal(self, number: int) -> None:
        """Send it a signal. Its number is its own until the nursery has told of its end."""
        if self.alive:
            os.kill(self._pid, number)

    def kill(self) -> None:
        """End it with kill -9."""
        self.signal(9)
        self._wait()

    def stop(self) -> int:
        """Ask it to end, and wait; its exit status."""
        self.signal(15)
        self._wait()
        return self.status or 0

    def close(self) -> None:
        """End it, and the nursery."""
        if self.alive:
            self.kill()
        with self._nursery as nursery:
            nursery.kill()

    def _start(self) -> "subprocess.Popen[bytes]":
        ready = self.data / "serve.ready"
        ready.unlink(missing_ok=True)
        self._tell("{} {}".format(*self.doom))
        self._pid = int(self._line().removeprefix("born "))
        self.status = None
        until = time.monotonic() + _READY_SECONDS
        while not ready.exists():
            if not self.alive and self.doom == NOWHERE:
                raise GatewayFailed(f"it ended; see {self.log}")
            if not self.alive:
                break
            if time.monotonic() > until:
                raise GatewayFailed(f"it did not become ready; see {self.log}")
            time.sleep(0.01)
        else:
            self.url = ready.read_text().strip()
        return self._nursery

    def _wait(self) -> None:
        if self.status is None:
            self._hear_of_its_end()

    def _hear_of_its_end(self) -> None:
        self.status = int(self._line().removeprefix("died "))

    def _tell(self, line: str) -> None:
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(line.encode() + b"\n")
        self._nursery.stdin.flush()

    def _said(self, seconds: float) -> bool:
        return bool(select.select([self._nursery.stdout], [], [], seconds)[0])

    def _line(self) -> str:
        if not self._said(_READY_SECONDS):
            raise GatewayFailed("the nursery says nothing")
        assert self._nursery.stdout is not None
        return self._nursery.stdout.readline().decode().strip()


def main(log: str, words: list[str]) -> int:
    """The nursery's loop; ends with its standard input."""
    import gateway.cli
    import gateway.serve
    from tests.crash import doom

    # A life here is short: what is due is looked for as often as there is something to be cut off.
    gateway.serve._LOOK_SECONDS = 0.5
    for line in iter(sys.stdin.buffer.readline, b""):
        point, nth = line.decode().split()
        child = os.fork()
        if child == 0:
            os.setsid()
            for number in (1, 2):
                os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), number)
            if int(nth):
                doom.install(point, int(nth))
            gateway.cli.main(words)
            os._exit(1)
        _say(f"born {child}")
        _, status = os.waitpid(child, 0)
        _say(f"died {os.waitstatus_to_exitcode(status)}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
