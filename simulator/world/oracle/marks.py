"""What must hold of channels: their marks, their states, and what was said of them."""

from typing import Any

from simulator.world.oracle import wire
from simulator.world.oracle.books import ChannelRow
from simulator.world.oracle.keys import Keys
from simulator.world.oracle.said import Said, Spoken
from simulator.world.oracle.violation import Violation
from simulator.world.oracle.wire import Leg, Terms, Unreadable

_UNFREEZES = ("thawed", "operator_closed")


class Marks:
    """Channels as they were at the last look, and the checks of what became of them."""

    def __init__(self, said: Said, keys: Keys) -> None:
        self._said = said
        self._keys = keys
        self._before: dict[bytes, ChannelRow] = {}
        self._terms: dict[bytes, Terms] = {}
        self._released: set[bytes] = set()
        self._backed: dict[tuple[bytes, bytes], bytes] = {}
        self._ended: set[bytes] = set()

    def declared(self, what: str, channel: bytes) -> None:
        """An operator did this to a channel."""
        if what in _UNFREEZES:
            self._released.add(channel)

    def check(self, rows: dict[bytes, ChannelRow]) -> None:
        """Every channel that changed, and everything that was said since the last look. Raises
        Violation."""
        for channel in self._before:
            if channel not in rows:
                raise Violation(3, f"channel {channel.hex()} is gone")
        for channel, row in rows.items():
            before = self._before.get(channel)
            if row == before or row.mirror_of is not None:
                continue
            if before is None:
                self._opened(row)
            else:
                self._moved(before, row)
            self._proved(row)
        for channel, row in rows.items():
            if row.mirror_of is not None:
                self._mirrors(row, self._before.get(channel), rows)
        for channel, spoken in self._said.channels.items():
            if spoken.acks or spoken.receipts:
                self._spoken(channel, spoken, rows.get(channel))
            if spoken.delivered:
                self._exposed(channel, spoken, rows.get(channel))
        self._before = rows

    def check_ended(
        self, rows: dict[bytes, ChannelRow], ends: dict[bytes, int], at: int | None
    ) -> None:
        """5: a price ends only once another has followed it for the stated grace (by `at`, if that
        is known), and nothing beyond what was granted by then is owed at it. Raises Violation."""
        before, self._ended = self._ended, set()
        for row in rows.values():
            if row.ended_units is None or row.state == "closed":
                continue
            self._ended.add(row.id)
            name, legs = row.id.hex(), self._legs(row)
            tariff = legs[-1].tariff if legs else self._terms[row.id].tariff
            # Later the gateway's clock may have jumped back.
            early = row.id not in before and at is not None and at < ends.get(tariff, 0)
            if tariff not in ends or early:
                raise Violation(5, f"the price of {name} has ended before its time")
            if row.units > _reach(row, self._terms[row.id], legs, row.ended_units):
                raise Violation(5, f"{row.units} units of {name} are owed at a price that ended")

    def _opened(self, row: ChannelRow) -> None:
        """6, 13: a channel is what its payer signed, for the device and account that it names."""
        payer = self._said.payers.get(row.device)
        if payer is None:
            raise Violation(6, f"channel {row.id.hex()} of a device nobody registered")
        try:
            terms = wire.terms(row.open_message, payer.key)
        except Unreadable as error:
            raise Violation(
                6, f"channel {row.id.hex()} that its payer never opened: {error}"
            ) from None
        if terms.channel != row.id or terms.payer != payer.key:
            raise Violation(13, f"channel {row.id.hex()} has the terms of another")
        if terms.gateway not in self._keys.all:
            raise Violation(13, f"channel {row.id.hex()} is another gateway's")
        if terms.expiry != row.expires_at:
            raise Violation(4, f"channel {row.id.hex()} is not stored as it was signed")
        if terms.currency != row.currency:
            raise Violation(13, f"channel {row.id.hex()} is in {row.currency}")
        if row.payer != payer.account:
            raise Violation(13, f"channel {row.id.hex()} is charged to {row.payer}")
        self._terms[row.id] = terms
        if terms.xrpl_channel:
            if terms.currency != "XRP":
                raise Violation(13, f"channel {row.id.hex()} in {row.currency} is to be claimed")
            other = self._backed.setdefault((terms.payer, terms.xrpl_channel), row.id)
            if other != row.id:
                raise Violation(2, f"{row.id.hex()} and {other.hex()} are claims on one channel")

    def _mirrors(
        self, row: ChannelRow, before: ChannelRow | None, rows: dict[bytes, ChannelRow]
    ) -> None:
        """2, 6, 13: what the gateway owes a payee is what the payer owes, less the fee, and the
        gateway has signed it."""
        name = row.id.hex()
        paid = rows.get(row.mirror_of or b"")
        if row == before and paid == self._before.get(row.mirror_of or b""):
            return
        if paid is None or paid.mirror_of is not None:
            raise Violation(13, f"channel {name} mirrors none")
        payee = self._said.payers[row.device]
        own = self._terms[paid.id].gateway
        try:
            terms = wire.terms(row.open_message, own, "mirror")
        except Unreadable as error:
            raise Violation(6, f"mirror {name}: {error}") from None
        if (terms.payer, terms.payee, terms.channel) != (own, payee.key, row.id):
            raise Violation(13, f"mirror {name} is of other parties")
        if self._terms[paid.id].payee != payee.key or row.payee != payee.account:
            raise Violation(13, f"mirror {name} pays another than its channel's payee")
        fee = paid.amount * (row.mirror_fee_bp or 0) // 10_000
        if row.amount != paid.amount - fee:
            raise Violation(2, f"mirror {name} is at {row.amount}, its channel at {paid.amount}")
        if row.state != paid.state:
            raise Violation(17, f"mirror {name} is {row.state}, its channel {paid.state}")
        if row.amount:
            said = wire.fields(self._keys.signed("credit", row.iou or b"", own))
            if (said[1], said[2], said[3]) != (row.id, row.amount, row.units):
                raise Violation(6, f"the credit of {name} says {said[2]}")
        if before is not None and row.amount < before.amount:
            raise Violation(3, f"mirror {name} fell from {before.amount} to {row.amount}")

    def _moved(self, before: ChannelRow, row: ChannelRow) -> None:
        """3, 12, 17: marks only rise, a closed channel stays, a frozen one waits for a person."""
        name = row.id.hex()
        for what in ("amount", "units", "settled_amount", "settled_units", "serial", "capacity"):
            if getattr(row, what) < getattr(before, what):
                raise Violation(
                    3, f"{what} of {name} fell from {getattr(before, what)} to {getattr(row, what)}"
                )
        if before.state == "closed":
            raise Violation(12, f"channel {name} changed after its close")
        if row.legs[: len(before.legs)] != before.legs:
            raise Violation(5, f"legs of channel {name} changed")
        if before.state == "frozen":
            if row.id not in self._released and (row.state, row.amount) != (
                "frozen",
                before.amount,
            ):
                raise Violation(17, f"frozen channel {name} went on by itself")
            self._released.discard(row.id)
        fixed = ("device", "payer", "payee", "open_message", "expires_at", "currency")
        for what in fixed:
            if getattr(row, what) != getattr(before, what):
                raise Violation(13, f"{what} of channel {name} changed")

    def _proved(self, row: ChannelRow) -> None:
        """2, 4, 6: the mark is one that the payer signed, within its terms and what it topped up,
        with the proof."""
        name = row.id.hex()
        self._capacity(row)
        if not 0 <= row.settled_amount <= row.amount <= row.capacity:
            raise Violation(
                4, f"channel {name}: {row.settled_amount}, {row.amount}, {row.capacity}"
            )
        legs = self._legs(row)
        if row.amount == 0:
            return
        payer = self._said.payers[row.device]
        try:
            found = wire.fields(wire.signed("iou", row.iou or b"", payer.key))
        except Unreadable as error:
            raise Violation(6, f"the mark of {name} has no proof: {error}") from None
        if found[1] != row.id:
            raise Violation(13, f"the mark of {name} is proved by an IOU of {found[1].hex()}")
        self._claimed(row, found)
        proof = (found[2], found[3])
        if row.tick_index:
            if not wire.is_tick(row.tick_preimage or b"", row.tick_index, found):
                raise Violation(6, f"the mark of {name} has no tick that proves it")
            units = found[3] + row.tick_index
            proof = (wire.price(self._terms[row.id], legs, units), units)
        if proof != (row.amount, row.units):
            mark = (row.amount, row.units)
            raise Violation(2, f"channel {name} is at {mark}, its IOU says {proof}")
        terms = self._terms[row.id]
        if terms.metered and row.amount != wire.price(terms, legs, row.units):
            raise Violation(5, f"channel {name}: {row.amount} for {row.units} units")
        spoken = self._said.channels.get(row.id)
        known = spoken is not None and spoken.has_signed(row.amount, row.units)
        if not known and not payer.cheated:
            raise Violation(2, f"channel {name}: its payer never said {(row.amount, row.units)}")

    def _claimed(self, row: ChannelRow, iou: dict[int, Any]) -> None:
        """6: where the terms name a channel of the XRP Ledger, that one pays out all of the mark
        for the claim that is stored with it."""
        terms = self._terms[row.id]
        if not terms.xrpl_channel:
            if 6 in iou:
                raise Violation(6, f"the mark of {row.id.hex()} has a claim that nobody checks")
            return
        claim = iou.get(6, b"")
        if not wire.is_claim(claim, terms.xrpl_channel, row.amount, terms.payer):
            raise Violation(6, f"no claim is worth {row.amount}, the mark of {row.id.hex()}")

    def _legs(self, row: ChannelRow) -> list[Leg]:
        """5, 6: each later price is one that the payer signed, from an IOU on by the price before,
        and one that was to follow."""
        name = row.id.hex()
        terms = self._terms[row.id]
        found: list[Leg] = []
        for message in row.legs:
            try:
                leg = wire.leg(message, terms.payer)
            except Unreadable as error:
                raise Violation(6, f"a leg of {name}: {error}") from None
            if (leg.channel, leg.number) != (row.id, len(found) + 1):
                raise Violation(6, f"leg {leg.number} of {name} is of {leg.channel.hex()}")
            if leg.amount != wire.price(terms, found, leg.units) or leg.amount > row.amount:
                raise Violation(5, f"leg {leg.number} of {name} begins at {leg.amount}")
            if (leg.unit, leg.numerator, leg.denominator) not in self._said.prices:
                raise Violation(5, f"leg {leg.number} of {name} is at a price that never followed")
            found.append(leg)
        return found

    def _capacity(self, row: ChannelRow) -> None:
        """4: the capacity is that of the terms, or one that their payer has signed a top-up for."""
        terms = self._terms[row.id]
        signed = (row.id, terms.capacity)
        if row.topup is not None:
            found = wire.fields(wire.signed("topup", row.topup, terms.payer))
            signed = (found[1], found[2])
        if signed != (row.id, row.capacity) or row.capacity < terms.capacity:
            raise Violation(4, f"channel {row.id.hex()} may owe {row.capacity}, signed: {signed}")

    def _spoken(self, channel: bytes, spoken: Spoken, row: ChannelRow | None) -> None:
        """7, 8: what the gateway has said is in its books, and is true."""
        name = channel.hex()
        acks, spoken.acks = spoken.acks, []
        receipts, spoken.receipts = spoken.receipts, []
        cheated = self._said.payers[spoken.device].cheated
        for amount, units in [(amount, units) for amount, units, _ in acks] + receipts:
            if row is None or row.amount < amount:
                stored = "nothing" if row is None else str(row.amount)
                raise Violation(7, f"{amount} of {name} was acked, {stored} is stored")
            mirrors = row is not None and row.mirror_of is not None
            if not spoken.has_signed(amount, units) and not cheated and not mirrors:
                raise Violation(8, f"{(amount, units)} of {name} was acked and never signed")
        if row is None or row.mirror_of is not None:
            return
        terms, legs = self._terms[channel], self._legs(row)
        for _, units, limit in acks:
            # By the price that it was said at, of those that it had.
            told = [legs[:count] for count in range(len(legs) + 1)]
            reach = max(_reach(row, terms, each, units) for each in told)
            if row.ended_units is not None:
                reach = min(reach, _reach(row, terms, legs, row.ended_units))
            least = min(wire.price(terms, each, limit) for each in told)
            if terms.metered and (limit > reach or least > row.capacity):
                raise Violation(8, f"{name}: delivery up to {limit} was granted at {units}")

    def _exposed(self, channel: bytes, spoken: Spoken, row: ChannelRow | None) -> None:
        """11: what is delivered and not accepted is at most a window."""
        units = 0 if row is None else row.units
        most = 0
        if row is not None:
            legs = self._legs(row)
            # What was granted before a price changed holds until the next word.
            most = max(
                _reach(row, self._terms[channel], legs[:count], units)
                for count in range(max(0, len(legs) - 1), len(legs) + 1)
            )
            if row.ended_units is not None:
                most = min(most, _reach(row, self._terms[channel], legs, row.ended_units))
        if spoken.delivered > most:
            raise Violation(
                11, f"{spoken.delivered} units of {channel.hex()} delivered, {units} accepted"
            )
        spoken.delivered = 0


def _reach(row: ChannelRow, terms: Terms, legs: list[Leg], units: int) -> int:
    """Up to where delivery may be granted when so many units are accepted."""
    return units + max(row.window, _units_to_next(terms, legs, units))


def _units_to_next(terms: Terms, legs: list[Leg], units: int) -> int:
    """Units until the price rises by at least one atomic unit."""
    begun = [leg for leg in legs if leg.units <= units]
    at: Terms | Leg = begun[-1] if begun else terms
    base, amount = (at.units, at.amount) if isinstance(at, Leg) else (0, 0)
    if terms.session_fee and units == 0:
        # The first unit costs it.
        return 1
    if at.numerator == 0:
        return 0
    if base == 0:
        amount += terms.session_fee
    wanted = wire.price(terms, begun, units) + 1 - amount
    return base + -(-wanted * at.denominator // at.numerator) - units
