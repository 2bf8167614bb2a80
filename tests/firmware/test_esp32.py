"""The ESP32's board with stand-ins for the chip: pulses, the seed, the relay, the watchdog.

What the stand-ins do is what MicroPython's documentation says; a chip itself is not here."""

import asyncio
import calendar
import contextlib
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from firmware import status
from firmware.boards import NoNetwork
from firmware.journal import Journal
from tests.firmware.test_boards import GOOD
from tests.firmware.test_meters import answer

PERIOD = 1 << 30
EPOCH = 946_684_800


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
        self.ntp: int | None = None
        self.clock = 0  # seconds since 2000, as at every power-on
        self.counters: dict[int, int] = {}
        self.to_uart: list[bytes] = []
        self.from_uart = b""
        self.woken = False
        self.radio_starts = 0

    def ticks_ms(self) -> int:
        return self.now % PERIOD

    def level(self, number: int, level: int, after: int, seen: bool = True) -> None:
        """An edge, `after` milliseconds from the one before; `seen` if the handler runs for it."""
        self.now += after
        pin = self.pins[number]
        pin.level = level
        if seen:
            pin.handler(pin)


class Asleep(Exception):
    """The chip is off, for so many milliseconds."""


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

    class Counter:
        FALLING = 2

        def __init__(self, unit: int, pin: Pin, edge: int, filter_ns: int) -> None:
            assert edge == Counter.FALLING and filter_ns < 12_800  # all that its filter can
            chip.counters[unit] = 0
            self._unit = unit

        def value(self) -> int:
            return chip.counters[self._unit]

    class UART:
        def __init__(self, unit: int, baud: int, tx: int, rx: int, timeout: int) -> None:
            assert (baud, timeout) == (9600, 0)

        def read(self) -> bytes | None:
            data, chip.from_uart = chip.from_uart, b""
            return data or None

        def write(self, data: bytes) -> int:
            chip.to_uart.append(bytes(data))
            return len(data)

    def deepsleep(duration: int) -> None:
        raise Asleep(duration)

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

        def get_i32(self, key: str) -> int:
            if self._prefix + key not in chip.flash:
                raise OSError(-0x1102, "ESP_ERR_NVS_NOT_FOUND")
            return int.from_bytes(chip.flash[self._prefix + key], "big")

        def set_i32(self, key: str, value: int) -> None:
            chip.uncommitted[self._prefix + key] = value.to_bytes(4, "big")

        def commit(self) -> None:
            chip.flash.update(chip.uncommitted)

    class WLAN:
        def __init__(self, interface: int) -> None:
            self._connected = False

        def active(self, on: bool) -> None:
            chip.radio_starts += on and not chip.radio
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

    class RTC:
        def datetime(self, given: tuple[int, ...]) -> None:
            year, month, day, _weekday, hour, minute, second, _ = given
            chip.clock = calendar.timegm((year, month, day, hour, minute, second)) - EPOCH

    def settime() -> None:
        if chip.ntp is None:
            raise OSError(116)
        chip.clock = chip.ntp - EPOCH

    made = {}
    for name, members in {
        "machine": {
            "Pin": Pin,
            "WDT": WDT,
            "RTC": RTC,
            "Counter": Counter,
            "UART": UART,
            "DEEPSLEEP_RESET": 4,
            "reset_cause": lambda: 4 if chip.woken else 1,
            "deepsleep": deepsleep,
        },
        "ntptime": {"settime": settime},
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
    module = importlib.import_module("firmware.boards.esp32")

    def start(**changes: object) -> Any:
        usual = {
            **GOOD,
            "pulse_units": 10,
            "wifi_ssid": "net",
            "wifi_password": "pass",
            "tls_ca": "",
            "insecure": True,
        }
        (tmp_path / "settings.json").write_text(json.dumps({**usual, **changes}))
        return module.Esp32(str(tmp_path))

    yield start
    # They were imported with the stand-ins in place.
    for name in ("esp32", "esp32_network", "esp32_pulses"):
        del sys.modules["firmware.boards." + name]


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
    assert list(chip.flash.values()).count(seed) == 1


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
    assert chip.pins[25].level == 0
    board.relay(True)
    assert chip.pins[25].level == 1
    power_on()
    assert chip.pins[25].level == 0


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


def test_a_radio_that_hangs_is_started_anew_and_the_network_comes_back(
    chip: Chip, power_on: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    chip.joins = False
    board = power_on()

    async def sleep_ms(duration: int) -> None:
        chip.now += duration

    async def open_tcp(_host: str, _port: int, _tls: object) -> str:
        return "a stream"

    monkeypatch.setattr(board, "sleep_ms", sleep_ms)
    monkeypatch.setattr(sys.modules["firmware.boards.esp32"], "open_tcp", open_tcp)
    for _ in range(6):
        with pytest.raises(NoNetwork):
            asyncio.run(board.open_stream())
    assert chip.radio_starts == 2
    chip.joins = True
    assert asyncio.run(board.open_stream()) == "a stream"


def test_the_chips_counter_counts_where_there_is_one(
    chip: Chip, power_on: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    board = power_on(meter="counter")
    chip.counters[0] = 7
    assert board.meter() == 70
    chip.counters[0] = 40_000
    assert board.meter() == 400_000
    chip.counters[0] = -5  # wrapped: what was counted stays
    assert board.meter() == 400_000
    chip.counters[0] = 5
    assert board.meter() == 400_100
    monkeypatch.delattr(sys.modules["machine"], "Counter")
    board = power_on(meter="counter")
    chip.level(4, 0, after=40)
    assert board.meter() == 10


def test_an_energy_meter_is_read_over_its_uart(chip: Chip, power_on: Callable[..., Any]) -> None:
    board = power_on(meter="pzem")
    for energy in (123_456, 123_456, 123_459):
        while not chip.to_uart:
            board.meter()
            chip.now += 100
        chip.to_uart.clear()
        chip.from_uart = answer(energy)
        board.meter()
        chip.now += 2_000
    assert board.meter() == 3


def test_the_lamp_shows_what_the_device_does(
    chip: Chip, power_on: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    board = power_on(led_pin=2)
    assert chip.pins[2].level == 0
    board.show(status.DELIVERING)
    assert chip.pins[2].level == 1
    levels = set()
    for _ in range(40):
        chip.now += 100
        board.show(status.NO_BROKER)
        levels.add(chip.pins[2].level)
    assert levels == {0, 1}
    assert capsys.readouterr().out == (
        "tallystick: delivering\ntallystick: no connection to the broker\n"
    )


@pytest.mark.parametrize("shown", status.DELIVERS)
def test_a_button_stops_the_load_until_it_is_pressed_again(
    chip: Chip, power_on: Callable[..., Any], capsys: pytest.CaptureFixture[str], shown: int
) -> None:
    board = power_on(button_pin=0)
    chip.pins[0].level = 1

    def press() -> int:
        for level in (0, 0, 1, 1):
            chip.pins[0].level = level
            board.relay(True)
            chip.now += 50
        board.show(shown)
        return int(chip.pins[25].level)

    assert press() == 0
    assert "held" in capsys.readouterr().out
    assert press() == 1


def test_a_board_that_restarts_over_and_over_leaves_the_load_off_for_a_while(
    chip: Chip, power_on: Callable[..., Any]
) -> None:
    """As one does whose supply gives way each time that the relay closes."""
    for _ in range(3):
        board = power_on()
        board.relay(True)
        assert chip.pins[25].level == 1
    board = power_on()
    board.relay(True)
    assert chip.pins[25].level == 0
    chip.now += 60_000
    board.relay(True)
    assert chip.pins[25].level == 1
    chip.now += 600_000
    board.alive()
    power_on().relay(True)
    assert chip.pins[25].level == 1


def test_a_board_on_batteries_counts_its_waking_pays_and_sleeps(
    chip: Chip, power_on: Callable[..., Any]
) -> None:
    board = power_on(meter="wake", sleep_s=900, pulse_units=1)
    board.relay(False)
    board.rest(True)
    assert board.meter() == 0  # nothing is done that may not be
    board.relay(True)
    assert (board.meter(), board.meter()) == (1, 1)
    board.rest(False)
    with pytest.raises(Asleep, match="900000"):
        board.rest(True)
    chip.woken = True
    board = power_on(meter="wake", sleep_s=900, pulse_units=1)
    chip.now += 120_000  # no connection all the while
    with pytest.raises(Asleep):
        board.rest(False)


def test_a_board_in_a_bay_counts_the_seconds_in_which_a_car_stays_and_takes_nothing(
    chip: Chip, power_on: Callable[..., Any]
) -> None:
    board = power_on(meter="idle", unit="s", taken_pin=15, idle_after_s=10)
    board.relay(True)

    def passed(seconds: int) -> int:
        for _ in range(seconds):
            chip.now += 1_000
            found = int(board.meter())
        return found

    assert passed(30) == 0  # nobody is there
    chip.pins[15].level = 0
    assert passed(11) == 0
    assert passed(20) == 20
    chip.level(4, 0, 100)
    assert passed(11) == 20
    assert passed(5) == 25
    board.relay(False)  # what its channel does not let it count
    assert passed(30) == 25


def test_a_board_that_sleeps_often_does_not_count_it_as_restarting(
    chip: Chip, power_on: Callable[..., Any]
) -> None:
    chip.woken = True
    for _ in range(20):
        board = power_on(meter="wake", sleep_s=900)
    board.relay(True)
    assert chip.pins[25].level == 1


MAY = 1_777_000_000
DAY = 86_400


@pytest.fixture
def clocked(chip: Chip, monkeypatch: pytest.MonkeyPatch) -> Chip:
    """A chip whose clock the board reads and sets; connections are counted by the time they had."""

    class Time:
        """The chip's module `time`, whose seconds begin in 2000."""

        ticks_ms = staticmethod(chip.ticks_ms)
        ticks_diff = staticmethod(ticks_diff)
        ticks_add = staticmethod(lambda a, b: (a + b) % PERIOD)
        time = staticmethod(lambda: chip.clock)
        gmtime = staticmethod(lambda seconds: time.gmtime(seconds + EPOCH)[:8])

    module = importlib.import_module("firmware.boards.esp32")
    monkeypatch.setattr(module, "time", Time)
    monkeypatch.setattr(sys.modules["firmware.boards.esp32_network"], "time", Time)
    monkeypatch.setattr(module, "client_context", lambda settings: settings.tls_ca or None)
    return chip


def connects(chip: Chip, board: Any, good: bool = True) -> int:
    """The time, in Unix seconds, by which a connection's certificate is checked."""

    async def open_tcp(_host: str, _port: int, tls: object) -> None:
        assert tls == "/ca.der"
        if not good:
            raise OSError("certificate has expired")

    sys.modules["firmware.boards.esp32"].open_tcp = open_tcp  # type: ignore[attr-defined]
    board.settings.tls_ca = "/ca.der"
    with contextlib.suppress(OSError):
        asyncio.run(board.open_stream())
    return chip.clock + EPOCH


@pytest.mark.threat("T2", "N9")
def test_t2_a_board_without_a_clock_checks_certificates_by_ntp(
    power_on: Callable[[], Any], clocked: Chip
) -> None:
    clocked.ntp = MAY
    assert connects(clocked, power_on()) == MAY


@pytest.mark.threat("T2", "N9")
def test_t2_ntp_can_not_set_a_board_back_behind_what_its_gateway_has_signed(
    power_on: Callable[[], Any], clocked: Chip
) -> None:
    power_on().learn_time(MAY)
    clocked.clock, clocked.ntp = 0, MAY - 400 * DAY
    assert connects(clocked, power_on()) == MAY


@pytest.mark.threat("T2", "N9")
def test_t2_without_ntp_what_the_gateway_has_signed_is_the_time(
    power_on: Callable[[], Any], clocked: Chip
) -> None:
    board = power_on()
    assert connects(clocked, board) == EPOCH  # nothing is known: no certificate is valid yet
    board.learn_time(MAY)
    clocked.clock = 0
    assert connects(clocked, power_on()) == MAY


@pytest.mark.threat("T2")
def test_t2_a_connection_that_fails_asks_ntp_anew_and_a_good_one_does_not(
    power_on: Callable[[], Any], clocked: Chip
) -> None:
    board = power_on()
    clocked.ntp = MAY + 3_000 * DAY
    connects(clocked, board, good=False)
    clocked.ntp = MAY
    assert connects(clocked, board) == MAY
    clocked.ntp = MAY + 3_000 * DAY
    assert connects(clocked, board) == MAY


@pytest.mark.threat("T1", "T2")
def test_t1_a_gateway_that_was_once_years_ahead_leaves_no_board_behind(
    power_on: Callable[[], Any], clocked: Chip
) -> None:
    power_on().learn_time(MAY)
    board = power_on()
    for _ in range(1_000):
        board.learn_time(MAY + 3_650 * DAY)
    clocked.ntp = MAY
    assert connects(clocked, power_on()) <= MAY + 30 * DAY
