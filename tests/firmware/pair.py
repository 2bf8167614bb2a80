"""A device's rules against the gateway's hot path, with a network in between that a test controls:
real keys, a real database, no sockets."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nacl import bindings
from nacl.signing import SigningKey

from firmware.device import Device
from firmware.identity import Native, native_identity
from firmware.journal import Journal
from gateway.ingest import upkeep
from gateway.ingest.inbox import Received
from gateway.keys import verify
from gateway.store import channels
from protocol import topics
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


def native(key: SigningKey) -> Native:
    """PyNaCl in place of the firmware's own cryptography: the same results, sooner."""
    public = bytes(key.verify_key)
    secret = bindings.crypto_sign_ed25519_sk_to_curve25519(bytes(key) + public)

    def shared_secret(peer: bytes) -> bytes:
        return bindings.crypto_scalarmult(
            secret, bindings.crypto_sign_ed25519_pk_to_curve25519(peer)
        )

    return Native(public, lambda message: key.sign(message).signature, verify, shared_secret)


@dataclass
class Pair:
    """One device and one gateway. `up` and `down` may drop or change what passes."""

    gateway: Gateway
    party: Party
    step: int = 1
    slots: MemorySlots = field(default_factory=MemorySlots)
    now: int = 0
    connected: bool = False
    up: Callable[[Received], list[Received]] = field(default=lambda message: [message])
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    said: list[tuple[str, bytes]] = field(default_factory=list)
    counter: int = 0
    device: Device = field(init=False)

    def __post_init__(self) -> None:
        self.boot()

    def boot(self) -> None:
        """Start the device from what its journal holds; everything else is forgotten."""
        self.connected = False
        self.device = Device(
            native_identity(native(self.party.key), self.gateway.keys.public),
            Journal(self.slots),
            self._random,
            "W.h",
            self.step,
            10**9,
        )

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

    def keep_house(self) -> None:
        """The gateway's work between batches."""
        upkeep.expire(self.gateway.context)
        self._to_device(
            [(kind_of(answer), answer.payload) for answer in upkeep.tell(self.gateway.context)]
        )

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
            if self.connected:
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
