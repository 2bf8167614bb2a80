"""The payee's rules for one mirror channel: what it believes it is owed, and how far it delivers.

A payee believes the gateway's signature and nothing else, and only more than it had before. It
delivers within its own window beyond what is credited: that is the most it can lose. No store, no
clock, no keys: they come in as arguments.
"""

from protocol import MAX_INT, envelope
from protocol.errors import ProtocolError, WireError
from protocol.fields import array, integer, octets
from protocol.messages import CLOSE, Credit, Receipt, Terms, read_credit, read_terms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class EarnedChannel:
    """One mirror channel as its payee has it. `base` is the meter's total at which its unit 0
    lies, which may be below zero."""

    def __init__(self, mirror_message: bytes, base: int) -> None:
        self.mirror_message = mirror_message
        self.terms: Terms = read_terms(envelope.parse_sign1("mirror", mirror_message).payload)
        self.id = self.terms.channel_id()
        self.base = base
        self.credit = b""
        self.amount = 0
        self.units = 0
        self.seen = -1
        """The amount when it was last looked at; -1 if it never was."""

    def credited(self, credit: Credit, message: bytes) -> bool:
        """Take up a credit that the gateway signed; whether it says more than was known.

        Raises ProtocolError `not_yours` if it is of another channel, `over_capacity` if it is more
        than the terms allow, `conflict` if both can't be honest: the gateway has then signed proof
        against itself, and both messages are to be kept.
        """
        if credit.channel != self.id:
            raise ProtocolError("not_yours", "credit.channel_id", "of another channel")
        if credit.amount > self.terms.capacity:
            raise ProtocolError(
                "over_capacity", "credit.amount", "more than the capacity", self.terms.capacity
            )
        if credit.amount == self.amount and credit.units != self.units and self.amount:
            raise ProtocolError("conflict", "credit.units", "the same amount for other units")
        if credit.amount <= self.amount:
            return False
        if credit.units < self.units:
            raise ProtocolError("conflict", "credit.units", "more money for fewer units")
        self.credit = message
        self.amount = credit.amount
        self.units = credit.units
        return True

    def rebase(self, total: int) -> None:
        """What is credited counts as delivered, when the meter shows `total`: a payee that forgot
        what it delivered must not deliver it again."""
        self.base = min(self.base, total - self.units)

    def may_deliver(self, total: int, window: int) -> bool:
        """Whether one more unit may be delivered when the meter shows `total`."""
        return total - self.base < min(MAX_INT, self.units + window)

    def unpaid(self, total: int) -> int:
        """Units delivered and not credited."""
        return max(0, total - self.base - self.units)

    def is_end(self, receipt: Receipt) -> bool:
        """Whether this receipt, signed by the gateway, closes the channel. Raises ProtocolError
        `conflict` if it says less than the gateway has credited."""
        if receipt.channel != self.id or receipt.event != CLOSE:
            return False
        if receipt.amount < self.amount:
            raise ProtocolError("conflict", "receipt.amount", "less than was credited", self.amount)
        return True

    def record(self) -> list[object]:
        """All that must outlive a power cut."""
        return [self.mirror_message, max(0, self.base), max(0, -self.base), self.credit]


def read_record(value: object) -> EarnedChannel:
    """The channel that `record()` gave. Raises WireError if it is damaged."""
    parts = array(value, "record.earned")
    if len(parts) != 4:
        raise WireError("record.earned", "must have 4 parts")
    base = integer(parts[1], "record.earned_base") - integer(parts[2], "record.earned_base")
    channel = EarnedChannel(octets(parts[0], "record.mirror"), base)
    message = octets(parts[3], "record.credit")
    if message:
        channel.credited(read_credit(envelope.parse_sign1("credit", message).payload), message)
    return channel


def read_mirror(
    message: bytes,
    payee_key: bytes,
    gateway_key: bytes,
    verify: "Callable[[bytes, bytes, bytes], bool]",
) -> Terms:
    """The terms of a mirror channel that the gateway opened to this payee. Raises ProtocolError
    unless they carry its signature and name both."""
    terms = read_terms(envelope.open_sign1("mirror", message, gateway_key, verify))
    parties = (terms.payer_key, terms.payee_key, terms.gateway_key)
    if parties != (gateway_key, payee_key, gateway_key):
        raise ProtocolError("not_yours", "mirror", "the terms are of other parties")
    return terms
