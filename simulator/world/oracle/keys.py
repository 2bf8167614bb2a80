"""The gateway's keys as people made them, and which of them may have signed what."""

from itertools import pairwise

from simulator.world.oracle import wire
from simulator.world.oracle.violation import Violation
from simulator.world.oracle.wire import Unreadable


class Keys:
    """All keys of the gateway, the oldest first, and those of them that are retired."""

    def __init__(self, first: bytes) -> None:
        self.all = [first]
        self.retired: set[bytes] = set()

    def followed_by(self, key: bytes) -> None:
        """Another key follows the last."""
        self.all.append(key)

    def signed(self, kind: str, message: bytes, of: bytes | None = None) -> bytes:
        """The payload of what the gateway signed: about a channel by the key in its terms (`of`)
        while that is not retired, else by any. Raises Unreadable."""
        allowed = self.all if of is None or of in self.retired else [of]
        for key in reversed(allowed[1:]):
            try:
                return wire.signed(kind, message, key)
            except Unreadable:
                continue
        return wire.signed(kind, message, allowed[0])

    def check_successor(self, message: bytes) -> None:
        """Each key names the one that followed it, and no other. Raises Violation, Unreadable."""
        for key, follows in pairwise(self.all):
            try:
                found = wire.fields(wire.signed("successor", message, key))
            except Unreadable:
                continue
            if found[1] != follows:
                raise Violation(8, f"{key.hex()} names {found[1].hex()}, {follows.hex()} followed")
            return
        raise Unreadable("not by a key that was followed")
