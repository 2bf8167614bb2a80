"""What must hold of channels: their marks, their states, and what was said of them."""

from simulator.world.oracle import wire
from simulator.world.oracle.books import ChannelRow
from simulator.world.oracle.said import Said, Spoken
from simulator.world.oracle.violation import Violation
from simulator.world.oracle.wire import Terms, Unreadable

_UNFREEZES = ("thawed", "operator_closed")


class Marks:
    """Channels as they were at the last look, and the checks of what became of them."""

    def __init__(self, said: Said, gateway_key: bytes) -> None:
        self._said = said
        self._gateway_key = gateway_key
        self._before: dict[bytes, ChannelRow] = {}
        self._terms: dict[bytes, Terms] = {}
        self._released: set[bytes] = set()

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
            if row == before:
                continue
            if before is None:
                self._opened(row)
            else:
                self._moved(before, row)
            self._proved(row)
        for channel, spoken in self._said.channels.items():
            if spoken.acks or spoken.receipts:
                self._spoken(channel, spoken, rows.get(channel))
        self._before = rows

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
        if terms.gateway != self._gateway_key:
            raise Violation(13, f"channel {row.id.hex()} is another gateway's")
        if (terms.capacity, terms.expiry) != (row.capacity, row.expires_at):
            raise Violation(4, f"channel {row.id.hex()} is not stored as it was signed")
        if row.payer != payer.account:
            raise Violation(13, f"channel {row.id.hex()} is charged to {row.payer}")
        self._terms[row.id] = terms

    def _moved(self, before: ChannelRow, row: ChannelRow) -> None:
        """3, 12, 17: marks only rise, a closed channel stays, a frozen one waits for a person."""
        name = row.id.hex()
        for what in ("amount", "units", "settled_amount", "settled_units", "serial"):
            if getattr(row, what) < getattr(before, what):
                raise Violation(
                    3, f"{what} of {name} fell from {getattr(before, what)} to {getattr(row, what)}"
                )
        if before.state == "closed":
            raise Violation(12, f"channel {name} changed after its close")
        if before.state == "frozen":
            if row.id not in self._released and (row.state, row.amount) != (
                "frozen",
                before.amount,
            ):
                raise Violation(17, f"frozen channel {name} went on by itself")
            self._released.discard(row.id)
        fixed = ("device", "payer", "payee", "open_message", "capacity", "expires_at")
        for what in fixed:
            if getattr(row, what) != getattr(before, what):
                raise Violation(13, f"{what} of channel {name} changed")

    def _proved(self, row: ChannelRow) -> None:
        """2, 4, 6: the mark is one that the payer signed, within its terms, with the proof."""
        name = row.id.hex()
        if not 0 <= row.settled_amount <= row.amount <= row.capacity:
            raise Violation(
                4, f"channel {name}: {row.settled_amount}, {row.amount}, {row.capacity}"
            )
        if row.amount == 0:
            return
        payer = self._said.payers[row.device]
        try:
            found = wire.fields(wire.signed("iou", row.iou or b"", payer.key))
        except Unreadable as error:
            raise Violation(6, f"the mark of {name} has no proof: {error}") from None
        if found[1] != row.id:
            raise Violation(13, f"the mark of {name} is proved by an IOU of {found[1].hex()}")
        if (found[2], found[3]) != (row.amount, row.units):
            mark, proof = (row.amount, row.units), (found[2], found[3])
            raise Violation(2, f"channel {name} is at {mark}, its IOU says {proof}")
        terms = self._terms[row.id]
        if terms.metered and row.amount != terms.price(row.units):
            raise Violation(5, f"channel {name}: {row.amount} for {row.units} units")
        spoken = self._said.channels.get(row.id)
        known = spoken is not None and spoken.has_signed(row.amount, row.units)
        if not known and not payer.cheated:
            raise Violation(2, f"channel {name}: its payer never said {(row.amount, row.units)}")

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
            if not spoken.has_signed(amount, units) and not cheated:
                raise Violation(8, f"{(amount, units)} of {name} was acked and never signed")
        if row is None:
            return
        terms = self._terms[channel]
        for _, units, limit in acks:
            reach = units + max(row.window, _units_to_next(terms, units))
            if terms.metered and (limit > reach or terms.price(limit) > row.capacity):
                raise Violation(8, f"{name}: delivery up to {limit} was granted at {units}")


def _units_to_next(terms: Terms, units: int) -> int:
    """Units until the price rises by at least one atomic unit."""
    if terms.numerator == 0:
        return 0
    wanted = terms.price(units) + 1
    return -(-wanted * terms.denominator // terms.numerator) - units
