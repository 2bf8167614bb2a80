"""Claims on payment channels of the XRP Ledger: what one is over, and what it must be worth.

An IOU on a channel whose terms name an XRPL channel carries the payer's signature over a claim of
the same amount, which that ledger pays out to the channel's destination. Loaded by those alone that
pay or are paid so: a board's memory is scarce.
"""

from protocol.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol.messages import Iou, Terms
    from protocol.pricing import Tariff

_PREFIX = b"CLM\x00"
# What the ledger begins each claim's bytes with. An Ed25519 signature is over exactly its bytes,
# and all else that a key signs in this protocol begins with 0x84, a CBOR array of four.


def counts_drops(tariff: "Tariff") -> bool:
    """Whether the atomic unit of this tariff is the ledger's drop, 10^-6 XRP."""
    return (tariff.currency, tariff.scale) == ("XRP", 6)


def claim_bytes(xrpl_channel: bytes, drops: int) -> bytes:
    """The bytes that a claim of so many drops in all on this XRPL channel is a signature over."""
    return _PREFIX + xrpl_channel + drops.to_bytes(8, "big")


def require_claim(terms: "Terms", iou: "Iou") -> None:
    """Raises ProtocolError `bad_xrpl_claim` unless an IOU carries a claim exactly where the terms
    name an XRPL channel. Whether that claim holds is still to be checked."""
    if bool(iou.xrpl_claim) != bool(terms.xrpl_channel):
        raise ProtocolError(
            "bad_xrpl_claim",
            "iou.xrpl_claim",
            "must be there exactly where the terms name an XRPL channel",
            iou.amount,
        )


def check_claim(
    terms: "Terms", iou: "Iou", verify: "Callable[[bytes, bytes, bytes], bool]"
) -> None:
    """Raises ProtocolError `bad_xrpl_claim` unless an IOU carries what the terms ask for: nothing,
    or the payer's claim of the very amount on the XRPL channel that they name."""
    require_claim(terms, iou)
    if not terms.xrpl_channel:
        return
    if not verify(terms.payer_key, claim_bytes(terms.xrpl_channel, iou.amount), iou.xrpl_claim):
        raise bad_claim(iou)


def bad_claim(iou: "Iou") -> ProtocolError:
    """Why an IOU is refused whose claim does not hold."""
    return ProtocolError(
        "bad_xrpl_claim",
        "iou.xrpl_claim",
        "not the payer's claim of this amount on the XRPL channel of the terms",
        iou.amount,
    )
