"""Targets of what a device reads: packets of a hostile broker, and whatever its flash may hold."""

from firmware.journal import Journal, JournalError, _pack
from firmware.mqtt import Client
from firmware.mqtt_events import Connected, Message
from firmware.mqtt_packets import MAX_BODY, MAX_PAYLOAD, MAX_TOPIC, MqttError, Splitter
from firmware.record import Record
from protocol.errors import ProtocolError
from tests.firmware.pair import MemorySlots
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target, need, vector_bytes

_CONNACK = b"\x20\x02\x00\x00"


def _client(choices: Choices) -> Client:
    """A client that waits for something: a CONNACK, a SUBACK, a PUBACK, or nothing."""
    client = Client("d", "d", b"secret", clean=bool(choices.below(2)))
    if choices.below(8) == 0:
        return client
    client.connect(0)
    if choices.below(8):
        for _ in client.receive(_CONNACK, 0):
            pass
        client.subscribe([("tally/1/00/d/down/+", 1)], 0)
        client.publish("t", b"p", 1, 0)
    return client


def _events(client: Client, chunks: list[bytes]) -> list[tuple[object, ...]]:
    """What the client tells, and the error that ends the connection, as values."""
    told: list[tuple[object, ...]] = []
    try:
        for number, chunk in enumerate(chunks):
            for event in client.receive(chunk, number):
                told.append((type(event).__name__, *vars(event).values()))
                if isinstance(event, Message):
                    need(0 < len(event.topic.encode()) <= MAX_TOPIC, "a topic too long")
                    need(len(event.payload) <= MAX_PAYLOAD, "a payload too long")
                    client.ack(event.packet_id, number)
                elif isinstance(event, Connected):
                    client.publish("t", b"q", 1, number)
            client.on_time(number)
    except MqttError as error:
        told.append((type(error).__name__, str(error)))
    return told


def mqtt(data: bytes) -> None:
    """The MQTT client: events or MqttError, and the same however the stream is cut."""
    setup, stream = data[:3], data[3:]
    whole = _events(_client(Choices(setup)), [stream])
    at = 1 + sum(setup) % 7
    cut = [stream[start : start + at] for start in range(0, len(stream), at)]
    need(_events(_client(Choices(setup)), cut) == whole, "depends on how the stream is cut")
    splitter = Splitter()
    try:
        for start in range(0, len(stream), at):
            splitter.feed(stream[start : start + at])
            while splitter.next() is not None:
                pass
            need(len(splitter._buffer) <= MAX_BODY + 4 + at, "holds more than one packet")
    except MqttError:
        return


def journal(data: bytes) -> None:
    """The journal on any two slots: the newest intact record, nothing, or JournalError; and then it
    takes a new record."""
    choices = Choices(data)
    slots = MemorySlots()
    kept: list[tuple[int, bytes]] = []
    for slot in (0, 1):
        kind = choices.below(4)
        if kind == 0:
            slots.slots[slot] = b""
        elif kind == 1:
            slots.slots[slot] = choices.take(choices.byte())
        else:
            sequence = int.from_bytes(choices.take(8), "big") if kind == 2 else choices.byte()
            record = choices.take(choices.byte())
            whole = _pack(sequence, record)
            cut = choices.byte()
            slots.slots[slot] = whole[: len(whole) - cut] if cut < 64 else whole + choices.take(9)
            if not 0 < cut < 64 and 0 < sequence < 2**63:
                kept.append((sequence, record))
    made = Journal(slots)
    try:
        found = made.load()
    except JournalError:
        need(not kept, "an intact record is not found")
        return
    if kept:
        need(found in [each[1] for each in kept if each[0] == max(kept)[0]], "not the newest")
    before = list(slots.slots)
    made.save(b"next")
    again = Journal(slots)
    need(again.load() == b"next" and not again.damaged, "a saved record is not read back")
    if kept:
        # The write of the new one must have spared the newest old one.
        spared = [slot for slot in (0, 1) if slots.slots[slot] == before[slot]]
        need(spared, "both slots were overwritten")


def record(data: bytes) -> None:
    """A device's record, from an intact slot: read whole, or a typed error."""
    slots = MemorySlots()
    slots.slots[0] = slots.slots[1] = _pack(1, data)
    try:
        found = Record(Journal(slots))
    except (ProtocolError, JournalError):
        return
    found.save()
    # A record of four parts is of an earlier version, and is saved as one of this.
    need(data[:1] == b"\x84" or Journal(slots).load() == data, "read, but saved otherwise")


def _mqtt_seeds() -> list[bytes]:
    publish = b"\x32\x0b\x00\x03a/b\x00\x07hello"
    return [
        b"\x00\x01\x00" + _CONNACK + publish,
        b"\x01\x01\x01" + publish + b"\x90\x03\x00\x01\x01\x40\x02\x00\x02\xd0\x00",
        b"\x01\x01\x01\x30\x05\x00\x01axx\x90\x03\x00\x01\x80",
        b"\x01\x01\x00\x20\x02\x00\x05",
        b"\x00\x01\x01\x30\xff\xff\x7f",
    ]


TARGETS = (
    Target("mqtt", mqtt, _mqtt_seeds, 6_000, 1_000_000),
    Target(
        "journal",
        journal,
        lambda: [b"", bytes(range(64)), b"\x03\x01\x05abcde\xff"],
        10_000,
        4_000_000,
    ),
    Target("record", record, lambda: vector_bytes("payer"), 5_000, 4_000_000),
)
