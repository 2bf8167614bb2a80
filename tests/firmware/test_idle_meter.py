"""The idle meter: a second counts only if somebody stood there for it, longer than is free, and the
board watched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.meters.idle import LONGEST_MS, IdleMeter


def looks(meter: IdleMeter, start: int, seconds: int, total: int = 7, taken: bool = True) -> int:
    """Look each second; the seconds counted at the end."""
    found = 0
    for second in range(seconds + 1):
        found = meter.look(total, taken, start + 1_000 * second)
    return found


def test_seconds_count_from_the_stated_one_on() -> None:
    meter = IdleMeter(300_000)
    assert looks(meter, 0, 300) == 0
    assert looks(meter, 300_000, 45) == 45


def test_consumption_begins_the_wait_anew() -> None:
    meter = IdleMeter(60_000)
    looks(meter, 0, 70)
    assert looks(meter, 71_000, 60, total=8) == 10
    assert looks(meter, 131_000, 5, total=8) == 15


def test_a_place_that_is_left_begins_the_wait_anew() -> None:
    meter = IdleMeter(60_000)
    looks(meter, 0, 70)
    assert looks(meter, 71_000, 500, taken=False) == 10
    assert looks(meter, 572_000, 60) == 10
    assert looks(meter, 632_000, 5) == 15


@pytest.mark.threat("D10")
def test_what_was_not_watched_is_not_counted() -> None:
    meter = IdleMeter(0)
    meter.look(7, True, 0)
    assert meter.look(7, True, LONGEST_MS) == LONGEST_MS // 1_000
    # A clock that jumps, or a board that stood still.
    assert meter.look(7, True, 3 * LONGEST_MS) == LONGEST_MS // 1_000


@given(
    st.integers(0, 20_000),
    st.lists(
        st.tuples(st.integers(1, 5_000), st.booleans(), st.booleans()), min_size=1, max_size=60
    ),
)
def test_never_more_than_the_time_beyond_what_is_free_however_it_is_looked_at(
    after_ms: int, steps: list[tuple[int, bool, bool]]
) -> None:
    meter = IdleMeter(after_ms)
    now = total = stood = idle = 0
    before = False
    for passed, taken, consumes in steps:
        now += passed
        total += consumes
        stood = stood + passed if before and taken and not consumes else 0
        idle += min(passed, max(0, stood - after_ms))
        before = taken
        assert meter.look(total, taken, now) == idle // 1_000
