# Times and counts one signature of an IOU, by the firmware and by the textbook, in the same run.
import gc
import json
import sys
import time

import textbook

from firmware.crypto import ed25519, sha512
from protocol import envelope
from protocol.messages import Iou

try:
    from host import now, random
except ImportError:
    from os import urandom as random

    def now():
        return time.ticks_us() / 1000


SEED = bytes(range(32))
MESSAGE = envelope.sign_structure("iou", Iou(bytes(32), 30_000_000, 100_000).payload())


def random_bytes(size):
    found = random(size)
    return found if isinstance(found, bytes) else bytes.fromhex(found)


key = ed25519.SigningKey(SEED)
blinded = ed25519.SigningKey(SEED, random_bytes)
checked = ed25519.SigningKey(SEED, random_bytes, checked=True)
expanded = textbook.expand(SEED)
signature = key.sign(MESSAGE)

SIGNERS = (
    ("textbook, as RFC 8032 section 6 prints it", lambda: textbook.sign(SEED, MESSAGE)),
    ("textbook, its key expanded once", lambda: textbook.sign_expanded(expanded, MESSAGE)),
    ("firmware, unblinded", lambda: key.sign(MESSAGE)),
    ("firmware, as a board signs", lambda: blinded.sign(MESSAGE)),
    ("firmware, with check_signatures", lambda: checked.sign(MESSAGE)),
)
OTHERS = (
    ("firmware verifies", lambda: ed25519.verify(key.public_key, MESSAGE, signature)),
    ("firmware, one block of SHA-512", lambda: sha512.sha512(b"abc")),
    ("textbook, one block of SHA-512", lambda: textbook.sha512(b"abc")),
)


def bytes_of(work):
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    work()
    taken = gc.mem_alloc() - before
    gc.enable()
    return taken


best = {}
churn = {}


def measuring(name, work):
    def measure():
        # The shortest: whatever else runs on the machine only adds to it.
        start = now()
        work()
        passed = now() - start
        best[name] = min(best.get(name, passed), passed)

    return measure


# One by one, since a call of the host's leaves its garbage behind until it is over.
for place, (name, work) in enumerate(SIGNERS + OTHERS):
    globals()["measure_" + str(place)] = measuring(name, work)


def report():
    for name, work in SIGNERS:
        assert work() == signature, name
    for name, work in SIGNERS + OTHERS:
        churn[name] = bytes_of(work)
    implementation = sys.implementation
    rows = [[name, best[name], churn[name]] for name, _ in SIGNERS + OTHERS]
    version = ".".join([str(part) for part in implementation[1][:3]])
    print(json.dumps({"python": implementation[0] + " " + version, "sha512": sha512.SOURCE}))
    for row in rows:
        print(json.dumps(row))
