"""A device: what it knows, what happens to it, and what it says then. Sans-IO.

Each method takes what happened and the time, and returns the messages to publish as (kind, bytes).
Whatever they rest on is in the journal before they are returned, so a device never says what it
could forget. What may be signed and believed is `protocol.payer`'s to decide; the device only puts
those rules in order: by functions of its own kind in `paying`, `offers`, `told`, `refusals` and
`resuming`, each of which is given the device. No socket, no clock, no pins: see `link` and `app`.
"""

from firmware import paying, resuming, told
from firmware.belief import Belief
from firmware.record import Record
from firmware.repeat import Repeat
from protocol import payer
from protocol.errors import ProtocolError
from protocol.payer import CLOSING, OPEN, OPENING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware.identity import Identity
    from firmware.journal import Journal
    from firmware.over import Over
    from firmware.topups import Topups
    from firmware.xrpl import XrplChannels
    from protocol.messages import Offer
    from protocol.payer import PayerChannel

    Messages = list[tuple[str, bytes]]

FLUSH_MS = 1_000
"""How long the meter must stand still before units that do not fill a step are signed too."""


class Device:
    """One device. `unit` is what its meter counts (UCUM), `step` how many units go into one IOU
    while it delivers, `capacity` the most that it lets one channel owe (atomic units). Units are in
    the journal when they fill a step or have waited `flush_ms` for the next: a power cut costs less
    than a step. With `chain_length` above 0 an IOU commits to a hash chain of so many ticks, and
    units are paid for by a tick each time that the meter is looked at, until it has run out.
    `payee` is the id of the device that it buys from; without, it buys from its gateway. With
    `topup` above 0 a channel opens with so much, and is topped up by so much before it runs out,
    up to `capacity`. A price by which the first 1,000 units of a channel cost more than
    `highest_price` atomic units, if that is not 0, it does not take."""

    # Of the class, for all that pay without: an instance's table of names grows by a third.
    xrpl: "XrplChannels | None" = None

    def __init__(
        self,
        identity: "Identity",
        journal: "Journal",
        random_bytes: "Callable[[int], bytes]",
        unit: str,
        step: int,
        capacity: int,
        flush_ms: int = FLUSH_MS,
        chain_length: int = 0,
        payee: str = "",
        topup: int = 0,
    ) -> None:
        self.identity = identity
        self.random_bytes = random_bytes
        self.record = Record(journal)
        self.belief = Belief(identity, self.record)
        self.over: Over | None = None
        """Channels that are over and to be shown again; None while there were none to show."""
        # What its owner wants.
        self.highest_price = 0
        self.payee = payee
        self.chain_length = chain_length
        self.unit = unit
        self.step = step
        self.flush_ms = flush_ms
        self.capacity = capacity
        self.topups = self._begin_topups(topup) if topup else None
        self.wants_channel = True
        # What it was told.
        self.refusals: dict[str, int] = {}
        self.ignored = 0
        self.offer: Offer | None = None
        self.gateway_time = 0
        self.funds_left: int | None = None
        """What its account has left to reserve, in atomic units, while the gateway says that this
        is little; else None."""
        self.generation = 0
        """The gateway's, the latest that it was told of."""
        for channel in self.channels:
            self.generation = max(self.generation, payer.generation(channel.serial))
        # Where it stands.
        self.connected = False
        self.nonce = b""
        """Of its last hello."""
        self.resumed = False
        """Whether the gateway has answered that on this connection: nothing is paid before."""
        self.retry = Repeat()
        self.flush_at = 0
        """When units that fill no step are paid; 0 while there are none."""

    def _begin_topups(self, portion: int) -> "Topups":
        # Loaded by those that use it, as some others here: a board's memory is scarce.
        from firmware.topups import Topups

        return Topups(self.identity, self.record, portion, self.capacity)

    def pay_by_claims(self, xrpl_channels: list[bytes]) -> None:
        """Let each channel name the next of these payment channels of the XRP Ledger (their ids),
        and each IOU be a claim on it. Without one that is left none opens."""
        from firmware.xrpl import XrplChannels

        self.xrpl = XrplChannels(xrpl_channels, self.record)

    # What the world sees

    @property
    def total(self) -> int:
        """The meter's total, in units, as last told."""
        return self.record.total

    @property
    def gateway_key(self) -> bytes:
        """The gateway's key that the device believes now."""
        return self.belief.key

    @property
    def channels(self) -> "list[PayerChannel]":
        """The channels that are not over, oldest first; the last one is paid on."""
        return self.record.channels

    @property
    def receipts(self) -> list[bytes]:
        """The latest receipts, signed by the gateway."""
        return self.record.receipts

    def current(self) -> "PayerChannel | None":
        """The channel that is paid on, if there is one."""
        if self.channels and self.channels[-1].state != CLOSING:
            return self.channels[-1]
        return None

    def may_deliver(self) -> bool:
        """Whether the relay may be closed: one more unit would still lie within the window."""
        channel = self.current()
        return channel is not None and channel.may_deliver(self.total)

    def unpaid(self) -> int:
        """Units that were metered and that the gateway has not acknowledged."""
        paid = self.record.base
        for channel in self.channels:
            paid = max(paid, channel.base + channel.acked_units)
        return max(0, self.total - paid)

    def is_saved(self) -> bool:
        """Whether all that the meter has told is in the journal."""
        return self.record.saved_total == self.total

    def has_channel(self) -> bool:
        """Whether a channel is open, be it that nothing more may be delivered on it now."""
        channel = self.current()
        return channel is not None and channel.state == OPEN

    # What happens

    def on_connected(self, now: int) -> "Messages":
        """The broker has accepted the connection and the subscription."""
        self.connected = True
        return resuming.greet(self, now)

    def on_disconnected(self) -> None:
        """The connection is gone; metering goes on."""
        self.connected = False
        self.resumed = False

    def on_meter(self, total: int, now: int) -> "Messages":
        """The meter shows `total` units; it never goes back."""
        if total <= self.total:
            return []
        could_deliver = self.may_deliver()
        self.record.total = total
        self.flush_at = now + self.flush_ms
        stops = could_deliver and not self.may_deliver()
        if stops or total - self.record.saved_total >= self.step:
            return paying.pay(self, now)
        return paying.tick(self, now)

    def on_time(self, now: int) -> "Messages":
        """Called at least a few times a second: pays what waits, repeats what got no answer."""
        sending: Messages = []
        if self.flush_at and now >= self.flush_at:
            sending = paying.pay(self, now)
        sending = sending + paying.follow(self, now) + paying.top_up(self, now)
        if self.connected and self.retry.is_due(now):
            again = self.unanswered()
            if again:
                self.retry.lengthen()
                return self.sent(again, now)
        return sending

    def finish(self, now: int) -> "Messages":
        """Close the channel that is paid on and open no other."""
        self.wants_channel = False
        return paying.pay(self, now) + paying.close(self, now)

    def on_message(self, kind: str, message: bytes, now: int) -> "Messages":
        """The gateway (or somebody who would be it) says something. What does not prove itself
        changes nothing and is counted."""
        handler = told.HANDLERS.get(kind)
        if handler is None:
            self.ignored += 1
            return []
        try:
            return handler(self, message, now)
        except ProtocolError:
            self.ignored += 1
            return []

    # What is said again

    def unanswered(self) -> "Messages":
        """Everything that an answer is still due to."""
        if not self.resumed:
            return [resuming.hello(self)]
        found = [] if self.over is None else self.over.unanswered()
        for channel in self.channels:
            if channel.state == OPENING:
                found.append(("open", channel.open_message))
                continue
            if channel.topup_due:
                # First, for what was signed may be beyond the capacity before it.
                found.append(("topup", channel.topup))
            if channel.leg_due:
                # And before what is priced by it.
                found.append(("leg", channel.next_leg or channel.leg))
            if channel.state == CLOSING:
                found.append(paying.close_message(self, channel))
            elif not channel.is_settled():
                found += paying.unsettled(channel)
        if not found and self.wants_channel and not self.may_deliver():
            # No channel, and what was offered was refused: ask for what is offered now. Or a
            # channel on which all is paid and nothing may be delivered: an operator has decided
            # so, and the grant that takes it back may be lost.
            found.append(resuming.hello(self))
        return found

    def over_again(self) -> "Over":
        """The channels that are over and to be shown again, of which there will be some now."""
        if self.over is None:
            # Loaded by those whose gateway was restored.
            from firmware.over import Over

            self.over = Over(self.identity, self.record)
        return self.over

    def used(self, channel: "PayerChannel") -> None:
        """No other channel may name the XRPL channel that this one does."""
        if self.xrpl is not None:
            self.xrpl.used(channel.terms.xrpl_channel)

    def sent(self, sending: "Messages", now: int) -> "Messages":
        """What of this can be said now: all, and an answer is waited for, or nothing while there is
        no connection."""
        if not self.connected:
            return []
        # No payment puts a repetition off: a device that pays without a pause would never say again
        # that an older channel is closed.
        if sending and (sending[-1][0] not in ("iou", "tick") or self.retry.is_due(now)):
            self.retry.said(now)
        return sending
