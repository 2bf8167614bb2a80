"""The model: all that devices signed and all that the gateway said, apart from any store."""

from dataclasses import dataclass, field
from typing import Any

from simulator.world.oracle import wire
from simulator.world.oracle.keys import Keys
from simulator.world.oracle.violation import Violation
from simulator.world.oracle.wire import Leg, Terms, Unreadable, price

REASONS = range(1, 27)
"""The numbers of all reasons for a refusal."""
PRICE_ENDED = 26
CLOSE = 2
"""A receipt's event: the channel was closed."""

FORGOT = frozenset({"key_wiped", "old_image", "copied"})
"""What takes a device's memory away, so that it can't know all that it signed."""


@dataclass
class Payer:
    """A device: its key, its account, whether its memory was tampered with, whether it cheated, and
    whether its key was revoked, so that it can owe nothing more."""

    key: bytes
    account: str
    forgot: bool = False
    cheated: bool = False
    revoked: bool = False


@dataclass
class Spoken:
    """What was said of one channel: by its payer, and by the gateway."""

    device: str
    terms: Terms | None = None
    signed: dict[int, set[int]] = field(default_factory=dict)
    """Signed amounts, each with the units it was signed for."""
    last: tuple[int, int] = (0, 0)
    acked: int = 0
    acks: list[tuple[int, int, int]] = field(default_factory=list)
    """(amount, units, limit) of acks not yet compared with the books."""
    receipts: list[tuple[int, int]] = field(default_factory=list)
    close: bytes = b""
    delivered: int = 0
    """Units of it that its payer delivered, by the meter."""
    ious: list[dict[int, Any]] = field(default_factory=list)
    """The IOUs that commit to a chain, the latest last."""
    asked: int = 0
    """The greatest capacity that the payer signed a top-up for."""
    taken: int = 0
    """The greatest capacity that the gateway told of."""
    legs: list[Leg] = field(default_factory=list)
    """The legs that the payer signed."""
    told: set[bytes] = field(default_factory=set)
    """The handles of the legs that the gateway told of."""
    void: int | None = None
    """The units beyond which the gateway has refused what was signed, as its price has ended."""

    def begin_again(self, units: int) -> None:
        """The payer signs for so many units what was refused for more: that is void."""
        if self.void is None or not units <= self.void < self.last[1]:
            return
        self.signed = {
            amount: {each for each in said if each <= self.void}
            for amount, said in self.signed.items()
            if min(said) <= self.void
        }
        self.last = max(
            ((amount, max(said)) for amount, said in self.signed.items()), default=(0, 0)
        )
        self.void = None

    def may_ask(self, amount: int, units: int) -> bool:
        """Whether the payer may sign so much for so many units: by its terms, or by a leg that it
        signed and the gateway has told that it took."""
        if self.terms is None or not self.terms.metered or amount == self.terms.price(units):
            return True
        return any(
            leg.handle in self.told and amount == price(self.terms, [leg], units)
            for leg in self.legs
            if leg.units <= units
        )

    def capacity(self) -> int:
        """The most that the payer may sign for: what it topped up to counts once it was taken."""
        terms = 0 if self.terms is None else self.terms.capacity
        return max(terms, min(self.asked, self.taken))

    def has_signed(self, amount: int, units: int) -> bool:
        """Whether the payer signed exactly this mark."""
        return amount == 0 or units in self.signed.get(amount, ())

    def most_signed(self) -> int:
        """The greatest amount that the payer signed."""
        return max(self.signed, default=0)


class Said:
    """Everything that was said, by device and by channel."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.prices: set[tuple[str, int, int]] = set()
        """(unit, numerator, denominator) of what was ever to follow another price."""
        self.payers: dict[str, Payer] = {}
        self.channels: dict[bytes, Spoken] = {}

    def by_device(self, device: str, kind: str, message: bytes) -> None:
        """Take up what a device's own code sent. Raises Violation 10."""
        payer = self.payers[device]
        try:
            if kind == "open":
                terms = wire.terms(message, payer.key)
                self.channels.setdefault(terms.channel, Spoken(device)).terms = terms
            elif kind == "iou":
                self._iou(device, payer, message)
            elif kind == "tick":
                self._tick(device, payer, message)
            elif kind == "close":
                last = wire.fields(wire.signed("close", message, payer.key))[2]
                if last:
                    self._iou(device, payer, last)
            elif kind == "topup":
                found = wire.fields(wire.signed("topup", message, payer.key))
                spoken = self.channels.setdefault(found[1], Spoken(device))
                spoken.asked = max(spoken.asked, found[2])
            elif kind == "leg":
                leg = wire.leg(message, payer.key)
                last = wire.fields(wire.signed("leg", message, payer.key))[4]
                if last:
                    self._iou(device, payer, last)
                self.channels.setdefault(leg.channel, Spoken(device)).legs.append(leg)
        except Unreadable as error:
            raise Violation(10, f"device {device} sent a bad {kind}: {error}") from None

    def _iou(self, device: str, payer: Payer, message: bytes) -> None:
        found = wire.fields(wire.signed("iou", message, payer.key))
        channel, amount, units = found[1], found[2], found[3]
        spoken = self.channels.setdefault(channel, Spoken(device))
        spoken.begin_again(units)
        before = spoken.last
        if not payer.forgot and (
            amount < before[0] or units < before[1] or (amount == before[0] and units != before[1])
        ):
            raise Violation(
                10, f"device {device} signed {(amount, units)} after {before} on {channel.hex()}"
            )
        if spoken.terms is not None and not payer.forgot:
            if amount > spoken.capacity():
                raise Violation(4, f"device {device} signed more than the capacity: {amount}")
            if not spoken.may_ask(amount, units):
                raise Violation(10, f"device {device} signed {amount} for {units} units")
        named = b"" if spoken.terms is None else spoken.terms.xrpl_channel
        if named and not wire.is_claim(found.get(6, b""), named, amount, payer.key):
            raise Violation(10, f"device {device} signed {amount} and did not claim it")
        spoken.signed.setdefault(amount, set()).add(units)
        spoken.last = max(before, (amount, units))
        if 5 in found and found not in spoken.ious:
            spoken.ious.append(found)

    def _tick(self, device: str, payer: Payer, message: bytes) -> None:
        """10: a device ticks on the chain of an IOU that it signed, and within its capacity. Ticks
        may be said again, and forgotten in a power cut: one chain can say but one thing."""
        found = wire.fields(message)
        for channel, spoken in self.channels.items():
            if spoken.device != device or channel[:8] != found[1] or spoken.terms is None:
                continue
            for iou in reversed(spoken.ious):
                if wire.is_tick(found[3], found[2], iou):
                    units = iou[3] + found[2]
                    # A chain is of the leg that its IOU is of: the last one that begins before it.
                    begun = [
                        leg
                        for leg in spoken.legs
                        if leg.handle in spoken.told and leg.units < iou[3]
                    ]
                    begun.sort(key=lambda leg: leg.number)
                    fit = [
                        price(spoken.terms, legs, units)
                        for legs in ([], *([leg] for leg in begun))
                        if iou[2] == price(spoken.terms, legs, iou[3])
                    ]
                    asked = set(fit[-1:])
                    if not asked or min(asked) > spoken.capacity():
                        raise Violation(4, f"device {device} ticked beyond the capacity: {asked}")
                    for amount in asked:
                        spoken.signed.setdefault(amount, set()).add(units)
                    return
        raise Violation(10, f"device {device} ticked on no chain of its own")

    def by_gateway(self, device: str, kind: str, message: bytes) -> None:
        """Take up what the gateway sent. Raises Violation."""
        try:
            if kind == "ack":
                found = wire.fields(wire.told(message))
                spoken = self.channels.setdefault(found[1], Spoken(device))
                spoken.acks.append((found[2], found[3], found[4]))
            elif kind == "receipt":
                self._receipt(device, message)
            elif kind == "grant":
                told = wire.fields(wire.told(message))
                self._taken(device, told[1], told.get(4, 0))
                self.channels[told[1]].told.add(told.get(6, b""))
            elif kind == "resume":
                self._resumed(device, wire.fields(wire.told(message))[2])
            elif kind == "refused":
                refused = wire.fields(wire.told(message))
                if refused[2] not in REASONS:
                    raise Violation(21, f"refused for a reason that has no name: {refused[2]}")
                if refused[2] == PRICE_ENDED:
                    self.channels[refused[3]].void = refused[4]
            elif kind == "opened":
                self._of_channel("opened", device, message)
            elif kind in ("offer", "credit", "mirror", "statement"):
                self._keys.signed(kind, message)
            elif kind == "successor":
                self._keys.check_successor(message)
        except Unreadable as error:
            raise Violation(8, f"the gateway sent a bad {kind}: {error}") from None

    def _taken(self, device: str, channel: bytes, capacity: int) -> None:
        spoken = self.channels.setdefault(channel, Spoken(device))
        spoken.taken = max(spoken.taken, capacity)

    def _resumed(self, device: str, rows: list[list[Any]]) -> None:
        for row in rows:
            signed = row[6:] if row[4:] and isinstance(row[4], int) else row[4:]
            key = self.payers[device].key
            if signed and signed[0]:
                topup = wire.fields(wire.signed("topup", signed[0], key))
                self._taken(device, topup[1], topup[2])
            if len(signed) == 2:
                leg = wire.leg(signed[1], key)
                self.channels.setdefault(leg.channel, Spoken(device)).told.add(leg.handle)

    def _receipt(self, device: str, message: bytes) -> None:
        spoken, payload = self._of_channel("receipt", device, message)
        found = wire.fields(payload)
        spoken.receipts.append((found[2], found[3]))
        if found[4] == CLOSE:
            if spoken.close not in (b"", payload):
                raise Violation(12, f"two receipts of one close: {found[1].hex()}")
            spoken.close = payload

    def _of_channel(self, kind: str, device: str, message: bytes) -> tuple[Spoken, bytes]:
        """What the gateway signed about a channel, by the key that must have signed it."""
        payload = self._keys.signed(kind, message)
        spoken = self.channels.setdefault(wire.fields(payload)[1], Spoken(device))
        if spoken.terms is not None:
            self._keys.signed(kind, message, spoken.terms.gateway)
        return spoken, payload
