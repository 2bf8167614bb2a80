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

from sqlalchemy import Connection, Row, text

from gateway import keys
from gateway.ledger import chain
from gateway.ledger.entry import EntryError
from gateway.settlement import statements
from gateway.settlement.intervals import line_of
from gateway.store import journal
from gateway.store.engine import Store
from protocol import envelope, merkle
from protocol.errors import ProtocolError
from protocol.messages import read_credit, read_iou, read_terms
from protocol.statements import PAYER, check_lines, read_statement

_CHANNELS = text(
    "SELECT c.*, d.public_key FROM channel c JOIN device d ON d.id = c.device_id ORDER BY c.id"
)
_INTERVALS = text("SELECT i.* FROM interval i ORDER BY i.channel_id, i.from_amount")
_BALANCES = text(
    "SELECT account, currency, sum(stored) AS stored, sum(posted) AS posted FROM ("
    " SELECT account, currency, amount AS stored, 0 AS posted FROM balance"
    " UNION ALL SELECT account, currency, 0, amount FROM posting) AS both_sides"
    " GROUP BY account, currency HAVING sum(stored) <> sum(posted)"
)
_ENTRY_LINES = text(
    "SELECT e.seq, e.reference, e.memo, i.*, c.tariff_id,"
    " (SELECT sum(p.amount) FROM posting p WHERE p.entry_seq = e.seq AND p.amount > 0) AS total"
    " FROM entry e LEFT JOIN interval i ON i.entry_seq = e.seq"
    " LEFT JOIN channel c ON c.id = i.channel_id WHERE e.kind = 'interval'"
    " ORDER BY e.seq, i.channel_id, i.from_amount"
)
_LOST_INTERVALS = text(
    "SELECT i.channel_id, i.from_amount FROM interval i LEFT JOIN entry e ON e.seq = i.entry_seq"
    " WHERE e.kind IS NULL OR e.kind <> 'interval'"
)
_NETS = text(
    "SELECT p.run, p.account, p.net, s.amount FROM position p"
    " LEFT JOIN entry e ON e.reference = 'run:' || CAST(p.run AS VARCHAR) || :net || p.account"
    " LEFT JOIN posting s ON s.entry_seq = e.seq AND s.account = :settling || p.account"
    " WHERE coalesce(s.amount, 0) <> p.net"
)
_OUTCOMES = text(
    "SELECT i.id, i.state, e.seq FROM instruction i"
    " LEFT JOIN entry e ON e.reference = :outcome || i.id"
    " WHERE (i.state IN ('done', 'failed')) <> (e.seq IS NOT NULL)"
)
_FOUND = text(
    "SELECT f.id, f.amount, s.amount AS posted FROM found f"
    " LEFT JOIN entry e ON e.reference = :found || f.id"
    " LEFT JOIN posting s ON s.entry_seq = e.seq AND s.account = :rail || f.rail"
    " WHERE coalesce(s.amount, 0) <> CASE WHEN f.outcome = 'failed' THEN 0"
    " WHEN f.direction = 'collect' THEN f.amount ELSE -f.amount END"
)
_ORPHANS = text(
    "SELECT e.reference FROM entry e WHERE e.kind = 'net' AND NOT EXISTS (SELECT 1 FROM position p"
    " WHERE e.reference = 'run:' || CAST(p.run AS VARCHAR) || :net || p.account)"
    " UNION ALL SELECT e.reference FROM entry e WHERE e.kind = 'outcome' AND NOT EXISTS"
    " (SELECT 1 FROM instruction i WHERE e.reference = :outcome || i.id)"
    " UNION ALL SELECT e.reference FROM entry e WHERE e.kind = 'found' AND NOT EXISTS"
    " (SELECT 1 FROM found f WHERE e.reference = :found || f.id AND f.outcome = 'done')"
    " UNION ALL SELECT e.reference FROM entry e"
    " WHERE e.kind NOT IN ('interval', 'net', 'outcome', 'found')"
)
_STATEMENTS = text(
    "SELECT s.run, s.account, s.message, p.debits, p.credits, r.journal_head FROM position p"
    " JOIN run r ON r.number = p.run AND r.state <> 'posted'"
    " LEFT JOIN statement s ON s.run = p.run AND s.account = p.account"
    " ORDER BY p.run, p.account"
)
_PREFIXES = {
    "net": ":net:",
    "settling": "settling:",
    "outcome": "outcome:",
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
    """What was checked, and everything that is wrong."""

    entries: int = 0
    channels: int = 0
    statements: int = 0
    discrepancies: list[Discrepancy] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.discrepancies

    def add(self, where: str, what: str) -> None:
        """Note something that is wrong."""
        self.discrepancies.append(Discrepancy(where, what))


def verify_books(store: Store, gateway_key: bytes) -> BooksReport:
    """Check all that settlement has written, on one snapshot, against the signatures it rests on.

    `gateway_key` is the gateway's 32-byte Ed25519 public key.
    """
    with store.read() as conn:
        return verify_books_in(conn, gateway_key)


def verify_books_in(conn: Connection, gateway_key: bytes) -> BooksReport:
    """As `verify_books`, in a transaction that does more."""
    report = BooksReport()
    _check_journal(conn, report)
    _check_channels(conn, report, gateway_key)
    _check_references(conn, report)
    _check_statements(conn, report, gateway_key)
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


def _check_channels(conn: Connection, report: BooksReport, gateway_key: bytes) -> None:
    stretches = groupby(_stream(conn, _INTERVALS), key=attrgetter("channel_id"))
    following = next(stretches, None)
    for row in _stream(conn, _CHANNELS):
        report.channels += 1
        where = f"channel {row.id.hex()}"
        amount = units = 0
        if following is not None and following[0] == row.id:
            for each in following[1]:
                if (each.from_amount, each.from_units) != (amount, units):
                    report.add(where, f"its intervals have a gap or an overlap at {amount}")
                amount, units = each.to_amount, each.to_units
            following = next(stretches, None)
        if (amount, units) != (row.settled_amount, row.settled_units):
            report.add(where, f"settled {row.settled_amount}, but its intervals say {amount}")
        if not row.settled_amount <= row.amount <= row.capacity:
            report.add(where, "settled, mark and capacity must rise in this order")
        _check_mark(row, where, report, gateway_key)


def _check_mark(row: Row[Any], where: str, report: BooksReport, gateway_key: bytes) -> None:
    try:
        terms_bytes = envelope.parse_sign1("open", row.open_message).payload
        terms = read_terms(terms_bytes)
        if terms.channel_id() != row.id:
            report.add(where, "its terms are those of another channel")
        # On a mirror channel the gateway itself pays the device.
        mirror = terms.payer_key == gateway_key
        if not mirror and terms.payer_key != row.public_key:
            report.add(where, "its payer is not the registered device")
        envelope.open_sign1("open", row.open_message, terms.payer_key, keys.verify)
        if row.amount == 0:
            return
        kind = "credit" if mirror else "iou"
        payload = envelope.open_sign1(kind, row.iou, terms.payer_key, keys.verify)
        said = read_credit(payload) if mirror else read_iou(payload)
    except ProtocolError as error:
        report.add(where, str(error))
        return
    if (said.channel, said.amount, said.units) != (row.id, row.amount, row.units):
        report.add(where, f"mark {row.amount} for {row.units} units, but signed is {said.amount}")


def _check_references(conn: Connection, report: BooksReport) -> None:
    for seq, group in groupby(_stream(conn, _ENTRY_LINES), key=attrgetter("seq")):
        hashes = []
        total = 0
        for row in group:
            if row.channel_id is not None:
                hashes.append(merkle.leaf_hash(line_of(row, PAYER)))
                total += row.to_amount - row.from_amount
        if not hashes or total != row.total:
            report.add(f"entry {seq}", f"posts {row.total}, its intervals add up to {total}")
        elif merkle.root_of_hashes(hashes).hex() != row.memo:
            report.add(f"entry {seq}", "its intervals are not those of its memo")
    for row in _stream(conn, _LOST_INTERVALS):
        report.add(f"interval {row.channel_id.hex()} from {row.from_amount}", "has no entry")
    for row in _stream(conn, _NETS, net=_PREFIXES["net"], settling=_PREFIXES["settling"]):
        report.add(f"position {row.run} {row.account}", f"net {row.net}, posted {row.amount}")
    for row in _stream(conn, _OUTCOMES, outcome=_PREFIXES["outcome"]):
        report.add(f"instruction {row.id}", f"{row.state}, which its entry must say and no other")
    for row in _stream(conn, _FOUND, found=_PREFIXES["found"], rail=_PREFIXES["rail"]):
        report.add(f"found {row.id}", f"{row.amount}, but posted {row.posted}")
    orphans = {name: _PREFIXES[name] for name in ("net", "outcome", "found")}
    for row in _stream(conn, _ORPHANS, **orphans):
        report.add(f"entry {row.reference}", "what it refers to is not there")


def _check_statements(conn: Connection, report: BooksReport, gateway_key: bytes) -> None:
    for row in _stream(conn, _STATEMENTS):
        if row.message is None:
            report.add("statement", "a position of an instructed run has none")
            continue
        report.statements += 1
        where = f"statement {row.run} {row.account}"
        try:
            said = read_statement(
                envelope.open_sign1("statement", row.message, gateway_key, keys.verify)
            )
            check_lines(said, list(statements.lines(conn, row.run, row.account)))
        except ProtocolError as error:
            report.add(where, str(error))
            continue
        if (said.run, said.account, said.debits, said.credits, said.journal_head) != (
            row.run,
            row.account,
            row.debits,
            row.credits,
            row.journal_head,
        ):
            report.add(where, "it is not what its position says")
