"""Replay of a recorded day: which sessions, on which meters, and what must agree in the end."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.replay import Sums, length_ms, loads_of, sessions_of
from simulator.sessions import Session, SessionsError

DAY = date(2018, 10, 8)
MIDNIGHT = datetime(2018, 10, 8)


def session(station: str, begins: int, lasts: int, energy_wh: int, day: date = DAY) -> Session:
    """A session that charges from minute `begins` of DAY for `lasts` minutes."""
    start = MIDNIGHT + timedelta(minutes=begins)
    return Session("S", station, day, start, start + timedelta(minutes=lasts), energy_wh)


def test_a_day_is_taken_by_when_cars_were_plugged_in() -> None:
    other = session("A", 0, 1, 1, DAY + timedelta(days=1))
    mine = session("A", 23 * 60, 120, 5)
    assert sessions_of([other, mine], DAY, None) == [mine]


def test_without_a_day_the_one_with_most_sessions_is_taken() -> None:
    busy = [session("A", 0, 1, 1), session("B", 0, 1, 1)]
    assert sessions_of([session("A", 0, 1, 99, DAY + timedelta(days=1)), *busy], None, None) == busy


def test_a_day_without_sessions_is_refused_with_the_days_there_are() -> None:
    with pytest.raises(SessionsError, match="day 2019-01-01: no session; the file has 2018-10-08"):
        sessions_of([session("A", 0, 1, 1)], date(2019, 1, 1), None)


def test_few_stations_are_the_ones_with_most_energy() -> None:
    given_ = [session("A", 0, 1, 5), session("B", 0, 1, 3), session("C", 0, 1, 4)]
    assert {each.station for each in sessions_of(given_, DAY, 2)} == {"A", "C"}


def test_a_day_is_as_long_as_its_last_car_stays() -> None:
    assert length_ms(loads_of([session("A", 0, 60, 1)])) == 24 * 3_600_000
    assert length_ms(loads_of([session("A", 23 * 60, 120, 1)])) == 25 * 3_600_000


sessions = st.lists(
    st.builds(
        session,
        st.sampled_from("ABC"),
        st.integers(0, 24 * 60 - 1),
        st.integers(0, 2_000),
        st.integers(0, 10**12),
    ),
    min_size=1,
    max_size=12,
)


@given(
    sessions,
    st.lists(st.tuples(st.integers(1, 10_000_000), st.booleans()), min_size=1, max_size=40),
)
def test_meters_count_each_station_s_energy_exactly_whatever_overlaps_or_is_held_back(
    recorded: list[Session], steps: list[tuple[int, bool]]
) -> None:
    """However time is cut up and whenever the relay was open; sessions of no length included."""
    loads = loads_of(recorded)
    length = length_ms(loads)
    for station, load in loads.items():
        counted = []
        passed = 0
        for milliseconds, served in steps:
            counted.append(load.advance(milliseconds, served))
            passed += milliseconds
        counted.append(load.advance(max(0, length - passed) + 1, True))
        assert min(counted) >= 0
        assert sum(counted) == sum(e.energy_wh for e in recorded if e.station == station)
        assert load.remaining_wh == 0


@pytest.mark.parametrize(
    ("found", "agree"),
    [
        (Sums(10, 10, 3_000, 3_000), True),
        (Sums(10, 9, 3_000, 3_000), False),
        (Sums(10, 11, 3_000, 3_000), False),
        (Sums(10, 10, 3_000, 2_999), False),
        (Sums(10, 10, 3_000, 3_001), False),
    ],
)
def test_sums_agree_to_the_unit_or_not_at_all(found: Sums, agree: bool) -> None:
    assert found.agree == agree
