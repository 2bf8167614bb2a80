"""An ESP32 under MicroPython 1.24 or newer.

The meter is an S0 or open-collector output between `pulse_pin` and ground, pulled up inside; the
relay is on while `relay_pin` is high. What the pins mean in money is decided elsewhere.
"""

import asyncio
import os
import time

import esp32
import machine
import network
import ntptime

from firmware.clock import Ticks
from firmware.journal import FileSlots
from firmware.known_time import KnownTime
from firmware.settings import Settings, parse
from firmware.stream import TcpStream, open_tcp
from firmware.tls import client_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.identity import Native
    from firmware.journal import Slots

DEBOUNCE_MS = 10
"""How long a contact may bounce. S0 outputs are on, and off, for at least 30 ms."""

WIFI_SECONDS = 20
WATCHDOG_MS = 60_000
"""Longer than looking up a name, a TLS handshake and a few signatures together."""

_NVS_NOT_FOUND = -0x1102
_DAY_MS = 86_400_000
_EPOCH = 946_684_800
"""Unix seconds at which the chip's own time begins: the year 2000."""


class PulseInput:
    """Counts the times that a pin went low and stayed there."""

    def __init__(self, pin: int) -> None:
        self._pin = machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)
        self._low = self._pin.value() == 0
        self._changed = time.ticks_ms()
        self._pulses = 0
        self._pin.irq(handler=self._edge, trigger=machine.Pin.IRQ_FALLING | machine.Pin.IRQ_RISING)

    def _edge(self, pin: machine.Pin) -> None:
        # No allocation here: small integers and attributes that exist already.
        now = time.ticks_ms()
        low = pin.value() == 0
        if low == self._low or time.ticks_diff(now, self._changed) < DEBOUNCE_MS:
            return
        self._low = low
        self._changed = now
        if low:
            self._pulses += 1

    def pulses(self) -> int:
        """Since this was made; to be read more often than every six days."""
        since = time.ticks_diff(time.ticks_ms(), self._changed)
        # The last edge of a bounce may have been passed over: then the pin is high, no edge tells
        # so, and the next pulse would be missed. Only the way back to high is taken here, so that
        # no pulse is counted twice if the handler runs in between.
        if self._low and since >= DEBOUNCE_MS and self._pin.value() == 1:
            self._low = False
        if since > _DAY_MS:
            # The counter of milliseconds wraps: left alone, this would come to lie in the future.
            self._changed = time.ticks_add(self._changed, _DAY_MS - DEBOUNCE_MS)
        return self._pulses


class Esp32:
    """The board. `root` is the folder of its own file system, without the slash at its end."""

    def __init__(self, root: str = "") -> None:
        self._root = root
        with open(root + "/settings.json") as file:
            self.settings: Settings = parse(file.read())
        self._relay = machine.Pin(self.settings.relay_pin, machine.Pin.OUT, value=0)
        self._pulses = PulseInput(self.settings.pulse_pin)
        self._clock = Ticks(time.ticks_ms, time.ticks_diff)
        self._wifi = network.WLAN(network.STA_IF)
        self._watchdog: machine.WDT | None = None
        self._known = KnownTime(root + "/time")
        self._clock_set = False

    def seed(self) -> bytes:
        """The secret in NVS, made the first time. Raises OSError; a secret that is there but
        can't be read is never replaced."""
        store = esp32.NVS("tallystick")
        kept = bytearray(32)
        try:
            size = store.get_blob("seed", kept)
        except OSError as error:
            if error.args[0] != _NVS_NOT_FOUND:
                raise
            # The chip's random source is a true one only while the radio is on.
            self._wifi.active(True)
            store.set_blob("seed", self.random_bytes(32))
            store.commit()
            size = store.get_blob("seed", kept)
        if size != 32:
            raise OSError("seed: must be 32 bytes, and is not")
        return bytes(kept)

    def native(self) -> "Native | None":
        """None: MicroPython offers no Ed25519 of the chip's."""
        return None

    def slots(self) -> "Slots":
        """Two files on LittleFS."""
        # Not NVS: its 24 KB, shared with Wi-Fi, are six sectors, and a record of 2 KB fills half of
        # one, so that 100 000 erasures of each are gone after about a million records: 12 days at
        # one a second. LittleFS spreads the same over all that is free of (usually) 2 MB, some 450
        # sectors, one a record: over a year at one a second. It never overwrites in place: a write
        # that power loss cuts short leaves the file as it was. The seed, which is written once,
        # lies in NVS: what harms one of the two doesn't harm the other.
        if "journal" not in os.listdir(self._root + "/"):
            os.mkdir(self._root + "/journal")
        return FileSlots(self._root + "/journal")

    def random_bytes(self, size: int) -> bytes:
        """From the chip; truly random while Wi-Fi is on."""
        return os.urandom(size)

    def random_below(self, limit: int) -> int:
        """Of 32 random bits."""
        return int.from_bytes(os.urandom(4), "big") % limit

    def now_ms(self) -> int:
        """Since power-on, about."""
        return self._clock.now_ms()

    async def sleep_ms(self, duration: int) -> None:
        """Wait."""
        await asyncio.sleep(duration / 1000)

    def meter(self) -> int:
        """Pulses, in units."""
        return self._pulses.pulses() * self.settings.pulse_units

    def relay(self, on: bool) -> None:
        """Set the pin."""
        self._relay.value(1 if on else 0)

    async def open_stream(self) -> TcpStream:
        """Wi-Fi, the time if TLS needs it, and TCP. Raises OSError."""
        await self._join()
        settings = self.settings
        if settings.tls_ca and not self._clock_set:
            self._set_clock()
        tls = client_context(settings)
        try:
            return await open_tcp(settings.broker_host, settings.broker_port, tls)
        except OSError:
            # It may be for the time: what NTP said once need not be what it says now.
            self._clock_set = False
            raise

    def learn_time(self, seconds: int) -> None:
        """Kept in flash as the earliest that it can be at the next power-on."""
        self._known.learn(seconds, self.now_ms())

    def _set_clock(self) -> None:
        """Give the chip's clock the best that is known: what NTP says, which proves nothing, and
        never less than what the gateway has signed. Certificates are checked by it either way."""
        earliest = self._known.earliest()
        try:
            ntptime.settime()
            self._clock_set = True
        except (OSError, IndexError):
            # No answer, or none that is one: the clock stays as it is.
            pass
        seconds = max(int(time.time()), earliest - _EPOCH)
        year, month, day, hour, minute, second, weekday, _ = time.gmtime(seconds)
        machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))

    async def _join(self) -> None:
        """Be on the Wi-Fi network within 20 seconds."""
        wifi = self._wifi
        wifi.active(True)
        if wifi.isconnected():
            return
        # An attempt that still goes on would refuse a second one.
        wifi.disconnect()
        wifi.connect(self.settings.wifi_ssid, self.settings.wifi_password)
        start = self.now_ms()
        while not wifi.isconnected():
            if self.now_ms() - start > WIFI_SECONDS * 1000:
                raise OSError("Wi-Fi: not connected, status " + str(wifi.status()))
            await self.sleep_ms(100)

    def alive(self) -> None:
        """Feed the watchdog, which is started the first time: at the REPL there is none."""
        if self._watchdog is None:
            self._watchdog = machine.WDT(timeout=WATCHDOG_MS)
        self._watchdog.feed()

    def stopping(self) -> bool:
        """Never."""
        return False
