"""Use cases on the journal: the trial balance, looking at entries, and correcting one.

A correction is a reversing entry, which one person proposes and another approves; nothing that was
posted is ever changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from gateway.ledger import chart, reversal
from gateway.ledger.entry import LIMIT, Entry
from gateway.operations.errors import BadInput
from gateway.operations.paging import Page, one_page
from gateway.operations.principal import check_other
from gateway.operations.text import check_note
from gateway.store import accounts, audit, fence, journal, pending, reversals, trial
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Ledger accounts as of Unix second `at`, and sums over all of them for each currency, which
    are of `scales`. The journal has `entries` entries now, and this head (32 bytes)."""

    at: int
    entries: int
    head: bytes
    accounts: Page[Row[Any]]
    totals: Sequence[Row[Any]]
    scales: dict[str, int]


def balance(
    store: Store, at: int | None = None, *, after: tuple[str, str] = ("", ""), limit: int = 100
) -> TrialBalance:
    """The trial balance as of Unix second `at`, or now. Raises BadInput."""
    if at is not None and not 0 <= at < LIMIT:
        raise BadInput("at", "must be Unix seconds, 0 to 2^63-1")
    with store.read() as conn:
        moment = store.now(conn) if at is None else at
        found = one_page(lambda count: trial.rows(conn, moment, after=after, limit=count), limit)
        totals = trial.totals(conn, moment)
        scales = {row.currency: accounts.scale_of(conn, row.currency) or 0 for row in totals}
        entries, head = journal.head(conn)
        return TrialBalance(moment, entries, head, found, totals, scales)


def entry(store: Store, seq: int) -> tuple[Entry, bytes]:
    """One journal entry and its hash. Raises NotFound."""
    with store.read() as conn:
        return _entry(conn, seq)


def scales_of(store: Store, entry: Entry) -> dict[str, int]:
    """The decimal places of the currencies of an entry."""
    with store.read() as conn:
        currencies = {each.currency for each in entry.postings}
        return {each: accounts.scale_of(conn, each) or 0 for each in currencies}


def _entry(conn: Connection, seq: int) -> tuple[Entry, bytes]:
    for number, found, hash_ in journal.entries(conn, after=seq - 1, limit=1):
        if number == seq:
            return found, hash_
    raise NotFound(f"entry {seq}: unknown")


def propose_reversal(store: Store, seq: int, reason: str, by: str) -> Row[Any]:
    """Propose to reverse an entry; `reason` is for people, `by` the principal.

    Raises NotFound, BadInput, Conflict if it may not be reversed, or was before.
    """
    check_note("reason", reason)
    if not reason:
        raise BadInput("reason", "must say why")
    with store.write() as conn:
        journal.lock(conn)
        found, _hash = _entry(conn, seq)
        if found.kind not in reversal.REVERSIBLE:
            kinds = ", ".join(sorted(reversal.REVERSIBLE))
            raise Conflict(
                f"entry {seq}: is of kind {found.kind}, which is undone by what a run or a rail "
                f"does next; only these can be reversed: {kinds}"
            )
        before = reversals.of_entry(conn, seq)
        if before is not None:
            raise Conflict(f"entry {seq}: its reversal {before.number} is {before.state}")
        number = reversals.add(conn, seq, reason, by, store.now(conn))
        audit.record(conn, "reversal.propose", str(number), after={"entry": seq}, why=reason)
        return reversals.get(conn, number)


def approve_reversal(store: Store, number: int, by: str) -> Row[Any]:
    """Post a reversing entry that another person proposed.

    Where it takes deposits that are used already, the account owes them. One that is posted stays
    as it is. Raises NotFound, SamePerson, IllegalMove if it was rejected, RestoreFenced while
    restored books are not reconciled.
    """
    with store.write() as conn:
        fence.check(conn)
        journal.lock(conn)
        row = reversals.get(conn, number)
        if row.state == "posted":
            return row
        check_other(row.proposed_by, by, f"reversal {number}")
        at = store.now(conn)
        found, _hash = _entry(conn, row.entry_seq)
        posted = journal.append(conn, reversal.reversing(found, row.entry_seq, at, row.reason))
        _owe_what_was_used(conn, found, row.entry_seq, at)
        reversals.decide(conn, number, "posted", by, at, posted)
        before, after = {"state": row.state}, {"state": "posted", "entry": posted}
        audit.record(conn, "reversal.approve", str(number), before=before, after=after)
        return reversals.get(conn, number)


def _owe_what_was_used(conn: Connection, found: Entry, seq: int, at: int) -> None:
    for each in found.postings:
        if not each.account.startswith(chart.FUNDS):
            continue
        # What a withdrawal holds is used too: its rail may have moved it already.
        short = -pending.balance(conn, each.account, each.currency).free_credit
        if short > 0:
            owner = each.account.removeprefix(chart.FUNDS)
            journal.append(conn, reversal.overdrawn(owner, each.currency, short, seq, at))


def reject_reversal(store: Store, number: int, by: str) -> Row[Any]:
    """Give up a proposal, one's own or another's. Raises NotFound, IllegalMove if it is posted."""
    with store.write() as conn:
        journal.lock(conn)
        if reversals.get(conn, number).state != "rejected":
            reversals.decide(conn, number, "rejected", by, store.now(conn))
            audit.record(conn, "reversal.reject", str(number), after={"state": "rejected"})
        return reversals.get(conn, number)


def reversals_page(store: Store, *, before: int | None = None, limit: int = 100) -> Page[Row[Any]]:
    """Proposals, the newest first. Raises BadInput."""
    with store.read() as conn:
        return one_page(lambda count: reversals.page(conn, before=before, limit=count), limit)
