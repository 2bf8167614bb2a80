"""A device's rules against the gateway's hot path, with a network in between that a test controls:
real keys, a real database, no sockets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from firmware.device import Device
from firmware.identity import native_identity
from firmware.journal import Journal
from gateway.ingest import upkeep
from gateway.ingest.inbox import Received
from gateway.store import channels
from protocol import topics
from simulator.crypto import native
from tests.ingest.parties import PRICE, Gateway, Party, kind_of


class MemorySlots:
    """The journal's two slots in memory; they outlive a device that is reset."""

    def __init__(self) -> None:
        self.slots = [b"", b""]
        self.writes = 0

    def read(self, slot: int) -> bytes:
        return self.slots[slot]

    def write(self, slot: int, data: bytes) -> None:
        self.slots[slot] = data
        self.writes += 1


def unreliable(chance: Random) -> Callable[[Received], list[Received]]:
    """A way on which some messages are lost, some come late, and others twice."""
    held: list[Received] = []

    def passed(message: Received) -> list[Received]:
        dice = chance.random()
        if dice < 0.3:
            return []
        if dice < 0.5:
            held.append(message)
            return []
        late, held[:] = list(held), []
        return [message, *late, message]

    return passed


@dataclass
class Pair:
    """One device and one gateway. `up` and `down` may drop or change what passes."""

    gateway: Gateway
    party: Party
    step: int = 1
    chain_length: int = 0
    capacity: int = 10**9
    topup: int = 0
    xrpl_channels: list[bytes] = field(default_factory=list)
    slots: MemorySlots = field(default_factory=MemorySlots)
    now: int = 0
    connected: bool = False
    up: Callable[[Received], list[Received]] = field(default=lambda message: [message])
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    said: list[tuple[str, bytes]] = field(default_factory=list)
    counter: int = 0
    given: bytes = b""
    """The gateway's key that the owner gave the device: its newest then, if none is named."""
    down: Callable[[str, bytes], bool] = field(default=lambda _kind, _message: True)
    """Which of the gateway's messages pass."""
    device: Device = field(init=False)

    def __post_init__(self) -> None:
        self.given = self.given or self.gateway.keys.public
        self.boot()

    def boot(self) -> None:
        """Start the device from what its journal holds; everything else is forgotten."""
        self.connected = False
        self.device = Device(
            native_identity(native(self.party.key), self.given),
            Journal(self.slots),
            self._random,
            "W.h",
            self.step,
            self.capacity,
            chain_length=self.chain_length,
            topup=self.topup,
        )
        if self.xrpl_channels:
            self.device.pay_by_claims(self.xrpl_channels)

    def _random(self, size: int) -> bytes:
        self.counter += 1
        return self.counter.to_bytes(size, "big")

    def connect(self) -> None:
        """The device's link comes up."""
        self.connected = True
        self.deliver(self.device.on_connected(self.now))

    def disconnect(self) -> None:
        """The device's link goes down."""
        self.connected = False
        self.device.on_disconnected()

    def meter(self, units: int) -> None:
        """The meter counts so many more units, if the relay lets it."""
        for _ in range(units):
            if not self.device.may_deliver():
                return
            self.deliver(self.device.on_meter(self.device.total + 1, self.now))

    def wait(self, milliseconds: int) -> None:
        """Time passes; the application's loop runs ten times a second."""
        for _ in range(milliseconds // 100):
            self.now += 100
            self.deliver(self.device.on_time(self.now))

    def settle(self) -> None:
        """Let everything that waits be said and answered."""
        for _ in range(40):
            self.wait(5_000)
            self.keep_house()
            if self.device.unpaid() == 0:
                return

    def keep_house(self) -> None:
        """The gateway's work between batches."""
        context = self.gateway.context
        upkeep.expire(context)
        told = upkeep.tell(context) + upkeep.announce(context)
        self._to_device([(kind_of(answer), answer.payload) for answer in told])

    def deliver(self, sending: list[tuple[str, bytes]]) -> None:
        """Carry messages, and the answers to them, until nobody has more to say."""
        for kind, message in sending:
            self.said.append((kind, message))
            if not self.connected:
                continue
            for passed in self.up(Received(topics.up(self.party.id, kind), message)):
                answers = self.gateway.take(passed)
                self._to_device([(kind_of(answer), answer.payload) for answer in answers])

    def _to_device(self, answers: list[tuple[str, bytes]]) -> None:
        for kind, message in answers:
            self.heard.append((kind, message))
            if self.connected and self.down(kind, message):
                self.deliver(self.device.on_message(kind, message, self.now))

    def paid(self) -> int:
        """What the device's account owes for all its channels, in atomic units."""
        total = 0
        with self.gateway.store.read() as conn:
            for row in channels.by_device(conn, self.party.id, live=False):
                total += row.amount
        return total

    def units_paid(self) -> int:
        """Units accepted on all its channels."""
        return self.paid() // PRICE.numerator
