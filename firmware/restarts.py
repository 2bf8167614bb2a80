"""How long the load stays off after a start, so that a board which restarts over and over does not
switch it at each.

A supply that gives way when the load comes on (a brown-out), a crash, a watchdog: each would close
the relay again a moment later, and wear the contactor out. What may live here: the rule. Where the
count is kept is the board's.
"""

MANY = 3
"""So many short starts in a row may be by chance."""
LONGEST_MS = 3_600_000
GOOD_MS = 600_000
"""Who has run so long has not restarted over and over."""


def held_ms(starts: int) -> int:
    """Milliseconds for which the load stays off after the start with this number, counted from the
    last one that went well (1 is the first): none at first, then from a minute up to an hour."""
    if starts <= MANY:
        return 0
    return min(LONGEST_MS, 60_000 << min(starts - MANY - 1, 6))
