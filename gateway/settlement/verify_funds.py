"""The part of the audit that is about funds: deposits, what is pending, and corrections.

Called by `verify_books`, on its snapshot.
"""

from collections.abc import Callable

from sqlalchemy import Connection, text

Add = Callable[[str, str], None]

KINDS = ("funds", "deposit", "withdrawal", "reversal", "overdrawn")
"""The kinds of entries whose causes are looked for here."""

_USED = text(
    "SELECT p.run, p.account, p.funds, s.amount FROM position p"
    " LEFT JOIN entry e ON e.kind = 'funds'"
    " AND e.reference = 'run:' || CAST(p.run AS VARCHAR) || :funds || p.account"
    " LEFT JOIN posting s ON s.entry_seq = e.seq AND s.account = :held || p.account"
    " WHERE coalesce(s.amount, 0) <> p.funds"
)
_DEPOSITS = text(
    "SELECT d.rail, d.reference, d.amount, s.amount AS posted FROM deposit d"
    " LEFT JOIN entry e ON e.seq = d.entry_seq AND e.kind = 'deposit'"
    " AND e.reference = :deposit || d.rail || ':' || d.reference"
    " LEFT JOIN posting s ON s.entry_seq = e.seq AND s.account = :held || d.account_id"
    " WHERE coalesce(s.amount, 0) <> -d.amount"
)
_REVERSALS = text(
    "SELECT account, currency, seq FROM ("
    " SELECT r.entry_seq AS seq, p.account, p.currency, p.amount FROM reversal r"
    " JOIN posting p ON p.entry_seq = r.entry_seq WHERE r.state = 'posted'"
    " UNION ALL SELECT r.entry_seq, p.account, p.currency, p.amount FROM reversal r"
    " JOIN posting p ON p.entry_seq = r.reversing_seq WHERE r.state = 'posted') AS both_sides"
    " GROUP BY account, currency, seq HAVING sum(amount) <> 0"
)
_PENDING = text(
    "SELECT reference, account FROM ("
    " SELECT p.reference, l.account, l.currency, l.amount FROM pending p"
    " JOIN pending_posting l ON l.pending_id = p.id WHERE p.state = 'posted'"
    " UNION ALL SELECT p.reference, s.account, s.currency, -s.amount FROM pending p"
    " JOIN posting s ON s.entry_seq = p.entry_seq WHERE p.state = 'posted') AS both_sides"
    " GROUP BY reference, account, currency HAVING sum(amount) <> 0"
)
_UNBALANCED = text(
    "SELECT p.reference, l.currency FROM pending p JOIN pending_posting l ON l.pending_id = p.id"
    " GROUP BY p.reference, l.currency HAVING sum(l.amount) <> 0"
)
# What must have become of what a withdrawal holds, by what became of its instruction.
_WITHDRAWALS = text(
    "SELECT w.number, p.state FROM withdrawal w JOIN pending p ON p.id = w.pending_id"
    " LEFT JOIN instruction i ON i.withdrawal = w.number"
    " LEFT JOIN pending_posting l ON l.pending_id = p.id AND l.account = :held || w.account_id"
    " AND l.currency = w.currency AND l.amount = w.amount"
    " WHERE l.line IS NULL OR (w.state = 'approved') <> (i.id IS NOT NULL)"
    " OR i.amount <> w.amount OR i.account_id <> w.account_id"
    " OR p.state <> CASE WHEN w.state = 'rejected' OR i.state = 'failed' THEN 'voided'"
    " WHEN i.state IN ('done', 'returned') THEN 'posted' ELSE 'pending' END"
)
_OVERDRAWN = text("SELECT account, amount FROM balance WHERE account LIKE 'funds:%' AND amount > 0")
_ORPHANS = text(
    "SELECT e.reference FROM entry e WHERE e.kind = 'funds' AND NOT EXISTS"
    " (SELECT 1 FROM position p"
    " WHERE e.reference = 'run:' || CAST(p.run AS VARCHAR) || :funds || p.account)"
    " UNION ALL SELECT e.reference FROM entry e WHERE e.kind = 'deposit' AND NOT EXISTS"
    " (SELECT 1 FROM deposit d WHERE d.entry_seq = e.seq)"
    " UNION ALL SELECT e.reference FROM entry e WHERE e.kind = 'withdrawal' AND NOT EXISTS"
    " (SELECT 1 FROM withdrawal w JOIN pending p ON p.id = w.pending_id WHERE p.entry_seq = e.seq)"
    " UNION ALL SELECT e.reference FROM entry e WHERE e.kind = 'reversal' AND NOT EXISTS"
    " (SELECT 1 FROM reversal r WHERE r.reversing_seq = e.seq)"
    " UNION ALL SELECT e.reference FROM entry e WHERE e.kind = 'overdrawn' AND NOT EXISTS"
    " (SELECT 1 FROM reversal r WHERE r.state = 'posted' AND e.reference LIKE"
    " 'reversal:' || CAST(r.entry_seq AS VARCHAR) || ':overdrawn:%')"
)


def check(conn: Connection, add: Add) -> None:
    """Tell `add` (where, what) of everything that is wrong."""
    for row in conn.execute(_USED, {"funds": ":funds:", "held": "funds:"}):
        add(f"position {row.run} {row.account}", f"{row.funds} from funds, but posted {row.amount}")
    for row in conn.execute(_DEPOSITS, {"deposit": "deposit:", "held": "funds:"}):
        add(f"deposit {row.rail} {row.reference}", f"{row.amount}, but posted {row.posted}")
    for row in conn.execute(_REVERSALS):
        add(f"entry {row.seq}", f"its reversal does not undo it on {row.account}")
    for row in conn.execute(_PENDING):
        add(f"pending {row.reference}", f"not posted as it was reserved on {row.account}")
    for row in conn.execute(_UNBALANCED):
        add(f"pending {row.reference}", f"its {row.currency} does not balance")
    for row in conn.execute(_WITHDRAWALS, {"held": "funds:"}):
        add(f"withdrawal {row.number}", f"what it holds is {row.state}, or another amount")
    for row in conn.execute(_OVERDRAWN):
        add(f"balance {row.account}", f"{row.amount} more was taken than had been paid in")
    for row in conn.execute(_ORPHANS, {"funds": ":funds:"}):
        add(f"entry {row.reference}", "what it refers to is not there")
