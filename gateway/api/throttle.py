"""How often an address may try tokens, and how often one token's id, or one name, may be tried.

A token holds 256 random bits, so guessing is hopeless; this keeps the attempts from costing the
database anything, and makes them seen. A code of six digits can be guessed, so a name may be tried
far less often. Who an address is, and whether a token is good, is decided elsewhere. Memory is
bounded: what was tried longest ago is forgotten first.
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
NAME_REFILL_S = 300.0
"""The same for a person's name: whoever knows a password and guesses its codes, of which three are
good at any time, needs years."""
REMEMBERED = 10_000
"""Most addresses, and most ids, that are kept in mind."""


class Throttle:
    """Failed attempts, and the tokens that were good of late. For several threads at once.

    A token that was good from an address goes on being looked at, however many others fail there:
    behind one proxy or router an attacker shuts nobody out who is at work.
    """

    def __init__(
        self, clock: Callable[[], float] = monotonic, id_refill_s: float = REFILL_S
    ) -> None:
        self._addresses = _Buckets(clock, REFILL_S)
        self._ids = _Buckets(clock, id_refill_s)
        self._good: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str, id_: str, token: str) -> int:
        """Seconds until this token may be tried from this address; 0 if it may be now."""
        with self._lock:
            if _known(address, token) in self._good:
                return 0
            return self._wait(address, id_)

    def failed(self, address: str, id_: str, token: str) -> None:
        """The token was no good; `id_` is the one that stands in it, empty if none does."""
        with self._lock:
            self._good.pop(_known(address, token), None)
            self._take(address, id_)

    def attempt(self, address: str, id_: str) -> int:
        """Count an attempt as failed for as long as it is looked at, so that of many at once no
        more are looked at than may fail; else the seconds until there may be one."""
        with self._lock:
            seconds = self._wait(address, id_)
            if not seconds:
                self._take(address, id_)
            return seconds

    def locked(self, id_: str) -> int:
        """Seconds until this id may be tried again from any address; 0 if it may be now."""
        with self._lock:
            return self._ids.wait(id_)

    def _wait(self, address: str, id_: str) -> int:
        return max(self._addresses.wait(_network(address)), self._ids.wait(id_))

    def _take(self, address: str, id_: str) -> None:
        self._addresses.take(_network(address))
        if id_:
            self._ids.take(id_)

    def forgiven(self, address: str, id_: str) -> None:
        """What `attempt` counted did not fail."""
        with self._lock:
            self._addresses.give_back(_network(address))
            self._ids.give_back(id_)

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


def for_logins(clock: Callable[[], float] = monotonic) -> Throttle:
    """A throttle whose ids are the names of people."""
    return Throttle(clock, NAME_REFILL_S)


class _Buckets:
    """How many attempts each name has left, and when that was so."""

    def __init__(self, clock: Callable[[], float], refill_s: float) -> None:
        self._clock = clock
        self._refill_s = refill_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def _now(self, name: str) -> float:
        left, at = self._left.get(name, (float(FAILURES), 0.0))
        return min(float(FAILURES), left + (self._clock() - at) / self._refill_s)

    def wait(self, name: str) -> int:
        return max(0, math.ceil((1.0 - self._now(name)) * self._refill_s))

    def take(self, name: str) -> None:
        # Attempts that were under way together may overdraw; it is paid back, up to a full bucket.
        self._left[name] = (max(-float(FAILURES), self._now(name) - 1.0), self._clock())
        self._left.move_to_end(name)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)

    def give_back(self, name: str) -> None:
        if name in self._left:
            self._left[name] = (min(float(FAILURES), self._now(name) + 1.0), self._clock())


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
