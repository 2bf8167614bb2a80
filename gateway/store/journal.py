"""The stored journal: appending entries, once each, and reading them back.

Every writer of the journal takes one lock (a row of `meta`; in SQLite the write transaction is
that lock), so sequence numbers have no gaps and each hash follows the last. A transaction that
also changes channels must call `lock` before it touches them: the journal comes first, always, or
two transactions can wait for each other. What is posted is decided in `gateway.settlement`.
"""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection, func, insert, select, update

from gateway.ledger import chain
from gateway.ledger.entry import LIMIT, Entry, Posting
from gateway.store.errors import Conflict
from gateway.store.tables import Base
from gateway.store.tables_books import Entry as _EntryTable  # noqa: F401  (registers the tables)

entry_table = Base.metadata.tables["entry"]
posting_table = Base.metadata.tables["posting"]
balance_table = Base.metadata.tables["balance"]
meta_table = Base.metadata.tables["meta"]

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
    known = conn.execute(
        select(entry_table.c.seq).where(entry_table.c.reference == entry.reference)
    ).scalar_one_or_none()
    if known is not None:
        if _postings(conn, known) != entry.postings:
            raise Conflict(f"entry {entry.reference}: posted before with other postings")
        return int(known)
    last, previous = head(conn)
    seq = last + 1
    conn.execute(
        insert(entry_table).values(
            seq=seq,
            kind=entry.kind,
            reference=entry.reference,
            at=entry.at,
            memo=entry.memo,
            hash=chain.link(previous, entry),
        )
    )
    conn.execute(
        insert(posting_table),
        [
            {
                "entry_seq": seq,
                "line": line,
                "account": posting.account,
                "currency": posting.currency,
                "amount": posting.amount,
            }
            for line, posting in enumerate(entry.postings)
        ],
    )
    _add_to_balances(conn, entry.postings)
    return seq


def _add_to_balances(conn: Connection, postings: tuple[Posting, ...]) -> None:
    names = {posting.account for posting in postings}
    rows = conn.execute(select(balance_table).where(balance_table.c.account.in_(names)))
    totals = {(row.account, row.currency): int(row.amount) for row in rows}
    changed = {(posting.account, posting.currency): 0 for posting in postings}
    for posting in postings:
        changed[posting.account, posting.currency] += posting.amount
    for key, amount in changed.items():
        # Added here and not in SQL, since SQLite would turn an overflow into a float.
        total = totals.get(key, 0) + amount
        if not -LIMIT < total < LIMIT:
            raise Conflict(f"ledger account {key[0]}: its {key[1]} balance would reach 2^63")
        if key in totals:
            match = (balance_table.c.account == key[0]) & (balance_table.c.currency == key[1])
            conn.execute(update(balance_table).where(match).values(amount=total))
        else:
            conn.execute(
                insert(balance_table).values(account=key[0], currency=key[1], amount=total)
            )


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
