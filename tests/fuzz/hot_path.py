"""A target of the gateway's whole hot path: a registered device that turned hostile sends anything,
signed well or badly, on any topic. The gateway answers or is silent; it never breaks, and a mark
moves only by an IOU that this device signed for this channel."""

from gateway.ingest.inbox import Received
from gateway.keys import verify
from gateway.store import channels
from protocol import MAX_MESSAGE, envelope, messages, topics
from protocol.errors import ProtocolError
from protocol.messages import Iou
from protocol.pricing import Tariff
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target, need, scratch, vectors
from tests.ingest.parties import CAPACITY, PRICE, Gateway, Party, gateway_in


class _House:
    """One gateway for all inputs: two devices, each with two channels. Made when first needed."""

    def __init__(self) -> None:
        self.gateway: Gateway = gateway_in(scratch())
        self.device, self.other = self.gateway.device(), self.gateway.device()
        self.nonce = 0
        self.channels: list[tuple[Party, bytes]] = []
        self.renew()

    def renew(self) -> None:
        """Fresh channels in place of those that are closed, frozen or nearly full."""
        kept = []
        for party, channel in self.channels:
            amount, _units, state = self.gateway.mark(channel)
            if state == "open" and amount < CAPACITY // 2:
                kept.append((party, channel))
        for party in (self.device, self.other):
            while sum(owner is party for owner, _ in kept) < 2:
                self.nonce += 1
                try:
                    kept.append((party, party.opened(self.nonce)))
                except AssertionError:
                    self._replace(party)
                    return self.renew()
        self.channels = kept
        return None

    def _replace(self, party: Party) -> None:
        """A new device for one that has as many frozen channels as it may have."""
        new = self.gateway.device()
        self.channels = [pair for pair in self.channels if pair[0] is not party]
        if party is self.device:
            self.device = new
        else:
            self.other = new

    def marks(self) -> list[tuple[int, int, str]]:
        """The marks of all channels."""
        return [self.gateway.mark(channel) for _, channel in self.channels]


_made: list[_House] = []


def _payload(house: _House, kind: str, choices: Choices, signer: Party) -> bytes:
    """A payload: of the kind that it should be, or of any."""
    channel = choices.one_of([each for _, each in house.channels] + [bytes(32)])
    _amount, units, _state = house.gateway.mark(channel) if channel != bytes(32) else (0, 0, "")
    units += choices.below(5)
    form = choices.below(4)
    if form == 3:
        return choices.take(choices.byte())
    if kind == "iou":
        amount = PRICE.amount(units) if form < 2 else choices.number()
        return Iou(channel, amount, units if form < 2 else choices.number()).payload()
    if kind == "close":
        last = signer.iou_bytes(channel, units) if form else choices.take(choices.byte())
        return messages.Close(channel, last).payload()
    if kind == "open":
        tariff = PRICE if form else Tariff("W.h", choices.number(), 1, "EUR")
        capacity = choices.number()
        return signer.terms(choices.byte(), tariff=tariff, capacity=capacity).payload()
    if kind == "tick":
        return messages.Tick(channel[:8], 1 + choices.byte(), bytes(32)).payload()
    return messages.Hello(bytes(16)).payload()


def _message(house: _House, choices: Choices) -> tuple[Received, bool]:
    """A message to the gateway, and whether its sender signed it as it should."""
    kind = choices.one_of(("iou", "iou", *topics.UP_KINDS))
    sender = choices.one_of((house.device, house.device, house.device, house.other))
    signer = sender if choices.below(4) else house.other
    payload = _payload(house, kind, choices, signer)
    way = choices.below(8)
    signed_as = choices.one_of(topics.UP_KINDS) if way == 1 else kind
    if way == 0 or kind == "tick":
        message = payload
    elif kind == "hello":
        message = envelope.mac0("hello", payload, sender.mac_key)
    else:
        message = envelope.sign1(signed_as, payload, signer.sign)
    if way == 2 and message:
        at = choices.byte() % len(message)
        message = (
            message[:at] + bytes([message[at] ^ (1 + choices.byte() % 255)]) + message[at + 1 :]
        )
    if way == 3:
        message += bytes(choices.byte() * 17)
    topic = topics.up(sender.id, kind)
    if way == 4:
        topic = choices.take(40).decode("utf-8", "replace")
    return Received(topic, message, retain=way == 5), signer is sender and way not in (0, 2, 4, 5)


def ingest(data: bytes) -> None:
    """Batches of one to four messages through prepare, commit and ack."""
    if not _made:
        _made.append(_House())
    house = _made[0]
    choices = Choices(data)
    for _ in range(6):
        if not choices:
            break
        before = house.marks()
        batch = [_message(house, choices) for _ in range(1 + choices.below(4))]
        answers = house.gateway.take(*[message for message, _ in batch])
        for answer in answers:
            topics.parse(answer.topic, "down")
            need(len(answer.payload) <= MAX_MESSAGE, "an answer that no device would take")
        after = house.marks()
        if before != after:
            need(any(good for _, good in batch), "a mark moved, and nobody signed for it")
        for (owner, channel), (amount, units, state), old in zip(
            house.channels, after, before, strict=True
        ):
            need(amount >= old[0] and units >= old[1], "a mark fell")
            need(amount <= CAPACITY and PRICE.amount(units) == amount, "a mark out of range")
            need(old[2] != "closed" or state == "closed", "a closed channel opened")
            if amount != old[0]:
                _signed_by_its_owner(house, owner, channel, amount, units)
        house.renew()


def _signed_by_its_owner(
    house: _House, owner: Party, channel: bytes, amount: int, units: int
) -> None:
    """The stored IOU of a mark is its owner's, for this channel and this mark."""
    with house.gateway.store.read() as conn:
        stored = bytes(channels.get(conn, channel).iou)
    try:
        iou = messages.read_iou(envelope.open_sign1("iou", stored, owner.public, verify))
    except ProtocolError as error:
        need(False, f"a mark rests on nothing: {error}")
        return
    need((iou.channel, iou.amount, iou.units) == (channel, amount, units), "rests on another IOU")


def _seeds() -> list[bytes]:
    found = [bytes([0, 0, 1, 0, 2, 0, 6, 0]), bytes(range(200))]
    found += [bytes([1, kind, 0, 1, 0, 3, 1, 6, 1, 0, 2, 6]) * 3 for kind in range(7)]
    for case in vectors("messages")["valid"][:8]:
        payload = bytes.fromhex(case["payload"])[:250]
        found.append(bytes([0, 0, 0, 1, 0, 0, 3, len(payload)]) + payload + b"\x06")
    return found


TARGETS = (Target("ingest", ingest, _seeds, 250, 20_000, max_len=600),)
