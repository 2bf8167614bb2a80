"""What is said about one channel while it lives: the payloads of every kind but the tariff's
(`pricing`) and the settlement's (`statements`).

Each class is one payload: its constructor takes values that are already right, `payload()` gives
the bytes, and the `read_*` function beside it checks bytes from outside and names the field that
is wrong. Envelopes are put around payloads elsewhere (`envelope`).
"""

from protocol import MAX_CHANNELS_PER_DEVICE, MAX_INT, cbor
from protocol.errors import WireError
from protocol.fields import array, data, integer, octets, read_map, text
from protocol.ids import channel_id
from protocol.pricing import Tariff, first_price, tariff_from_map
from protocol.reasons import NAMES, REASONS
from protocol.topics import UP_KINDS

NONCE_SIZE = 16
HASH_SIZE = 32
SIGNATURE_SIZE = 64
TICK_HANDLE_SIZE = 8

CHECKPOINT = 0
SETTLEMENT = 1
CLOSE = 2
RECEIPT_EVENTS = ("checkpoint", "settlement", "close")


def _fields(payload: bytes, required: tuple[int, ...], kind: str) -> dict[int, object]:
    return read_map(cbor.decode(payload), required, (), kind)


class Hello:
    """A device has connected and asks for offers and for its channels. COSE_Mac0."""

    def __init__(self, nonce: bytes) -> None:
        self.nonce = nonce

    def payload(self) -> bytes:
        return cbor.encode_numbered(self.nonce)


def read_hello(payload: bytes) -> Hello:
    """Raises WireError."""
    return Hello(data(_fields(payload, (1,), "hello")[1], NONCE_SIZE, "hello.nonce"))


class Offer:
    """The terms that the gateway would accept from this device. `follows` is the id of the tariff
    that this one follows on channels that are open, else empty; `grace` for how many seconds from
    `time` on more is granted at that one, None if that is not said. COSE_Sign1 of the gateway."""

    def __init__(
        self,
        tariff: Tariff,
        payee_key: bytes,
        gateway_key: bytes,
        max_capacity: int,
        window: int,
        max_lifetime: int,
        time: int,
        follows: bytes = b"",
        grace: "int | None" = None,
    ) -> None:
        self.tariff = tariff
        self.payee_key = payee_key
        self.gateway_key = gateway_key
        self.max_capacity = max_capacity
        self.window = window
        self.max_lifetime = max_lifetime
        self.time = time
        self.follows = follows
        self.grace = grace

    def payload(self) -> bytes:
        said: list[object] = [
            self.tariff.to_map(),
            self.payee_key,
            self.gateway_key,
            self.max_capacity,
            self.window,
            self.max_lifetime,
            self.time,
        ]
        if self.follows:
            said.append(self.follows)
            if self.grace is not None:
                said.append(self.grace)
        return cbor.encode_numbered(*said)


def read_offer(payload: bytes) -> Offer:
    """Raises WireError."""
    fields = read_map(cbor.decode(payload), (1, 2, 3, 4, 5, 6, 7), (8, 9), "offer")
    if 9 in fields and 8 not in fields:
        raise WireError("offer.grace", "is for a tariff that follows another")
    return Offer(
        tariff_from_map(fields[1], "offer.tariff"),
        data(fields[2], 32, "offer.payee_key"),
        data(fields[3], 32, "offer.gateway_key"),
        integer(fields[4], "offer.max_capacity"),
        integer(fields[5], "offer.window"),
        integer(fields[6], "offer.max_lifetime"),
        integer(fields[7], "offer.time"),
        data(fields[8], HASH_SIZE, "offer.follows") if 8 in fields else b"",
        integer(fields[9], "offer.grace") if 9 in fields else None,
    )


class Terms:
    """All that a channel is, for its whole life; the payload of `open`, signed by the payer.
    `price` is what its units cost, which is the tariff's until a leg changes it. `xrpl_channel` is
    the id of the payment channel of the XRP Ledger that each IOU carries a claim on, or empty."""

    def __init__(
        self,
        payer_key: bytes,
        payee_key: bytes,
        gateway_key: bytes,
        tariff: Tariff,
        capacity: int,
        expiry: int,
        nonce: bytes,
        xrpl_channel: bytes = b"",
    ) -> None:
        self.payer_key = payer_key
        self.payee_key = payee_key
        self.gateway_key = gateway_key
        self.tariff = tariff
        self.price = first_price(tariff)
        self.capacity = capacity
        self.expiry = expiry
        self.nonce = nonce
        self.xrpl_channel = xrpl_channel

    def payload(self) -> bytes:
        xrpl_channel = (self.xrpl_channel,) if self.xrpl_channel else ()
        return cbor.encode_numbered(
            self.payer_key,
            self.payee_key,
            self.gateway_key,
            self.tariff.to_map(),
            self.capacity,
            self.expiry,
            self.nonce,
            *xrpl_channel,
        )

    def channel_id(self) -> bytes:
        """The channel's id, 32 bytes."""
        return channel_id(self.payload())


def read_terms(payload: bytes) -> Terms:
    """Raises WireError."""
    fields = read_map(cbor.decode(payload), (1, 2, 3, 4, 5, 6, 7), (8,), "open")
    terms = Terms(
        data(fields[1], 32, "open.payer_key"),
        data(fields[2], 32, "open.payee_key"),
        data(fields[3], 32, "open.gateway_key"),
        tariff_from_map(fields[4], "open.tariff"),
        integer(fields[5], "open.capacity"),
        integer(fields[6], "open.expiry"),
        data(fields[7], NONCE_SIZE, "open.nonce"),
    )
    if 8 in fields:
        terms.xrpl_channel = data(fields[8], HASH_SIZE, "open.xrpl_channel")
        from protocol import xrpl

        if not xrpl.counts_drops(terms.tariff):
            raise WireError("open.xrpl_channel", "only where the tariff is in XRP of scale 6")
    return terms


class Opened:
    """The gateway has accepted the terms. COSE_Sign1 of the gateway."""

    def __init__(self, channel: bytes, opened_at: int, limit: int, serial: int) -> None:
        self.channel = channel
        self.opened_at = opened_at
        self.limit = limit
        self.serial = serial

    def payload(self) -> bytes:
        return cbor.encode_numbered(self.channel, self.opened_at, self.limit, self.serial)


def read_opened(payload: bytes) -> Opened:
    """Raises WireError."""
    fields = _fields(payload, (1, 2, 3, 4), "opened")
    return Opened(
        data(fields[1], HASH_SIZE, "opened.channel_id"),
        integer(fields[2], "opened.opened_at"),
        integer(fields[3], "opened.limit"),
        integer(fields[4], "opened.serial"),
    )


class Iou:
    """The payer owes `amount` atomic units in all for `units` in all on this channel. COSE_Sign1
    of the payer. Where ticks follow, it commits to the root and the length of a hash chain; where
    the terms name an XRPL channel, it carries the signature of a claim of this amount on that."""

    __slots__ = ("amount", "chain_length", "chain_root", "channel", "units", "xrpl_claim")

    def __init__(
        self,
        channel: bytes,
        amount: int,
        units: int,
        chain_root: bytes = b"",
        chain_length: int = 0,
        xrpl_claim: bytes = b"",
    ) -> None:
        self.channel = channel
        self.amount = amount
        self.units = units
        self.chain_root = chain_root
        self.chain_length = chain_length
        self.xrpl_claim = xrpl_claim

    def payload(self) -> bytes:
        chain = (self.chain_root, self.chain_length) if self.chain_root else ()
        plain = cbor.encode_numbered(self.channel, self.amount, self.units, *chain)
        if not self.xrpl_claim:
            return plain
        # The same map with one key more, which is the last.
        return bytes((plain[0] + 1,)) + plain[1:] + b"\x06" + cbor.encode(self.xrpl_claim)


_IOU_START = b"\xa3\x01\x58\x20"  # a map of 3, key 1, 32 bytes


def read_iou(payload: bytes) -> Iou:
    """Raises WireError."""
    # The hot path of every gateway: an IOU without a chain has one layout, so it can be read
    # without building a map. Whatever looks otherwise goes the general way and gets its error.
    if payload[:4] == _IOU_START and len(payload) > 38 and payload[36] == 2:
        major, amount, at = cbor.read_head(payload, 37)
        if major == 0 and amount <= MAX_INT and payload[at : at + 1] == b"\x03":
            major, units, at = cbor.read_head(payload, at + 1)
            if major == 0 and units <= MAX_INT and at == len(payload):
                return Iou(payload[4:36], amount, units)
    value = cbor.decode(payload)
    with_chain = isinstance(value, dict) and (4 in value or 5 in value)
    fields = read_map(value, (1, 2, 3, 4, 5) if with_chain else (1, 2, 3), (6,), "iou")
    iou = Iou(
        data(fields[1], HASH_SIZE, "iou.channel_id"),
        integer(fields[2], "iou.amount"),
        integer(fields[3], "iou.units"),
    )
    if with_chain:
        iou.chain_length = integer(fields[5], "iou.chain_length")
        if iou.chain_length == 0:
            raise WireError("iou.chain_length", "must be at least 1")
        iou.chain_root = data(fields[4], HASH_SIZE, "iou.chain_root")
    if 6 in fields:
        iou.xrpl_claim = data(fields[6], SIGNATURE_SIZE, "iou.xrpl_claim")
    return iou


class Tick:
    """One more step of the last IOU's chain, unsigned: the preimage is its own proof. The channel
    is named by the first 8 bytes of its id."""

    def __init__(self, handle: bytes, index: int, preimage: bytes) -> None:
        self.handle = handle
        self.index = index
        self.preimage = preimage

    def payload(self) -> bytes:
        return cbor.encode_numbered(self.handle, self.index, self.preimage)


def read_tick(payload: bytes) -> Tick:
    """Raises WireError."""
    fields = _fields(payload, (1, 2, 3), "tick")
    return Tick(
        data(fields[1], TICK_HANDLE_SIZE, "tick.handle"),
        _tick_index(fields[2], "tick.index"),
        data(fields[3], HASH_SIZE, "tick.preimage"),
    )


def _tick_index(value: object, where: str) -> int:
    index = integer(value, where)
    if index == 0:
        raise WireError(where, "must be at least 1")
    return index


class Close:
    """The payer ends the channel. COSE_Sign1 of the payer. It carries the last IOU that the payer
    signed (the whole message, or nothing), so that the payment and the end can't race."""

    def __init__(self, channel: bytes, last_iou: bytes) -> None:
        self.channel = channel
        self.last_iou = last_iou

    def payload(self) -> bytes:
        return cbor.encode_numbered(self.channel, self.last_iou)


def read_close(payload: bytes) -> Close:
    """Raises WireError."""
    fields = _fields(payload, (1, 2), "close")
    return Close(
        data(fields[1], HASH_SIZE, "close.channel_id"), octets(fields[2], "close.last_iou")
    )


class Ack:
    """The high-water mark, durable, and how far the device may deliver. COSE_Mac0."""

    def __init__(self, channel: bytes, amount: int, units: int, limit: int, serial: int) -> None:
        self.channel = channel
        self.amount = amount
        self.units = units
        self.limit = limit
        self.serial = serial

    def payload(self) -> bytes:
        return cbor.encode_numbered(self.channel, self.amount, self.units, self.limit, self.serial)


def read_ack(payload: bytes) -> Ack:
    """Raises WireError."""
    fields = _fields(payload, (1, 2, 3, 4, 5), "ack")
    return Ack(
        data(fields[1], HASH_SIZE, "ack.channel_id"),
        integer(fields[2], "ack.amount"),
        integer(fields[3], "ack.units"),
        integer(fields[4], "ack.limit"),
        integer(fields[5], "ack.serial"),
    )


class Grant:
    """How far the device may deliver, cumulative units. `serial` rises with every decision of an
    operator, so an older grant never undoes a newer one. `capacity` is that of a channel that was
    topped up, else 0. `free` is what the payer's account has left to reserve, said while it is
    little, else None. `leg` names the leg that the channel is on, empty on its first.
    COSE_Mac0."""

    def __init__(
        self,
        channel: bytes,
        limit: int,
        serial: int,
        capacity: int = 0,
        free: "int | None" = None,
        leg: bytes = b"",
    ) -> None:
        self.channel = channel
        self.limit = limit
        self.serial = serial
        self.capacity = capacity
        self.free = free
        self.leg = leg

    def payload(self) -> bytes:
        fields: dict[int, object] = {1: self.channel, 2: self.limit, 3: self.serial}
        if self.capacity:
            fields[4] = self.capacity
        if self.free is not None:
            fields[5] = self.free
        if self.leg:
            fields[6] = self.leg
        return cbor.encode(fields)


def read_grant(payload: bytes) -> Grant:
    """Raises WireError."""
    fields = read_map(cbor.decode(payload), (1, 2, 3), (4, 5, 6), "grant")
    grant = Grant(
        data(fields[1], HASH_SIZE, "grant.channel_id"),
        integer(fields[2], "grant.limit"),
        integer(fields[3], "grant.serial"),
    )
    if 4 in fields:
        grant.capacity = integer(fields[4], "grant.capacity")
        if grant.capacity == 0:
            raise WireError("grant.capacity", "must be at least 1")
    if 5 in fields:
        grant.free = integer(fields[5], "grant.free")
    if 6 in fields:
        grant.leg = data(fields[6], TICK_HANDLE_SIZE, "grant.leg")
    return grant


class Credit:
    """The gateway's own IOU to a payee, on a mirror channel. COSE_Sign1 of the gateway."""

    def __init__(self, channel: bytes, amount: int, units: int) -> None:
        self.channel = channel
        self.amount = amount
        self.units = units

    def payload(self) -> bytes:
        return cbor.encode_numbered(self.channel, self.amount, self.units)


def read_credit(payload: bytes) -> Credit:
    """Raises WireError."""
    fields = _fields(payload, (1, 2, 3), "credit")
    return Credit(
        data(fields[1], HASH_SIZE, "credit.channel_id"),
        integer(fields[2], "credit.amount"),
        integer(fields[3], "credit.units"),
    )


class Receipt:
    """The high-water mark, for anyone to check. `event` is CHECKPOINT, SETTLEMENT or CLOSE, `run`
    the settlement run's number or 0. COSE_Sign1 of the gateway."""

    def __init__(
        self, channel: bytes, amount: int, units: int, event: int, time: int, run: int = 0
    ) -> None:
        self.channel = channel
        self.amount = amount
        self.units = units
        self.event = event
        self.time = time
        self.run = run

    def payload(self) -> bytes:
        return cbor.encode_numbered(
            self.channel, self.amount, self.units, self.event, self.time, self.run
        )


def read_receipt(payload: bytes) -> Receipt:
    """Raises WireError."""
    fields = _fields(payload, (1, 2, 3, 4, 5, 6), "receipt")
    event = integer(fields[4], "receipt.event")
    if event >= len(RECEIPT_EVENTS):
        raise WireError("receipt.event", "must be 0 (checkpoint), 1 (settlement) or 2 (close)")
    return Receipt(
        data(fields[1], HASH_SIZE, "receipt.channel_id"),
        integer(fields[2], "receipt.amount"),
        integer(fields[3], "receipt.units"),
        event,
        integer(fields[5], "receipt.time"),
        integer(fields[6], "receipt.run"),
    )


class Resumed:
    """One open channel as the gateway has it, proven by the device's own signatures, and where it
    has ticked since, by the value of its own chain at `tick_index`. `topup` is the whole message of
    the greatest accepted top-up, `leg` that of the leg that it is on, or empty."""

    def __init__(
        self,
        open_message: bytes,
        last_iou: bytes,
        limit: int,
        serial: int,
        tick_index: int = 0,
        preimage: bytes = b"",
        topup: bytes = b"",
        leg: bytes = b"",
    ) -> None:
        self.open_message = open_message
        self.last_iou = last_iou
        self.limit = limit
        self.serial = serial
        self.tick_index = tick_index
        self.preimage = preimage
        self.topup = topup
        self.leg = leg

    def row(self) -> list[object]:
        """The channel's entry in a `resume`."""
        row: list[object] = [self.open_message, self.last_iou, self.limit, self.serial]
        if self.tick_index:
            row += [self.tick_index, self.preimage]
        if self.topup or self.leg:
            row.append(self.topup)
        if self.leg:
            row.append(self.leg)
        return row


class Resume:
    """The answer to a hello: every open channel of this device. COSE_Mac0; the hello's nonce shows
    that it is no old answer."""

    def __init__(self, nonce: bytes, channels: list[Resumed]) -> None:
        self.nonce = nonce
        self.channels = channels

    def payload(self) -> bytes:
        rows = [channel.row() for channel in self.channels]
        return cbor.encode_numbered(self.nonce, rows)


def read_resume(payload: bytes) -> Resume:
    """Raises WireError."""
    fields = _fields(payload, (1, 2), "resume")
    rows = array(fields[2], "resume.channels")
    if len(rows) > MAX_CHANNELS_PER_DEVICE:
        raise WireError("resume.channels", "more than 6 channels")
    channels = []
    for row in rows:
        parts = array(row, "resume.channels")
        if not 4 <= len(parts) <= 8:
            raise WireError("resume.channels", "each must be an array of 4 to 8")
        known = Resumed(
            octets(parts[0], "resume.open"),
            octets(parts[1], "resume.last_iou"),
            integer(parts[2], "resume.limit"),
            integer(parts[3], "resume.serial"),
        )
        signed = parts[4:]
        if len(signed) > 1 and isinstance(signed[0], int):
            known.tick_index = _tick_index(signed[0], "resume.tick_index")
            known.preimage = data(signed[1], HASH_SIZE, "resume.preimage")
            signed = signed[2:]
        if signed:
            known.topup = octets(signed[0], "resume.topup")
            if len(signed) > 1:
                known.leg = octets(signed[1], "resume.leg")
            if not signed[-1] or len(signed) > 2:
                raise WireError("resume.topup", "is left out where there is none")
        channels.append(known)
    return Resume(data(fields[1], NONCE_SIZE, "resume.nonce"), channels)


class Refused:
    """A message of `kind` was refused for `reason` (a key of REASONS). `channel` is empty where
    none could be read; `expected` is the number that would have been right, or 0. COSE_Mac0."""

    def __init__(self, kind: str, reason: str, channel: bytes, expected: int = 0) -> None:
        self.kind = kind
        self.reason = reason
        self.channel = channel
        self.expected = expected

    def payload(self) -> bytes:
        return cbor.encode_numbered(self.kind, REASONS[self.reason], self.channel, self.expected)


def read_refused(payload: bytes) -> Refused:
    """Raises WireError."""
    fields = _fields(payload, (1, 2, 3, 4), "refused")
    kind = text(fields[1], "refused.kind")
    number = integer(fields[2], "refused.reason")
    channel = octets(fields[3], "refused.channel_id")
    if kind not in UP_KINDS:
        raise WireError("refused.kind", "no such kind of message")
    if number not in NAMES:
        raise WireError("refused.reason", "no such reason")
    if len(channel) not in (0, HASH_SIZE):
        raise WireError("refused.channel_id", "must be 32 bytes or empty")
    return Refused(kind, NAMES[number], channel, integer(fields[4], "refused.expected"))


class Successor:
    """Another key of the gateway's follows the one that signs this. COSE_Sign1 of the gateway, by
    the key that is followed. `time` is when, in Unix seconds by the gateway's clock."""

    def __init__(self, key: bytes, time: int) -> None:
        self.key = key
        self.time = time

    def payload(self) -> bytes:
        return cbor.encode_numbered(self.key, self.time)


def read_successor(payload: bytes) -> Successor:
    """Raises WireError."""
    fields = _fields(payload, (1, 2), "successor")
    return Successor(data(fields[1], 32, "successor.key"), integer(fields[2], "successor.time"))
