"""How often an address may try tokens, and how often one token's id may be tried.

A token holds 256 random bits, so guessing is hopeless; this keeps the attempts from costing the
database anything, and makes them seen. Who an address is, and whether a token is good, is decided
elsewhere. Memory is bounded: what was tried longest ago is forgotten first.
"""

import hashlib
import ipaddress
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

FAILURES = 10
"""Failed attempts that an address, or a token's id, has at once."""
REFILL_S = 6.0
"""Seconds after which one more is allowed: ten a minute in the long run."""
REMEMBERED = 10_000
"""Most addresses, and most ids, that are kept in mind."""


class Throttle:
    """Failed attempts, and the tokens that were good of late. For several threads at once.

    A token that was good from an address goes on being looked at, however many others fail there:
    behind one proxy or router an attacker shuts nobody out who is at work.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._addresses = _Buckets(clock)
        self._ids = _Buckets(clock)
        self._good: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str, id_: str, token: str) -> int:
        """Seconds until this token may be tried from this address; 0 if it may be now."""
        with self._lock:
            if _known(address, token) in self._good:
                return 0
            return max(self._addresses.wait(_network(address)), self._ids.wait(id_))

    def failed(self, address: str, id_: str, token: str) -> None:
        """The token was no good; `id_` is the one that stands in it, empty if none does."""
        with self._lock:
            self._good.pop(_known(address, token), None)
            self._addresses.take(_network(address))
            if id_:
                self._ids.take(id_)

    def succeeded(self, address: str, token: str) -> None:
        """The token was good."""
        known = _known(address, token)
        with self._lock:
            self._good[known] = None
            self._good.move_to_end(known)
            if len(self._good) > REMEMBERED:
                self._good.popitem(last=False)

    def size(self) -> int:
        """How much is kept in mind, in entries."""
        with self._lock:
            return len(self._addresses) + len(self._ids) + len(self._good)


class _Buckets:
    """How many attempts each name has left, and when that was so."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def _now(self, name: str) -> float:
        left, at = self._left.get(name, (float(FAILURES), 0.0))
        return min(float(FAILURES), left + (self._clock() - at) / REFILL_S)

    def wait(self, name: str) -> int:
        return max(0, math.ceil((1.0 - self._now(name)) * REFILL_S))

    def take(self, name: str) -> None:
        # Attempts that were under way together may overdraw; it is paid back, up to a full bucket.
        self._left[name] = (max(-float(FAILURES), self._now(name) - 1.0), self._clock())
        self._left.move_to_end(name)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)


def _network(address: str) -> str:
    """An IPv6 address stands for its /64, since whoever has one has all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _known(address: str, token: str) -> tuple[str, bytes]:
    # Tokens themselves are kept nowhere, not in memory either.
    digest = hashlib.sha256(token.encode(errors="surrogateescape")).digest()
    return _network(address), digest
