"""The MQTT 3.1.1 packets of a client as bytes: those it sends encoded, those it gets decoded.

What may live here: the format of single packets, strictly by the OASIS standard, and the cutting
of a byte stream into packets. No state of a session, no time, no sockets. QoS 2 does not exist
here: it is a malformed packet.
"""

import struct

MAX_PAYLOAD = 4096
"""Greatest payload in bytes that a broker may deliver."""
MAX_TOPIC = 256
"""Greatest topic in bytes that a broker may deliver."""
MAX_BODY = 2 + MAX_TOPIC + 2 + MAX_PAYLOAD
"""Greatest remaining length of an incoming packet: a PUBLISH of both. Checked as soon as it is
announced, before anything of the packet is kept."""

CONNECT = 1
CONNACK = 2
PUBLISH = 3
PUBACK = 4
SUBSCRIBE = 8
SUBACK = 9
PINGREQ = 12
PINGRESP = 13
DISCONNECT = 14

REFUSED_FILTER = 0x80
"""The SUBACK code of a filter that the broker refuses."""


class MqttError(Exception):
    """The connection is of no more use and must be dropped; a new one may be tried."""


class MalformedPacket(MqttError):
    """The broker sent what the standard forbids, or what this client does not take."""


def _packet(kind: int, flags: int, body: bytes) -> bytes:
    head = bytearray((kind << 4 | flags,))
    length = len(body)
    if length > 268435455:
        raise ValueError("packet: must be at most 268435455 bytes")
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    head.append(length)
    return bytes(head) + body


def _octets(value: bytes) -> bytes:
    if len(value) > 65535:
        raise ValueError("field: must be at most 65535 bytes")
    return struct.pack(">H", len(value)) + value


def _text(value: str) -> bytes:
    if "\0" in value:
        raise ValueError("text: must hold no U+0000")
    return _octets(value.encode())


def _topic(topic: str) -> bytes:
    if not topic or "+" in topic or "#" in topic:
        raise ValueError("topic: must be one to publish to, not empty and without wildcards")
    return _text(topic)


def connect(
    client_id: str,
    keepalive: int,
    clean: bool,
    username: str | None = None,
    password: bytes | None = None,
    will: tuple[str, bytes, int, bool] | None = None,
) -> bytes:
    """A CONNECT. `keepalive` in seconds, 0..65535, 0 for none; `will` is the topic, payload, QoS
    (0 or 1) and retain flag of what the broker says when the client is lost."""
    if not 0 <= keepalive <= 65535:
        raise ValueError("keepalive: must be 0 to 65535 seconds")
    flags = 0x02 if clean else 0
    tail = _text(client_id)
    if will is not None:
        topic, payload, qos, retain = will
        flags |= 0x04 | _qos(qos) << 3 | (0x20 if retain else 0)
        tail += _topic(topic) + _octets(payload)
    if username is not None:
        flags |= 0x80
        tail += _text(username)
    if password is not None:
        if username is None:
            raise ValueError("password: needs a username")
        flags |= 0x40
        tail += _octets(password)
    return _packet(CONNECT, 0, b"\x00\x04MQTT\x04" + struct.pack(">BH", flags, keepalive) + tail)


def _qos(qos: int) -> int:
    if qos not in (0, 1):
        raise ValueError("qos: must be 0 or 1")
    return qos


def publish(
    topic: str, payload: bytes, packet_id: int = 0, retain: bool = False, again: bool = False
) -> bytes:
    """A PUBLISH: of QoS 1 with a packet id of 1..65535, of QoS 0 with none. `again` marks what was
    sent before (DUP)."""
    flags = 0x01 if retain else 0
    head = _topic(topic)
    if packet_id:
        flags |= 0x02 | (0x08 if again else 0)
        head += struct.pack(">H", packet_id)
    return _packet(PUBLISH, flags, head + payload)


def puback(packet_id: int) -> bytes:
    """A PUBACK."""
    return _packet(PUBACK, 0, struct.pack(">H", packet_id))


def subscribe(packet_id: int, filters: list[tuple[str, int]]) -> bytes:
    """A SUBSCRIBE to filters, each with the greatest QoS (0 or 1) wished for."""
    if not filters:
        raise ValueError("filters: must be at least one")
    body = struct.pack(">H", packet_id)
    for name, qos in filters:
        if not name:
            raise ValueError("filter: must not be empty")
        body += _text(name) + bytes((_qos(qos),))
    return _packet(SUBSCRIBE, 2, body)


def pingreq() -> bytes:
    """A PINGREQ."""
    return _packet(PINGREQ, 0, b"")


def disconnect() -> bytes:
    """A DISCONNECT: the broker is to keep the will to itself."""
    return _packet(DISCONNECT, 0, b"")


class Splitter:
    """Cuts what comes in into packets. Holds at most one packet beyond what it is fed."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> None:
        """Add what the connection gave."""
        self._buffer += data

    def next(self) -> tuple[int, int, bytes] | None:
        """The next whole packet: kind, flags and body; None if there is none yet.

        Raises MalformedPacket for a kind that no broker sends, a length that is not in its
        shortest form, and a packet that is announced longer than MAX_BODY.
        """
        buffer = self._buffer
        if not buffer:
            return None
        kind = buffer[0] >> 4
        if kind not in (CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP):
            raise MalformedPacket("packet type " + str(kind) + ": not from a broker to this client")
        length = 0
        position = 1
        while True:
            if position == len(buffer):
                return None
            byte = buffer[position]
            length |= (byte & 127) << 7 * (position - 1)
            position += 1
            if length > MAX_BODY:
                raise MalformedPacket("remaining length: must be at most " + str(MAX_BODY))
            if byte < 128:
                break
            if position == 5:
                raise MalformedPacket("remaining length: must be at most four bytes")
        if byte == 0 and position > 2:
            raise MalformedPacket("remaining length: must be in its shortest form")
        end = position + length
        if len(buffer) < end:
            return None
        self._buffer = buffer[end:]
        return kind, buffer[0] & 15, buffer[position:end]


def _exactly(name: str, flags: int, body: bytes, length: int) -> None:
    if flags != 0 or len(body) != length:
        raise MalformedPacket(name + ": must have flags 0 and " + str(length) + " bytes")


def read_connack(flags: int, body: bytes) -> tuple[bool, int]:
    """Whether the broker has a session of this client, and its return code, 0..5."""
    _exactly("CONNACK", flags, body, 2)
    if body[0] > 1 or body[1] > 5 or (body[0] and body[1]):
        raise MalformedPacket("CONNACK: must have a code of 0 to 5, a session only with code 0")
    return body[0] == 1, body[1]


def _packet_id(name: str, body: bytes, offset: int) -> int:
    if len(body) < offset + 2:
        raise MalformedPacket(name + ": must hold a packet id")
    (packet_id,) = struct.unpack_from(">H", body, offset)
    if packet_id == 0:
        raise MalformedPacket(name + ": packet id must not be 0")
    return int(packet_id)


def read_puback(flags: int, body: bytes) -> int:
    """The packet id that is acknowledged."""
    _exactly("PUBACK", flags, body, 2)
    return _packet_id("PUBACK", body, 0)


def read_suback(flags: int, body: bytes) -> tuple[int, tuple[int, ...]]:
    """The packet id and for each filter the granted QoS or REFUSED_FILTER."""
    packet_id = _packet_id("SUBACK", body, 0)
    codes = tuple(body[2:])
    for code in codes:
        if code not in (0, 1, REFUSED_FILTER):
            raise MalformedPacket("SUBACK: a code must be 0, 1 or 128, not " + str(code))
    if flags != 0 or not codes:
        raise MalformedPacket("SUBACK: must have flags 0 and at least one code")
    return packet_id, codes


def read_pingresp(flags: int, body: bytes) -> None:
    """Nothing: a PINGRESP is empty."""
    _exactly("PINGRESP", flags, body, 0)


def read_publish(flags: int, body: bytes) -> tuple[str, bytes, int, bool, bool]:
    """Topic, payload, packet id (0 for QoS 0), whether retained, whether it was sent before."""
    qos = flags >> 1 & 3
    if qos > 1 or (qos == 0 and flags & 8):
        raise MalformedPacket("PUBLISH: QoS must be 0 or 1, and DUP only with QoS 1")
    if len(body) < 2:
        raise MalformedPacket("PUBLISH: must hold a topic")
    end = 2 + (body[0] << 8 | body[1])
    if not 2 < end <= len(body) or end - 2 > MAX_TOPIC:
        raise MalformedPacket("PUBLISH: topic must be 1 to " + str(MAX_TOPIC) + " bytes")
    try:
        topic = str(body[2:end], "utf-8")
    except UnicodeError:
        topic = "\0"
    if "\0" in topic or "+" in topic or "#" in topic:
        raise MalformedPacket("PUBLISH: topic must be UTF-8 without wildcards and U+0000")
    packet_id = 0
    if qos:
        packet_id = _packet_id("PUBLISH", body, end)
        end += 2
    if len(body) - end > MAX_PAYLOAD:
        raise MalformedPacket("PUBLISH: payload must be at most " + str(MAX_PAYLOAD) + " bytes")
    return topic, body[end:], packet_id, flags & 1 == 1, flags & 8 == 8
