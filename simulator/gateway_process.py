"""The gateway as a process of its own, and its command line: how the simulator uses the product."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

_READY_SECONDS = 60.0
_STOP_SECONDS = 40.0
_COMMAND = (sys.executable, "-m", "gateway.cli")


class GatewayFailed(Exception):
    """The gateway did not start, or a command failed; the text holds what it said."""


def _run(data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [*_COMMAND, "--data", str(data), "--json", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def tallystick(data: Path, *words: str) -> int:
    """Run a command of the program on this data folder; its exit status."""
    return _run(data, *words).returncode


def tallystick_json(data: Path, *words: str) -> Any:
    """What a command answers as JSON. Raises GatewayFailed."""
    done = _run(data, *words)
    if done.returncode != 0:
        raise GatewayFailed(f"tallystick {' '.join(words)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


class GatewayProcess:
    """`tallystick serve` on a data folder, ready when the constructor returns; a context manager
    that stops it. `log` holds what it said."""

    def __init__(self, data: Path, broker_port: int, *options: str) -> None:
        self.data = data
        self.log = data / "serve.log"
        self.url = ""
        self._options = ("--broker-port", str(broker_port), "--api-port", "0", *options)
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def stop(self) -> int:
        """Ask it to end, and wait; its exit status."""
        self._process.terminate()
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9
        except KeyboardInterrupt:
            # Nobody waits for it any more, and nobody else would end it.
            self.kill()
            raise

    def kill(self) -> None:
        """End it with kill -9."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Start it again on the same folder; the API may be on another port. Raises
        GatewayFailed."""
        self._process = self._start()

    def __enter__(self) -> "GatewayProcess":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.alive:
            self.stop()

    def _start(self) -> "subprocess.Popen[bytes]":
        ready = self.data / "serve.ready"
        ready.unlink(missing_ok=True)
        command = [*_COMMAND, "--data", str(self.data), "serve", "--ready-file", str(ready)]
        process = None
        try:
            # Ctrl-C in the midst of starting it would leave a process that nobody knows of.
            with self.log.open("ab") as log, _interrupts_put_off():
                # A session of its own, so that Ctrl-C reaches it through us, in order.
                process = subprocess.Popen(
                    [*command, *self._options],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=os.environ,
                    start_new_session=True,
                )
            if url := _url_when_ready(process, ready):
                self.url = url
                return process
        except KeyboardInterrupt:
            if process is not None:
                process.kill()
                process.wait()
            raise
        process.kill()
        process.wait()
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        raise GatewayFailed(f"the gateway did not become ready; the end of {self.log}:\n{tail}")


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Let SIGINT and SIGTERM take effect at the end; they only ever do in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    before = {
        number: signal.signal(number, lambda *given: came.append(given))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for arrived, frame in came:
        now = before[signal.Signals(arrived)]
        if callable(now):
            now(arrived, frame)


def _url_when_ready(process: "subprocess.Popen[bytes]", ready: Path) -> str:
    """Its API's URL, once it serves; empty if it ended, or is not ready in time."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if ready.exists() and (url := ready.read_text().strip()):
            return url
        time.sleep(0.05)
    return ""
