"""The accepting side's rule for one IOU on one channel: the only way in which a debt can grow.

`judge` decides all but the signature, whose check costs more than everything else together; what it
returns says whether that check is still to be made, and what follows from it. It knows no store and
no clock: the caller passes the channel as it stands and the time.
"""

from protocol import MAX_INT
from protocol.errors import ProtocolError
from protocol.messages import Iou, Terms
from protocol.pricing import METERED

STALE = "stale"
"""At or below the mark, no contradiction: answer with the current ack, change nothing."""
RAISES = "raises"
"""If the payer's signature holds, the mark becomes this IOU's."""
CONTRADICTS = "contradicts"
"""If the payer's signature holds, it and an accepted IOU can't both be honest: keep both, freeze
the channel, charge nothing (threat D3)."""

OPEN = "open"
FROZEN = "frozen"
CLOSED = "closed"

TRANSITIONS = {
    (OPEN, "freeze"): FROZEN,
    (OPEN, "close"): CLOSED,
    (OPEN, "expire"): CLOSED,
    (FROZEN, "thaw"): OPEN,
    (FROZEN, "close"): CLOSED,
}
"""A channel's life; what is not in the table can't happen. Closed is terminal."""


def judge(terms: Terms, state: str, mark_amount: int, mark_units: int, iou: Iou, now: int) -> str:
    """STALE, RAISES or CONTRADICTS, for an IOU on the channel with these terms, whose mark is
    (mark_amount, mark_units), at `now` (unix seconds).

    Raises ProtocolError with the reason for every other IOU.
    """
    if iou.amount == mark_amount and (iou.units == mark_units or mark_amount == 0):
        return STALE
    # Below the mark only the last IOU is known: less for no more units contradicts nothing in it.
    if iou.amount < mark_amount and iou.units <= mark_units:
        return STALE
    if state == CLOSED:
        raise ProtocolError("closed", "iou.channel_id", "the channel is closed", mark_amount)
    if state == FROZEN:
        raise ProtocolError("frozen", "iou.channel_id", "the channel waits for an operator")
    if iou.amount <= mark_amount or iou.units < mark_units:
        return CONTRADICTS
    if now >= terms.expiry:
        raise ProtocolError("expired", "iou.channel_id", "the channel has expired", terms.expiry)
    if iou.amount > terms.capacity:
        raise ProtocolError(
            "over_capacity", "iou.amount", "more than the channel's capacity", terms.capacity
        )
    if terms.tariff.pricing == METERED:
        expected = terms.tariff.amount(iou.units)
        if iou.amount != expected:
            raise ProtocolError(
                "wrong_amount", "iou.amount", "not what the tariff asks for these units", expected
            )
    return RAISES


def limit(terms: Terms, mark_units: int, window: int) -> int:
    """The cumulative units up to which the device may deliver: `window` beyond what is accepted,
    and never more than the capacity pays for.

    Where a window costs less than one atomic unit, it reaches to the first unit that costs one
    more: the device could not pay for less, and would wait for ever.
    """
    reach = min(MAX_INT, mark_units + window)
    tariff = terms.tariff
    if tariff.pricing != METERED:
        return reach
    reach = max(reach, tariff.units_within(tariff.amount(mark_units)) + 1)
    return min(reach, tariff.units_within(terms.capacity))
