"""Days on which euro payments are settled: the TARGET calendar (ECB, six holidays and weekends).

Pure arithmetic on dates; a file's dates follow from the time of its instructions alone.
"""

from datetime import UTC, date, datetime, timedelta


def easter(year: int) -> date:
    """Easter Sunday of a Gregorian year (Meeus, Jones and Butcher's algorithm)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def is_open(day: date) -> bool:
    """Whether euro payments are settled on this day."""
    if day.weekday() >= 5 or (day.month, day.day) in ((1, 1), (5, 1), (12, 25), (12, 26)):
        return False
    sunday = easter(day.year)
    return day not in (sunday - timedelta(days=2), sunday + timedelta(days=1))


def day_of(at: int) -> date:
    """The day of a Unix second, in UTC."""
    return datetime.fromtimestamp(at, UTC).date()


def settled_after(day: date, days: int) -> date:
    """The day of settlement so many open days after `day`; 0 is that day, or the next open one."""
    while not is_open(day):
        day += timedelta(days=1)
    for _ in range(days):
        day += timedelta(days=1)
        while not is_open(day):
            day += timedelta(days=1)
    return day
