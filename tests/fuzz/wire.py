"""Targets of the wire: whatever bytes come, they are a value or the protocol's typed error, and
what is accepted encodes to the very bytes that it came from."""

from collections.abc import Callable
from typing import Any

from protocol import cbor, envelope, topics
from protocol.errors import ProtocolError, WireError
from protocol.messages import Iou
from protocol.reasons import REASONS
from protocol.statements import read_line
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target, need, vector_bytes, vectors
from tests.micropython.checks.protocol_vectors import READERS

KINDS = tuple(sorted(READERS))
MAC_KEY = bytes(range(32))


def typed(read: Callable[..., Any], *arguments: object) -> Any:
    """What `read` returns, or None where it raises a protocol error that names a field."""
    try:
        return read(*arguments)
    except ProtocolError as error:
        need(error.field and str(error).startswith(error.field + ": "), "names no field")
        need(error.reason in REASONS, f"no such reason: {error.reason}")
        return None


def decoder(data: bytes) -> None:
    """protocol.cbor, on bytes."""
    try:
        value = cbor.decode(data)
    except WireError as error:
        need(error.field == "cbor" and error.reason == "malformed", "another error")
        return
    need(cbor.encode(value) == data, "decoded, but encodes to other bytes")


def payloads(data: bytes) -> None:
    """The reader of each kind of message, on the payload."""
    choices = Choices(data)
    kind = choices.one_of((*KINDS, "line"))
    payload = choices.rest()
    read = read_line if kind == "line" else READERS[kind]
    message = typed(read, payload)
    if message is None:
        return
    again = message.encoded() if kind == "line" else message.payload()
    need(again == payload, f"{kind}: read, but encodes to other bytes")
    if isinstance(message, Iou):
        value = cbor.decode(payload)
        need(isinstance(value, dict) and value[2] == message.amount, "read in two ways")


def envelopes(data: bytes) -> None:
    """Both envelopes, on whole messages: to the byte, or refused."""
    choices = Choices(data)
    kind = choices.one_of(KINDS)
    message = choices.rest()
    signed = typed(envelope.parse_sign1, kind, message)
    if signed is not None:
        again = envelope.sign1(kind, signed.payload, lambda _: signed.signature)
        need(again == message, "parsed, but makes other bytes")
        need(
            signed.to_be_signed == envelope.sign_structure(kind, signed.payload),
            "another structure",
        )
    payload = typed(envelope.open_mac0, kind, message, MAC_KEY)
    if payload is not None:
        need(envelope.mac0(kind, payload, MAC_KEY) == message, "opened, but makes other bytes")
        for other in KINDS:
            if other != kind:
                need(typed(envelope.open_mac0, other, message, MAC_KEY) is None, "another kind")


def topic(data: bytes) -> None:
    """The topic parser: exactly the topics that the protocol makes."""
    choices = Choices(data)
    direction = choices.one_of(("up", "down"))
    text = choices.rest().decode("utf-8", "replace")
    found = typed(topics.parse, text, direction)
    if found is not None:
        make = topics.up if direction == "up" else topics.down
        need(make(*found) == text, "parsed, but makes another topic")


def _payload_seeds() -> list[bytes]:
    cases = vectors("messages")
    lines = [bytes([len(KINDS)]) + bytes.fromhex(line) for line in cases["statement_lines"]]
    return lines + [
        bytes([KINDS.index(case["kind"])]) + bytes.fromhex(case["payload"])
        for case in cases["valid"] + cases["invalid_payloads"]
    ]


def _message_seeds() -> list[bytes]:
    cases = vectors("messages")
    found = [b"\x00" + bytes.fromhex(case["message"]) for case in cases["invalid_messages"]]
    for case in cases["valid"]:
        index = bytes([KINDS.index(case["kind"])])
        if case["by"] != "bare":
            found.append(index + bytes.fromhex(case["message"]))
        found.append(index + envelope.mac0(case["kind"], bytes.fromhex(case["payload"]), MAC_KEY))
    return found


def _topic_seeds() -> list[bytes]:
    cases = vectors("topics")
    return [
        bytes([case["direction"] == "down"]) + case["topic"].encode()
        for case in cases["valid"] + cases["invalid"]
    ]


TARGETS = (
    Target(
        "decoder",
        decoder,
        lambda: vector_bytes("encoding", "messages", "ids", "payer"),
        200_000,
        50_000_000,
    ),
    Target("payloads", payloads, _payload_seeds, 50_000, 6_000_000),
    Target("envelopes", envelopes, _message_seeds, 40_000, 15_000_000),
    Target("topic", topic, _topic_seeds, 20_000, 20_000_000, max_len=300),
)
