"""An ESP32 under MicroPython 1.24 or newer: its pins, its store of keys, its watchdog.

The load's relay is on while `relay_pin` is high; a lamp on `led_pin` shows `firmware.status`, and a
button between `button_pin` and ground stops the load. Pulses and network are in files beside this
one. What anything of it means in money is decided elsewhere.
"""

import asyncio
import os
import time

import esp32
import machine

from firmware import status as states
from firmware.boards.esp32_network import Clock, Wifi
from firmware.boards.esp32_pulses import pulse_input
from firmware.button import Button
from firmware.clock import Ticks
from firmware.journal import FileSlots
from firmware.meters.pzem import BAUD, Pzem
from firmware.nvs_slots import NOT_FOUND, NvsSlots
from firmware.once import settings_of
from firmware.restarts import GOOD_MS, held_ms
from firmware.stream import TcpStream, open_tcp
from firmware.tls import client_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.identity import Native
    from firmware.journal import Slots

WATCHDOG_MS = 60_000
"""Longer than looking up a name, a TLS handshake and a few signatures together."""
AWAKE_MS = 120_000
"""How long a board that sleeps tries to have everything paid before it sleeps all the same."""

_STORE = "tallystick"


def seed(root: str = "") -> bytes:
    """The secret in NVS, made the first time. Raises OSError; a secret that is there but can't be
    read is never replaced."""
    store = esp32.NVS(_STORE)
    kept = bytearray(32)
    try:
        size = store.get_blob("seed", kept)
    except OSError as error:
        if error.args[0] != NOT_FOUND:
            raise
        # The chip's random source is a true one only while the radio is on.
        Wifi("", "").switch_on()
        store.set_blob("seed", os.urandom(32))
        store.commit()
        size = store.get_blob("seed", kept)
    if size != 32:
        raise OSError("seed: must be 32 bytes, and is not")
    return bytes(kept)


class Esp32:
    """The board. `root` is the folder of its own file system, without the slash at its end."""

    def __init__(self, root: str = "") -> None:
        self._root = root
        with open(root + "/settings.json") as file:
            settings = self.settings = settings_of(file.read())
        self._relay = machine.Pin(settings.relay_pin, machine.Pin.OUT, value=0)
        self._ticks = Ticks(time.ticks_ms, time.ticks_diff)
        self._lamp = None
        if settings.led_pin >= 0:
            self._lamp = machine.Pin(settings.led_pin, machine.Pin.OUT, value=0)
        self._contact = None
        if settings.button_pin >= 0:
            pull = machine.Pin.PULL_UP
            self._contact = machine.Pin(settings.button_pin, machine.Pin.IN, pull)
        self._button = Button()
        self._pulses = None
        self._pzem = None
        if settings.meter == "pzem":
            uart = machine.UART(
                settings.uart, BAUD, tx=settings.uart_tx, rx=settings.uart_rx, timeout=0
            )
            self._pzem = Pzem(uart, self.now_ms)
        elif settings.meter != "wake":
            self._pulses = pulse_input(settings.pulse_pin, settings.meter == "counter")
        self._idle = None
        if settings.meter == "idle":
            # Loaded by those that use it: a board's memory is scarce.
            from firmware.meters.idle import IdleMeter

            self._idle = IdleMeter(settings.idle_after_s * 1_000)
            self._taken = machine.Pin(settings.taken_pin, machine.Pin.IN, machine.Pin.PULL_UP)
        self._woken = 0
        self._wifi = Wifi(settings.wifi_ssid, settings.wifi_password)
        self._clock = Clock(root + "/time")
        self._watchdog: machine.WDT | None = None
        self._shown = -1
        self._on = False
        self._starts = 0
        self._held_until = self._count_start()

    def seed(self) -> bytes:
        """The secret in NVS. Raises OSError."""
        return seed(self._root)

    def native(self) -> "Native | None":
        """None: MicroPython offers no Ed25519 of the chip's."""
        return None

    def slots(self, name: str = "journal") -> "Slots":
        """Two files on LittleFS, or two blobs in NVS if the settings say so."""
        # Not NVS by default: its six sectors, which it shares with the seed and Wi-Fi, bear a
        # million records, LittleFS's 450 or so twenty-five million. And what harms one of the two
        # then doesn't harm the other.
        if self.settings.journal == "nvs":
            return NvsSlots(esp32.NVS(_STORE), name)
        if "journal" not in os.listdir(self._root + "/"):
            os.mkdir(self._root + "/journal")
        return FileSlots(self._root + "/journal", name)

    def random_bytes(self, size: int) -> bytes:
        """From the chip; truly random while Wi-Fi is on."""
        return os.urandom(size)

    def random_below(self, limit: int) -> int:
        """Of 32 random bits."""
        return int.from_bytes(os.urandom(4), "big") % limit

    def now_ms(self) -> int:
        """Since power-on, about."""
        return self._ticks.now_ms()

    async def sleep_ms(self, duration: int) -> None:
        """Wait."""
        await asyncio.sleep(duration / 1000)

    def meter(self) -> int:
        """Pulses, in units; or the seconds without any; or what the energy meter tells; or, for a
        board that sleeps, one unit once the load may be served. Raises MeterSilent."""
        if self._pzem is not None:
            return self._pzem.units()
        if self._idle is not None and self._pulses is not None:
            taken = self._on and self._taken.value() == 0
            return int(self._idle.look(self._pulses.pulses(), taken, self.now_ms()))
        if self._pulses is not None:
            return int(self._pulses.pulses()) * self.settings.pulse_units
        if self._on and not self._woken:
            self._woken = self.settings.pulse_units
        return self._woken

    def relay(self, on: bool) -> None:
        """Set the pin, unless the load is held off here: by the button, or after many restarts."""
        if self._contact is not None:
            self._button.read(self._contact.value() == 0, self.now_ms())
        self._on = on and not self._is_held()
        self._relay.value(1 if self._on else 0)

    def _is_held(self) -> bool:
        return self._button.stopped or self.now_ms() < self._held_until

    async def open_stream(self) -> TcpStream:
        """Wi-Fi, the time if TLS needs it, and TCP. Raises OSError, NoNetwork."""
        await self._wifi.join(self.now_ms, self.sleep_ms)
        settings = self.settings
        if settings.tls_ca:
            self._clock.set()
        tls = client_context(settings)
        try:
            return await open_tcp(settings.broker_host, settings.broker_port, tls)
        except OSError:
            self._clock.doubt()
            raise

    def learn_time(self, seconds: int) -> None:
        """Kept in flash as the earliest that it can be at the next power-on."""
        self._clock.learn(seconds, self.now_ms())

    def alive(self) -> None:
        """Feed the watchdog, which is started the first time: at the REPL there is none."""
        if self._watchdog is None:
            self._watchdog = machine.WDT(timeout=WATCHDOG_MS)
        self._watchdog.feed()
        if self._starts and self.now_ms() >= GOOD_MS:
            self._keep_starts(0)

    def show(self, status: int) -> None:
        """On the lamp, and a line of text for each change."""
        if status in states.DELIVERS and self._is_held():
            status = states.HELD
        if self._lamp is not None:
            self._lamp.value(1 if states.lit(status, self.now_ms()) else 0)
        if status != self._shown:
            self._shown = status
            print("tallystick: " + states.TEXTS[status])

    def rest(self, paid: bool) -> None:
        """Sleep if the settings say so and this waking is done, or has lasted too long. What is to
        be remembered is in flash; the chip starts anew."""
        if not self.settings.sleep_s or not ((paid and self._woken) or self.now_ms() >= AWAKE_MS):
            return
        if paid and self._starts:
            self._keep_starts(0)
        machine.deepsleep(self.settings.sleep_s * 1000)

    def stopping(self) -> bool:
        """Never."""
        return False

    def _count_start(self) -> int:
        """Until when the load is held off, in milliseconds of `now_ms`."""
        if machine.reset_cause() == machine.DEEPSLEEP_RESET:
            return 0
        try:
            starts = esp32.NVS(_STORE).get_i32("starts")
        except OSError:
            starts = 0
        self._keep_starts(starts + 1)
        return held_ms(self._starts)

    def _keep_starts(self, starts: int) -> None:
        self._starts = starts
        store = esp32.NVS(_STORE)
        store.set_i32("starts", starts)
        store.commit()


BOARD = Esp32
