"""What redeems a channel's mark on the XRP Ledger.

Pure: what is stored comes in, a document for whoever redeems it goes out. No ledger is asked.
"""

from dataclasses import dataclass
from typing import Final

from gateway.keys import verify
from protocol import envelope, xrpl
from protocol.messages import read_iou, read_terms

FORMAT: Final = "tallystick xrpl claim 1"
_ED25519 = "ED"
"""How the ledger writes that a key is one of Ed25519, before its 32 bytes."""


@dataclass(frozen=True)
class XrplClaim:
    """The newest claim of a channel on the XRPL channel that its terms name. Amounts are in drops;
    `signature` is empty while `drops` is 0: then there is nothing to redeem."""

    channel: bytes
    xrpl_channel: bytes
    payer_key: bytes
    drops: int
    signature: bytes
    capacity: int
    expires_at: int

    @property
    def public_key(self) -> str:
        """The payer's key as the ledger writes it."""
        return ledger_key(self.payer_key)

    def transaction(self) -> dict[str, str] | None:
        """The fields of the PaymentChannelClaim that redeems all of it; what it lacks (Account,
        Sequence, Fee, a signature) is the destination's."""
        if not self.drops:
            return None
        return {
            "TransactionType": "PaymentChannelClaim",
            "Channel": self.xrpl_channel.hex().upper(),
            "Amount": str(self.drops),
            "Balance": str(self.drops),
            "PublicKey": self.public_key,
            "Signature": self.signature.hex().upper(),
        }


def ledger_key(key: bytes) -> str:
    """An Ed25519 key as the ledger writes it."""
    return _ED25519 + key.hex().upper()


def claim_of(open_message: bytes, iou_message: bytes | None, capacity: int) -> XrplClaim | None:
    """The newest claim of a channel with this `open` and this last IOU, and its capacity now; None
    if its terms name no XRPL channel. Raises ProtocolError if what is stored does not hold."""
    terms = read_terms(envelope.parse_sign1("open", open_message).payload)
    if not terms.xrpl_channel:
        return None
    drops, signature = 0, b""
    if iou_message is not None:
        iou = read_iou(envelope.open_sign1("iou", iou_message, terms.payer_key, verify))
        xrpl.check_claim(terms, iou, verify)
        drops, signature = iou.amount, iou.xrpl_claim
    return XrplClaim(
        terms.channel_id(),
        terms.xrpl_channel,
        terms.payer_key,
        drops,
        signature,
        capacity,
        terms.expiry,
    )
