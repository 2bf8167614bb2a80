"""What is no amount, or one too many, on the wire and in files (D4): refused by name, and nothing
on disk changes."""

import struct
from pathlib import Path

import pytest

from protocol import MAX_INT, cbor, envelope
from protocol.messages import Iou, Terms
from protocol.pricing import OPEN_ENDED, Tariff
from simulator.sessions import MAX_WH, SessionsError, read_sessions
from tests.ingest.parties import CAPACITY, PRICE, Gateway, Party, kind_of
from tests.ingest.snapshot import books

NO_NUMBERS = {
    "2^63": b"\x1b" + (2**63).to_bytes(8, "big"),
    "2^64 - 1": b"\x1b" + b"\xff" * 8,
    "2^64, as a big number": b"\xc2\x49\x01" + bytes(8),
    "10^30, as a big number": b"\xc2\x4d" + (10**30).to_bytes(13, "big"),
    "-1": b"\x20",
    "-2^63": b"\x3b" + (2**63 - 1).to_bytes(8, "big"),
    "-2^64 - 1, as a big number": b"\xc3\x49\x01" + bytes(8),
    "3000.0 in 64 bits": b"\xfb" + struct.pack(">d", 3000.0),
    "3000.0 in 32 bits": b"\xfa" + struct.pack(">f", 3000.0),
    "1.0 in 16 bits": b"\xf9\x3c\x00",
    "not a number": b"\xf9\x7e\x00",
    "infinity": b"\xf9\x7c\x00",
    "-0.0": b"\xf9\x80\x00",
    "true": b"\xf5",
    "false": b"\xf4",
    "null": b"\xf6",
    "undefined": b"\xf7",
    "text": b"\x64" + b"3000",
    "bytes": b"\x42\x0b\xb8",
    "an array": b"\x81\x0a",
    "a map": b"\xa0",
    "a decimal fraction": b"\xc4\x82\x00\x0a",
    "3000, too long": b"\x1a\x00\x00\x0b\xb8",
    "10, too long": b"\x18\x0a",
    "nothing": b"",
}


def _swapped(payload: dict[int, object], key: int, bad: bytes) -> bytes:
    """A map's encoding, with these bytes in place of one value."""
    parts = [cbor.head(5, len(payload))]
    for each in sorted(payload):
        parts += [cbor.encode(each), bad if each == key else cbor.encode(payload[each])]
    return b"".join(parts)


def _refusal(gateway: Gateway, device: Party, kind: str, payload: bytes) -> tuple[str, int]:
    message = envelope.sign1(kind, payload, device.sign)
    answers = gateway.take(device.message(kind, message))
    assert [kind_of(answer) for answer in answers] == ["refused"]
    _, reason, expected = gateway.refusal(device, answers[0])
    return reason, expected


@pytest.mark.threat("D4")
@pytest.mark.parametrize("bad", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_what_is_no_amount_is_malformed_in_every_field(gateway: Gateway, bad: bytes) -> None:
    device = gateway.device()
    channel = device.opened()
    before = books(gateway)
    iou = {1: channel, 2: 3_000, 3: 10}
    terms = cbor.decode(device.terms(5).payload())
    assert isinstance(terms, dict)
    tariff = terms[4]
    for key in (2, 3):
        assert _refusal(gateway, device, "iou", _swapped(iou, key, bad)) == ("malformed", 0)
    for key in (5, 6):
        assert _refusal(gateway, device, "open", _swapped(terms, key, bad)) == ("malformed", 0)
    for key in (2, 3, 5, 6):
        changed = _swapped(terms, 4, _swapped(tariff, key, bad))
        assert _refusal(gateway, device, "open", changed) == ("malformed", 0)
    assert books(gateway) == before


@pytest.mark.threat("D4")
def test_exactly_the_capacity_is_taken_and_one_more_is_not(gateway: Gateway) -> None:
    """Where the payer chooses the amount, each atomic unit can be asked for."""
    tip = Tariff("1", 1, 1, "EUR", 6, OPEN_ENDED)
    gateway.offer(tip)
    device = gateway.device()
    channel = device.opened(0, tariff=tip, capacity=CAPACITY)
    for amount in (CAPACITY + 1, 2 * CAPACITY, 2**62, MAX_INT):
        payload = Iou(channel, amount, 1).payload()
        assert _refusal(gateway, device, "iou", payload) == ("over_capacity", CAPACITY)
    assert gateway.mark(channel) == (0, 0, "open")
    for amount in (CAPACITY - 1, CAPACITY):
        (answer,) = gateway.take(device.iou(channel, 1, amount))
        assert gateway.ack(device, answer).amount == amount
    assert _refusal(gateway, device, "iou", Iou(channel, CAPACITY + 1, 1).payload()) == (
        "over_capacity",
        CAPACITY,
    )
    assert gateway.mark(channel) == (CAPACITY, 1, "open")


@pytest.mark.threat("D4")
def test_units_and_amounts_at_the_end_of_the_numbers_overflow_nothing(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    before = books(gateway)
    for units in (MAX_INT, MAX_INT // 300 + 1, 2**62):
        # What so many units cost is no amount at all.
        for amount in (MAX_INT, 2**62, CAPACITY + 1):
            payload = Iou(channel, amount, units).payload()
            assert _refusal(gateway, device, "iou", payload)[0] == "over_capacity"
        (said,) = gateway.take(device.iou(channel, units, CAPACITY))
        assert gateway.refusal(device, said)[1] in ("over_capacity", "wrong_amount")
    assert books(gateway) == before


@pytest.mark.threat("D4")
def test_the_limits_of_capacity_and_credit_hold_to_the_unit(gateway: Gateway) -> None:
    device = gateway.device()

    def reason(terms: Terms) -> tuple[str, int]:
        return _refusal(gateway, device, "open", terms.payload())

    for capacity in (0, CAPACITY + 1, 2**62, MAX_INT):
        assert reason(device.terms(1, capacity=capacity)) == ("capacity_not_allowed", CAPACITY)
    for expiry in (0, gateway.clock.now, gateway.clock.now + 86_701, MAX_INT):
        assert reason(device.terms(1, expiry=expiry))[0] == "expiry_not_allowed"
    gateway.credit("fleet", CAPACITY + 5)
    device.opened(1)
    assert reason(device.terms(2, capacity=6)) == ("insufficient_funds", 5)
    device.opened(3, capacity=5)
    assert reason(device.terms(4, capacity=1)) == ("insufficient_funds", 0)
    assert gateway.count("channel") == 2


HEADER = "session,connection_start,charging_start,charging_end,energy_kwh,station\n"
ROW = "a,2018-10-08 13:25:00,2018-10-08 13:25:01,2018-10-08 14:00:00,{},CP-1\n"


@pytest.mark.threat("D4")
@pytest.mark.parametrize(
    "energy",
    ["-1", "-0", "+1", "1e3", "1E3", "NaN", "nan", "inf", "Infinity", "true", "ten", "", "0x10",
     "1,5", "1.2345", "1_000", ".5", "1..2", "\u0661", "\uff11", "9" * 31, "9007199254740.993",
     str(2**63), str(2**64)],
)  # fmt: skip
def test_energy_that_is_no_energy_is_refused_with_its_line(tmp_path: Path, energy: str) -> None:
    path = tmp_path / "sessions.csv"
    quoted = f'"{energy}"' if "," in energy else energy
    path.write_text(HEADER + ROW.format("1.0") + ROW.format(quoted), encoding="utf-8")
    with pytest.raises(SessionsError, match="line 3, energy_kwh"):
        read_sessions(path)


@pytest.mark.threat("D4")
def test_energy_at_its_limit_is_read_to_the_unit(tmp_path: Path) -> None:
    path = tmp_path / "sessions.csv"
    path.write_text(
        HEADER + ROW.format("9007199254740.992") + ROW.format("0") + ROW.format("0.001")
    )
    assert [each.energy_wh for each in read_sessions(path)] == [MAX_WH, 0, 1]
    assert PRICE.amount(MAX_WH) == 300 * MAX_WH
