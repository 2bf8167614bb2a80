"""Real MicroPython runs the firmware's own application, against the real gateway and the real
broker: it streams IOUs, loses its power in mid-stream, and what it metered is what is settled."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from simulator import scene
from tests.e2e.stage import READING_PRICE, Stage, stage
from tests.micropython import interpreter
from tests.micropython.install import installed

RATE = 60
"""Units a second while the relay is on: about what MicroPython can sign here beside all else."""
SECONDS = 60
PORTION = 50 * READING_PRICE
"""What a channel opens with, and is topped up by: less than what is metered between two resets."""


class Device:
    """A device's process, its meter running while it lives."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.last: dict[str, Any] = {}

    def _until(self, reached: str, units: int) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.startswith("{"):
                continue
            self.last = json.loads(line)
            if self.last["total"] - (self.last["unpaid"] if reached == "paid" else 0) >= units:
                return
        raise AssertionError(f"it ended; last: {self.last}")

    def pay(self, units: int) -> None:
        """Wait until so many units are acknowledged."""
        self._until("paid", units)

    def meter(self, units: int) -> None:
        """Wait until so many units are metered."""
        self._until("metered", units)

    def cut_power(self) -> None:
        """It ends in mid-sentence."""
        self._process.kill()
        self._process.wait(SECONDS)

    def end_load(self) -> int:
        """The load is taken away; when all is paid the device ends. What it metered, in units."""
        out, _ = self._process.communicate(timeout=SECONDS)
        for line in out.splitlines():
            if line.startswith("{"):
                self.last = json.loads(line)
        assert self._process.returncode == 0, out
        return int(self.last["total"])


@contextmanager
def powered(folder: Path, files: Path) -> Iterator[Device]:
    """The device of this board folder, switched on."""
    node, modules = installed()
    program = str(interpreter.HERE / "device.mjs")
    process = subprocess.Popen(
        [*node, program, str(modules), str(folder), str(RATE)],
        cwd=files,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Device(process)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def installation(data_folder: Path) -> Iterator[Stage]:
    """The product, running."""
    with stage(data_folder) as built:
        yield built


@pytest.fixture
def board(installation: Stage, tmp_path: Path) -> Path:
    """The folder of a board that is registered and has its settings."""
    folder = tmp_path / "board"
    folder.mkdir()
    seed = os.urandom(32)
    (folder / "device.key").write_bytes(seed)
    with installation.api() as api:
        made = api.post(
            "/v1/devices",
            {
                "public_key": bytes(SigningKey(seed).verify_key).hex(),
                "account_id": scene.SENSORS[0],
                "name": "real MicroPython",
            },
        )
    settings = {
        "broker_host": installation.broker.host,
        "broker_port": installation.broker.port,
        "password": made["mqtt"]["password"],
        "gateway_key": made["gateway_key"],
        "unit": scene.READINGS.unit,
        "capacity": scene.READINGS.capacity,
        "topup": PORTION,
        "poll_ms": 10,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    return folder


@pytest.mark.threat("C11")
def test_micropython_streams_is_cut_off_in_mid_stream_and_what_it_metered_is_settled(
    installation: Stage, board: Path, tmp_path: Path
) -> None:
    files = interpreter.stage(tmp_path / "files")
    with powered(board, files) as device:
        device.pay(50)
        device.cut_power()
    with powered(board, files) as device:
        device.meter(120)
        device.cut_power()
    with powered(board, files) as device:
        device.pay(180)
        metered = device.end_load()
    assert metered >= 180
    price = metered * READING_PRICE
    # One channel, topped up as it went.
    assert list(installation.marks().values()) == [(price, metered)]
    assert price > PORTION
    with installation.api() as api:
        (run,) = api.post("/v1/settlements", {})["runs"]
        positions = api.get(f"/v1/settlements/{run['run']}")["positions"]
    assert {each["account"]: int(each["net"]["amount"]) for each in positions} == {
        scene.SENSORS[0]: price,
        scene.PAYEE: -price,
    }
    assert installation.command("books") == 0
