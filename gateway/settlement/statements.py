"""What each account is told of a run: a signed statement, the lines that prove it, and the proof
that it is one of the run's.

Lines are never stored: they are the run's intervals, in the order of channel, start and role, each
split where the channel's price changed in it.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, collate, insert, select, text, update

from gateway.settlement import leg_lines
from gateway.settlement.leg_lines import Begun
from gateway.store import journal, legs
from gateway.store.engine import Store
from gateway.store.errors import NotFound
from gateway.store.tables import Base
from gateway.store.tables_books import Statement as _StatementTable  # noqa: F401  (registers them)
from protocol import envelope, merkle
from protocol.legs import read_leg
from protocol.messages import TICK_HANDLE_SIZE, Tick, read_terms
from protocol.runs import Proof, Run
from protocol.statements import PAYEE, PAYER, Statement, StatementLine, Totals, mark_hash

run_table = Base.metadata.tables["run"]
position = Base.metadata.tables["position"]
statement = Base.metadata.tables["statement"]
interval = Base.metadata.tables["interval"]
channel = Base.metadata.tables["channel"]

_ENDS = (
    "i.channel_id AS channel_id, i.from_amount AS from_amount, i.to_amount, i.from_units,"
    " i.to_units, c.tariff_id, i.fee, c.leg,"
    " i.iou, i.tick_index, i.tick_preimage, p.iou AS first_iou,"
    " p.tick_index AS first_tick_index, p.tick_preimage AS first_tick_preimage"
)
# What proves the mark at an interval's start stands with the interval that ends there.
_FROM = (
    "FROM interval i JOIN channel c ON c.id = i.channel_id LEFT JOIN interval p"
    " ON p.channel_id = i.channel_id AND p.to_amount = i.from_amount WHERE i.run = :run"
)
_LINES = (
    f"SELECT c.payer_account AS account, {PAYER} AS role, {_ENDS} {_FROM} {{payer}}"
    f" UNION ALL SELECT c.payee_account AS account, {PAYEE} AS role, {_ENDS} {_FROM} {{payee}}"
    " ORDER BY account, channel_id, from_amount, role"
)
_ALL_LINES = text(_LINES.format(payer="", payee=""))
_UNSIGNED = text(
    "SELECT p.* FROM position p LEFT JOIN statement s ON s.run = p.run AND s.account = p.account"
    " WHERE p.run = :run AND s.account IS NULL ORDER BY p.account"
)
_AT_ONCE = 500
_ACCOUNT_LINES = text(
    _LINES.format(payer="AND c.payer_account = :account", payee="AND c.payee_account = :account")
)


def _lines_of(conn: Connection, row: Row[Any]) -> Iterator[bytes]:
    """The encoded lines of a row of `_LINES`."""
    # Unpacked at once, since a run has two for each of its channels and a row's names cost most.
    _account, role, channel_id, start, end, units, more, tariff, fee, leg, *ends = tuple(row)
    iou, index, preimage, first_iou, first_index, first_preimage = ends
    channel_id = bytes(channel_id)
    whole = StatementLine(
        channel_id,
        role,
        start,
        end,
        units,
        more,
        bytes(tariff),
        _hash(channel_id, first_iou, first_index, first_preimage),
        _hash(channel_id, iou, index, preimage),
        fee if role == PAYEE else 0,
    )
    if not leg:
        yield whole.encoded()
        return
    for line in leg_lines.lines_of(whole, begun(conn, channel_id)):
        yield line.encoded()


def begun(conn: Connection, channel_id: bytes) -> list[Begun]:
    """Where the legs of a channel begin, in their order."""
    found = []
    for row in legs.of(conn, channel_id):
        said = read_leg(envelope.parse_sign1("leg", bytes(row.message)).payload)
        found.append(Begun(bytes(row.tariff_id), row.amount, row.units, said.last_iou))
    return found


def _hash(channel_id: bytes, iou: bytes | None, index: int | None, preimage: bytes | None) -> bytes:
    """The hash of what proves a mark; empty of what was posted before it was kept."""
    return b"" if iou is None else mark_hash(bytes(iou), tick_of(channel_id, index, preimage))


def tick_of(channel_id: bytes, index: int | None, preimage: bytes | None) -> bytes:
    """The payload of the tick that raised a channel's mark, empty if none did."""
    if not index or preimage is None:
        return b""
    return Tick(channel_id[:TICK_HANDLE_SIZE], index, bytes(preimage)).payload()


def sign_all(store: Store, run: int, sign: Callable[[bytes], bytes]) -> Iterator[int]:
    """Sign and store the statement of each account that has a position in the run and none yet.

    `sign` makes the gateway's Ed25519 signature of bytes. Yields how many more are stored, each
    time that some are. They are made from what does not change any more, outside the transactions
    that store them; memory is that of one line and of those that are stored together.
    """
    with store.read() as conn:
        facts = conn.execute(select(run_table).where(run_table.c.number == run)).one()
        made = _made(conn, facts, sign)
        while batch := list(islice(made, _AT_ONCE)):
            with store.write() as writing:
                journal.lock(writing)
                yield _store(writing, run, batch)


def _made(
    conn: Connection, facts: Row[Any], sign: Callable[[bytes], bytes]
) -> Iterator[dict[str, Any]]:
    """The statements that a run lacks, as rows."""
    run = facts.number
    left = {each.account: each for each in conn.execute(_UNSIGNED, {"run": run})}
    with closing(_rows(conn, _ALL_LINES, run=run)) as rows:
        for account, group in groupby(rows, key=attrgetter("account")):
            of = left.pop(account, None)
            if of is None:
                continue
            tree = merkle.Tree()
            fees = 0
            for row in group:
                if row.role == PAYEE:
                    fees += row.fee
                for line in _lines_of(conn, row):
                    tree.add(merkle.leaf_hash(line))
            yield _statement(facts, of, tree, fees, sign)
    # What was only carried over from an earlier run, or earned in fees, has no lines.
    for of in left.values():
        yield _statement(facts, of, merkle.Tree(), 0, sign)


def _store(conn: Connection, run: int, batch: Sequence[dict[str, Any]]) -> int:
    """Store statements, save for those that somebody else was faster to store."""
    accounts = [each["account"] for each in batch]
    there = set(
        conn.execute(
            select(statement.c.account).where(
                statement.c.run == run, statement.c.account.in_(accounts)
            )
        ).scalars()
    )
    rows = [each for each in batch if each["account"] not in there]
    if rows:
        conn.execute(insert(statement), rows)
    return len(rows)


def _statement(
    run: Row[Any],
    of: Row[Any],
    lines: merkle.Tree,
    fees: int,
    sign: Callable[[bytes], bytes],
) -> dict[str, Any]:
    """The signed statement of a position, whose lines come to these fees, as a row."""
    totals = Totals(
        fees,
        fees - of.fees,
        of.carried,
        of.funds,
        of.instructed,
        of.net - of.funds - of.instructed,
    )
    said = Statement(
        run.number,
        of.account,
        run.currency,
        run.scale,
        run.period_start,
        run.period_end,
        of.debits,
        of.credits,
        lines.count,
        lines.root(),
        bytes(run.journal_head),
        totals,
    )
    message = envelope.sign1("statement", said.payload(), sign)
    return {"run": run.number, "account": of.account, "message": message}


def sign_run(conn: Connection, run: int, sign: Callable[[bytes], bytes]) -> None:
    """Sign and store the run's word on all its statements, which must have been signed before.

    It says their number and their Merkle root. Memory is the logarithm of their number.
    """
    facts = conn.execute(select(run_table).where(run_table.c.number == run)).one()
    tree = merkle.Tree()
    for _account, message in signed(conn, run):
        tree.add(merkle.leaf_hash(message))
    said = Run(
        run,
        facts.currency,
        facts.scale,
        facts.period_start,
        facts.period_end,
        tree.count,
        tree.root(),
        bytes(facts.journal_head),
    )
    message = envelope.sign1("run", said.payload(), sign)
    conn.execute(update(run_table).where(run_table.c.number == run).values(message=message))


def signed(conn: Connection, run: int) -> Iterator[tuple[str, bytes]]:
    """Each account with its signed statement of a run, in the order of the run's Merkle tree, which
    is that of the ids' bytes."""
    # A database's own order may pass over hyphens.
    by_bytes = collate(statement.c.account, "C" if conn.dialect.name == "postgresql" else "BINARY")
    query = select(statement.c.account, statement.c.message).where(statement.c.run == run)
    for row in _rows(conn, query.order_by(by_bytes)):
        yield row.account, bytes(row.message)


def proof(conn: Connection, run: int, account: str) -> Proof:
    """The proof of an account's statement of a run; reads all the run's statements.

    Raises NotFound if there is no such statement, or if the run was made by a version that did not
    sign runs.
    """
    message(conn, run, account)
    whole = conn.execute(
        select(run_table.c.message).where(run_table.c.number == run)
    ).scalar_one_or_none()
    if whole is None:
        raise NotFound(f"run {run}: it is not signed as a whole, an earlier version made it")
    tree = merkle.Tree()
    for each, signed_ in signed(conn, run):
        tree.add(merkle.leaf_hash(signed_), each == account)
    return Proof(bytes(whole), tree.index, tree.path())


def _rows(conn: Connection, query: Any, **given: object) -> Generator[Row[Any], None, None]:
    with conn.execute(query, given, execution_options={"yield_per": 1000}) as rows:
        yield from rows


def lines(conn: Connection, run: int, account: str) -> Iterator[bytes]:
    """The encoded lines of an account's statement, in the order of its Merkle tree."""
    for row in _rows(conn, _ACCOUNT_LINES, run=run, account=account):
        yield from _lines_of(conn, row)


def message(conn: Connection, run: int, account: str) -> bytes:
    """An account's signed statement of a run. Raises NotFound."""
    found = conn.execute(
        select(statement.c.message).where(statement.c.run == run, statement.c.account == account)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound(f"statement of run {run} for account {account}: there is none")
    return bytes(found)


@dataclass(frozen=True, slots=True)
class Settled:
    """A channel up to where a run settled it, and the gateway's key in its terms."""

    device: str
    channel: bytes
    amount: int
    units: int
    gateway_key: bytes


def settled_channels(conn: Connection, run: int) -> Iterator[Settled]:
    """Each channel that a run settled; each is to be told by a signed receipt of a settlement.

    Streams, by device.
    """
    query = (
        select(
            channel.c.device_id,
            channel.c.open_message,
            interval.c.channel_id,
            interval.c.to_amount,
            interval.c.to_units,
        )
        .join(channel, channel.c.id == interval.c.channel_id)
        .where(interval.c.run == run)
        .order_by(channel.c.device_id, interval.c.channel_id, interval.c.to_amount)
    )
    for row in _rows(conn, query):
        terms = read_terms(envelope.parse_sign1("open", bytes(row.open_message)).payload)
        yield Settled(
            row.device_id,
            bytes(row.channel_id),
            int(row.to_amount),
            int(row.to_units),
            terms.gateway_key,
        )
