"""Load models: exact integers out of virtual time, however the time is cut up."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.loads import Load
from simulator.loads.ev import EvCharger
from simulator.loads.idle import Bay
from simulator.loads.recorded import Recorded, Stretch
from simulator.loads.sensor import Sensor

HOUR = 3_600_000
NEVER = 1_000 * HOUR


def car(needs_wh: int = 60_000, pause_ms: int = NEVER) -> EvCharger:
    """An 11 kW charger and a battery of 60 kWh, and no second car unless asked for."""
    return EvCharger(11_000, 60_000, needs_wh, pause_ms)


def test_a_car_is_charged_by_what_it_needed_to_the_watt_hour() -> None:
    load = car(needs_wh=41_234)
    assert load.advance(100 * HOUR, True) == 41_234
    assert load.advance(100 * HOUR, True) == 0


def test_below_the_knee_the_power_is_constant_and_counted_without_drift() -> None:
    load = car()
    counted = sum(load.advance(200, True) for _ in range(4 * HOUR // 200))
    assert counted == 44_000
    assert load.power_mw() == 11_000_000


def test_above_the_knee_the_power_falls_to_a_tenth() -> None:
    load = car()
    powers = []
    while load.power_mw() > 0:
        powers.append(load.power_mw())
        load.advance(60_000, True)
    knee = next(index for index, power in enumerate(powers) if power < powers[0])
    assert powers[:knee] == [11_000_000] * knee
    assert powers[knee:] == sorted(powers[knee:], reverse=True)
    assert 1_100_000 <= powers[-1] < 1_200_000


def test_the_next_car_comes_after_the_pause() -> None:
    load = car(needs_wh=10, pause_ms=HOUR)
    assert load.advance(HOUR, True) == 10
    assert load.advance(HOUR, True) == 10


def test_a_car_that_stays_is_idle_from_the_stated_second_on_until_it_leaves() -> None:
    load = EvCharger(11_000, 60_000, 10, HOUR, 600_000)
    serves = True
    bay = Bay(load, 120_000, lambda: serves)
    served = sum(load.advance(1_000, True) * 0 + bay.advance(1_000, True) for _ in range(300))
    assert load.counted == 10
    assert 120 < served < 180
    # At a charger that may not deliver nobody blocks anything.
    serves = False
    assert sum(load.advance(1_000, False) * 0 + bay.advance(1_000, True) for _ in range(100)) == 0
    serves = True
    for _ in range(300):
        load.advance(1_000, True)
        served += bay.advance(1_000, True)
    assert not load.taken()
    assert served < 400


@pytest.mark.parametrize(
    "load",
    [car(), Sensor(50, 3, 10), Recorded([Stretch(0, HOUR, 5_000)])],
    ids=["ev", "sensor", "recorded"],
)
def test_nothing_is_counted_while_the_relay_is_open(load: Load) -> None:
    assert load.advance(HOUR, False) == 0


def test_a_car_waits_while_the_relay_is_open_and_loses_nothing() -> None:
    load = car(needs_wh=20_000)
    counted = 0
    for minute in range(20 * 60):
        counted += load.advance(60_000, minute % 3 == 0)
    assert counted == 20_000


def test_a_sensor_reads_at_its_interval_and_bursts_at_its_own() -> None:
    load = Sensor(interval_ms=100, burst=5, burst_every=10)
    assert [load.advance(100, True) for _ in range(20)] == ([1] * 9 + [5]) * 2
    assert load.advance(99, True) == 0
    assert load.advance(1, True) == 1


def _cuts(total: int, seed: int) -> list[int]:
    """`total` milliseconds, in pieces of any size."""
    chance = random.Random(seed)
    pieces = []
    while total > 0:
        piece = min(total, chance.choice((1, 7, 200, 999, 1_000, 4_321)))
        pieces.append(piece)
        total -= piece
    return pieces


@given(st.integers(0, 10**6), st.integers(1, 500), st.integers(0, 20), st.integers(1, 50))
def test_how_the_time_is_cut_up_changes_no_reading(
    seed: int, interval: int, burst: int, every: int
) -> None:
    whole, cut = Sensor(interval, burst, every), Sensor(interval, burst, every)
    assert sum(cut.advance(piece, True) for piece in _cuts(60_000, seed)) == whole.advance(
        60_000, True
    )


@given(st.integers(0, 10**6))
def test_how_the_time_is_cut_up_changes_no_energy_below_the_knee(seed: int) -> None:
    whole, cut = car(), car()
    assert sum(cut.advance(piece, True) for piece in _cuts(HOUR // 4, seed)) == whole.advance(
        HOUR // 4, True
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 60_000), st.integers(0, 60_000), st.integers(0, 50_000)),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 10**6),
)
def test_a_recorded_day_comes_to_its_file_exactly_however_often_the_relay_opens(
    rows: list[tuple[int, int, int]], seed: int
) -> None:
    load = Recorded([Stretch(start, start + lasts, energy) for start, lasts, energy in rows])
    chance = random.Random(seed)
    counted = sum(load.advance(piece, chance.random() < 0.5) for piece in _cuts(load.end_ms, seed))
    assert counted + load.remaining_wh == load.total_wh
    counted += load.advance(1, True)
    assert counted == load.total_wh == sum(energy for _, _, energy in rows)
    assert load.remaining_wh == 0
