"""The stored journal: appending entries, once each, and reading them back.

Every writer of the journal takes one lock (a row of `meta`; in SQLite the write transaction is
that lock), so sequence numbers have no gaps and each hash follows the last. A transaction that
also changes channels must call `lock` before it touches them: the journal comes first, always, or
two transactions can wait for each other. What is posted is decided in `gateway.settlement`.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from gateway.ledger import chain
from gateway.ledger.entry import LIMIT, Entry, Posting
from gateway.store.errors import Conflict
from gateway.store.tables import Base
from gateway.store.tables_books import Entry as _EntryTable  # noqa: F401  (registers the tables)

entry_table = Base.metadata.tables["entry"]
posting_table = Base.metadata.tables["posting"]
balance_table = Base.metadata.tables["balance"]
meta_table = Base.metadata.tables["meta"]

_RAISE = (
    update(balance_table)
    .where(
        balance_table.c.account == bindparam("b_account"),
        balance_table.c.currency == bindparam("b_currency"),
    )
    .values(amount=bindparam("b_amount"))
)
_OPEN = insert(balance_table).values(
    account=bindparam("b_account"),
    currency=bindparam("b_currency"),
    amount=bindparam("b_amount"),
)
_AT_ONCE = 1_000
_LOCK = select(meta_table.c.key).where(meta_table.c.key == "journal").with_for_update()


def lock(conn: Connection) -> None:
    """Let no other transaction append until this one ends."""
    conn.execute(_LOCK).one()


def head(conn: Connection) -> tuple[int, bytes]:
    """The last entry's sequence number and hash; (0, 32 zero bytes) of an empty journal."""
    row = conn.execute(
        select(entry_table.c.seq, entry_table.c.hash).order_by(entry_table.c.seq.desc()).limit(1)
    ).one_or_none()
    return (0, chain.START) if row is None else (int(row.seq), bytes(row.hash))


def append(conn: Connection, entry: Entry) -> int:
    """Append an entry and return its sequence number, which starts at 1.

    An entry whose reference is there already is not appended again, and its number is returned;
    Conflict if that one has other postings, or if a balance would reach 2^63.
    """
    lock(conn)
    known = find(conn, entry.reference)
    if known is not None:
        if _postings(conn, known) != entry.postings:
            raise Conflict(f"entry {entry.reference}: posted before with other postings")
        return known
    _append(conn, [entry])
    return head(conn)[0]


def append_all(conn: Connection, entries: Iterable[Entry]) -> int:
    """Append many entries, whose references must be new, and return how many there were.

    Raises Conflict if a balance would reach 2^63. Memory does not grow with their number.
    """
    lock(conn)
    count = 0
    rest = iter(entries)
    while batch := list(islice(rest, _AT_ONCE)):
        _append(conn, batch)
        count += len(batch)
    return count


def fits(conn: Connection, held: dict[tuple[str, str], int], postings: Iterable[Posting]) -> bool:
    """Whether balances stay below 2^63 with these postings more; if so they are added to `held`.

    `held` maps ledger accounts and currencies to what is on them, and is filled as it is asked for.
    """
    sums = dict[tuple[str, str], int]()
    for each in postings:
        key = each.account, each.currency
        if key not in held:
            held[key] = balance(conn, *key)
        sums[key] = sums.get(key, held[key]) + each.amount
    if not all(-LIMIT < total < LIMIT for total in sums.values()):
        return False
    held.update(sums)
    return True


def _append(conn: Connection, batch: Sequence[Entry]) -> None:
    seq, previous = head(conn)
    lines, rows = [], []
    for entry in batch:
        seq += 1
        previous = chain.link(previous, entry)
        lines += [{"entry_seq": seq, **line} for line in line_values(entry)]
        rows.append(
            {
                "seq": seq,
                "kind": entry.kind,
                "reference": entry.reference,
                "at": entry.at,
                "memo": entry.memo,
                "hash": previous,
            }
        )
    # The lines first: the database refuses what they do not balance, and lines that come later.
    conn.execute(insert(posting_table), lines)
    conn.execute(insert(entry_table), rows)
    _add_to_balances(conn, [posting for entry in batch for posting in entry.postings])


def line_values(entry: Entry) -> list[dict[str, Any]]:
    """An entry's postings as rows, but for what they are lines of."""
    return [
        {
            "line": line,
            "account": posting.account,
            "currency": posting.currency,
            "amount": posting.amount,
        }
        for line, posting in enumerate(entry.postings)
    ]


def find(conn: Connection, reference: str) -> int | None:
    """The number of the entry with this reference; None if there is none."""
    found = conn.execute(
        select(entry_table.c.seq).where(entry_table.c.reference == reference)
    ).scalar_one_or_none()
    return None if found is None else int(found)


def _add_to_balances(conn: Connection, postings: Sequence[Posting]) -> None:
    names = {posting.account for posting in postings}
    rows = conn.execute(select(balance_table).where(balance_table.c.account.in_(names)))
    known = {(row.account, row.currency): int(row.amount) for row in rows}
    totals: dict[tuple[str, str], int] = {}
    for posting in postings:
        key = posting.account, posting.currency
        # Added here and not in SQL, since SQLite would turn an overflow into a float.
        totals[key] = totals.get(key, known.get(key, 0)) + posting.amount
    for (account, currency), total in totals.items():
        if not -LIMIT < total < LIMIT:
            raise Conflict(f"ledger account {account}: its {currency} balance would reach 2^63")
    values = [
        {"b_account": account, "b_currency": currency, "b_amount": total}
        for (account, currency), total in sorted(totals.items())
    ]
    for statement, rows_ in (
        (_RAISE, [each for each in values if (each["b_account"], each["b_currency"]) in known]),
        (_OPEN, [each for each in values if (each["b_account"], each["b_currency"]) not in known]),
    ):
        if rows_:
            conn.execute(statement, rows_)


def _postings(conn: Connection, seq: int) -> tuple[Posting, ...]:
    rows = conn.execute(
        select(posting_table).where(posting_table.c.entry_seq == seq).order_by(posting_table.c.line)
    )
    return tuple(Posting(row.account, row.currency, int(row.amount)) for row in rows)


def balance(conn: Connection, account: str, currency: str) -> int:
    """The balance of one ledger account in atomic units, positive for a debit."""
    found = conn.execute(
        select(balance_table.c.amount).where(
            balance_table.c.account == account, balance_table.c.currency == currency
        )
    ).scalar_one_or_none()
    return 0 if found is None else int(found)


def entries(
    conn: Connection, *, after: int = 0, limit: int | None = None
) -> Iterator[tuple[int, Entry, bytes]]:
    """Entries numbered above `after`, in order, each with its number and stored hash.

    Streams: memory does not grow with the journal.
    """
    numbered = select(entry_table).where(entry_table.c.seq > after).order_by(entry_table.c.seq)
    part = numbered.limit(limit).subquery()
    query = (
        select(part, posting_table.c.account, posting_table.c.currency, posting_table.c.amount)
        .join(posting_table, posting_table.c.entry_seq == part.c.seq)
        .order_by(part.c.seq, posting_table.c.line)
    )
    rows = conn.execute(query, execution_options={"yield_per": 1000}).mappings()
    for seq, group in groupby(rows, key=itemgetter("seq")):
        lines = list(group)
        first = lines[0]
        postings = tuple(
            Posting(line["account"], line["currency"], int(line["amount"])) for line in lines
        )
        entry = Entry(first["kind"], first["reference"], int(first["at"]), postings, first["memo"])
        yield int(seq), entry, bytes(first["hash"])


def totals(conn: Connection) -> dict[str, int]:
    """The sum of all postings for each currency, by the postings themselves."""
    query = select(posting_table.c.currency, func.sum(posting_table.c.amount)).group_by(
        posting_table.c.currency
    )
    return {currency: int(total) for currency, total in conn.execute(query)}
