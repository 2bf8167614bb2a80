"""When a schedule falls due, also where clocks are put forward and back."""

from datetime import UTC, datetime

import pytest

from gateway.settlement import cron


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def due(expression: str, zone: str, after: str, count: int) -> list[str]:
    """The next times after one, as texts in UTC."""
    found = []
    second = at(after)
    for _ in range(count):
        following = cron.next_due(expression, zone, second)
        assert following is not None
        second = following
        found.append(datetime.fromtimestamp(second, UTC).strftime("%m-%d %H:%M"))
    return found


def test_each_night_is_due_once_though_clocks_change() -> None:
    """Central Europe: 02:30 is left out on the 29th of March, and there twice on 25 October."""
    zone = "Europe/Berlin"
    assert due("30 2 * * *", zone, "2026-03-27 12:00", 3) == [
        "03-28 01:30",
        "03-29 01:00",
        "03-30 00:30",
    ]
    assert due("30 2 * * *", zone, "2026-10-24 12:00", 2) == ["10-25 00:30", "10-26 01:30"]


@pytest.mark.parametrize("minute", range(0, 60, 10))
def test_what_names_an_hour_is_not_due_again_in_the_second_of_two(minute: int) -> None:
    """The gateway was down at 00:30, the first 02:30 in Berlin, and looks again an hour later."""
    after = at(f"2026-10-25 01:{minute:02}")
    assert cron.next_due("30 2 * * *", "Europe/Berlin", after) == at("2026-10-26 01:30")


def test_every_half_hour_is_due_in_each_half_hour_that_passes() -> None:
    found = due("*/30 * * * *", "Europe/Berlin", "2026-10-24 23:45", 6)
    assert found == [
        "10-25 00:00", "10-25 00:30", "10-25 01:00", "10-25 01:30", "10-25 02:00", "10-25 02:30",
    ]  # fmt: skip


def test_the_last_day_of_a_month_is_due() -> None:
    found = due("0 0 L * *", "UTC", "2028-01-15 00:00", 3)
    assert found == ["01-31 00:00", "02-29 00:00", "03-31 00:00"]


def test_what_is_due_at_a_second_is_not_due_after_it() -> None:
    assert cron.next_due("0 2 * * *", "UTC", at("2026-05-01 02:00")) == at("2026-05-02 02:00")


@pytest.mark.parametrize(
    "text", ["", "0 2 * *", "0 0 2 * * *", "60 * * * *", "0 2 * * MOO", "0 0 31 2 *", "@daily"]
)
def test_what_is_no_cron_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be five fields: minute hour day month weekday"):
        cron.check(text)


@pytest.mark.parametrize("name", ["", "Europe/Atlantis", "../etc/passwd", "/etc/localtime", "CE T"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be a time zone"):
        cron.check_zone(name)


@pytest.mark.parametrize(
    ("expression", "after", "until", "last"),
    [
        ("30 2 * * *", "2026-10-24 12:00", "2026-10-25 00:29", None),
        ("30 2 * * *", "2026-10-24 12:00", "2026-10-25 00:30", "2026-10-25 00:30"),
        ("30 2 * * *", "2026-10-24 12:00", "2026-10-25 01:10", "2026-10-25 00:30"),
        ("30 2 * * *", "2026-10-24 12:00", "2026-10-26 01:29", "2026-10-25 00:30"),
        ("30 2 * * *", "2026-03-28 12:00", "2026-03-29 00:59", None),
        ("30 2 * * *", "2026-03-28 12:00", "2026-03-29 01:00", "2026-03-29 01:00"),
        ("30 2 * * *", "2020-01-01 00:00", "2026-03-29 01:00", "2026-03-29 01:00"),
        ("0 0 1 * *", "2020-01-01 00:00", "2026-03-29 01:00", "2026-02-28 23:00"),
        ("0 0 29 2 *", "2020-01-01 00:00", "2026-03-29 01:00", "2024-02-28 23:00"),
        ("* * * * *", "2016-01-01 00:00", "2026-03-29 01:00", "2026-03-29 01:00"),
        ("0 0 1 * *", "2026-03-29 01:00", "2020-01-01 00:00", None),
    ],
)
def test_the_last_time_that_has_come(
    expression: str, after: str, until: str, last: str | None
) -> None:
    found = cron.last_due(expression, "Europe/Berlin", at(after), at(until))
    assert found == (None if last is None else at(last))


@pytest.mark.parametrize(
    ("served", "now", "counts"),
    [
        ("2026-05-01 02:00", "2026-05-01 02:00", "2026-05-01 02:00"),
        ("2026-05-01 02:00", "2026-05-09 14:00", "2026-05-01 02:00"),
        # Served a moment too early, or half a day: it is not due again.
        ("2026-05-01 02:00", "2026-05-01 01:59", "2026-05-01 02:00"),
        ("2026-05-01 02:00", "2026-04-30 14:00", "2026-05-01 02:00"),
        # The clock was days ahead, or years: what was left out is due.
        ("2026-05-01 02:00", "2026-04-30 01:59", "2026-04-30 01:59"),
        ("2036-05-01 02:00", "2026-05-01 02:00", "2026-05-01 02:00"),
        # No time that was served, but when the schedule was set by that clock.
        ("2026-05-01 02:01", "2026-05-01 01:59", "2026-05-01 01:59"),
    ],
)
def test_times_that_a_clock_ahead_left_out_count_and_one_it_served_does_not(
    served: str, now: str, counts: str
) -> None:
    assert cron.counts_from("0 2 * * *", "UTC", at(served), at(now)) == at(counts)
