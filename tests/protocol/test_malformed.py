"""Whatever arrives, nothing but a ProtocolError comes of it, and it names a field."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.keys import verify
from protocol import MAX_CHANNELS_PER_DEVICE, MAX_INT, MAX_MESSAGE, cbor, envelope, topics
from protocol.errors import ProtocolError
from protocol.messages import Iou, Resume, Resumed, Terms, read_iou, read_resume
from protocol.pricing import Tariff, tariff_from_map
from protocol.reasons import FINAL, NAMES, REASONS
from protocol.statements import read_line
from tests.micropython.checks.protocol_vectors import READERS
from tests.protocol.parties import DEVICE, MAC_KEY, NOW, error_of, numbers
from tests.protocol.test_cbor_agrees import levels
from tests.protocol.test_vectors import load

Reader = Callable[[bytes], Any]
ALL = load("messages")["valid"]
ENVELOPED = [case for case in ALL if case["by"] != "bare"]


def only_protocol_errors(read: Callable[..., object], *arguments: object) -> None:
    error = error_of(read, *arguments)
    if error is not None:
        assert error.field
        assert error.reason in REASONS
        assert str(error).startswith(error.field + ": ")


def mutated(data: Any, message: bytes) -> bytes:
    wrong = bytearray(message)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(wrong) - 1))
        if data.draw(st.booleans()):
            wrong[at] = data.draw(st.integers(0, 255))
        else:
            wrong[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=9))
    return bytes(wrong) or b"\x00"


@pytest.mark.threat("D14")
@settings(max_examples=2_000, deadline=None)
@given(st.sampled_from(ALL), st.data())
def test_mutated_payloads_raise_only_protocol_errors(case: Any, data: Any) -> None:
    wrong = mutated(data, bytes.fromhex(case["payload"]))
    only_protocol_errors(READERS[case["kind"]], wrong)
    only_protocol_errors(read_line, wrong)


@pytest.mark.threat("D7", "D14")
@settings(max_examples=2_000, deadline=None)
@given(st.sampled_from(ENVELOPED), st.data())
def test_mutated_messages_raise_only_protocol_errors(case: Any, data: Any) -> None:
    message = bytes.fromhex(case["message"])
    wrong = mutated(data, message)
    if case["by"] == "mac0":
        only_protocol_errors(envelope.open_mac0, case["kind"], wrong, MAC_KEY)
    else:
        key = bytes.fromhex(case["key"])
        only_protocol_errors(envelope.open_sign1, case["kind"], wrong, key, verify)
        if wrong != message:
            with pytest.raises(ProtocolError):
                envelope.open_sign1(case["kind"], wrong, key, verify)


@pytest.mark.threat("D14")
@settings(max_examples=2_000, deadline=None)
@given(
    st.sampled_from(sorted(READERS)),
    st.dictionaries(st.integers(0, 12), levels(2), max_size=12).map(cbor.encode)
    | levels(2).map(cbor.encode)
    | st.binary(max_size=80),
)
def test_foreign_payloads_raise_only_protocol_errors(kind: str, payload: bytes) -> None:
    only_protocol_errors(READERS[kind], payload)
    only_protocol_errors(envelope.parse_sign1, kind, payload)
    only_protocol_errors(envelope.open_mac0, kind, payload, MAC_KEY)


@pytest.mark.threat("D9")
@settings(max_examples=500, deadline=None)
@given(st.text(max_size=80), st.sampled_from(["up", "down"]))
def test_foreign_topics_raise_only_protocol_errors(topic: str, direction: str) -> None:
    only_protocol_errors(topics.parse, topic, direction)


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(st.integers(0, 8), numbers | st.text(max_size=18), max_size=8))
def test_foreign_tariffs_raise_only_protocol_errors(fields: dict[int, object]) -> None:
    only_protocol_errors(tariff_from_map, fields)


@settings(max_examples=1_000, deadline=None)
@given(st.binary(min_size=32, max_size=32), numbers, numbers, st.data())
def test_the_short_way_of_reading_an_iou_takes_what_the_long_way_takes(
    channel: bytes, amount: int, units: int, data: Any
) -> None:
    payload = Iou(channel, amount, units).payload()
    read = read_iou(payload)
    assert (read.channel, read.amount, read.units) == (channel, amount, units)
    wrong = mutated(data, payload)
    try:
        again = read_iou(wrong)
    except ProtocolError:
        return
    assert again.payload() == wrong
    assert cbor.decode(wrong)


def test_a_resume_of_as_many_channels_as_there_can_be_fits_into_one_message() -> None:
    key = b"\xff" * 32
    tariff = Tariff("x" * 16, MAX_INT, MAX_INT, "EUR", 18, 1)
    terms = Terms(key, key, key, tariff, MAX_INT, MAX_INT, b"\xff" * 16)
    opening = DEVICE.sign1("open", terms.payload())
    last = DEVICE.sign1("iou", Iou(key, MAX_INT, MAX_INT, key, MAX_INT).payload())
    row = Resumed(opening, last, MAX_INT, MAX_INT)
    payload = Resume(b"\xff" * 16, [row] * MAX_CHANNELS_PER_DEVICE).payload()
    assert len(envelope.mac0("resume", payload, MAC_KEY)) <= MAX_MESSAGE
    assert len(read_resume(payload).channels) == MAX_CHANNELS_PER_DEVICE


def test_reasons_are_one_number_each_for_ever() -> None:
    assert {
        "malformed": 1, "bad_signature": 2, "unknown_channel": 3, "closed": 4, "expired": 5,
        "over_capacity": 6, "wrong_amount": 7, "conflict": 8, "frozen": 9, "not_yours": 10,
        "unknown_tariff": 11, "capacity_not_allowed": 12, "expiry_not_allowed": 13,
        "too_many_channels": 14, "device_suspended": 15, "too_large": 16, "retained": 17,
        "rate_limited": 18, "no_chain": 19, "bad_tick": 20, "unavailable": 21,
        "insufficient_funds": 22,
    }.items() <= REASONS.items()  # fmt: skip
    assert len(NAMES) == len(REASONS)
    assert set(FINAL) <= set(REASONS)


def test_every_error_names_its_field_in_its_text() -> None:
    error = ProtocolError("expired", "iou.channel_id", "the channel has expired", NOW)
    assert str(error) == "iou.channel_id: the channel has expired"
    assert (error.reason, error.field, error.expected) == ("expired", "iou.channel_id", NOW)
