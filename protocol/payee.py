"""The accepting side's rules for one channel: for an IOU or a tick, the only ways in which a debt
can grow, for a top-up, the only way in which it may grow further, and for a leg, the only way in
which it comes to grow by another price.

`judge` decides all but the signature, whose check costs more than everything else together, and
that of the claim beside it; what it returns says whether these checks are still to be made, and
what follows from them. It knows no store and
no clock: the caller passes the channel as it stands and the time.
"""

from protocol import MAX_INT, xrpl
from protocol.errors import ProtocolError
from protocol.hashchain import MAX_LENGTH, MAX_STEPS
from protocol.messages import Iou, Terms
from protocol.pricing import METERED, Price

TYPE_CHECKING = False
if TYPE_CHECKING:
    from protocol.legs import Leg

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
    if iou.chain_length > MAX_LENGTH:
        raise ProtocolError(
            "bad_tick", "iou.chain_length", "longer than a chain may be", MAX_LENGTH
        )
    if iou.chain_length and terms.xrpl_channel:
        # A tick would raise the mark above what is claimed.
        raise ProtocolError("no_chain", "iou.chain_root", "no ticks where each IOU is a claim")
    if terms.price.tariff.pricing == METERED:
        # Where a leg begins is accepted: no IOU that raises the mark is for units before it.
        expected = terms.price.amount_of(iou.units)
        if iou.amount != expected:
            raise ProtocolError(
                "wrong_amount", "iou.amount", "not what the tariff asks for these units", expected
            )
        _check_granted(terms.price, "iou.units", iou.units)
    xrpl.require_claim(terms, iou)
    return RAISES


def _check_granted(price: Price, field: str, units: int) -> None:
    """That so many units may be paid for at this price, which may have ended."""
    if units > price.until:
        raise ProtocolError(
            "price_ended", field, "more than was granted before this price ended", price.until
        )


def judge_tick(
    terms: Terms,
    state: str,
    mark_amount: int,
    base_units: int,
    length: int,
    known: int,
    index: int,
    now: int,
) -> "tuple[int, int] | None":
    """The mark (amount, units) that tick `index` makes if its preimage holds, at `now` (unix
    seconds); None if it is stale, or pays for too little to raise the amount yet.

    The channel's last IOU was for `base_units` and commits to a chain of `length` (0: to none), of
    which value number `known` is accepted. Raises ProtocolError with the reason for every other.
    """
    if length and index <= known:
        return None
    if state == CLOSED:
        raise ProtocolError("closed", "tick.handle", "the channel is closed", mark_amount)
    if state == FROZEN:
        raise ProtocolError("frozen", "tick.handle", "the channel waits for an operator")
    if not length or terms.price.tariff.pricing != METERED:
        raise ProtocolError("no_chain", "tick.handle", "the last IOU here commits to no chain")
    furthest = min(length, known + MAX_STEPS)
    if index > furthest:
        raise ProtocolError("bad_tick", "tick.index", "further than a tick may reach", furthest)
    if now >= terms.expiry:
        raise ProtocolError("expired", "tick.handle", "the channel has expired", terms.expiry)
    amount = terms.price.amount_of(base_units + index)
    if amount > terms.capacity:
        raise ProtocolError(
            "over_capacity", "tick.index", "more than the channel's capacity", terms.capacity
        )
    _check_granted(terms.price, "tick.index", base_units + index)
    return None if amount <= mark_amount else (amount, base_units + index)


def judge_topup(
    state: str, capacity: int, expiry: int, greatest: int, wanted: int, now: int
) -> str:
    """STALE, or RAISES to capacity `wanted`: what a top-up that its payer signed comes to on a
    channel with this capacity now, whose tariff allows `greatest`, at `now` (unix seconds). Whether
    the payer's account can cover it is not decided here.

    Raises ProtocolError with the reason for every other.
    """
    if wanted <= capacity:
        return STALE
    if state == CLOSED:
        raise ProtocolError("closed", "topup.channel_id", "the channel is closed")
    if state == FROZEN:
        raise ProtocolError("frozen", "topup.channel_id", "the channel waits for an operator")
    if now >= expiry:
        raise ProtocolError("expired", "topup.channel_id", "the channel has expired", expiry)
    if wanted > greatest:
        raise ProtocolError(
            "capacity_not_allowed", "topup.capacity", "more than is offered", greatest
        )
    return RAISES


def judge_leg(
    terms: Terms,
    state: str,
    mark_amount: int,
    mark_units: int,
    known: int,
    leg: "Leg",
    now: int,
    lost: bool = False,
) -> str:
    """STALE, or RAISES to a leg that begins at the mark: what a leg that its payer signed comes to
    on a channel that is on leg `known` (0: on none), once the IOU in it has been taken, at `now`
    (unix seconds). Whether its tariff follows here is not decided here, nor whether a stale one is
    what was accepted. Where the books may have `lost` legs, one that skips some is taken.

    Raises ProtocolError with the reason for every other.
    """
    if leg.number <= known:
        return STALE
    if state == CLOSED:
        raise ProtocolError("closed", "leg.channel_id", "the channel is closed")
    if state == FROZEN:
        raise ProtocolError("frozen", "leg.channel_id", "the channel waits for an operator")
    if now >= terms.expiry:
        raise ProtocolError("expired", "leg.channel_id", "the channel has expired", terms.expiry)
    if leg.number != known + 1 and not lost:
        raise ProtocolError("wrong_leg", "leg.number", "not the next one", known + 1)
    if (leg.amount, leg.units) != (mark_amount, mark_units):
        raise ProtocolError("wrong_amount", "leg.last_iou", "not the last IOU", mark_amount)
    before, after = terms.price.tariff, leg.tariff
    if before.pricing != METERED or after.pricing != METERED:
        raise ProtocolError("unknown_tariff", "leg.tariff", "open sums have no price to change")
    if (before.unit, before.currency, before.scale) != (after.unit, after.currency, after.scale):
        raise ProtocolError("unknown_tariff", "leg.tariff", "of another unit or currency")
    return RAISES


def limit(terms: Terms, mark_units: int, window: int) -> int:
    """The cumulative units up to which the device may deliver: `window` beyond what is accepted,
    never more than the capacity pays for, nor than what the price is granted for."""
    price = terms.price
    granted = reach(price, mark_units, window)
    if price.tariff.pricing != METERED:
        return granted
    return min(granted, price.until, price.units_within(terms.capacity))


def reach(price: Price, mark_units: int, window: int) -> int:
    """The cumulative units that a window reaches to beyond what is accepted, at this price.

    Where a window costs less than one atomic unit, it reaches to the first unit that costs one
    more: the device could not pay for less, and would wait for ever.
    """
    found = min(MAX_INT, mark_units + window)
    if price.tariff.pricing != METERED:
        return found
    return max(found, price.units_within(price.amount_of(mark_units)) + 1)
