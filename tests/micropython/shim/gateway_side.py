# The gateway's side of a device under MicroPython, and a board: broker and gateway are at the other
# end of a stream, judging by the gateway's own rules.
import asyncio
import json
from binascii import hexlify

from firmware.crypto import ed25519, x25519
from firmware.once import let_go, settings_of
from protocol import envelope, mac, messages, payee, topics
from protocol.pricing import Tariff

PRICE = 300
WINDOW = 20
NOW = 1000
GATEWAY_SEED = bytes(range(32))
DEVICE_SEED = bytes(range(1, 33))
GATEWAY = ed25519.SigningKey(GATEWAY_SEED)
DEVICE = ed25519.SigningKey(DEVICE_SEED)
MAC_KEY = mac.channel_mac_key(
    x25519.shared_secret(GATEWAY_SEED, DEVICE.public_key), DEVICE.public_key, GATEWAY.public_key
)
# As a device does with it: this is the other side in the same memory.
del x25519
let_go("firmware.crypto.x25519")

verify = ed25519.verify


class Channel:
    def __init__(self, terms, open_message):
        self.terms = terms
        self.open_message = open_message
        self.amount = 0
        self.units = 0
        self.iou = b""
        self.topup = b""

    def limit(self):
        return payee.limit(self.terms, self.units, WINDOW)


class Payee:
    """The gateway's side, without store and broker: what arrives, and what is answered."""

    def __init__(self, currency="EUR"):
        self.currency = currency
        self.channels = {}
        self.last_receipt = b""
        # (XRPL channel, drops) of the newest claim on each.
        self.claimed = {}

    def take(self, kind, message):
        return {
            "hello": self.hello,
            "open": self.open,
            "iou": self.pay,
            "topup": self.top_up,
            "close": self.close,
        }[kind](message)

    def hello(self, message):
        nonce = messages.read_hello(envelope.open_mac0("hello", message, MAC_KEY)).nonce
        rows = [
            messages.Resumed(
                channel.open_message, channel.iou, channel.limit(), 0, topup=channel.topup
            )
            for channel in self.channels.values()
        ]
        tariff = Tariff("W.h", PRICE, 1, self.currency)
        offer = messages.Offer(
            tariff, GATEWAY.public_key, GATEWAY.public_key, 10**7, WINDOW, 86_400, NOW
        )
        resume = messages.Resume(nonce, rows).payload()
        return [
            ("resume", envelope.mac0("resume", resume, MAC_KEY)),
            ("offer", envelope.sign1("offer", offer.payload(), GATEWAY.sign)),
        ]

    def open(self, message):
        payload = envelope.open_sign1("open", message, DEVICE.public_key, verify)
        terms = messages.read_terms(payload)
        channel = self.channels[terms.channel_id()] = Channel(terms, message)
        opened = messages.Opened(terms.channel_id(), NOW, channel.limit(), 0).payload()
        return [("opened", envelope.sign1("opened", opened, GATEWAY.sign))]

    def top_up(self, message):
        from protocol import topups

        payload = envelope.open_sign1("topup", message, DEVICE.public_key, verify)
        topup = topups.read_topup(payload)
        channel = self.channels[topup.channel]
        terms = channel.terms
        verdict = payee.judge_topup(
            payee.OPEN, terms.capacity, terms.expiry, 10**7, topup.capacity, NOW
        )
        if verdict == payee.RAISES:
            terms.capacity, channel.topup = topup.capacity, message
        grant = messages.Grant(topup.channel, channel.limit(), 0, terms.capacity)
        return [("grant", envelope.mac0("grant", grant.payload(), MAC_KEY))]

    def pay(self, message):
        payload = envelope.open_sign1("iou", message, DEVICE.public_key, verify)
        iou = messages.read_iou(payload)
        channel = self.channels[iou.channel]
        verdict = payee.judge(channel.terms, payee.OPEN, channel.amount, channel.units, iou, NOW)
        assert verdict in (payee.RAISES, payee.STALE), verdict
        if verdict == payee.RAISES:
            if channel.terms.xrpl_channel:
                from protocol import xrpl

                xrpl.check_claim(channel.terms, iou, verify)
                self.claimed[channel.terms.xrpl_channel] = iou.amount
            channel.amount, channel.units, channel.iou = iou.amount, iou.units, message
        ack = messages.Ack(iou.channel, channel.amount, channel.units, channel.limit(), 0)
        return [("ack", envelope.mac0("ack", ack.payload(), MAC_KEY))]

    def close(self, message):
        payload = envelope.open_sign1("close", message, DEVICE.public_key, verify)
        close = messages.read_close(payload)
        if close.channel in self.channels:
            if close.last_iou:
                self.pay(close.last_iou)
            channel = self.channels.pop(close.channel)
            receipt = messages.Receipt(
                close.channel, channel.amount, channel.units, messages.CLOSE, NOW
            )
            self.last_receipt = envelope.sign1("receipt", receipt.payload(), GATEWAY.sign)
        # Closed already, the receipt was lost with its connection.
        return [("receipt", self.last_receipt)]


def packet(first, body):
    length = b""
    size = len(body)
    while True:
        digit, size = size & 127, size >> 7
        length += bytes((digit | (128 if size else 0),))
        if not size:
            return bytes((first,)) + length + body


class Stream:
    """One connection: a broker that passes messages on to the payee and its answers back."""

    def __init__(self, board):
        self.board = board
        self.waiting = []
        self.arrived = asyncio.Event()

    async def read(self, size):
        while not self.waiting:
            self.arrived.clear()
            await self.arrived.wait()
        return self.waiting.pop(0)

    async def write(self, data):
        if self.board.deaf:
            await asyncio.Event().wait()
        while data:
            size = shift = 0
            at = 1
            while True:
                size |= (data[at] & 127) << shift
                shift += 7
                at += 1
                if not data[at - 1] & 128:
                    break
            self.packet(data[0], data[at : at + size])
            data = data[at + size :]

    def packet(self, first, body):
        kind = first >> 4
        if kind == 1:
            self.send(b"\x20\x02\x00\x00")
        elif kind == 8:
            self.send(b"\x90\x03" + body[:2] + b"\x01")
        elif kind == 12:
            self.send(b"\xd0\x00")
        elif kind == 3:
            end = 2 + int.from_bytes(body[:2], "big")
            device, kind = topics.parse(body[2:end].decode(), "up")
            if first & 6:
                self.send(b"\x40\x02" + body[end : end + 2])
                end += 2
            for answer, message in self.board.payee.take(kind, body[end:]):
                topic = topics.down(device, answer).encode()
                self.send(packet(0x30, len(topic).to_bytes(2, "big") + topic + message))

    def send(self, data):
        self.waiting.append(data)
        self.arrived.set()

    def close(self):
        pass


class Slots:
    def __init__(self):
        self.slots = [b"", b""]
        self.full = False

    def read(self, slot):
        return self.slots[slot]

    def write(self, slot, data):
        if self.full:
            raise OSError(28)
        self.slots[slot] = data


class Board:
    """What `firmware.boards` asks of a board. Its clock moves only when the application waits."""

    def __init__(self, slots, payee, units, **more):
        settings = {
            "broker_host": "broker",
            "password": "secret",
            "gateway_key": hexlify(GATEWAY.public_key).decode(),
            "unit": "W.h",
            "insecure": True,
        }
        settings.update(more)
        self.settings = settings_of(json.dumps(settings))
        self.learnt = 0
        self.journal = slots
        self.payee = payee
        self.available = units
        self.counted = 0
        self.on = False
        self.deaf = False
        self.connections = 0
        self.clock = 0

    def seed(self):
        return DEVICE_SEED

    def native(self):
        return None

    def slots(self, name="journal"):
        return self.journal

    def random_bytes(self, size):
        # Other boots must draw other nonces: the payee has seen those before.
        return (len(self.payee.channels) * 1000 + self.clock).to_bytes(size, "big")

    def random_below(self, bound):
        return 0

    def now_ms(self):
        return self.clock

    async def sleep_ms(self, duration):
        self.clock += duration
        await asyncio.sleep(0)

    def meter(self):
        if self.on and self.counted < self.available:
            self.counted += 1
        return self.counted

    def relay(self, on):
        self.on = on

    def show(self, status):
        self.shown = status

    def rest(self, paid):
        pass

    def learn_time(self, seconds):
        self.learnt = seconds

    async def open_stream(self):
        self.connections += 1
        return Stream(self)

    def alive(self):
        pass

    def stopping(self):
        return False
