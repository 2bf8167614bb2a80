"""Top-ups: the payer lets an open channel owe more than its terms say.

A top-up names the channel's new capacity, which only ever rises, so that of several the greatest
counts and replay changes nothing. Here is its payload; the payer's rules are in `payer`, the
accepting side's in `payee`.
"""

from protocol import cbor
from protocol.fields import data, integer, read_map

_HASH_SIZE = 32


class Topup:
    """The channel may owe `capacity` atomic units in all. COSE_Sign1 of the payer."""

    def __init__(self, channel: bytes, capacity: int) -> None:
        self.channel = channel
        self.capacity = capacity

    def payload(self) -> bytes:
        return cbor.encode_numbered(self.channel, self.capacity)


def read_topup(payload: bytes) -> Topup:
    """Raises WireError."""
    fields = read_map(cbor.decode(payload), (1, 2), (), "topup")
    return Topup(
        data(fields[1], _HASH_SIZE, "topup.channel_id"), integer(fields[2], "topup.capacity")
    )
