"""What each account is told of a run: a signed statement, and the lines that prove it.

Lines are never stored: they are the run's intervals, in the order of channel, start and role.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text

from gateway.settlement.intervals import line_of
from gateway.store.errors import NotFound
from gateway.store.tables import Base
from protocol import envelope, merkle
from protocol.statements import PAYEE, PAYER, Statement

run_table = Base.metadata.tables["run"]
position = Base.metadata.tables["position"]
statement = Base.metadata.tables["statement"]
interval = Base.metadata.tables["interval"]
channel = Base.metadata.tables["channel"]

_ENDS = "i.channel_id, i.from_amount, i.to_amount, i.from_units, i.to_units, c.tariff_id"
_FROM = "FROM interval i JOIN channel c ON c.id = i.channel_id WHERE i.run = :run"
_LINES = (
    f"SELECT c.payer_account AS account, {PAYER} AS role, {_ENDS} {_FROM} {{payer}}"
    f" UNION ALL SELECT c.payee_account AS account, {PAYEE} AS role, {_ENDS} {_FROM} {{payee}}"
    " ORDER BY account, channel_id, from_amount, role"
)
_ALL_LINES = text(_LINES.format(payer="", payee=""))
_ACCOUNT_LINES = text(
    _LINES.format(payer="AND c.payer_account = :account", payee="AND c.payee_account = :account")
)


def sign_all(conn: Connection, run: int, sign: Callable[[bytes], bytes]) -> int:
    """Sign and store the statement of each account that has a position in the run.

    `sign` makes the gateway's Ed25519 signature of bytes. Returns how many were signed. Memory
    grows with one account's lines, 32 bytes each.
    """
    facts = conn.execute(select(run_table).where(run_table.c.number == run)).one()
    count = 0
    with closing(_rows(conn, _ALL_LINES, run=run)) as rows:
        for account, group in groupby(rows, key=lambda row: row.account):
            hashes = []
            sums = [0, 0]
            for row in group:
                sums[row.role] += row.to_amount - row.from_amount
                hashes.append(merkle.leaf_hash(line_of(row, row.role)))
            root = merkle.root_of_hashes(hashes)
            _store(conn, facts, account, (sums[PAYER], sums[PAYEE]), len(hashes), root, sign)
            count += 1
    # What was only carried over from an earlier run has no lines.
    silent = (
        select(position.c.account)
        .outerjoin(
            statement,
            (statement.c.run == position.c.run) & (statement.c.account == position.c.account),
        )
        .where(position.c.run == run, statement.c.account.is_(None))
    )
    for account in conn.execute(silent).scalars().all():
        _store(conn, facts, account, (0, 0), 0, merkle.root([]), sign)
        count += 1
    return count


def _store(
    conn: Connection,
    run: Row[Any],
    account: str,
    sums: tuple[int, int],
    lines: int,
    root: bytes,
    sign: Callable[[bytes], bytes],
) -> None:
    said = Statement(
        run.number,
        account,
        run.currency,
        run.scale,
        run.period_start,
        run.period_end,
        *sums,
        lines,
        root,
        bytes(run.journal_head),
    )
    message = envelope.sign1("statement", said.payload(), sign)
    conn.execute(insert(statement).values(run=run.number, account=account, message=message))


def _rows(conn: Connection, query: Any, **given: object) -> Generator[Row[Any], None, None]:
    with conn.execute(query, given, execution_options={"yield_per": 1000}) as rows:
        yield from rows


def lines(conn: Connection, run: int, account: str) -> Iterator[bytes]:
    """The encoded lines of an account's statement, in the order of its Merkle tree."""
    for row in _rows(conn, _ACCOUNT_LINES, run=run, account=account):
        yield line_of(row, row.role)


def message(conn: Connection, run: int, account: str) -> bytes:
    """An account's signed statement of a run. Raises NotFound."""
    found = conn.execute(
        select(statement.c.message).where(statement.c.run == run, statement.c.account == account)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound(f"statement of run {run} for account {account}: there is none")
    return bytes(found)


def settled_channels(conn: Connection, run: int) -> Iterator[tuple[str, bytes, int, int]]:
    """(device id, channel id, amount, units) of each channel that a run settled, up to there.

    Streams, by device; each is to be told by a signed receipt of a settlement.
    """
    query = (
        select(
            channel.c.device_id, interval.c.channel_id, interval.c.to_amount, interval.c.to_units
        )
        .join(channel, channel.c.id == interval.c.channel_id)
        .where(interval.c.run == run)
        .order_by(channel.c.device_id, interval.c.channel_id, interval.c.to_amount)
    )
    for row in _rows(conn, query):
        yield row.device_id, bytes(row.channel_id), int(row.to_amount), int(row.to_units)
