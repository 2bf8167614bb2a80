"""The part of the audit that is about what accounts were told: statements, and runs as a whole.

Called by `verify_books`, on its snapshot. Each statement is signed, is what its lines add up to,
and says what its position says; each run is signed over exactly its statements.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from gateway import keys
from gateway.settlement import statements
from gateway.settlement.verify_marks import Add
from protocol import merkle
from protocol.errors import ProtocolError
from protocol.runs import read_run
from protocol.statements import Statement, Totals, check_lines, net, read_statement

_STATEMENTS = text(
    "SELECT s.message, p.*, r.journal_head FROM position p"
    " JOIN run r ON r.number = p.run AND r.state IN ('instructed', 'completed')"
    " LEFT JOIN statement s ON s.run = p.run AND s.account = p.account"
    " ORDER BY p.run, p.account"
)
_UNSIGNED_RUNS = text(
    "SELECT r.number FROM run r WHERE r.state IN ('instructed', 'completed')"
    " AND r.message IS NULL"
    # Versions that did not sign runs made only the first ones.
    " AND EXISTS (SELECT 1 FROM run o WHERE o.number < r.number AND o.message IS NOT NULL)"
)
_SIGNED_RUNS = text("SELECT r.* FROM run r WHERE r.message IS NOT NULL ORDER BY r.number")


def check(conn: Connection, gateway_keys: Sequence[bytes], add: Add) -> int:
    """Tell `add` (where, what) of everything that is wrong; returns how many statements there are.

    Memory does not grow with any of them.
    """
    count = 0
    for row in _stream(conn, _STATEMENTS):
        if row.message is None:
            add("statement", "a position of an instructed run has none")
            continue
        count += 1
        _check_statement(conn, row, gateway_keys, add)
    _check_runs(conn, gateway_keys, add)
    return count


def _stream(conn: Connection, query: Any) -> Iterator[Row[Any]]:
    yield from conn.execute(query, execution_options={"yield_per": 1000})


def _check_statement(
    conn: Connection, row: Row[Any], gateway_keys: Sequence[bytes], add: Add
) -> None:
    where = f"statement {row.run} {row.account}"
    try:
        said = read_statement(keys.opened("statement", row.message, gateway_keys))
        check_lines(said, statements.lines(conn, row.run, row.account))
        if said.totals is not None:
            net(said)
    except ProtocolError as error:
        add(where, str(error))
        return
    if (said.run, said.account, said.debits, said.credits, said.journal_head) != (
        row.run,
        row.account,
        row.debits,
        row.credits,
        row.journal_head,
    ) or (said.totals is not None and _told(said, said.totals) != _kept(row)):
        add(where, "it is not what its position says")


def _told(said: Statement, totals: Totals) -> tuple[int, ...]:
    fees = totals.fees - totals.fees_earned
    return fees, totals.carried, totals.funds, totals.moved, net(said)


def _kept(row: Row[Any]) -> tuple[int, ...]:
    return row.fees, row.carried, row.funds, row.instructed, row.net


def _check_runs(conn: Connection, gateway_keys: Sequence[bytes], add: Add) -> None:
    for row in conn.execute(_UNSIGNED_RUNS):
        add(f"run {row.number}", "it is not signed, though an earlier one is")
    for row in conn.execute(_SIGNED_RUNS).all():
        where = f"run {row.number}"
        try:
            said = read_run(keys.opened("run", row.message, gateway_keys))
        except ProtocolError as error:
            add(where, str(error))
            continue
        if (said.run, said.currency, said.period_start, said.period_end, said.journal_head) != (
            row.number,
            row.currency,
            row.period_start,
            row.period_end,
            row.journal_head,
        ):
            add(where, "it is not what was signed")
        tree = merkle.Tree()
        for _account, message in statements.signed(conn, row.number):
            tree.add(merkle.leaf_hash(message))
        if (tree.count, tree.root()) != (said.count, said.statements_root):
            add(where, "its statements are not those that were signed")
