"""What arrives is the same however the network cuts it up, and whoever of us two reads it: paho one
packet at a time, or the burst reader many at once."""

import random
import socket
from collections.abc import Iterator

import pytest

from gateway.ingest.buffered import BufferedSocket

LIVE = 0x30
RETAINED = 0x31
QOS_1 = 0x32


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, BufferedSocket]]:
    """A connection: what the broker writes to, and what the gateway reads from."""
    broker, gateway = socket.socketpair()
    gateway.setblocking(False)
    with broker, gateway:
        yield broker, BufferedSocket(gateway)


def _packet(first: int, topic: bytes, payload: bytes) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + payload
    size, length = len(body), b""
    while True:
        size, digit = divmod(size, 128)
        length += bytes((digit | (128 if size else 0),))
        if not size:
            return bytes((first,)) + length + body


def _taken(reader: BufferedSocket) -> list[tuple[str, bytes]]:
    reader.read_ahead()
    return reader.take_publishes()


def test_every_live_message_of_a_burst_is_taken_in_order(
    ends: tuple[socket.socket, BufferedSocket],
) -> None:
    broker, reader = ends
    sizes = (0, 1, 100, 123, 127, 128, 129, 4_096, 16_000)
    messages = [(f"tally/1/ab/{size}", bytes(size)) for size in sizes]
    for topic, payload in messages:
        broker.sendall(_packet(LIVE, topic.encode(), payload))
    assert _taken(reader) == messages
    assert reader.pending() == 0


def test_what_is_not_whole_stays_for_the_one_who_reads_on(
    ends: tuple[socket.socket, BufferedSocket],
) -> None:
    broker, reader = ends
    whole = _packet(LIVE, b"a/topic", b"payload of more than nothing" * 10)
    for cut in range(1, len(whole)):
        broker.sendall(_packet(LIVE, b"first", b"1") + whole[:cut])
        assert _taken(reader) == [("first", b"1")]
        assert reader.recv(cut) == whole[:cut]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_packet(RETAINED, b"t", b"retained"), id="retained"),
        pytest.param(_packet(QOS_1, b"t", b"\x00\x01at least once"), id="qos 1"),
        pytest.param(_packet(LIVE, b"t", bytes(20_000)), id="over 16 KiB"),
        pytest.param(b"\xd0\x00", id="pingresp"),
        pytest.param(_packet(LIVE, b"\xff\xfe", b"no text"), id="topic is no text"),
        pytest.param(b"\x30\x04\xff\xffab", id="topic longer than the packet"),
    ],
)
def test_every_other_packet_is_left_to_paho(
    ends: tuple[socket.socket, BufferedSocket], other: bytes
) -> None:
    broker, reader = ends
    broker.sendall(_packet(LIVE, b"before", b"1") + other + _packet(LIVE, b"after", b"2"))
    assert _taken(reader) == [("before", b"1")]
    assert reader.recv(len(other)) == other
    assert reader.take_publishes() == [("after", b"2")]


def test_a_stream_cut_anywhere_gives_the_same_messages(
    ends: tuple[socket.socket, BufferedSocket],
) -> None:
    broker, reader = ends
    rng = random.Random(1)
    messages = [(f"t/{number}", rng.randbytes(rng.randrange(300))) for number in range(300)]
    stream = b"".join(_packet(LIVE, topic.encode(), payload) for topic, payload in messages)
    found: list[tuple[str, bytes]] = []
    kept = b""
    while stream:
        cut = rng.randrange(1, 400)
        broker.sendall(kept + stream[:cut])
        stream = stream[cut:]
        found += _taken(reader)
        # What is left is read by paho as far as it goes; here it is put before what comes next.
        left = reader.pending()
        kept = reader.recv(left) if left else b""
    assert found == messages


def test_the_end_of_a_connection_is_told_by_recv(
    ends: tuple[socket.socket, BufferedSocket],
) -> None:
    broker, reader = ends
    broker.close()
    assert _taken(reader) == []
    assert reader.recv(1) == b""
