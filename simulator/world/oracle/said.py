"""The model: all that devices signed and all that the gateway said, apart from any store."""

from dataclasses import dataclass, field

from simulator.world.oracle import wire
from simulator.world.oracle.violation import Violation
from simulator.world.oracle.wire import Terms, Unreadable

REASONS = range(1, 23)
"""The numbers of all reasons for a refusal."""
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

    def has_signed(self, amount: int, units: int) -> bool:
        """Whether the payer signed exactly this mark."""
        return amount == 0 or units in self.signed.get(amount, ())

    def most_signed(self) -> int:
        """The greatest amount that the payer signed."""
        return max(self.signed, default=0)


class Said:
    """Everything that was said, by device and by channel."""

    def __init__(self, gateway_key: bytes) -> None:
        self._gateway_key = gateway_key
        self.payers: dict[str, Payer] = {}
        self.channels: dict[bytes, Spoken] = {}

    def by_device(self, device: str, kind: str, message: bytes) -> None:
        """Take up what a device's own code sent. Raises Violation 10."""
        payer = self.payers[device]
        try:
            if kind == "open":
                found = wire.terms(message, payer.key)
                spoken = self.channels.setdefault(found.channel, Spoken(device))
                spoken.terms = found
            elif kind == "iou":
                self._iou(device, payer, message)
            elif kind == "close":
                last = wire.fields(wire.signed("close", message, payer.key))[2]
                if last:
                    self._iou(device, payer, last)
        except Unreadable as error:
            raise Violation(10, f"device {device} sent a bad {kind}: {error}") from None

    def _iou(self, device: str, payer: Payer, message: bytes) -> None:
        found = wire.fields(wire.signed("iou", message, payer.key))
        channel, amount, units = found[1], found[2], found[3]
        spoken = self.channels.setdefault(channel, Spoken(device))
        before = spoken.last
        if not payer.forgot and (
            amount < before[0] or units < before[1] or (amount == before[0] and units != before[1])
        ):
            raise Violation(
                10, f"device {device} signed {(amount, units)} after {before} on {channel.hex()}"
            )
        if spoken.terms is not None and not payer.forgot:
            if amount > spoken.terms.capacity:
                raise Violation(4, f"device {device} signed more than the capacity: {amount}")
            if spoken.terms.metered and amount != spoken.terms.price(units):
                raise Violation(10, f"device {device} signed {amount} for {units} units")
        spoken.signed.setdefault(amount, set()).add(units)
        spoken.last = max(before, (amount, units))

    def by_gateway(self, device: str, kind: str, message: bytes) -> None:
        """Take up what the gateway sent. Raises Violation."""
        try:
            if kind == "ack":
                found = wire.fields(wire.told(message))
                spoken = self.channels.setdefault(found[1], Spoken(device))
                spoken.acks.append((found[2], found[3], found[4]))
            elif kind == "receipt":
                self._receipt(device, message)
            elif kind == "refused":
                reason = wire.fields(wire.told(message))[2]
                if reason not in REASONS:
                    raise Violation(21, f"refused for a reason that has no name: {reason}")
            elif kind in ("offer", "opened", "credit", "statement"):
                wire.signed(kind, message, self._gateway_key)
        except Unreadable as error:
            raise Violation(8, f"the gateway sent a bad {kind}: {error}") from None

    def _receipt(self, device: str, message: bytes) -> None:
        found = wire.fields(wire.signed("receipt", message, self._gateway_key))
        spoken = self.channels.setdefault(found[1], Spoken(device))
        spoken.receipts.append((found[2], found[3]))
        if found[4] == CLOSE:
            if spoken.close not in (b"", message):
                raise Violation(12, f"two receipts of one close: {found[1].hex()}")
            spoken.close = message
