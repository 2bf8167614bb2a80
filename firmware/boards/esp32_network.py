"""Wi-Fi of an ESP32, and its clock, which certificates are checked by.

What may live here: being on the network, and the best that is known of the time. Nothing that is
money rests on either.
"""

import time

import machine
import network
import ntptime

from firmware.boards import NoNetwork
from firmware.known_time import KnownTime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

JOIN_MS = 20_000
FAILURES = 5
"""So many attempts in a row that came to nothing, and the radio is switched off and on."""

_EPOCH = 946_684_800
"""Unix seconds at which the chip's own time begins: the year 2000."""


class Wifi:
    """The network that a board joins. It comes back by itself: by the chip's own attempts while the
    board waits for the next one to connect, and by a new start of the radio if those do nothing."""

    def __init__(self, ssid: str, password: str) -> None:
        self._ssid = ssid
        self._password = password
        self._wlan = network.WLAN(network.STA_IF)
        self._failures = 0

    def switch_on(self) -> None:
        """Have the radio on, and so a true random source."""
        self._wlan.active(True)

    async def join(
        self, now_ms: "Callable[[], int]", sleep_ms: "Callable[[int], Awaitable[None]]"
    ) -> None:
        """Be on the network within 20 seconds. Raises NoNetwork."""
        wlan = self._wlan
        wlan.active(True)
        if wlan.isconnected():
            self._failures = 0
            return
        if self._failures >= FAILURES:
            # It happens that the radio itself hangs.
            self._failures = 0
            wlan.active(False)
            wlan.active(True)
        # An attempt that still goes on would refuse a second one.
        wlan.disconnect()
        wlan.connect(self._ssid, self._password)
        start = now_ms()
        while not wlan.isconnected():
            if now_ms() - start > JOIN_MS:
                self._failures += 1
                raise NoNetwork("Wi-Fi: not connected, status " + str(wlan.status()))
            await sleep_ms(100)
        self._failures = 0


class Clock:
    """The chip's clock. `path` is a file that keeps the earliest that it can be."""

    def __init__(self, path: str) -> None:
        self._known = KnownTime(path)
        self._is_set = False

    def learn(self, seconds: int, now_ms: int) -> None:
        """The gateway has signed this time; `now_ms` is a clock that never goes back."""
        self._known.learn(seconds, now_ms)

    def doubt(self) -> None:
        """A connection failed, perhaps for the time: what NTP said once need not be what it says
        now."""
        self._is_set = False

    def set(self) -> None:
        """Give the chip's clock the best that is known: what NTP says, which proves nothing, and
        never less than what the gateway has signed. Certificates are checked by it either way."""
        if self._is_set:
            return
        earliest = self._known.earliest()
        try:
            ntptime.settime()
            self._is_set = True
        except (OSError, IndexError):
            # No answer, or none that is one: the clock stays as it is.
            pass
        seconds = max(int(time.time()), earliest - _EPOCH)
        year, month, day, hour, minute, second, weekday, _ = time.gmtime(seconds)
        machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
