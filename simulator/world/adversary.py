"""Whoever owns the broker, or a network that it crosses: forges, records and plays back.

It has no key but those that an operation gives it. What it sends is told to no oracle: none of it
may count for more than the signatures in it.
"""

from nacl.signing import SigningKey

from protocol import envelope, topics
from protocol.messages import TICK_HANDLE_SIZE, Ack, Close, Iou, Successor, Tick
from protocol.xrpl import claim_bytes
from simulator.world.broker import Broker, Publish
from simulator.world.devices import SimulatedDevice
from simulator.world.faults import Faults
from simulator.world.watch import Watch

FORGERIES = (
    "noise",
    "foreign_iou",
    "foreign_tick",
    "foreign_close",
    "foreign_ack",
    "foreign_key",
    "unmeant_kind",
)


MISCLAIMS = (
    "one drop less",
    "one drop more",
    "another channel",
    "an older claim",
    "another key",
    "none",
)


class Adversary:
    """Has heard everything that passed the broker lately."""

    def __init__(self, broker: Broker, watch: Watch, faults: Faults) -> None:
        self._broker = broker
        self._watch = watch
        self._faults = faults
        self._key = SigningKey(b"\x5a" * 32)
        self._record: list[tuple[str, bytes]] = []

    def _sign(self, message: bytes) -> bytes:
        return self._key.sign(message).signature

    def forge(self, device: SimulatedDevice, what: str) -> None:
        """Send something that the device's key never signed."""
        if what not in FORGERIES:
            raise ValueError(f"forge: must be one of {', '.join(FORGERIES)}, not {what}")
        channel = device.core.current() if device.core is not None else None
        identifier, units, paid = bytes(32), 1, 1
        if channel is not None:
            # All is as it should be but the signature, so that nothing else can refuse it.
            identifier = bytes(channel.id)
            units = int(channel.signed_units) + 7
            paid = int(channel.terms.price.amount_of(units))
        kind = "iou"
        if what == "foreign_iou":
            payload = envelope.sign1("iou", Iou(identifier, paid, units).payload(), self._sign)
        elif what == "foreign_tick":
            kind = "tick"
            payload = Tick(identifier[:TICK_HANDLE_SIZE], 1 + paid % 7, bytes(32)).payload()
        elif what == "foreign_close":
            kind = "close"
            payload = envelope.sign1("close", Close(identifier, b"").payload(), self._sign)
        elif what == "foreign_ack":
            signed = (0, 0) if channel is None else (channel.signed_amount, channel.signed_units)
            ack = Ack(identifier, *signed, units + 1_000_000, 2**40)
            payload = envelope.mac0("ack", ack.payload(), bytes(32))
            self._faults.took_effect("forged")
            self._broker.inject(topics.down(device.id, "ack"), payload, qos=0)
            return
        elif what == "foreign_key":
            word = Successor(bytes(self._key.verify_key), 1).payload()
            payload = envelope.sign1("successor", word, self._sign)
            self._faults.took_effect("forged")
            self._broker.inject(topics.down(device.id, "successor"), payload, qos=1)
            return
        elif what == "unmeant_kind":
            payload = envelope.sign1("open", Iou(identifier, paid, units).payload(), self._sign)
        else:
            payload = bytes((7 * index + len(what)) & 255 for index in range(90))
        self._faults.took_effect("forged")
        self._broker.inject(topics.up(device.id, kind), payload, qos=topics.QOS[kind])

    def replay(self, back: int, device: SimulatedDevice | None, kind: str, retain: bool) -> None:
        """Send the message that passed `back` messages ago again; to or from another device, or as
        another kind, if these are given; as a retained one if asked."""
        if not self._broker.seen:
            return
        topic, payload = self._broker.seen[-1 - back % len(self._broker.seen)]
        parts = topic.split("/")
        direction, said = parts[4], parts[5]
        if kind in (topics.UP_KINDS if direction == "up" else topics.DOWN_KINDS):
            said = kind
        name = parts[3] if device is None else device.id
        make = topics.up if direction == "up" else topics.down
        self._faults.took_effect("replayed")
        self._broker.inject(make(name, said), payload, qos=topics.QOS[said], retain=retain)

    def record(self) -> None:
        """Keep what passed lately."""
        self._record = list(self._broker.seen)

    def play_back(self, device: SimulatedDevice | None, backwards: bool) -> None:
        """Send all that was kept again, in its order or from its end; to or from another device if
        that is given."""
        for topic, payload in reversed(self._record) if backwards else self._record:
            parts = topic.split("/")
            name = parts[3] if device is None else device.id
            make = topics.up if parts[4] == "up" else topics.down
            self._faults.took_effect("replayed")
            self._broker.inject(make(name, parts[5]), payload, qos=topics.QOS[parts[5]])

    def trespass(self, device: SimulatedDevice, other: SimulatedDevice, back: int) -> None:
        """Let a device's own connection publish on another device's topic."""
        session = self._broker.session_of(device.id)
        if session is None or not self._broker.seen:
            return
        _topic, payload = self._broker.seen[-1 - back % len(self._broker.seen)]
        self._broker.publish(session, topics.up(other.id, "iou"), payload, 0)

    def leave_will(self, device: SimulatedDevice, back: int) -> None:
        """Make one of the device's earlier messages its will."""
        own = [
            (topic, payload)
            for topic, payload in self._broker.seen
            if topic.split("/")[3] == device.id and topic.split("/")[4] == "up"
        ]
        if own:
            topic, payload = own[-1 - back % len(own)]
            device.set_will(Publish(topic, payload, 1))

    def misclaim(self, device: SimulatedDevice, what: str) -> None:
        """A device that cheats: an IOU that is right, and a claim with it that pays less, or
        nothing."""
        core = device.core
        channel = core.current() if core is not None else None
        if channel is None or not channel.terms.xrpl_channel or device.excused:
            # With an old memory it might contradict itself, and that is another plot.
            return
        price = channel.terms.price
        units = int(price.units_within(channel.signed_amount)) + 1
        amount = int(price.amount_of(units))
        named = bytes(channel.terms.xrpl_channel)
        right = claim_bytes(named, amount)
        said = {
            "one drop less": claim_bytes(named, max(0, amount - 1)),
            "one drop more": claim_bytes(named, amount + 1),
            "another channel": claim_bytes(bytes(32), amount),
            "an older claim": claim_bytes(named, int(channel.acked_amount)),
            "another key": right,
            "none": b"",
        }
        if what not in MISCLAIMS:
            raise ValueError(f"misclaim: must be one of {', '.join(MISCLAIMS)}, not {what}")
        key = self._key if what == "another key" else device.key
        iou = Iou(channel.id, amount, units)
        if what != "none":
            iou.xrpl_claim = key.sign(said[what]).signature
        message = envelope.sign1("iou", iou.payload(), lambda data: device.key.sign(data).signature)
        self._faults.took_effect("misclaimed")
        self._broker.inject(topics.up(device.id, "iou"), message, qos=0)

    def overrun(self, device: SimulatedDevice, units: int) -> None:
        """A device that goes on as if it were granted more: with its own key, so many units beyond
        its limit, at the price that its channel is on."""
        core = device.core
        channel = core.current() if core is not None else None
        if channel is None:
            return
        beyond = int(channel.limit) + units
        iou = Iou(channel.id, int(channel.terms.price.amount_of(beyond)), beyond)
        self._cheat(device, "overran", iou)

    def equivocate(self, device: SimulatedDevice, units_less: int) -> None:
        """A device that cheats: with its own key, other units for the amount it last signed."""
        core = device.core
        channel = core.current() if core is not None else None
        if channel is None or not channel.signed_amount:
            return
        units = max(0, int(channel.signed_units) - units_less)
        iou = Iou(channel.id, int(channel.signed_amount), units)
        self._cheat(device, "equivocated", iou)

    def _cheat(self, device: SimulatedDevice, fault: str, iou: Iou) -> None:
        """Send what a device's own code would not sign."""
        message = envelope.sign1("iou", iou.payload(), lambda data: device.key.sign(data).signature)
        self._faults.took_effect(fault)
        self._watch.declared("equivocated", device.id)
        device.excused = device.muddled = True
        self._broker.inject(topics.up(device.id, "iou"), message, qos=0)
