"""A board tests itself: does it compute right, does its journal hold, how long does it sign?

Prints one JSON object a line: `test`, `ok`, and what was measured; the last line is `all`. It needs
no settings and no network, and touches neither the device's key nor its journal. Run it on a board
by `tallystick device selftest`, or on any Python by `python -m firmware.selftest`.
"""

import gc
import json
import os
import sys
import time

from firmware.crypto import ed25519, known_answers, native, sha512
from firmware.journal import FileSlots, Journal
from protocol import envelope, messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Report = dict[str, object]

SIGNATURES = 5
"""How many are timed; the shortest counts, since everything else that runs only adds to it."""
SAVES = 8
FOLDER = "selftest"
"""In the current folder; removed at the end."""

_SEED = bytes(range(32))
_RANDOM = os.urandom if hasattr(os, "urandom") else None


if hasattr(time, "ticks_us"):
    _microseconds, _difference = time.ticks_us, time.ticks_diff
else:

    def _microseconds() -> "Any":
        return time.perf_counter_ns() // 1000

    def _difference(later: "Any", earlier: "Any") -> int:
        passed: int = later - earlier
        return passed


def _passed(start: "Any") -> int:
    return _difference(_microseconds(), start)


def _shortest(work: "Callable[[], object]", times: int) -> float:
    """Milliseconds."""
    best = -1
    for _ in range(times):
        gc.collect()
        start = _microseconds()
        work()
        passed = _passed(start)
        if best < 0 or passed < best:
            best = passed
    return best / 1000


def _allocated(work: "Callable[[], object]") -> "int | None":
    """Bytes that the work takes from the heap, freed or not; None where nobody counts them."""
    if not hasattr(gc, "mem_alloc"):
        return None
    gc.collect()
    gc.disable()
    try:
        before = gc.mem_alloc()
        work()
        return gc.mem_alloc() - before
    except MemoryError:
        # A heap that holds no signature's worth without being swept.
        return None
    finally:
        gc.enable()


def _image() -> "Report":
    implementation = sys.implementation
    # The first three: MicroPython adds a fourth for previews.
    version = ".".join([str(part) for part in implementation.version[:3]])
    found: Report = {
        "ok": True,
        "python": implementation.name + " " + version,
        "platform": sys.platform,
        "machine": getattr(implementation, "_machine", ""),
    }
    if sys.platform == "esp32":
        import machine

        found["frequency_hz"] = machine.freq()
    return found


def _sha512() -> "Report":
    return {
        "ok": sha512.is_right(sha512.sha512),
        "by": sha512.SOURCE,
        "block_ms": _shortest(lambda: sha512.sha512(b"abc"), SIGNATURES),
        "block_bytes": _allocated(lambda: sha512.sha512(b"abc")),
    }


def _ed25519() -> "Report":
    def sign(seed: bytes, message: bytes) -> "tuple[bytes, bytes]":
        key = ed25519.SigningKey(seed, _RANDOM)
        return key.public_key, key.sign(message)

    signs = known_answers.signs_right(sign)
    return {"ok": signs and known_answers.verifies_right(ed25519.verify)}


def _signing() -> "Report":
    """What one IOU costs: by the image's code if it has any, else by the firmware's."""
    message = envelope.sign_structure("iou", messages.Iou(_SEED, 10**9, 10**6).payload())
    offered = native.find()
    key = ed25519.SigningKey(_SEED, _RANDOM)
    sign = key.sign if offered is None else offered.signer(_SEED)[1]
    signature = bytes(sign(message))
    checked = ed25519.SigningKey(_SEED, _RANDOM, checked=True)
    return {
        "ok": ed25519.verify(key.public_key, message, signature),
        "by": "firmware" if offered is None else "image",
        "sign_ms": _shortest(lambda: sign(message), SIGNATURES),
        "sign_bytes": _allocated(lambda: sign(message)),
        "sign_and_verify_ms": _shortest(lambda: checked.sign(message), SIGNATURES),
        "verify_ms": _shortest(lambda: ed25519.verify(key.public_key, message, signature), 1),
    }


def _journal() -> "Report":
    """Records of a usual size in the board's own file system, over restarts."""
    if FOLDER in os.listdir("."):
        _remove()
    os.mkdir(FOLDER)
    ok = True
    try:
        longest = 0.0
        for number in range(SAVES):
            record = bytes([number]) * 400
            journal = Journal(FileSlots(FOLDER))
            journal.load()
            start = _microseconds()
            journal.save(record)
            longest = max(longest, _passed(start) / 1000)
            ok = ok and Journal(FileSlots(FOLDER)).load() == record
    finally:
        _remove()
    return {"ok": ok, "longest_save_ms": longest}


def _remove() -> None:
    for name in os.listdir(FOLDER):
        os.remove(FOLDER + "/" + name)
    os.rmdir(FOLDER)


def _random() -> "Report":
    """Not whether it is random, which no test of its output can tell; only that it is there."""
    if _RANDOM is None:
        return {"ok": False, "error": "this image has no source of random bytes"}
    return {"ok": len(_RANDOM(32)) == 32 and _RANDOM(32) != _RANDOM(32)}


def _heap() -> "Report":
    found: Report = {"ok": True}
    if hasattr(gc, "mem_alloc"):
        gc.collect()
        found["allocated_bytes"] = gc.mem_alloc()
        found["free_bytes"] = gc.mem_free()
    if sys.platform == "esp32":
        import esp32

        areas = esp32.idf_heap_info(esp32.HEAP_DATA)
        found["idf_free_bytes"] = sum([area[1] for area in areas])
        found["idf_largest_free_bytes"] = max([area[2] for area in areas])
    return found


NAMES = ("image", "heap", "random", "sha512", "ed25519", "signing", "journal")
"""The tests, in the order in which they are run."""

_TESTS = {
    "image": _image,
    "heap": _heap,
    "random": _random,
    "sha512": _sha512,
    "ed25519": _ed25519,
    "signing": _signing,
    "journal": _journal,
}


def report(name: str) -> "Report":
    """What a test found. One that raises has failed."""
    try:
        found = _TESTS[name]()
    except Exception as error:  # noqa: BLE001 - it is reported, whatever it is
        found = {"ok": False, "error": type(error).__name__ + ": " + str(error)}
    found["test"] = name
    return found


def run() -> bool:
    """Run every test, one after the other, and print each report; whether all went well."""
    all_ok = True
    for name in NAMES:
        found = report(name)
        all_ok = all_ok and bool(found["ok"])
        print(json.dumps(found))
    print(json.dumps({"test": "all", "ok": all_ok}))
    return all_ok


if __name__ == "__main__":
    sys.exit(0 if run() else 1)
