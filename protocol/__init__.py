"""Tallystick's wire and both sides' rules.

What may live here: pure functions and plain values, bytes in and bytes out. No I/O, no clock, no
randomness, and no imports but `hashlib` and this package itself, so that the same files run on
MicroPython and CPython. Keys, signing and time come in as arguments.
"""

VERSION = 1

MAX_INT = (1 << 63) - 1
"""Greatest integer on the wire. It fits the signed 64-bit columns of every database."""

MAX_MESSAGE = 4096
"""Greatest message in bytes, envelope included; checked before anything is parsed."""

MAX_CHANNELS_PER_DEVICE = 6
"""Channels that one device may have open at once, so that one `resume` holds them all."""

MAX_EARNED_PER_DEVICE = 8
"""Channels that one device may be paid on at once: a board must keep each of them."""
