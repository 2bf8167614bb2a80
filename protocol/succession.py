"""Which key of its gateway's a device believes, when that is followed by another.

It begins with the key that its owner gave it, and goes on only by the word of the key that it
believes now. So keys that followed each other while it was away are taken over one by one, and
nobody who holds another key, an older one of the gateway's too, can lead it anywhere.
"""

from protocol import envelope
from protocol.errors import WireError
from protocol.messages import read_successor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_KEYS = 16
"""How many keys a device remembers: the one that it was given, and the newest."""


def line_of(given: bytes, remembered: list[bytes]) -> list[bytes]:
    """The keys that a device has believed, oldest first, the last of them now: `remembered` from
    the key on that its owner gave it, or `given` alone where that is not among them. An owner who
    gives it another key thus ends all trust in what followed the old one."""
    if given in remembered:
        return remembered[remembered.index(given) :]
    return [given]


def followed(line: list[bytes], key: bytes) -> list[bytes]:
    """The line once `key` follows its last."""
    kept = line[1:]
    return line[:1] + kept[max(0, len(kept) + 2 - MAX_KEYS) :] + [key]


def next_key(
    line: list[bytes], message: bytes, verify: "Callable[[bytes, bytes, bytes], bool]"
) -> bytes:
    """The key that follows the last of `line` by this `successor`.

    Raises AuthenticationError unless that last key signed it, WireError if it is malformed or
    names a key that was believed before.
    """
    found = read_successor(envelope.open_sign1("successor", message, line[-1], verify)).key
    if found in line:
        raise WireError("successor.key", "must be a new one")
    return found
