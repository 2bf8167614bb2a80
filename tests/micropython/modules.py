"""The modules that a board's program may import, in one place: those of a stock MicroPython image
for the ESP32, held against MicroPython's published stubs."""

from importlib.metadata import files

STOCK = {
    "array", "asyncio", "binascii", "bluetooth", "btree", "builtins", "cmath", "collections",
    "cryptolib", "deflate", "errno", "esp", "esp32", "framebuf", "gc", "hashlib", "heapq", "io",
    "json", "machine", "math", "micropython", "neopixel", "network", "ntptime", "os", "platform",
    "random", "re", "select", "socket", "ssl", "struct", "sys", "time", "uctypes", "vfs",
}  # fmt: skip
"""Every stock image of MicroPython 1.24 or newer has these."""

OFFERED = {"cryptography": "firmware/crypto/native.py"}
"""What only some images have, and the one file that may ask for it."""


def stubbed() -> set[str]:
    """The modules that the stubs of the ESP32's image tell of, each by its own name."""
    told = {"builtins"}
    for package in ("micropython-esp32-stubs", "micropython-stdlib-stubs"):
        for path in files(package) or ():
            parts = [part for part in path.parts if part != "stdlib"]
            told.add(parts[0].removesuffix(".pyi"))
    # What it has under an older name as well is listed by that one: `ujson`, `uos`.
    return told | {name[1:] for name in told if name.startswith("u")}
