# The MQTT client: a whole session, byte by byte, with resending after a lost connection.
from firmware import mqtt_packets as packets
from firmware.backoff import full_jitter
from firmware.mqtt import Client
from firmware.mqtt_events import (
    Acknowledged,
    Connected,
    ConnectionRefused,
    Late,
    Message,
    Subscribed,
)


def events(client, data, now):
    found = []
    for position in range(len(data)):
        found += list(client.receive(data[position : position + 1], now))
    return found


client = Client("dev", "dev", b"secret", ("bye", b"", 1, False), clean=False)
assert client.connect(0) == (
    b"\x10\x23\x00\x04MQTT\x04\xcc\x00\x3c\x00\x03dev\x00\x03bye\x00\x00\x00\x03dev\x00\x06secret"
)
(connected,) = events(client, b"\x20\x02\x00\x00", 1)
assert isinstance(connected, Connected)
assert not connected.session
assert connected.send == b""
data, packet_id = client.subscribe([("a/+", 1)], 2)
assert data == b"\x82\x08\x00\x01\x00\x03a/+\x01"
(subscribed,) = events(client, b"\x90\x03\x00\x01\x01", 3)
assert isinstance(subscribed, Subscribed)
assert subscribed.packet_id == packet_id
data, packet_id = client.publish("t", b"x", 1, 4)
assert data == b"\x32\x06\x00\x01t\x00\x02x"
(message,) = events(client, b"\x32\x08\x00\x03a/b\x00\x07z", 5)
assert isinstance(message, Message)
assert message.topic == "a/b"
assert message.payload == b"z"
assert client.ack(message.packet_id, 6) == b"\x40\x02\x00\x07"
assert client.next_deadline() == 10004
try:
    client.on_time(10004)
    raise AssertionError("Late expected")
except Late as late:
    waited_for = late.packet
assert waited_for == "PUBACK"

client.connect(20000)
(connected,) = events(client, b"\x20\x02\x01\x00", 20001)
assert connected.session
assert connected.send == b"\x3a\x06\x00\x01t\x00\x02x"
(acknowledged,) = events(client, b"\x40\x02\x00\x02", 20002)
assert isinstance(acknowledged, Acknowledged)
assert acknowledged.packet_id == packet_id
assert client.next_deadline() == 50001
assert client.on_time(50001) == b"\xc0\x00"
assert events(client, b"\xd0\x00", 50002) == []

client.connect(60000)
try:
    events(client, b"\x20\x02\x00\x05", 60001)
    raise AssertionError("ConnectionRefused expected")
except ConnectionRefused as refused:
    code = refused.code
assert code == 5

for bad in (b"\x20\x02\x00\x06", b"\x30\x03\x00\x01\xff", b"\x30\xff\xff\x03", b"\x20\x82\x00"):
    client.connect(70000)
    try:
        if bad[0] != 0x20:
            events(client, b"\x20\x02\x01\x00", 70001)
        events(client, bad, 70002)
        raise AssertionError("MalformedPacket expected")
    except packets.MalformedPacket:
        pass

assert full_jitter(3, 100, 60000, lambda n: n - 1) == 800
assert full_jitter(999, 100, 60000, lambda n: n - 1) == 60000
print("OK")
