"""What every measurement runs against: a broker, a gateway as operators run it, and payers; and how
it says on what machine that was.
"""

import os
import platform
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from simulator.bench import subjects
from simulator.bench.subjects import Payer
from simulator.broker import Broker, start_broker
from simulator.gateway_process import GatewayProcess, tallystick_json
from tallystick import Api


@dataclass(frozen=True)
class Parts:
    """The parts of one installation; `key` is the gateway's public key."""

    data: Path
    broker: Broker
    gateway: GatewayProcess
    payers: list[Payer]
    key: bytes


@contextmanager
def installation(devices: int) -> Iterator[Parts]:
    """A gateway on SQLite with its broker and so many registered devices."""
    with tempfile.TemporaryDirectory(prefix="tallystick-bench-") as name:
        Path(name).chmod(0o711)
        data = Path(name) / "data"
        made = tallystick_json(data, "init")
        # Far more than a device would say, and than it may.
        with (data / "tallystick.toml").open("a") as settings:
            settings.write("device_rate = 100000\ndevice_burst = 1000000\n")
        with start_broker(data) as broker, GatewayProcess(data, broker.port) as gateway:
            with Api(gateway.url, made["admin_token"]) as api:
                payers = subjects.register(api, devices)
            subjects.admit_loader(data, broker)
            yield Parts(data, broker, gateway, payers, bytes.fromhex(made["gateway_key"]))


def machine() -> dict[str, object]:
    """The machine and the versions, for a report."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": {
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            **{name: version(name) for name in ("paho-mqtt", "pynacl", "sqlalchemy")},
        },
    }
