"""The MQTT client keeps to MQTT 3.1.1, never waits for ever, and takes only what it should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import mqtt_packets as packets
from firmware.backoff import full_jitter
from firmware.mqtt import MAX_IN_FLIGHT, MAX_UNACKED, Client, InFlightFull, NotConnected
from firmware.mqtt_events import (
    BAD_CREDENTIALS,
    NOT_AUTHORIZED,
    Acknowledged,
    Connected,
    ConnectionRefused,
    Late,
    Message,
    Subscribed,
    SubscriptionRefused,
)
from firmware.mqtt_packets import MAX_BODY, MAX_PAYLOAD, MAX_TOPIC, MalformedPacket, MqttError

ACCEPTED = b"\x20\x02\x00\x00"
ACCEPTED_WITH_SESSION = b"\x20\x02\x01\x00"


def connected(
    now: int = 0, keepalive: int = 60, clean: bool = True, patience: int = 1000
) -> Client:
    client = Client("device", keepalive=keepalive, clean=clean, patience=patience)
    client.connect(now)
    (event,) = client.receive(ACCEPTED, now)
    assert isinstance(event, Connected)
    return client


def from_broker(topic: bytes, payload: bytes, packet_id: int = 0) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic
    if packet_id:
        body += packet_id.to_bytes(2, "big")
    body += payload
    length = bytearray()
    rest = len(body)
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    length.append(rest)
    return (b"\x32" if packet_id else b"\x30") + bytes(length) + body


def shown(event: object) -> tuple[str, dict[str, object]]:
    return type(event).__name__, vars(event)


# What the client sends, byte for byte by the standard


def test_connect_with_everything() -> None:
    client = Client("id", "user", b"pass", ("t", b"w", 1, True), keepalive=300, clean=True)
    assert client.connect(0) == (
        b"\x10\x20\x00\x04MQTT\x04\xee\x01\x2c\x00\x02id\x00\x01t\x00\x01w\x00\x04user\x00\x04pass"
    )


def test_connect_with_nothing() -> None:
    assert Client("id", keepalive=0, clean=False).connect(0) == (
        b"\x10\x0e\x00\x04MQTT\x04\x00\x00\x00\x00\x02id"
    )


def test_publish_subscribe_and_disconnect() -> None:
    client = connected()
    assert client.publish("a/b", b"x", 0, 0, retain=True) == (b"\x31\x06\x00\x03a/bx", 0)
    assert client.publish("a/b", b"x", 1, 0) == (b"\x32\x08\x00\x03a/b\x00\x01x", 1)
    assert client.subscribe([("c/+", 1), ("d", 0)], 0) == (
        b"\x82\x0c\x00\x02\x00\x03c/+\x01\x00\x01d\x00",
        2,
    )
    assert client.disconnect() == b"\xe0\x00"


@pytest.mark.parametrize("size", [0, 122, 123, 16377, 16378, 70000])
def test_length_of_a_packet(size: int) -> None:
    data = packets.publish("abc", bytes(size))
    assert data == from_broker(b"abc", bytes(size))


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0b", "x" * 65536])
def test_bad_topics_are_not_sent(topic: str) -> None:
    client = connected()
    with pytest.raises(ValueError, match=r"topic|text|field"):
        client.publish(topic, b"", 1, 0)
    assert client.next_deadline() == 30_000, "nothing may be in flight"


def test_other_bad_arguments_are_not_sent() -> None:
    client = connected()
    with pytest.raises(ValueError, match="qos: must be 0 or 1"):
        client.publish("t", b"", 2, 0)
    with pytest.raises(ValueError, match="qos: must be 0 or 1"):
        client.subscribe([("t", 2)], 0)
    with pytest.raises(ValueError, match="filters: must be at least one"):
        client.subscribe([], 0)
    with pytest.raises(ValueError, match="keepalive: must be 0 to 65535"):
        Client("id", keepalive=65536)
    with pytest.raises(ValueError, match="password: needs a username"):
        Client("id", password=b"x")
    assert client.next_deadline() == 30_000


# What the client takes


STREAM = (
    ACCEPTED
    + b"\x90\x04\x00\x01\x01\x00"
    + from_broker(b"tally/1/00/x/down/ack", bytes(range(200)))
    + b"\x40\x02\x00\x02"
    + from_broker("tö".encode(), b"", 65535)
    + from_broker(b"t" * MAX_TOPIC, bytes(MAX_PAYLOAD), 7)
    + b"\xd0\x00"
)


def events_of(chunks: list[bytes]) -> list[tuple[str, dict[str, object]]]:
    client = Client("device", patience=100_000)
    client.connect(0)
    # The answers in the stream need their questions; the first bytes bring the CONNACK.
    seen = []
    asked = False
    for chunk in chunks:
        for event in client.receive(chunk, 1):
            seen.append(shown(event))
            if isinstance(event, Connected) and not asked:
                asked = True
                client.subscribe([("a", 1), ("b", 0)], 1)
                client.publish("t", b"", 1, 1)
                assert client.on_time(30_001) == b"\xc0\x00"
    return seen


WHOLE = events_of([STREAM])


def test_the_whole_stream() -> None:
    assert [name for name, _ in WHOLE] == [
        "Connected",
        "Subscribed",
        "Message",
        "Acknowledged",
        "Message",
        "Message",
    ]
    assert WHOLE[2][1]["payload"] == bytes(range(200))
    assert WHOLE[4][1]["topic"] == "tö"
    assert WHOLE[4][1]["packet_id"] == 65535


def test_a_stream_may_be_split_after_every_byte() -> None:
    short = STREAM[: STREAM.index(b"t" * MAX_TOPIC) + 20]
    for cut in range(len(short) + 1):
        assert events_of([STREAM[:cut], STREAM[cut:]]) == WHOLE
    assert events_of([STREAM[at : at + 1] for at in range(len(STREAM))]) == WHOLE


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_a_stream_may_be_split_anywhere(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(STREAM)]
    assert events_of([STREAM[at[i] : at[i + 1]] for i in range(len(at) - 1)]) == WHOLE


@given(st.binary(max_size=60))
def test_rubbish_is_a_typed_error_or_waits(data: bytes) -> None:
    client = connected()
    try:
        for event in client.receive(data, 1):
            assert isinstance(event, Message)
    except MqttError:
        pass


@pytest.mark.parametrize(
    "data",
    [
        b"\x20\x02\x00\x00",  # a second CONNACK
        b"\x00\x00",  # reserved
        b"\xf0\x00",  # reserved
        b"\x10\x00",  # CONNECT
        b"\x50\x02\x00\x01",  # PUBREC: QoS 2
        b"\x62\x02\x00\x01",  # PUBREL
        b"\xb0\x02\x00\x01",  # UNSUBACK of nothing
        b"\xc0\x00",  # PINGREQ
        b"\xd0\x00",  # PINGRESP of nothing
        b"\xd0\x01x",
        b"\x40\x02\x00\x01",  # PUBACK of nothing
        b"\x40\x02\x00\x00",
        b"\x40\x01\x00",
        b"\x40\x03\x00\x01\x00",
        b"\x41\x02\x00\x01",
        b"\x90\x03\x00\x01\x00",  # SUBACK of nothing
        b"\x90\x02\x00\x01",
        b"\x90\x01\x00",
        b"\x90\x03\x00\x01\x02",
        b"\x90\x03\x00\x01\x7f",
        b"\x34\x05\x00\x01t\x00\x01",  # QoS 2
        b"\x36\x05\x00\x01t\x00\x01",  # QoS 3
        b"\x38\x03\x00\x01t",  # DUP at QoS 0
        b"\x30\x00",
        b"\x30\x01\x00",
        b"\x30\x02\x00\x00",  # empty topic
        b"\x30\x03\x00\x02t",  # topic beyond the end
        b"\x30\x03\x00\x01+",
        b"\x30\x03\x00\x01#",
        b"\x30\x03\x00\x01\x00",
        b"\x30\x03\x00\x01\xff",  # not UTF-8
        b"\x32\x03\x00\x01t",  # no packet id
        b"\x32\x05\x00\x01t\x00\x00",  # packet id 0
        b"\x30\x83\x00\x00\x01t",  # length not in its shortest form
        b"\x30\x80\x80\x80\x80\x01",  # length of five bytes
        from_broker(b"t" * (MAX_TOPIC + 1), b""),
        from_broker(b"t", bytes(MAX_PAYLOAD + 1)),
    ],
)
def test_malformed_packets_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedPacket):
        list(connected().receive(data, 1))


@pytest.mark.parametrize("data", [b"\x20\x02\x02\x00", b"\x20\x02\x00\x06", b"\x20\x02\x01\x05"])
def test_malformed_connack_is_refused(data: bytes) -> None:
    client = Client("device", clean=False)
    client.connect(0)
    with pytest.raises(MalformedPacket):
        list(client.receive(data, 1))


def test_a_session_after_a_clean_start_is_refused() -> None:
    client = Client("device", clean=True)
    client.connect(0)
    with pytest.raises(MalformedPacket):
        list(client.receive(ACCEPTED_WITH_SESSION, 1))


def test_anything_before_connack_is_refused() -> None:
    client = Client("device")
    client.connect(0)
    with pytest.raises(MalformedPacket):
        list(client.receive(from_broker(b"t", b""), 1))
    with pytest.raises(MalformedPacket):
        list(Client("never connected").receive(ACCEPTED, 1))


def test_a_packet_that_is_too_long_is_refused_at_its_announcement() -> None:
    """Before one byte of it has come: a device has no memory to wait with."""
    announced = MAX_BODY + 1
    head = bytes((0x30, announced & 127 | 128, announced >> 7))
    with pytest.raises(MalformedPacket, match="must be at most"):
        list(connected().receive(head, 1))


def test_what_precedes_a_bad_packet_still_counts() -> None:
    client = connected()
    _, packet_id = client.publish("t", b"", 1, 0)
    events = client.receive(b"\x40\x02\x00\x01\xf0\x00", 1)
    assert shown(next(events)) == ("Acknowledged", {"packet_id": packet_id})
    with pytest.raises(MalformedPacket):
        next(events)


# Answers


@pytest.mark.parametrize("code", [1, 2, 3, BAD_CREDENTIALS, NOT_AUTHORIZED])
def test_a_refused_connection_is_a_typed_error(code: int) -> None:
    client = Client("device")
    client.connect(0)
    with pytest.raises(ConnectionRefused) as refused:
        list(client.receive(bytes((0x20, 2, 0, code)), 1))
    assert refused.value.code == code
    assert not client.connected
    assert client.next_deadline() is None


def test_a_refused_or_lowered_subscription_is_a_typed_error() -> None:
    client = connected()
    client.subscribe([("a", 1), ("b", 1), ("c", 1)], 0)
    with pytest.raises(SubscriptionRefused) as refused:
        list(client.receive(b"\x90\x05\x00\x01\x80\x01\x00", 1))
    assert refused.value.filters == ["a", "c"]


def test_a_suback_for_another_number_of_filters_is_refused() -> None:
    client = connected()
    client.subscribe([("a", 1)], 0)
    with pytest.raises(MalformedPacket, match="one code for each filter"):
        list(client.receive(b"\x90\x04\x00\x01\x01\x01", 1))


def test_a_granted_subscription() -> None:
    client = connected()
    _, packet_id = client.subscribe([("a", 1)], 0)
    (event,) = client.receive(b"\x90\x03\x00\x01\x01", 1)
    assert isinstance(event, Subscribed)
    assert event.packet_id == packet_id
    assert client.next_deadline() == 30_000


def test_incoming_qos_1_is_acknowledged_only_on_the_applications_word() -> None:
    client = connected()
    (message,) = client.receive(from_broker(b"t", b"x", 9), 1)
    assert isinstance(message, Message)
    assert message.packet_id == 9
    assert client.ack(9, 2) == b"\x40\x02\x00\x09"
    assert client.ack(9, 3) == b"", "only once"


def test_no_acknowledgement_on_a_later_connection() -> None:
    client = connected(clean=False)
    list(client.receive(from_broker(b"t", b"x", 9), 1))
    client.connect(2)
    list(client.receive(ACCEPTED_WITH_SESSION, 2))
    assert client.ack(9, 3) == b""


def test_unacknowledged_messages_are_bounded() -> None:
    client = connected()
    for packet_id in range(1, MAX_UNACKED + 1):
        list(client.receive(from_broker(b"t", b"", packet_id), 1))
    list(client.receive(from_broker(b"t", b"", 1), 1))
    with pytest.raises(MalformedPacket, match="MAX_UNACKED"):
        list(client.receive(from_broker(b"t", b"", 1000), 1))


def test_nothing_is_sent_without_a_connection() -> None:
    client = Client("device")
    for _ in range(2):
        with pytest.raises(NotConnected):
            client.publish("t", b"", 0, 0)
        with pytest.raises(NotConnected):
            client.subscribe([("t", 0)], 0)
        client.connect(0)


def test_what_is_in_flight_is_sent_again_in_order_and_marked() -> None:
    client = connected()
    for payload in (b"a", b"b", b"c"):
        client.publish("t", payload, 1, 0)
    list(client.receive(b"\x40\x02\x00\x02", 1))
    client.disconnected()
    assert client.next_deadline() is None
    client.connect(5000)
    (event,) = client.receive(ACCEPTED, 5500)
    assert isinstance(event, Connected)
    assert event.send == b"\x3a\x06\x00\x01t\x00\x01a" + b"\x3a\x06\x00\x01t\x00\x03c"
    assert client.next_deadline() == 6500, "the wait begins anew"
    (first, second) = client.receive(b"\x40\x02\x00\x01\x40\x02\x00\x03", 5600)
    assert isinstance(first, Acknowledged)
    assert isinstance(second, Acknowledged)
    client.connect(9000)
    (event,) = client.receive(ACCEPTED, 9000)
    assert isinstance(event, Connected)
    assert event.send == b""


def test_in_flight_is_bounded() -> None:
    client = connected()
    for _ in range(MAX_IN_FLIGHT):
        client.publish("t", b"", 1, 0)
    with pytest.raises(InFlightFull):
        client.publish("t", b"", 1, 0)
    client.publish("t", b"", 0, 0)
    list(client.receive(b"\x40\x02\x00\x01", 1))
    client.publish("t", b"", 1, 0)


def test_packet_ids_go_round_and_pass_over_those_in_use() -> None:
    client = connected()
    _, held = client.publish("t", b"held", 1, 0)
    assert held == 1
    for expected in [*range(2, 65536), 2]:
        _, packet_id = client.publish("t", b"", 1, 0)
        assert packet_id == expected
        list(client.receive(b"\x40\x02" + packet_id.to_bytes(2, "big"), 0))


# Time


def test_a_late_connack() -> None:
    client = Client("device", patience=1000)
    client.connect(500)
    assert client.next_deadline() == 1500
    assert client.on_time(1499) == b""
    with pytest.raises(Late) as late:
        client.on_time(1500)
    assert late.value.packet == "CONNACK"


def test_a_late_puback() -> None:
    client = connected()
    client.publish("t", b"", 1, 10)
    client.publish("t", b"", 1, 20)
    assert client.next_deadline() == 1010
    list(client.receive(b"\x40\x02\x00\x01", 30))
    assert client.next_deadline() == 1020
    with pytest.raises(Late, match="PUBACK"):
        client.on_time(1020)


def test_a_late_suback() -> None:
    client = connected()
    client.subscribe([("t", 1)], 10)
    with pytest.raises(Late, match="SUBACK"):
        client.on_time(1010)


def test_a_late_pingresp() -> None:
    client = connected()
    assert client.next_deadline() == 30_000
    assert client.on_time(29_999) == b""
    assert client.on_time(30_000) == b"\xc0\x00"
    assert client.next_deadline() == 31_000
    assert client.on_time(30_500) == b"", "one at a time"
    with pytest.raises(Late, match="PINGRESP"):
        client.on_time(31_000)


def test_an_answered_ping() -> None:
    client = connected()
    client.on_time(30_000)
    assert list(client.receive(b"\xd0\x00", 30_100)) == []
    assert client.next_deadline() == 60_000


def test_pings_though_the_device_only_sends() -> None:
    """QoS 0 into a dead connection would never be noticed otherwise."""
    client = connected()
    for now in range(1000, 30_000, 1000):
        client.publish("t", b"", 0, now)
        assert client.on_time(now) == b""
    assert client.on_time(30_000) == b"\xc0\x00"


def test_no_ping_while_both_sides_speak() -> None:
    client = connected()
    for now in range(1000, 100_000, 1000):
        client.publish("t", b"", 0, now)
        list(client.receive(from_broker(b"t", b""), now))
        assert client.on_time(now) == b""


def test_no_keepalive_no_deadline() -> None:
    client = connected(keepalive=0)
    assert client.next_deadline() is None
    assert client.on_time(10**12) == b""


def test_back_off_grows_to_its_bound_and_uses_all_of_it() -> None:
    highest = [full_jitter(attempt, 500, 60_000, lambda n: n - 1) for attempt in range(10)]
    assert highest == [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]
    assert full_jitter(10**9, 500, 60_000, lambda n: n - 1) == 60_000
    assert full_jitter(3, 500, 60_000, lambda n: 0) == 0
