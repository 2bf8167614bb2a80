"""The ESP32's board with stand-ins for the chip: pulses, the seed, the relay, the watchdog.

What the stand-ins do is what MicroPython's documentation says; a chip itself is not here."""

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from firmware.journal import Journal
from tests.firmware.test_boards import GOOD

PERIOD = 1 << 30


class Chip:
    """What outlives a reset, and what the pins do."""

    def __init__(self) -> None:
        self.now = PERIOD - 1_000  # so that the counter wraps early in every test
        self.flash: dict[str, bytes] = {}
        self.uncommitted: dict[str, bytes] = {}
        self.nvs_fails = False
        self.pins: dict[int, Any] = {}
        self.watchdogs: list[int] = []
        self.radio = False
        self.joins = True
        self.joined: list[tuple[str, str]] = []

    def ticks_ms(self) -> int:
        return self.now % PERIOD

    def level(self, number: int, level: int, after: int, seen: bool = True) -> None:
        """An edge, `after` milliseconds from the one before; `seen` if the handler runs for it."""
        self.now += after
        pin = self.pins[number]
        pin.level = level
        if seen:
            pin.handler(pin)


def ticks_diff(later: int, earlier: int) -> int:
    return (later - earlier + PERIOD // 2) % PERIOD - PERIOD // 2


def modules(chip: Chip) -> dict[str, ModuleType]:
    class Pin:
        IN, OUT, PULL_UP, IRQ_FALLING, IRQ_RISING = 1, 3, 2, 2, 1

        def __init__(self, number: int, mode: int, pull: int = 0, value: int = 1) -> None:
            self.level = value
            self.handler: Callable[[Pin], None] | None = None
            chip.pins[number] = self

        def value(self, level: int | None = None) -> int:
            self.level = self.level if level is None else level
            return self.level

        def irq(self, handler: "Callable[[Pin], None]", trigger: int) -> None:
            assert trigger == Pin.IRQ_FALLING | Pin.IRQ_RISING
            self.handler = handler

    class WDT:
        def __init__(self, timeout: int) -> None:
            chip.watchdogs.append(timeout)

        def feed(self) -> None:
            pass

    class NVS:
        def __init__(self, namespace: str) -> None:
            self._prefix = namespace + "/"

        def get_blob(self, key: str, buffer: bytearray) -> int:
            if chip.nvs_fails:
                raise OSError(-0x1105, "ESP_ERR_NVS_NOT_ENOUGH_SPACE")
            if self._prefix + key not in chip.flash:
                raise OSError(-0x1102, "ESP_ERR_NVS_NOT_FOUND")
            blob = chip.flash[self._prefix + key]
            buffer[: len(blob)] = blob
            return len(blob)

        def set_blob(self, key: str, value: bytes) -> None:
            assert chip.radio, "the chip's random source is a true one only with the radio on"
            chip.uncommitted[self._prefix + key] = bytes(value)

        def commit(self) -> None:
            chip.flash.update(chip.uncommitted)

    class WLAN:
        def __init__(self, interface: int) -> None:
            self._connected = False

        def active(self, on: bool) -> None:
            chip.radio = on

        def isconnected(self) -> bool:
            chip.now += 100
            return self._connected

        def disconnect(self) -> None:
            pass

        def connect(self, ssid: str, password: str) -> None:
            chip.joined.append((ssid, password))
            self._connected = chip.joins

        def status(self) -> int:
            return 201

    made = {}
    for name, members in {
        "machine": {"Pin": Pin, "WDT": WDT},
        "esp32": {"NVS": NVS},
        "network": {"WLAN": WLAN, "STA_IF": 0},
    }.items():
        made[name] = ModuleType(name)
        made[name].__dict__.update(members)
    return made


@pytest.fixture
def chip() -> Chip:
    return Chip()


@pytest.fixture
def power_on(
    chip: Chip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Any]]:
    """Makes the board, as after every reset."""
    for name, module in modules(chip).items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(time, "ticks_ms", chip.ticks_ms, raising=False)
    monkeypatch.setattr(time, "ticks_diff", ticks_diff, raising=False)
    monkeypatch.setattr(time, "ticks_add", lambda a, b: (a + b) % PERIOD, raising=False)
    (tmp_path / "settings.json").write_text(
        json.dumps(
            {**GOOD, "pulse_units": 10, "wifi_ssid": "net", "wifi_password": "pass", "tls_ca": ""}
        )
    )
    module = importlib.import_module("firmware.boards.esp32")

    yield lambda: module.Esp32(str(tmp_path))
    # It was imported with the stand-ins in place.
    del sys.modules["firmware.boards.esp32"]


def test_a_bouncing_contact_counts_once_a_pulse(chip: Chip, power_on: Callable[[], Any]) -> None:
    board = power_on()
    for number in range(1, 101):
        chip.level(4, 0, after=40)
        for level in (1, 0, 1, 0):  # bounces, closing
            chip.level(4, level, after=1)
        chip.level(4, 1, after=40)
        for level in (0, 1, 0, 1):  # and opening
            chip.level(4, level, after=1)
        assert board.meter() == number * 10


def test_a_bounce_whose_last_edge_is_passed_over_costs_no_pulse(
    chip: Chip, power_on: Callable[[], Any]
) -> None:
    board = power_on()
    chip.level(4, 0, after=40)
    chip.level(4, 1, after=5)  # too soon: passed over, though the contact stays open
    assert board.meter() == 10
    chip.now += 200
    assert board.meter() == 10
    chip.level(4, 0, after=40)
    assert board.meter() == 20


def test_a_pulse_after_weeks_of_quiet_is_counted(chip: Chip, power_on: Callable[[], Any]) -> None:
    board = power_on()
    for _ in range(14 * 24):  # the counter wraps after twelve days
        chip.now += 3_600_000
        assert board.meter() == 0
        # At any of these hours: the next pulse is neither lost nor doubled.
    chip.level(4, 0, after=1)
    chip.level(4, 1, after=40)
    assert board.meter() == 10


def test_the_seed_is_made_once_for_good(chip: Chip, power_on: Callable[[], Any]) -> None:
    seed = power_on().seed()
    assert len(seed) == 32
    chip.radio = False
    assert power_on().seed() == seed
    assert list(chip.flash.values()) == [seed]


def test_a_seed_that_cannot_be_read_is_not_replaced(
    chip: Chip, power_on: Callable[[], Any]
) -> None:
    seed = power_on().seed()
    chip.nvs_fails = True
    with pytest.raises(OSError, match="NVS"):
        power_on().seed()
    chip.nvs_fails = False
    assert power_on().seed() == seed


def test_the_journal_is_there_after_a_reset(power_on: Callable[[], Any]) -> None:
    journal = Journal(power_on().slots())
    assert journal.load() is None
    journal.save(b"first")
    journal.save(b"second")
    assert Journal(power_on().slots()).load() == b"second"


def test_the_relay_is_off_until_it_is_told(chip: Chip, power_on: Callable[[], Any]) -> None:
    board = power_on()
    assert chip.pins[5].level == 0
    board.relay(True)
    assert chip.pins[5].level == 1
    power_on()
    assert chip.pins[5].level == 0


def test_the_watchdog_starts_with_the_application(chip: Chip, power_on: Callable[[], Any]) -> None:
    board = power_on()
    board.seed()
    assert chip.watchdogs == []
    board.alive()
    board.alive()
    assert chip.watchdogs == [60_000]


def test_a_network_that_does_not_answer_is_given_up(
    chip: Chip, power_on: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    chip.joins = False
    board = power_on()

    async def sleep_ms(duration: int) -> None:
        chip.now += duration

    monkeypatch.setattr(board, "sleep_ms", sleep_ms)
    with pytest.raises(OSError, match="Wi-Fi"):
        asyncio.run(board.open_stream())
    assert chip.joined == [("net", "pass")]
