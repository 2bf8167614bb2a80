"""/v1/books/balance, /v1/books/entries and /v1/books/reversals."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.idempotency import IdempotencyKey, once
from gateway.api.policy import Authorized
from gateway.api.services import Office
from gateway.api.shapes import (
    MAX,
    AtomicOut,
    Body,
    Cursor,
    Limit,
    Page,
    before_of,
    cursor_of,
    position_of,
)
from gateway.operations import books
from gateway.operations.books import TrialBalance
from gateway.operations.errors import BadInput
from gateway.operations.principal import of_bearer
from gateway.store.engine import Store

router = APIRouter(prefix="/books", tags=["books"])

Number = Annotated[int, Path(ge=1, le=MAX)]


class LedgerAccountOut(BaseModel):
    """One ledger account in one currency, in atomic units of which 10^scale make one of it.
    `posted` is positive for a debit. `pending` is what posting all that is pending would add to it:
    `pending_debits` - `pending_credits`. `reserved` is what live channels could still debit."""

    account: str
    currency: str
    scale: int
    posted: AtomicOut
    pending: AtomicOut
    pending_debits: AtomicOut
    pending_credits: AtomicOut
    reserved: AtomicOut


class TotalOut(BaseModel):
    """Sums over all ledger accounts of a currency. `balanced`: debits are credits, both of what is
    posted and of what is pending."""

    currency: str
    scale: int
    debits: AtomicOut
    credits: AtomicOut
    pending_debits: AtomicOut
    pending_credits: AtomicOut
    reserved: AtomicOut
    balanced: bool


class TrialBalanceOut(BaseModel):
    """Ledger accounts by name as of `at` (Unix seconds), one page of them, and sums over all.
    `entries` and `head` say how long the journal is now, and its last hash."""

    at: int
    entries: int
    head: str
    items: list[LedgerAccountOut]
    next: str | None
    totals: list[TotalOut]


class PostingOut(BaseModel):
    """One line of an entry; `amount` in atomic units, positive for a debit, of which 10^scale make
    one of the currency."""

    account: str
    currency: str
    scale: int
    amount: AtomicOut


class EntryOut(BaseModel):
    """A journal entry; its hash commits to all before it."""

    entry: int
    kind: str
    reference: str
    at: int
    memo: str
    postings: list[PostingOut]
    hash: str


class ReversalIn(Body):
    """An entry to reverse, and why."""

    entry: Annotated[int, Field(ge=1, le=MAX)]
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class ReversalOut(BaseModel):
    """A correction: `reversed_by` is the number of the entry that undoes `entry`, once it is
    posted."""

    number: int
    entry: int
    reason: str
    state: str
    proposed_by: str
    proposed_at: int
    decided_by: str | None
    decided_at: int | None
    reversed_by: int | None


def balance_out(found: TrialBalance) -> TrialBalanceOut:
    """A trial balance as the API shows it."""
    last = found.accounts.items[-1] if found.accounts.more else None
    return TrialBalanceOut(
        at=found.at,
        entries=found.entries,
        head=found.head.hex(),
        items=[
            LedgerAccountOut(
                account=row.account,
                currency=row.currency,
                scale=found.scales[row.currency],
                posted=int(row.posted),
                pending=int(row.debits) - int(row.credits),
                pending_debits=int(row.debits),
                pending_credits=int(row.credits),
                reserved=int(row.reserved),
            )
            for row in found.accounts.items
        ],
        next=None if last is None else cursor_of(f"{last.account} {last.currency}"),
        totals=[
            TotalOut(
                currency=row.currency,
                scale=found.scales[row.currency],
                debits=int(row.debits),
                credits=int(row.credits),
                pending_debits=int(row.pending_debits),
                pending_credits=int(row.pending_credits),
                reserved=int(row.reserved),
                balanced=row.debits == row.credits and row.pending_debits == row.pending_credits,
            )
            for row in found.totals
        ],
    )


def entry_out(seq: int, store: Store) -> EntryOut:
    """A journal entry as the API shows it. Raises NotFound."""
    entry, hash_ = books.entry(store, seq)
    scales = books.scales_of(store, entry)
    return EntryOut(
        entry=seq,
        kind=entry.kind,
        reference=entry.reference,
        at=entry.at,
        memo=entry.memo,
        postings=[
            PostingOut(
                account=each.account,
                currency=each.currency,
                scale=scales[each.currency],
                amount=each.amount,
            )
            for each in entry.postings
        ],
        hash=hash_.hex(),
    )


def reversal_out(row: Row[Any]) -> ReversalOut:
    """A correction's row as the API shows it."""
    return ReversalOut(
        number=row.number,
        entry=row.entry_seq,
        reason=row.reason,
        state=row.state,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        reversed_by=row.reversing_seq,
    )


@router.get("/balance", operation_id="getTrialBalance")
def get_balance(
    office: Office,
    at: Annotated[int | None, Query(ge=0, le=MAX, description="Unix seconds.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> TrialBalanceOut:
    """The trial balance as of a time, or now: what is posted, pending and reserved."""
    account, _, currency = (position_of(cursor) or " ").partition(" ")
    if cursor is not None and not currency:
        raise BadInput("cursor", "must be the `next` of an earlier page")
    found = books.balance(office.store, at, after=(account, currency), limit=limit)
    return balance_out(found)


@router.get("/entries/{entry}", operation_id="getEntry")
def get_entry(office: Office, entry: Number) -> EntryOut:
    """One journal entry."""
    return entry_out(entry, office.store)


@router.get("/reversals", operation_id="listReversals")
def list_reversals(office: Office, cursor: Cursor = None, limit: Limit = 100) -> Page[ReversalOut]:
    """Corrections, proposed and decided, the newest first."""
    found = books.reversals_page(office.store, before=before_of(cursor), limit=limit)
    return Page(
        items=[reversal_out(row) for row in found.items],
        next=cursor_of(str(found.items[-1].number)) if found.more else None,
    )


@router.post("/reversals", operation_id="proposeReversal", response_model=ReversalOut)
def propose_reversal(
    office: Office, bearer: Authorized, body: ReversalIn, idempotency_key: IdempotencyKey = None
) -> Response:
    """Propose to reverse an entry. Nothing is posted before another person approves."""

    def act() -> str:
        row = books.propose_reversal(office.store, body.entry, body.reason, of_bearer(bearer))
        return reversal_out(row).model_dump_json()

    request = "reversal " + body.model_dump_json()
    answer = once(office.store, bearer, idempotency_key, request, act)
    return Response(answer, media_type="application/json")


@router.post("/reversals/{number}/approve", operation_id="approveReversal")
def approve_reversal(office: Office, bearer: Authorized, number: Number) -> ReversalOut:
    """Post the reversing entry; by another person than who proposed it."""
    return reversal_out(books.approve_reversal(office.store, number, of_bearer(bearer)))


@router.post("/reversals/{number}/reject", operation_id="rejectReversal")
def reject_reversal(office: Office, bearer: Authorized, number: Number) -> ReversalOut:
    """Give up a proposal."""
    return reversal_out(books.reject_reversal(office.store, number, of_bearer(bearer)))
