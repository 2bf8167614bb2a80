"""A device whose gateway is against it: the gateway holds its own key and the MAC key, says what it
likes in any order, and the power may fail at any time. Whatever it says, the device must not break,
and must never sign lower than it has signed, nor two IOUs that can't both be honest."""

from nacl.signing import SigningKey

from firmware.device import Device
from firmware.identity import native_identity
from firmware.journal import Journal
from gateway.keys import GatewayKeys, verify
from protocol import MAX_MESSAGE, envelope, messages
from protocol.messages import CLOSE, Iou
from protocol.payer import OPEN, OPENING
from protocol.pricing import Tariff
from protocol.reasons import REASONS
from protocol.topics import DOWN_KINDS, UP_KINDS
from simulator.crypto import native
from tests.firmware.pair import MemorySlots
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target, need

KEY = SigningKey(bytes([1]) * 32)
NATIVE = native(KEY)
GATEWAY = GatewayKeys(bytes([3]) * 32)
OTHER_KEY = SigningKey(bytes([2]) * 32)
IDENTITY = native_identity(NATIVE, GATEWAY.public)
MAC_KEY = IDENTITY.mac_key(GATEWAY.public)
SIGNED = ("offer", "opened", "credit", "receipt", "statement", "successor")
MOST = 60
"""Turns that one input may come to."""


class Scene:
    """One device, what it has said so far, and the gateway's choice of what to say next."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.slots = MemorySlots()
        self.now = 0
        self.total = 0
        self.nonces = 0
        self.opens: list[bytes] = []
        self.ious: list[bytes] = []
        self.last: dict[bytes, Iou] = {}
        self.terms: dict[bytes, messages.Terms] = {}
        self.nonce = b""
        self.step = 1 + choices.below(20)
        self.boot()

    def boot(self) -> None:
        """Start the device from its journal."""
        self.device = Device(
            IDENTITY, Journal(self.slots), self._random, "W.h", self.step, 1_000_000
        )

    def _random(self, size: int) -> bytes:
        self.nonces += 1
        return self.nonces.to_bytes(size, "big")

    # What the device says

    def hear(self, sending: list[tuple[str, bytes]]) -> None:
        """Check what the device says, and keep it: the gateway may use it against it."""
        # Terms that never left the device because it was offline count too.
        self.terms |= {each.id: each.terms for each in self.device.channels}
        for kind, message in sending:
            need(kind in UP_KINDS and len(message) <= MAX_MESSAGE, "no message of a device")
            if kind == "hello":
                payload = envelope.open_mac0(kind, message, MAC_KEY)
                self.nonce = messages.read_hello(payload).nonce
                continue
            payload = envelope.open_sign1(kind, message, IDENTITY.public_key, verify)
            if kind == "open":
                terms = messages.read_terms(payload)
                need(terms.capacity <= 1_000_000, "offers more than its owner allows")
                self.terms[terms.channel_id()] = terms
                self.opens = [*self.opens[-7:], message]
            elif kind == "iou":
                self._hear_iou(message, messages.read_iou(payload))
            elif kind == "close":
                close = messages.read_close(payload)
                last = self.last.get(close.channel)
                need(close.last_iou or last is None, "closes without its last IOU")
                if close.last_iou:
                    signed = envelope.open_sign1("iou", close.last_iou, IDENTITY.public_key, verify)
                    self._hear_iou(close.last_iou, messages.read_iou(signed))

    def _hear_iou(self, message: bytes, iou: Iou) -> None:
        terms = self.terms[iou.channel]
        need(0 < iou.amount <= terms.capacity, "more than the capacity")
        need(terms.tariff.amount(iou.units) == iou.amount, "not the tariff's price")
        need(iou.units <= self.total, "more units than were ever metered")
        before = self.last.get(iou.channel)
        if before is not None and (before.amount, before.units) != (iou.amount, iou.units):
            need(iou.amount > before.amount and iou.units > before.units, "signs lower than before")
        self.last[iou.channel] = iou
        self.ious = [*self.ious[-15:], message]

    # What the gateway says

    def channel(self) -> bytes:
        """The id of a channel of the device's, or of none."""
        known = [each.id for each in self.device.channels] + list(self.terms)[-8:]
        return self.choices.one_of([*known, bytes(32)])

    def tariff(self) -> Tariff:
        """A tariff that the gateway might offer."""
        choices = self.choices
        return Tariff(
            choices.one_of(("W.h", "W.h", "W.h", "By")),
            choices.number(),
            max(1, choices.number()),
            "EUR",
            choices.below(19),
            choices.below(2),
        )

    def payload(self, kind: str) -> bytes:
        """A payload of this kind, as bad as the choices want it."""
        choices, number = self.choices, self.choices.number
        if kind == "offer":
            key = choices.one_of((GATEWAY.public, GATEWAY.public, bytes(32)))
            return messages.Offer(
                self.tariff(), key, key, number(), number(), number(), number()
            ).payload()
        if kind == "opened":
            return messages.Opened(self.channel(), number(), number(), number()).payload()
        if kind == "ack":
            return messages.Ack(self.channel(), number(), number(), number(), number()).payload()
        if kind == "grant":
            return messages.Grant(self.channel(), number(), number()).payload()
        if kind == "credit":
            return messages.Credit(self.channel(), number(), number()).payload()
        if kind == "receipt":
            return messages.Receipt(
                self.channel(), number(), number(), choices.below(3), number(), number()
            ).payload()
        if kind == "refused":
            return messages.Refused(
                choices.one_of(UP_KINDS), choices.one_of(list(REASONS)), self.channel(), number()
            ).payload()
        if kind == "successor":
            key = choices.one_of((GATEWAY.public, bytes(32), bytes([2]) * 32))
            return messages.Successor(key, number()).payload()
        if kind == "resume":
            rows = [self.resumed() for _ in range(choices.below(4))]
            nonce = self.nonce if choices.below(8) else bytes(16)
            return messages.Resume(nonce, rows).payload()
        return choices.take(choices.byte())

    def resumed(self) -> messages.Resumed:
        """A channel as the gateway says it has it: made of what the device signed, of what another
        device signed, or of nothing."""
        choices = self.choices
        opened = choices.one_of([*self.opens, self.foreign_open()])
        iou = choices.one_of([b"", *self.ious, self.foreign_iou()])
        return messages.Resumed(opened, iou, choices.number(), choices.number())

    def foreign_open(self) -> bytes:
        """Terms of another device, or of this one under another signature."""
        key = self.choices.one_of((bytes(OTHER_KEY.verify_key), IDENTITY.public_key))
        terms = messages.Terms(
            key, GATEWAY.public, GATEWAY.public, self.tariff(), 1_000, 2_000_000_000, bytes(16)
        )
        return envelope.sign1("open", terms.payload(), lambda data: OTHER_KEY.sign(data).signature)

    def foreign_iou(self) -> bytes:
        """An IOU on one of the device's channels, which the device did not sign."""
        iou = Iou(self.channel(), self.choices.number(), self.choices.number())
        return envelope.sign1("iou", iou.payload(), lambda data: OTHER_KEY.sign(data).signature)

    def say(self) -> None:
        """The gateway says something, authentic or not."""
        kind = self.choices.one_of((*DOWN_KINDS, "opened", "ack", "offer", "resume", "unheard"))
        payload = self.payload(kind)
        way = self.choices.below(16)
        signs = kind in SIGNED
        if way == 0 or kind not in DOWN_KINDS:
            message = payload
        elif signs != (way == 1):
            message = envelope.sign1(kind, payload, GATEWAY.sign)
        else:
            message = envelope.mac0(kind, payload, MAC_KEY)
        if way == 2 and message:
            at = self.choices.byte() % len(message)
            message = message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]
        self.hear(self.device.on_message(kind, message, self.now))

    def honest(self) -> None:
        """The gateway does what it should: without that no input would get far."""
        now, device = self.now, self.device
        last = device.channels[-1] if device.channels else None
        if not device.resumed:
            rows = [messages.Resumed(each.open_message, each.iou, 0, 0) for each in device.channels]
            kind, payload = "resume", messages.Resume(self.nonce, rows).payload()
        elif last is None:
            key = GATEWAY.public
            tariff = Tariff("W.h", 300, 1 + self.choices.below(4), "EUR")
            kind, payload = "offer", messages.Offer(tariff, key, key, 10**7, 9, 99, 99).payload()
        elif last.state == OPENING:
            kind, payload = "opened", messages.Opened(last.id, 9, 10**6, last.serial).payload()
        elif last.state == OPEN:
            mark = (last.signed_amount, last.signed_units)
            kind, payload = "ack", messages.Ack(last.id, *mark, 10**6, last.serial).payload()
        else:
            mark = (last.signed_amount, last.signed_units)
            kind, payload = "receipt", messages.Receipt(last.id, *mark, CLOSE, 9).payload()
        if kind in SIGNED:
            message = envelope.sign1(kind, payload, GATEWAY.sign)
        else:
            message = envelope.mac0(kind, payload, MAC_KEY)
        self.hear(device.on_message(kind, message, now))

    def turn(self) -> None:
        """One thing happens."""
        what = self.choices.below(16)
        if what < 4:
            self.honest()
        elif what < 8:
            self.say()
        elif what < 11:
            self.total += 1 + self.choices.byte()
            self.hear(self.device.on_meter(self.total, self.now))
        elif what == 11:
            self.now += 100 * self.choices.byte()
            self.hear(self.device.on_time(self.now))
        elif what == 12:
            self.hear(self.device.on_connected(self.now))
        elif what == 13:
            self.device.on_disconnected()
        elif what == 14:
            self.boot()
        else:
            self.hear(self.device.finish(self.now))


def device(data: bytes) -> None:
    """The device's rules against a gateway that says anything."""
    choices = Choices(data)
    scene = Scene(choices)
    scene.hear(scene.device.on_connected(0))
    for _ in range(MOST):
        if not choices:
            return
        scene.turn()


def _seeds() -> list[bytes]:
    """Honest courses of things, in the terms of `Choices`, and a disturbed one."""
    opened = bytes([4, 0, 0, 0, 0])
    metered = bytes([8, 9, 0, 8, 30, 0, 8, 200, 0])
    return [
        opened + metered,
        opened + metered + bytes([14, 12, 0, 8, 5, 0, 15, 0, 0, 0]),
        opened + metered + bytes([13, 12, 4, 12, 0, 1, 1, 0, 1, 1, 0, 0, 5]) * 3,
        opened + bytes([4, 2, 0, 0, 9, 5, 8, 99, 6, 1, 0, 0, 9, 8, 7]) * 4,
        bytes(range(256)),
    ]


TARGETS = (Target("device", device, _seeds, 400, 40_000, max_len=400),)
