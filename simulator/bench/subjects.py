"""What is measured, in processes of its own: the gateway as operators run it, and the baseline.

Both get the same broker, the same settings of it, and a database on the same disk.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from simulator.bench.loader import LoadError
from simulator.broker import Broker, start_broker

LOADER = "loader"
PASSWORD = "bench-" + "0" * 32
_READY_SECONDS = 60.0
_PRICE = 300
_CAPACITY = 10**12
_LIFETIME = 86_400

_LOADER_RULES = """
user loader
topic write tally/1/+/+/up/+
topic read tally/1/+/+/down/+
"""


@dataclass(frozen=True)
class Payer:
    """One device of the load: a key of its own and, at the gateway, an open channel."""

    key: SigningKey
    id: str
    channel: bytes

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of `message`."""
        return self.key.sign(message).signature


def _tallystick(data: Path, *words: str) -> str:
    """Run a command of the program on this data folder; what it printed as JSON."""
    command = [sys.executable, "-m", "gateway.cli", "--data", str(data), "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise LoadError(f"tallystick {' '.join(words)} failed: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def installation(data: Path) -> Iterator[tuple[Broker, str]]:
    """A new gateway's data folder with its broker running; the broker and the admin token.

    The load generator gets a login of its own, which may speak for all devices: the broker's rules
    for real devices are untouched, and this login exists in a bench's folder alone.
    """
    made = json.loads(_tallystick(data, "init"))
    hashed = (data / "broker" / "passwords").read_text().splitlines()
    password = (data / "broker" / "gateway.password").read_text().strip()
    gateway_line = next(line for line in hashed if line.startswith("gateway:"))
    # The loader's password is the gateway's: one hash serves both names.
    passwords = [*hashed, LOADER + gateway_line.removeprefix("gateway")]
    (data / "broker" / "passwords").write_text("\n".join(passwords) + "\n")
    with (data / "broker" / "acl").open("a") as rules:
        rules.write(_LOADER_RULES)
    with start_broker(data) as broker:
        yield broker, json.dumps({"token": made["admin_token"], "password": password})


@contextmanager
def process(command: list[str], ready: str) -> Iterator[subprocess.Popen[str]]:
    """A child process, once it has printed a line that begins with `ready`."""
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ
    )
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            line = child.stdout.readline() if child.stdout is not None else ""
            if line.startswith(ready):
                yield child
                return
            if not line and child.poll() is not None:
                break
        raise LoadError(f"{command[1:4]} did not become ready")
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
