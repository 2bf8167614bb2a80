"""The part of the audit that is about banks: each booking is posted once, as what it was for.

Called by `verify_books`, on its snapshot.
"""

from collections.abc import Callable

from sqlalchemy import Connection, text

Add = Callable[[str, str], None]

KINDS = ("suspense", "assigned", "paid")
"""The kinds of entries whose causes are looked for here."""

_POSTED = text(
    "SELECT b.id, b.state, b.amount, s.amount AS posted, u.amount AS undone FROM booking b"
    " LEFT JOIN entry e ON e.kind = 'suspense' AND e.reference = :suspense || b.id"
    " LEFT JOIN posting s ON s.entry_seq = e.seq AND s.account = :rail || b.rail"
    " LEFT JOIN entry f ON f.kind = 'assigned' AND f.reference = :assigned || b.id"
    " LEFT JOIN posting u ON u.entry_seq = f.seq AND u.account = :rail || b.rail"
    " WHERE coalesce(s.amount, 0) <> CASE WHEN b.state = 'matched' THEN 0 ELSE b.amount END"
    " OR coalesce(u.amount, 0) <> CASE WHEN b.state = 'assigned' THEN -b.amount ELSE 0 END"
)
_MATCHED = text(
    "SELECT matched.id, matched.amount, matched.moved + coalesce(matched.rest, 0) AS moved FROM"
    " (SELECT b.id, b.amount, sum(CASE WHEN (i.direction = 'collect') = (m.what = 'payment')"
    " THEN i.amount ELSE -i.amount END) AS moved,"
    # What instructions leave of a booking is an account's.
    " (SELECT p.amount FROM entry e JOIN posting p ON p.entry_seq = e.seq"
    " WHERE e.reference IN (:paid || b.id, :deposit || b.rail || :colon || b.id)"
    " AND p.account = :rail || b.rail) AS rest FROM booking b"
    " JOIN booking_match m ON m.booking_id = b.id JOIN instruction i ON i.id = m.instruction_id"
    " GROUP BY b.id, b.amount, b.rail) AS matched"
    " WHERE matched.amount <> matched.moved + coalesce(matched.rest, 0)"
)
_STATES = text(
    "SELECT i.id, i.state, m.what FROM booking_match m JOIN instruction i"
    " ON i.id = m.instruction_id JOIN booking b ON b.id = m.booking_id"
    " WHERE b.rail <> i.rail OR b.state = 'suspense'"
    " OR NOT (i.state = 'returned' OR (i.state = 'done' AND m.what = 'payment'))"
)
_HELD = text(
    "SELECT account, currency, sum(held) AS held, sum(kept) AS kept FROM ("
    " SELECT :suspense || rail AS account, currency, -amount AS held, 0 AS kept"
    " FROM booking WHERE state = 'suspense'"
    " UNION ALL SELECT account, currency, 0, amount FROM balance"
    " WHERE account LIKE 'suspense:%') AS both_sides"
    " GROUP BY account, currency HAVING sum(held) <> sum(kept)"
)
_ORPHANS = text(
    "SELECT e.reference FROM entry e WHERE e.kind IN ('suspense', 'assigned', 'paid')"
    " AND NOT EXISTS (SELECT 1 FROM booking b WHERE e.reference = e.kind || :colon || b.id"
    " AND (b.state = 'assigned' OR (b.state = 'suspense' AND e.kind = 'suspense')))"
)


def check(conn: Connection, add: Add) -> None:
    """Tell `add` (where, what) of everything that is wrong."""
    names = {"suspense": "suspense:", "assigned": "assigned:", "rail": "rail:"}
    for row in conn.execute(_POSTED, names):
        add(f"booking {row.id}", f"{row.state}, but posted {row.posted}, undone {row.undone}")
    given = {"paid": "paid:", "deposit": "deposit:", "colon": ":", "rail": "rail:"}
    for row in conn.execute(_MATCHED, given):
        add(f"booking {row.id}", f"{row.amount}, but what it was for is {row.moved}")
    for row in conn.execute(_STATES):
        add(f"instruction {row.id}", f"{row.state}, though a booking is its {row.what}")
    for row in conn.execute(_HELD, {"suspense": "suspense:"}):
        add(f"balance {row.account}", f"{row.kept} is kept, its bookings are {row.held}")
    for row in conn.execute(_ORPHANS, {"colon": ":"}):
        add(f"entry {row.reference}", "what it refers to is not there")
