"""The part of the audit that is about channels: intervals join up, marks and capacities are signed.

Called by `verify_books`, on its snapshot. A mark is proven by the payer's message and, where it has
ticked since, by a value of the message's chain: on the channel, and at the end of each interval.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, text

from gateway import keys
from protocol import envelope, hashchain, hub, xrpl
from protocol.errors import ProtocolError
from protocol.legs import price_at, prices, read_leg
from protocol.messages import Credit, Iou, Terms, read_credit, read_iou, read_terms
from protocol.pricing import METERED, Price
from protocol.topups import read_topup

Add = Callable[[str, str], None]

_CHANNELS = text(
    "SELECT c.*, d.public_key FROM channel c JOIN device d ON d.id = c.device_id ORDER BY c.id"
)
_MIRRORS = text(
    "SELECT m.id, m.amount, m.mirror_fee_bp, c.amount AS payer_amount FROM channel m"
    " JOIN channel c ON c.id = m.mirror_of ORDER BY m.id"
)
_TOPUPS = text("SELECT t.* FROM topup t ORDER BY t.channel_id, t.capacity")
_LEGS = text("SELECT l.* FROM leg l ORDER BY l.channel_id, l.number")
_INTERVALS = text("SELECT i.* FROM interval i ORDER BY i.channel_id, i.from_amount")


@dataclass(frozen=True, slots=True)
class _Mark:
    """So many units for so much, and what proves it."""

    amount: int
    units: int
    message: bytes
    index: int
    preimage: bytes | None


def check(conn: Connection, gateway_keys: Sequence[bytes], add: Add) -> int:
    """Tell `add` (where, what) of everything that is wrong; returns how many channels there are."""
    count = 0
    stretches = _Beside(_stream(conn, _INTERVALS))
    raised = _Beside(_stream(conn, _TOPUPS))
    changed = _Beside(_stream(conn, _LEGS))
    for row in _stream(conn, _CHANNELS):
        count += 1
        where = f"channel {row.id.hex()}"
        intervals = stretches.of(row.id)
        topups = raised.of(row.id)
        legs = changed.of(row.id)
        _check_intervals(row, intervals, where, add)
        if not row.settled_amount <= row.amount <= row.capacity:
            add(where, "settled, mark and capacity must rise in this order")
        terms = _check_terms(row, where, gateway_keys, add)
        if terms is not None:
            _check_capacity(row, topups, terms, where, add)
            priced = _check_legs(row, legs, terms, where, add)
            for mark in _marks(row, intervals):
                _check_mark(mark, terms, priced, gateway_keys, where, add)
    # Each payee is owed exactly what its payer owes, less the fee.
    for row in _stream(conn, _MIRRORS):
        owed = hub.credited(row.payer_amount, row.mirror_fee_bp)
        if row.amount != owed:
            add(f"channel {row.id.hex()}", f"of {row.payer_amount} it mirrors {owed}")
    return count


class _Beside:
    """Rows of another table, in the order of the channels' ids, that are walked through beside
    them."""

    def __init__(self, rows: Iterator[Row[Any]]) -> None:
        self._groups = groupby(rows, key=attrgetter("channel_id"))
        self._following = next(self._groups, None)

    def of(self, channel_id: bytes) -> list[Row[Any]]:
        """Those of this channel, which is the next one."""
        if self._following is None or self._following[0] != channel_id:
            return []
        found = list(self._following[1])
        self._following = next(self._groups, None)
        return found


def _stream(conn: Connection, query: Any) -> Iterator[Row[Any]]:
    yield from conn.execute(query, execution_options={"yield_per": 1000})


def _check_intervals(row: Row[Any], intervals: list[Row[Any]], where: str, add: Add) -> None:
    amount = units = 0
    for each in intervals:
        if (each.from_amount, each.from_units) != (amount, units):
            add(where, f"its intervals have a gap or an overlap at {amount}")
        amount, units = each.to_amount, each.to_units
    if (amount, units) != (row.settled_amount, row.settled_units):
        add(where, f"settled {row.settled_amount}, but its intervals say {amount}")


def _marks(row: Row[Any], intervals: list[Row[Any]]) -> Iterator[_Mark]:
    found = None
    for each in intervals:
        if each.iou is not None:
            found = _Mark(
                each.to_amount, each.to_units, each.iou, each.tick_index, each.tick_preimage
            )
            yield found
    if row.amount:
        mark = _Mark(row.amount, row.units, row.iou, row.tick_index, row.tick_preimage)
        # It is mostly that of the last interval, once that is posted.
        if mark != found:
            yield mark


def _check_terms(
    row: Row[Any], where: str, gateway_keys: Sequence[bytes], add: Add
) -> Terms | None:
    try:
        terms = read_terms(envelope.parse_sign1("open", row.open_message).payload)
        if terms.channel_id() != row.id:
            add(where, "its terms are those of another channel")
        if terms.payer_key not in (row.public_key, *gateway_keys):
            add(where, "its payer is not the registered device")
        # A mirror is opened, and paid on, by the gateway itself.
        if terms.payer_key in gateway_keys:
            keys.opened("mirror", row.open_message, gateway_keys)
        else:
            keys.opened("open", row.open_message, [terms.payer_key])
    except ProtocolError as error:
        add(where, str(error))
        return None
    return terms


def _check_capacity(
    row: Row[Any], topups: list[Row[Any]], terms: Terms, where: str, add: Add
) -> None:
    """That the capacity is the terms', or was raised step by step by what the payer signed."""
    capacity = terms.capacity
    for each in topups:
        try:
            said = read_topup(
                envelope.open_sign1("topup", each.message, terms.payer_key, keys.verify)
            )
        except ProtocolError as error:
            add(where, f"topped up to {each.capacity}: {error}")
            return
        if (said.channel, said.capacity) != (terms.channel_id(), each.capacity):
            add(where, f"topped up to {each.capacity}, but signed is {said.capacity}")
        if each.from_capacity != capacity:
            add(where, f"topped up from {each.from_capacity}, but its capacity was {capacity}")
        capacity = each.capacity
    if row.capacity != capacity:
        add(where, f"its capacity is {row.capacity}, but signed is {capacity}")


def _check_legs(
    row: Row[Any], legs: list[Row[Any]], terms: Terms, where: str, add: Add
) -> list[Price]:
    """That each leg, and the IOU where it begins, is what the payer signed; the prices by them."""
    said = []
    try:
        for each in legs:
            leg = read_leg(envelope.open_sign1("leg", each.message, terms.payer_key, keys.verify))
            if leg.last_iou:
                keys.opened("iou", leg.last_iou, [terms.payer_key])
            signed = leg.channel, leg.number, leg.tariff.id(), leg.amount, leg.units
            if signed != (row.id, each.number, each.tariff_id, each.amount, each.units):
                add(where, f"leg {each.number} is not what was signed")
            said.append(leg)
        priced = prices(terms, said)
    except ProtocolError as error:
        add(where, f"its legs: {error}")
        return prices(terms, [])
    if row.leg != (said[-1].number if said else 0):
        add(where, f"it is on leg {row.leg}, but not all are there that were signed, or more are")
    return priced


def _check_mark(
    mark: _Mark,
    terms: Terms,
    priced: list[Price],
    gateway_keys: Sequence[bytes],
    where: str,
    add: Add,
) -> None:
    said: Iou | Credit
    try:
        if terms.payer_key in gateway_keys:
            said = read_credit(keys.opened("credit", mark.message, gateway_keys))
        else:
            said = read_iou(keys.opened("iou", mark.message, [terms.payer_key]))
            xrpl.check_claim(terms, said, keys.verify)
        amount, units = said.amount, said.units
        if mark.index:
            amount, units = _ticked(priced, said, mark.index, bytes(mark.preimage or b""))
    except ProtocolError as error:
        add(where, f"at {mark.amount}: {error}")
        return
    if (said.channel, amount, units) != (terms.channel_id(), mark.amount, mark.units):
        add(where, f"mark {mark.amount} for {mark.units} units, but signed is {amount}")
    price = price_at(priced, units)
    if price.tariff.pricing == METERED and amount != price.amount_of(units):
        add(where, f"mark {mark.amount} for {mark.units} units is not what its tariff asks")


def _ticked(
    priced: list[Price], said: Iou | Credit, index: int, preimage: bytes
) -> tuple[int, int]:
    """The mark that an IOU and a value of its chain prove. Raises ProtocolError."""
    if not isinstance(said, Iou) or index > said.chain_length:
        raise ProtocolError("no_chain", "channel.tick_index", "its IOU commits to no such tick")
    if not hashchain.is_tick(preimage, index, said.chain_root, 0):
        raise ProtocolError("bad_tick", "channel.tick_preimage", "not of its IOU's chain")
    units = said.units + index
    return price_at(priced, units).amount_of(units), units
