"""Posting a channel's interval (settled, mark]: for one channel that closes, for many in a run.

Each unit of a mark is in exactly one interval: an interval starts where the last one ended, which
the keys of the table enforce. The posting is: debit the payer, credit the payee, less the fee of
the tariff, which whoever earns it is credited.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import structlog
from sqlalchemy import Connection, Row, insert, select, text, update

from gateway.ledger import chart, states
from gateway.ledger.entry import Entry, EntryError, Posting
from gateway.settlement import fees
from gateway.settlement.scope import ACCOUNTS, Scope
from gateway.store import channels, journal, notices
from gateway.store.bulk import insert_rows
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base
from protocol import merkle
from protocol.statements import PAYER, StatementLine

log = structlog.get_logger(__name__)

channel = Base.metadata.tables["channel"]
interval = Base.metadata.tables["interval"]
tariff = Base.metadata.tables["tariff"]

PART = 20_000
"""How many channels one transaction of a run cuts: what raises marks waits no longer than that."""

_DUE = (
    "SELECT c.id AS channel_id, c.payer_account, c.payee_account, c.tariff_id,"
    " c.settled_amount AS from_amount, c.amount AS to_amount,"
    " c.settled_units AS from_units, c.units AS to_units, c.iou, c.tick_index, c.tick_preimage,"
    " t.fee_fixed, t.fee_bp, t.fee_account"
    " FROM channel c JOIN tariff t ON t.id = c.tariff_id"
    # Not by the state's index, which has all channels: the next PART are read in their order.
    " WHERE c.state || '' = 'open' AND c.amount > c.settled_amount AND t.currency = :currency"
    " AND (c.payer_account, c.id) > (:payer, :channel) {scope}"
    " ORDER BY c.payer_account, c.id LIMIT :most"
)
# PostgreSQL has no figures on tables that are small, and takes few channels to be of a currency: it
# would sort all that are left in each part, rather than follow the index.
_SORTED = text("SELECT set_config('enable_sort', :sort, true), set_config('jit', 'off', true)")
_CLAIM_CLOSED = (
    "UPDATE interval SET run = :run WHERE (channel_id, from_amount) IN"
    " (SELECT i.channel_id, i.from_amount FROM interval i JOIN channel c ON c.id = i.channel_id"
    " JOIN tariff t ON t.id = c.tariff_id"
    " WHERE i.run IS NULL AND t.currency = :currency {scope} LIMIT :most)"
)
# As `channels.lock` does, which takes too long for so many. What a part has cut is found by its
# entries, the journal's last: nothing else appends meanwhile.
_LOCK = text(
    "SELECT count(*) FROM (SELECT channel.id FROM channel"
    " WHERE channel.id IN"
    " (SELECT i.channel_id FROM interval i WHERE i.run = :run AND i.entry_seq >= :first)"
    " ORDER BY channel.id FOR NO KEY UPDATE) AS locked"
)
_ADVANCE = text(
    "UPDATE channel SET settled_amount = i.to_amount, settled_units = i.to_units FROM interval i"
    " WHERE i.channel_id = channel.id AND i.from_amount = channel.settled_amount"
    " AND i.run = :run AND i.entry_seq >= :first"
)

_COLUMNS = (
    "channel_id",
    "from_amount",
    "to_amount",
    "from_units",
    "to_units",
    "fee",
    "iou",
    "tick_index",
    "tick_preimage",
    "entry_seq",
    "run",
)
"""Of an interval, in the order in which a run inserts them."""


@dataclass(frozen=True, slots=True)
class Place:
    """A channel in the order in which a run cuts them: by payer, then by id."""

    payer: str = ""
    channel: bytes = b""


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed channel's final word. `fresh` is false if it had been closed before."""

    device_id: str
    amount: int
    units: int
    serial: int
    closed_at: int
    fresh: bool


def line_of(row: Row[*tuple[Any, ...]], role: int) -> bytes:
    """The statement line, encoded, of a row with the columns of an interval and `tariff_id`."""
    return StatementLine(
        bytes(row.channel_id),
        role,
        row.from_amount,
        row.to_amount,
        row.from_units,
        row.to_units,
        bytes(row.tariff_id),
    ).encoded()


def _entry(
    reference: str,
    payer: str,
    payee: str,
    currency: str,
    amount: int,
    earned: Mapping[str, int],
    at: int,
    root: bytes,
) -> Entry:
    postings = _postings(payer, payee, currency, amount, earned)
    return Entry("interval", reference, at, postings, root.hex())


def _postings(
    payer: str, payee: str, currency: str, amount: int, earned: Mapping[str, int]
) -> tuple[Posting, ...]:
    """`earned` maps accounts to the fees that they earn of the amount."""
    lines = [
        (chart.payer(payer), amount),
        (chart.payee(payee), sum(earned.values()) - amount),
        *((chart.fees(account), -fee) for account, fee in sorted(earned.items())),
    ]
    return tuple(Posting(name, currency, value) for name, value in lines if value)


def close(conn: Connection, channel_id: bytes, reason: str, at: int) -> Closed:
    """Close an open or frozen channel at its mark, and its mirror at its own; post what was not
    posted.

    A channel that is closed stays as it is, and is returned with `fresh` false. `reason` is for
    people, `at` is in Unix seconds. Raises NotFound. Takes the journal's lock first, then the
    channels'; a transaction that changes other channels too takes both before it does.
    """
    journal.lock(conn)
    channels.lock(conn, [channel_id])
    row = conn.execute(
        select(
            channel,
            tariff.c.currency,
            tariff.c.fee_fixed,
            tariff.c.fee_bp,
            tariff.c.fee_account,
        )
        .join(tariff, tariff.c.id == channel.c.tariff_id)
        .where(channel.c.id == channel_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"channel {channel_id.hex()}: unknown")
    if row.state == "closed":
        return Closed(row.device_id, row.amount, row.units, row.serial, row.closed_at, False)
    states.move(states.CHANNEL, row.state, "closed")
    settled_units = row.settled_units
    if row.amount > row.settled_amount:
        settled_units = row.units
        amount = row.amount - row.settled_amount
        fee = fees.fee_of(amount, row.fee_fixed, row.fee_bp)
        line = StatementLine(
            channel_id,
            PAYER,
            row.settled_amount,
            row.amount,
            row.settled_units,
            row.units,
            bytes(row.tariff_id),
        )
        seq = journal.append(
            conn,
            _entry(
                f"close:{channel_id.hex()}",
                row.payer_account,
                row.payee_account,
                row.currency,
                amount,
                {row.fee_account: fee} if fee else {},
                at,
                merkle.root([line.encoded()]),
            ),
        )
        conn.execute(
            insert(interval).values(
                channel_id=channel_id,
                from_amount=line.from_amount,
                to_amount=line.to_amount,
                from_units=line.from_units,
                to_units=line.to_units,
                fee=fee,
                iou=row.iou,
                tick_index=row.tick_index,
                tick_preimage=row.tick_preimage,
                entry_seq=seq,
            )
        )
    conn.execute(
        update(channel)
        .where(channel.c.id == channel_id)
        .values(
            state="closed",
            closed_at=at,
            close_reason=reason,
            serial=row.serial + 1,
            settled_amount=row.amount,
            settled_units=settled_units,
        )
    )
    channels.note(
        conn, "channel.closed", row, reason=reason, amount=str(row.amount), units=str(row.units)
    )
    mirror = conn.execute(
        select(channel.c.id).where(channel.c.mirror_of == channel_id, channel.c.state != "closed")
    ).scalar_one_or_none()
    if mirror is not None:
        close(conn, bytes(mirror), reason, at)
        notices.tell_channels(conn, "receipt", [bytes(mirror)])
    return Closed(row.device_id, row.amount, row.units, row.serial + 1, at, True)


def claim(conn: Connection, run: int, currency: str, scope: Scope, most: int) -> int:
    """Let intervals that closes have posted since the last run join this one, at most so many;
    returns how many did. Needs the journal's lock."""
    given = {"run": run, "currency": currency, "most": most}
    return conn.execute(scope.query(_CLAIM_CLOSED), scope.given(given)).rowcount


def cut(
    conn: Connection,
    run: int,
    currency: str,
    scope: Scope,
    part: int,
    after: Place,
    at: int,
    most: int,
) -> tuple[int, Place]:
    """Cut an interval of each open channel of a currency that has a mark to settle, of the next
    `most` channels after a place; post them, and move the settled marks to their ends.

    One entry for each pair of payer and payee, whose memo is the Merkle root of its intervals, as
    payer's statement lines by channel. Returns how many channels there were and the place of the
    last. Marks may rise meanwhile: they stand in a later interval. A channel whose interval would
    bring a balance to 2^63 is left out, and is said: it is due as before. Needs the journal's lock.
    """
    due = _due(conn, currency, scope, after, most)
    if not due:
        return 0, after
    name = f"run:{run}:interval:{{}}:{{}}" + ("" if part == 1 else f":{part}")
    first = journal.head(conn)[0] + 1
    try:
        with conn.begin_nested():
            _post(conn, run, name, currency, due, at, first)
    except (Conflict, EntryError):
        _post(conn, run, name, currency, _bookable(conn, run, currency, due), at, first)
    _advance(conn, run, first)
    return len(due), Place(due[-1].payer_account, bytes(due[-1].channel_id))


def _due(
    conn: Connection, currency: str, scope: Scope, after: Place, most: int
) -> Sequence[Row[Any]]:
    """The channels that a part cuts, in their order."""
    given = {"currency": currency, "payer": after.payer, "channel": after.channel, "most": most}
    query = scope.query(_DUE), scope.given(given)
    if conn.dialect.name != "postgresql" or scope.kind == ACCOUNTS:
        return conn.execute(*query).all()
    conn.execute(_SORTED, {"sort": "off"})
    due = conn.execute(*query).all()
    conn.execute(_SORTED, {"sort": "on"})
    return due


def _post(
    conn: Connection,
    run: int,
    name: str,
    currency: str,
    due: Iterable[Row[Any]],
    at: int,
    first: int,
) -> None:
    """Post intervals of these channels, each pair's under `name` with its two accounts; `first` is
    the number of the journal's next entry."""
    groups: dict[tuple[str, str], _Group] = {}
    for row in due:
        pair = row.payer_account, row.payee_account
        groups.setdefault(pair, _Group()).add(row)
    journal.append_all(
        conn,
        (
            _entry(
                name.format(payer, payee),
                payer,
                payee,
                currency,
                group.total,
                group.earned,
                at,
                merkle.root_of_hashes(group.hashes),
            )
            for (payer, payee), group in groups.items()
        ),
    )
    posted = [
        (*row, first + number, run)
        for number, group in enumerate(groups.values())
        for row in group.rows
    ]
    # In the order of the table's keys, of which each page is then gone to once.
    insert_rows(conn, interval, _COLUMNS, sorted(posted, key=itemgetter(0)))


def _bookable(
    conn: Connection, run: int, currency: str, due: Iterable[Row[Any]]
) -> Iterator[Row[Any]]:
    """Those of these channels whose intervals the ledger can take, each after the ones before."""
    held: dict[tuple[str, str], int] = {}
    for row in due:
        amount = row.to_amount - row.from_amount
        fee = fees.fee_of(amount, row.fee_fixed, row.fee_bp)
        payer, payee = row.payer_account, row.payee_account
        earned = {row.fee_account: fee} if fee else {}
        if journal.fits(conn, held, _postings(payer, payee, currency, amount, earned)):
            yield row
        else:
            log.error(
                "a balance would reach 2^63: the channel is not settled until the accounts are",
                run=run,
                channel=bytes(row.channel_id).hex(),
                payer=payer,
                payee=payee,
            )


class _Group:
    """What one payer owes one payee by a part of a run."""

    def __init__(self) -> None:
        self.total = 0
        self.earned: dict[str, int] = {}
        self.hashes: list[bytes] = []
        self.rows: list[tuple[Any, ...]] = []

    def add(self, row: Row[Any]) -> None:
        """One more channel, of a row of `_DUE`."""
        # Unpacked at once, since a row's names cost most of what is done for a channel.
        channel_id, _payer, _payee, tariff_id, start, end, units, more, *rest = tuple(row)
        iou, index, preimage, fixed, bp, earns = rest
        fee = fees.fee_of(end - start, fixed, bp)
        self.total += end - start
        if fee:
            self.earned[earns] = self.earned.get(earns, 0) + fee
        line = StatementLine(bytes(channel_id), PAYER, start, end, units, more, bytes(tariff_id))
        self.hashes.append(merkle.leaf_hash(line.encoded()))
        self.rows.append((channel_id, start, end, units, more, fee, iou, index, preimage))


def _advance(conn: Connection, run: int, first: int) -> None:
    """The last step of a transaction, since it holds locks that raising a mark waits for."""
    given = {"run": run, "first": first}
    if conn.dialect.name == "postgresql":
        conn.execute(_LOCK, given).one()
    conn.execute(_ADVANCE, given)
