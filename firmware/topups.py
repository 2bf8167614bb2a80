"""When a device lets its channel owe more, and by how much: a portion at a time, before it runs
out. Sans-IO.

What a top-up says is `protocol.topups`'s to tell, and that it is said until it is answered is
`device`'s to do, as with everything else.
"""

from firmware.repeat import Repeat
from protocol import envelope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.identity import Identity
    from firmware.record import Record
    from protocol.messages import Offer, Refused
    from protocol.payer import PayerChannel


class Topups:
    """`portion` is what a channel opens with, and is topped up by; `most` is the most that it may
    owe in all. Both are in atomic units."""

    def __init__(self, identity: "Identity", record: "Record", portion: int, most: int) -> None:
        self.portion = min(portion, most)
        self._most = most
        self._identity = identity
        self._record = record
        self._again = Repeat()
        # The channel of which the gateway has said how much it may owe, and how much that is.
        self._told: tuple[bytes, int] = (b"", 0)

    def next(self, channel: "PayerChannel", offer: "Offer | None", now: int) -> bytes:
        """The top-up, journaled, that is to be said on this channel now; empty if there is none.
        One that was refused is said again, or another in its place, ever less often."""
        if channel.topup_due or not self._again.is_due(now) or not self._is_low(channel):
            return b""
        capacity = self._wanted(channel, offer)
        topup = channel.next_topup(capacity)
        if topup is None:
            return b""
        if capacity == channel.topup_capacity:
            channel.topup_again()
        else:
            message = envelope.sign1("topup", topup.payload(), self._identity.sign)
            channel.topped_up(topup, message)
            self._record.save()
        return channel.topup

    def refused(self, channel: "PayerChannel", refused: "Refused", now: int) -> None:
        """The gateway does not take this channel's top-up: payment goes on with what there is."""
        channel.topup_refused()
        if refused.reason == "capacity_not_allowed" and self._told[0] != channel.id:
            # How much is allowed is known now: no need to wait before that is asked for.
            self._told = (channel.id, refused.expected)
            return
        self._again.said(now)
        self._again.lengthen()

    def taken(self) -> None:
        """The gateway has taken a top-up."""
        self._again = Repeat()

    def _is_low(self, channel: "PayerChannel") -> bool:
        """Whether half of a portion is used up, or the gateway would let the device deliver more if
        the capacity paid for it: what is left of the window covers the time of the answer."""
        if 2 * channel.left() <= self.portion:
            return True
        return channel.limit >= channel.terms.price.units_within(channel.capacity)

    def _wanted(self, channel: "PayerChannel", offer: "Offer | None") -> int:
        most = min(self._most, channel.capacity + self.portion)
        if offer is not None and offer.tariff.to_map() == channel.terms.price.tariff.to_map():
            most = min(most, offer.max_capacity)
        if self._told[0] == channel.id:
            most = min(most, self._told[1])
        return most
