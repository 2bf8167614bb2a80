"""Pulses into an ESP32: counted by the program, which waits out a contact's bouncing, or by the
chip's own counter, which goes on whatever the program does and bears no bouncing.

What may live here: counting. What a pulse is worth is decided elsewhere.
"""

import time

import machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEBOUNCE_MS = 10
"""How long a contact may bounce. S0 outputs are on, and off, for at least 30 ms."""
FILTER_NS = 12_000
"""What the chip's counter passes over: about the longest that it can."""

_DAY_MS = 86_400_000


class ContactInput:
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


class CounterInput:
    """Counts the times that a pin went low, in the chip's pulse counter."""

    def __init__(self, pin: int) -> None:
        source = machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)
        self._counter = machine.Counter(
            0, source, edge=machine.Counter.FALLING, filter_ns=FILTER_NS
        )
        self._last = 0
        self._total = 0

    def pulses(self) -> int:
        """Since this was made."""
        value = self._counter.value()
        # It counts in a machine word; what it wraps from and to is the chip's.
        if value > self._last:
            self._total += value - self._last
        self._last = value
        return self._total


def pulse_input(pin: int, hardware: bool) -> "Any":
    """What counts the pulses of a pin. An image without the chip's counter (MicroPython before
    1.26) counts by program, and says so."""
    if hardware and hasattr(machine, "Counter"):
        return CounterInput(pin)
    if hardware:
        print("warning: this image has no pulse counter; pulses are counted by the program")
    return ContactInput(pin)
