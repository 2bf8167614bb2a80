"""An audit of the whole database: do the books balance, and is every figure proven.

It recomputes and never trusts what is derived: balances from postings, hashes from entries, marks
from the payers' signatures. It lists what is wrong and changes nothing; memory does not grow with
the number of channels.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, bindparam, text

from gateway.ledger import audit as audit_rule
from gateway.ledger import chain, chart
from gateway.ledger.entry import EntryError
from gateway.settlement import verify_bank, verify_funds, verify_marks, verify_statements
from gateway.settlement.fees import fee_of
from gateway.settlement.intervals import line_of
from gateway.store import audit, journal
from gateway.store.engine import Store
from protocol import merkle
from protocol.statements import PAYER

_BALANCES = text(
    "SELECT account, currency, sum(stored) AS stored, sum(posted) AS posted FROM ("
    " SELECT account, currency, amount AS stored, 0 AS posted FROM balance"
    " UNION ALL SELECT account, currency, 0, amount FROM posting) AS both_sides"
    " GROUP BY account, currency HAVING sum(stored) <> sum(posted)"
)
_ENTRY_LINES = text(
    "SELECT e.seq, e.reference, e.memo, i.*, c.tariff_id, t.fee_fixed, t.fee_bp,"
    " (SELECT sum(p.amount) FROM posting p WHERE p.entry_seq = e.seq AND p.amount > 0) AS total,"
    " (SELECT coalesce(sum(-p.amount), 0) FROM posting p WHERE p.entry_seq = e.seq"
    " AND p.account LIKE :fees) AS earned"
    " FROM entry e LEFT JOIN interval i ON i.entry_seq = e.seq"
    " LEFT JOIN channel c ON c.id = i.channel_id LEFT JOIN tariff t ON t.id = c.tariff_id"
    " WHERE e.kind = 'interval'"
    " ORDER BY e.seq, i.channel_id, i.from_amount"
)
_LOST_INTERVALS = text(
    "SELECT i.channel_id, i.from_amount FROM interval i LEFT JOIN entry e ON e.seq = i.entry_seq"
    " WHERE e.kind IS NULL OR e.kind <> 'interval'"
)
_FEES = text(
    "SELECT p.run, p.account, p.fees, coalesce(sum(f.fee), 0) AS charged FROM position p"
    " LEFT JOIN (SELECT i.run, c.payee_account AS account, i.fee FROM interval i"
    " JOIN channel c ON c.id = i.channel_id WHERE i.fee > 0"
    " UNION ALL SELECT i.run, t.fee_account, -i.fee FROM interval i"
    " JOIN channel c ON c.id = i.channel_id JOIN tariff t ON t.id = c.tariff_id WHERE i.fee > 0"
    ") AS f ON f.run = p.run AND f.account = p.account"
    " GROUP BY p.run, p.account, p.fees HAVING p.fees <> coalesce(sum(f.fee), 0)"
)
_NETS = text(
    "SELECT p.run, p.account, p.instructed + p.funds AS moved, s.amount FROM position p"
    " LEFT JOIN entry e ON e.reference = 'run:' || CAST(p.run AS VARCHAR) || :net || p.account"
    " LEFT JOIN posting s ON s.entry_seq = e.seq AND s.account = :settling || p.account"
    " WHERE coalesce(s.amount, 0) <> p.instructed + p.funds"
)
# What a run found owed and did not instruct stands where it stood, at the head that the run names.
_LEFT = text(
    "SELECT p.run, p.account, p.net - p.instructed - p.funds AS uninstructed,"
    " coalesce(sum(s.amount), 0) AS remains FROM position p"
    " JOIN run r ON r.number = p.run LEFT JOIN entry h ON h.hash = r.journal_head"
    " LEFT JOIN posting s ON s.entry_seq <= h.seq AND s.currency = r.currency AND s.account IN"
    " (:payer || p.account, :payee || p.account, :fees || p.account)"
    " GROUP BY p.run, p.account, p.net, p.instructed, p.funds"
    " HAVING p.net - p.instructed - p.funds <> coalesce(sum(s.amount), 0)"
)
_OUTCOMES = text(
    "SELECT i.id, i.state, e.seq FROM instruction i"
    " LEFT JOIN entry e ON e.reference = :outcome || i.id"
    " LEFT JOIN entry r ON r.reference = :returned || i.id"
    " WHERE (i.run IS NOT NULL AND i.state IN ('done', 'failed', 'returned'))"
    " <> (e.seq IS NOT NULL) OR (i.state = 'returned') <> (r.seq IS NOT NULL)"
)
_FOUND = text(
    "SELECT f.id, f.amount, s.amount AS posted FROM found f"
    " LEFT JOIN entry e ON e.reference = :found || f.id"
    " LEFT JOIN posting s ON s.entry_seq = e.seq AND s.account = :rail || f.rail"
    " WHERE coalesce(s.amount, 0) <> CASE WHEN f.outcome = 'failed' THEN 0"
    " WHEN f.direction = 'collect' THEN f.amount ELSE -f.amount END"
)
_KINDS = (
    "interval",
    "net",
    "outcome",
    "returned",
    "found",
    *verify_bank.KINDS,
    *verify_funds.KINDS,
)
_ORPHANS = text(
    "SELECT e.reference FROM entry e WHERE e.kind = 'net' AND NOT EXISTS (SELECT 1 FROM position p"
    " WHERE e.reference = 'run:' || CAST(p.run AS VARCHAR) || :net || p.account)"
    " UNION ALL SELECT e.reference FROM entry e WHERE e.kind = 'outcome' AND NOT EXISTS"
    " (SELECT 1 FROM instruction i WHERE e.reference = :outcome || i.id)"
    " UNION ALL SELECT e.reference FROM entry e WHERE e.kind = 'returned' AND NOT EXISTS"
    " (SELECT 1 FROM instruction i WHERE e.reference = :returned || i.id)"
    " UNION ALL SELECT e.reference FROM entry e WHERE e.kind = 'found' AND NOT EXISTS"
    " (SELECT 1 FROM found f WHERE e.reference = :found || f.id AND f.outcome = 'done')"
    " UNION ALL SELECT e.reference FROM entry e"
    " WHERE e.kind NOT IN :kinds"
).bindparams(bindparam("kinds", _KINDS, expanding=True))
_PREFIXES = {
    "net": ":net:",
    "settling": "settling:",
    "outcome": "outcome:",
    "returned": "returned:",
    "found": "found:",
    "rail": "rail:",
}


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing that is wrong: where (a table and a key), and what."""

    where: str
    what: str


@dataclass(slots=True)
class BooksReport:
    """What was checked, and everything that is wrong. `audit_head` is the hash of the audit log's
    last record."""

    entries: int = 0
    channels: int = 0
    statements: int = 0
    audit_records: int = 0
    audit_head: bytes = chain.START
    discrepancies: list[Discrepancy] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.discrepancies

    def add(self, where: str, what: str) -> None:
        """Note something that is wrong."""
        self.discrepancies.append(Discrepancy(where, what))


def verify_books(store: Store, *gateway_keys: bytes) -> BooksReport:
    """Check all that settlement has written, on one snapshot, against the signatures it rests on.

    `gateway_keys` are the gateway's 32-byte Ed25519 public keys, the oldest first.
    """
    with store.read() as conn:
        return verify_books_in(conn, *gateway_keys)


def verify_books_in(conn: Connection, *gateway_keys: bytes) -> BooksReport:
    """As `verify_books`, in a transaction that does more."""
    report = BooksReport()
    _check_journal(conn, report)
    found = audit_rule.check(audit.records(conn))
    report.audit_records, report.audit_head = found.count, found.head
    if found.wrong:
        report.add("audit log", found.wrong)
    report.channels = verify_marks.check(conn, gateway_keys, report.add)
    _check_references(conn, report)
    verify_bank.check(conn, report.add)
    verify_funds.check(conn, report.add)
    report.statements = verify_statements.check(conn, gateway_keys, report.add)
    return report


def _stream(conn: Connection, query: Any, **given: object) -> Iterator[Row[Any]]:
    yield from conn.execute(query, given, execution_options={"yield_per": 1000})


def _check_journal(conn: Connection, report: BooksReport) -> None:
    for currency, total in journal.totals(conn).items():
        if total:
            report.add(f"journal {currency}", f"debits exceed credits by {total}")
    head = chain.START
    number = 0
    try:
        for number, entry, stored in journal.entries(conn):
            report.entries += 1
            if number != report.entries:
                report.add(f"entry {report.entries}", f"missing, the next is {number}")
                break
            head = chain.link(head, entry)
            if head != stored:
                report.add(f"entry {number}", "not what its hash says: it was altered first here")
                break
    except EntryError as error:
        report.add(f"entry {number + 1}", str(error))
    for row in _stream(conn, _BALANCES):
        report.add(
            f"balance {row.account}", f"{row.stored} {row.currency} is kept, {row.posted} posted"
        )


def _check_references(conn: Connection, report: BooksReport) -> None:
    lines = _stream(conn, _ENTRY_LINES, fees=chart.FEES + "%")
    for seq, group in groupby(lines, key=attrgetter("seq")):
        hashes = []
        total = fee = 0
        for row in group:
            if row.channel_id is not None:
                hashes.append(merkle.leaf_hash(line_of(row, PAYER)))
                total += row.to_amount - row.from_amount
                fee += fee_of(row.to_amount - row.from_amount, row.fee_fixed, row.fee_bp)
        if not hashes or total != row.total:
            report.add(f"entry {seq}", f"posts {row.total}, its intervals add up to {total}")
        elif fee != row.earned:
            report.add(f"entry {seq}", f"posts fees of {row.earned}, its tariffs ask for {fee}")
        elif merkle.root_of_hashes(hashes).hex() != row.memo:
            report.add(f"entry {seq}", "its intervals are not those of its memo")
    for row in _stream(conn, _LOST_INTERVALS):
        report.add(f"interval {row.channel_id.hex()} from {row.from_amount}", "has no entry")
    for row in _stream(conn, _NETS, net=_PREFIXES["net"], settling=_PREFIXES["settling"]):
        report.add(f"position {row.run} {row.account}", f"moves {row.moved}, posted {row.amount}")
    owed = {"payer": chart.PAYER, "payee": chart.PAYEE, "fees": chart.FEES}
    for row in _stream(conn, _LEFT, **owed):
        report.add(
            f"position {row.run} {row.account}",
            f"leaves {row.uninstructed}, but {row.remains} is posted",
        )
    for row in _stream(conn, _FEES):
        report.add(
            f"position {row.run} {row.account}", f"fees {row.fees}, its intervals' {row.charged}"
        )
    told = {name: _PREFIXES[name] for name in ("outcome", "returned")}
    for row in _stream(conn, _OUTCOMES, **told):
        report.add(
            f"instruction {row.id}", f"{row.state}, which its entries must say and no others"
        )
    for row in _stream(conn, _FOUND, found=_PREFIXES["found"], rail=_PREFIXES["rail"]):
        report.add(f"found {row.id}", f"{row.amount}, but posted {row.posted}")
    orphans = {name: _PREFIXES[name] for name in ("net", "outcome", "returned", "found")}
    for row in _stream(conn, _ORPHANS, **orphans):
        report.add(f"entry {row.reference}", "what it refers to is not there")
