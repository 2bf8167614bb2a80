"""The energy meter PZEM-004T, version 3, on a UART: 9600 baud, 8N1, Modbus RTU.

What may live here: its frames, and asking for them one at a time without waiting. The meter counts
whole watt-hours up to 9999.99 kWh and keeps them over a power cut. Registers as the maker's manual
lists them: from 0, voltage (0.1 V), current (2 words, 1 mA), power (2, 0.1 W), energy (2, 1 Wh),
frequency (0.1 Hz), power factor (0.01), alarm; of two words the low one comes first.
"""

import struct

from firmware.boards import MeterSilent
from firmware.meters.register import Register

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Uart(Protocol):
        """`machine.UART`, with no time-out."""

        def read(self) -> bytes | None:
            """All that has arrived, None if nothing has."""

        def write(self, data: bytes) -> int | None:
            """Send."""


BAUD = 9600
ANYONE = 0xF8
"""The address that the one meter on a line answers to, whatever its own is."""
READ_INPUT = 0x04
_REGISTERS = 10
_ANSWER_SIZE = 3 + 2 * _REGISTERS + 2

ANSWER_MS = 400
PAUSE_MS = 500
"""Between an answer and the next question; the meter measures anew about once a second."""
SILENT_MS = 5_000
"""After which it counts as silent. Nothing must be delivered past a meter that does not tell."""

MODULUS_WH = 10_000_000
MOST_WH = 26_000
"""In an hour: 100 A at 260 V is all that it measures."""


class PzemError(ValueError):
    """Bytes that are no answer of the meter's; the text names what is wrong with them."""


def crc16(data: bytes) -> int:
    """Modbus's CRC of `data` (polynomial 0xA001, begun with ones); it is sent low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def _framed(body: bytes) -> bytes:
    return body + struct.pack("<H", crc16(body))


QUESTION = _framed(struct.pack(">BBHH", ANYONE, READ_INPUT, 0, _REGISTERS))
"""Asks for all that the meter measures."""


class Reading:
    """One answer: `energy` in Wh, `voltage` in 0.1 V, `current` in mA, `power` in 0.1 W."""

    def __init__(self, frame: bytes) -> None:
        """Raises PzemError."""
        if len(frame) == 5 and frame[1] == READ_INPUT | 0x80 and _intact(frame):
            raise PzemError("pzem: refuses, exception code " + str(frame[2]))
        if len(frame) != _ANSWER_SIZE:
            raise PzemError("pzem: must answer " + str(_ANSWER_SIZE) + " bytes")
        if not _intact(frame):
            raise PzemError("pzem: wrong checksum")
        if frame[1] != READ_INPUT or frame[2] != 2 * _REGISTERS:
            raise PzemError("pzem: not the answer to what was asked")
        words = struct.unpack(">10H", frame[3:-2])
        self.voltage = words[0]
        self.current = words[2] << 16 | words[1]
        self.power = words[4] << 16 | words[3]
        self.energy = words[6] << 16 | words[5]


def _intact(frame: bytes) -> bool:
    return crc16(frame[:-2]) == frame[-2] | frame[-1] << 8


class Pzem:
    """The meter on a UART. `now_ms` is a clock that never goes back."""

    def __init__(self, uart: "Uart", now_ms: "Callable[[], int]") -> None:
        self._uart = uart
        self._now_ms = now_ms
        self._waiting = b""
        self._asked: int | None = None
        self._ask_at = 0
        self._heard = now_ms()
        self.register = Register(MODULUS_WH, MOST_WH)
        self.last_error = ""

    def units(self) -> int:
        """Watt-hours since this was made; never waits. To be called several times a second.

        Raises MeterSilent if the meter has told nothing for five seconds.
        """
        now = self._now_ms()
        self._waiting += self._uart.read() or b""
        if self._asked is None:
            if now >= self._ask_at:
                # Whatever came unasked is noise.
                self._waiting = b""
                self._uart.write(QUESTION)
                self._asked = now
        elif len(self._waiting) >= _ANSWER_SIZE or now - self._asked >= ANSWER_MS:
            self._take(now)
        if now - self._heard >= SILENT_MS:
            raise MeterSilent("pzem: no answer" + (self.last_error and "; " + self.last_error))
        return self.register.total

    def _take(self, now: int) -> None:
        try:
            self.register.read(Reading(self._waiting).energy, now)
            self._heard = now
            self._ask_at = now + PAUSE_MS
        except PzemError as error:
            self.last_error = str(error)
            self._ask_at = now
        self._asked = None
