"""Energy meters: frames as the maker's manual has them, a line that fails, a register that does
strange things, and what a device makes of it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.boards import MeterSilent
from firmware.meters.pzem import MODULUS_WH, QUESTION, Pzem, PzemError, Reading, crc16
from firmware.meters.register import Register

MANUAL = bytes.fromhex("010414089803E80000089800000000000001F400640000")
"""The answer that the manual gives as its example: 220.0 V, 1.000 A, 220.0 W, 0 Wh."""
HOUR = 3_600_000


def framed(body: bytes) -> bytes:
    return body + crc16(body).to_bytes(2, "little")


def answer(energy: int) -> bytes:
    """What a meter says that has counted so many Wh."""
    words = struct.pack(">HH", energy & 0xFFFF, energy >> 16)
    return framed(MANUAL[:13] + words + MANUAL[17:])


def test_the_checksum_is_modbuss() -> None:
    # CRC-16/MODBUS's check value, and the request of the Modbus specification's examples.
    assert crc16(b"123456789") == 0x4B37
    assert framed(bytes.fromhex("01030000000A")).hex() == "01030000000ac5cd"


def test_the_question_asks_any_meter_for_ten_registers() -> None:
    assert framed(bytes.fromhex("F8040000000A")) == QUESTION


def test_the_manuals_answer_is_read() -> None:
    reading = Reading(framed(MANUAL))
    assert (reading.voltage, reading.current, reading.power, reading.energy) == (
        2200,
        1000,
        2200,
        0,
    )
    assert Reading(answer(9_999_990)).energy == 9_999_990


@pytest.mark.parametrize("position", range(25))
def test_a_frame_with_any_bit_wrong_is_refused(position: int) -> None:
    for bit in range(8):
        frame = bytearray(answer(123_456))
        frame[position] ^= 1 << bit
        with pytest.raises(PzemError, match="pzem: "):
            Reading(bytes(frame))


@given(st.binary(max_size=40))
def test_noise_is_no_reading(noise: bytes) -> None:
    with pytest.raises(PzemError):
        Reading(noise)


def test_a_refusal_is_told_with_its_number() -> None:
    with pytest.raises(PzemError, match="exception code 2"):
        Reading(framed(bytes.fromhex("F88402")))


class Line:
    """A UART with a meter at its end. It answers, or it does not."""

    def __init__(self, energy: int) -> None:
        self.energy = energy
        self.answers = True
        self.noise = b""
        self._out = b""
        self.now = 0

    def read(self) -> bytes | None:
        # A few bytes at a time, as they arrive.
        data, self._out = self._out[:9], self._out[9:]
        return data or None

    def write(self, data: bytes) -> int:
        assert data == QUESTION
        if self.answers:
            self._out = self.noise + answer(self.energy)
        return len(data)


def run(meter: Pzem, line: Line, milliseconds: int) -> int:
    units = 0
    for _ in range(milliseconds // 100):
        line.now += 100
        units = meter.units()
    return units


def test_what_the_meter_counts_is_counted_from_the_first_answer_on() -> None:
    line = Line(5_000)
    meter = Pzem(line, lambda: line.now)
    assert run(meter, line, 2_000) == 0
    for energy in range(5_001, 5_020):
        line.energy = energy
        assert run(meter, line, 2_000) == energy - 5_000


def test_noise_on_the_line_costs_no_more_than_time() -> None:
    line = Line(100)
    meter = Pzem(line, lambda: line.now)
    run(meter, line, 2_000)
    line.noise = b"\x00\xff"
    line.energy = 103
    assert run(meter, line, 3_000) == 0
    line.noise = b""
    assert run(meter, line, 2_000) == 3
    assert "pzem" in meter.last_error


def test_a_meter_that_is_silent_is_told_and_comes_back_with_what_it_counted() -> None:
    line = Line(100)
    meter = Pzem(line, lambda: line.now)
    run(meter, line, 2_000)
    line.answers = False
    with pytest.raises(MeterSilent, match="no answer"):
        run(meter, line, 8_000)
    for _ in range(600):
        line.now += 1_000
        with pytest.raises(MeterSilent):
            meter.units()
    line.answers = True
    line.energy = 600
    with pytest.raises(MeterSilent):
        meter.units()
    for _ in range(20):
        line.now += 100
        try:
            units = meter.units()
        except MeterSilent:
            continue
    assert units == 500


def test_a_register_that_wraps_is_counted_on() -> None:
    register = Register(MODULUS_WH, 26_000)
    for hour, value in enumerate([9_990_000, 9_999_999, 3, 10_003]):
        register.read(value, hour * HOUR)
    assert (register.total, register.strange) == (20_003, 0)


@pytest.mark.parametrize("other", [0, 17, 5_000_000, 4_990_000])
def test_another_meter_or_one_that_was_set_back_adds_nothing_and_takes_nothing(other: int) -> None:
    register = Register(MODULUS_WH, 26_000)
    register.read(5_000_000 - 100_000, 0)
    register.read(5_000_000 - 99_900, HOUR)
    register.read(other, 2 * HOUR)
    assert (register.total, register.strange) == (100, 1)
    register.read(other + 50, 3 * HOUR)
    assert register.total == 150


@given(st.lists(st.tuples(st.integers(0, MODULUS_WH - 1), st.integers(0, HOUR)), max_size=30))
def test_whatever_a_register_shows_the_total_never_goes_back_nor_beyond_what_can_be_measured(
    shown: list[tuple[int, int]],
) -> None:
    register = Register(MODULUS_WH, 26_000)
    now = total = 0
    for value, passed in shown:
        now += passed
        register.read(value, now)
        assert total <= register.total <= total + 26_000 * passed // HOUR + 2
        total = register.total
