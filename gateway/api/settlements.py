"""/v1/settlements: runs, their statements, and what became of their instructions."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.idempotency import IdempotencyKey, once
from gateway.api.policy import Authorized
from gateway.api.services import Office
from gateway.api.shapes import (
    Body,
    Cursor,
    Limit,
    Money,
    Page,
    Run,
    before_of,
    cursor_of,
)
from gateway.operations import settlement
from gateway.operations.principal import of_bearer
from gateway.settlement.rails import Outcome
from gateway.settlement.run import RunResult

router = APIRouter(prefix="/settlements", tags=["settlements"])


Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
AccountName = Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")]


class SettleIn(Body):
    """What to settle: one currency, or all; or one account."""

    currency: Currency | None = None
    account: AccountName | None = None


class RunOut(BaseModel):
    """A settlement run of one currency; its period is in Unix seconds. `scope` is `all` of it,
    `currency` (without accounts that have times of their own) or `accounts` that were named. A run
    that needs `approval` moves no money before a person's `decision`; `started_by` is empty for a
    schedule."""

    run: int
    currency: str
    scale: int
    state: str
    period_start: int
    period_end: int
    scope: str
    started_by: str
    approval: bool
    decision: str | None
    decided_by: str | None
    decided_at: int | None


class RunTotals(BaseModel):
    """What a run came to. `gross` is what payers used of payees, `net` what was left between
    accounts once what each owes and is owed is set off, `collect` and `pay` are the sums of its
    instructions."""

    run: int
    state: str
    channels: int
    accounts: int
    gross: Money
    net: Money
    collect: Money
    pay: Money


class Settled(BaseModel):
    """The runs that a request made; none if nothing was due."""

    runs: list[RunTotals]


class PositionOut(BaseModel):
    """What a run made of one account: net = debits - credits + fees + carried; positive owes.
    `funds` of it was taken from what it has paid in, `instructed` is what a rail is to move, the
    rest is carried into the next run."""

    account: str
    debits: Money
    credits: Money
    fees: Money
    carried: Money
    net: Money
    funds: Money
    instructed: Money


class RunDetail(RunOut):
    """A run with its totals and positions."""

    totals: RunTotals
    positions: list[PositionOut]


class InstructionOut(BaseModel):
    """One movement of real money that a rail is asked for."""

    id: str
    run: int
    account_id: str
    direction: str
    amount: Money
    rail: str
    state: str
    note: str


class Instructions(BaseModel):
    """All instructions of a run, by account."""

    items: list[InstructionOut]


class OutcomeIn(Body):
    """What came of one instruction."""

    instruction: Annotated[str, Field(pattern="^[a-z0-9-]{1,100}$")]
    outcome: Literal["done", "failed", "returned"]
    # PostgreSQL has no place for U+0000.
    note: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")] = ""


class OutcomesIn(Body):
    """Outcomes to record, all or none."""

    outcomes: Annotated[list[OutcomeIn], Field(min_length=1, max_length=5000)]


class Recorded(BaseModel):
    """How many outcomes were news."""

    recorded: int


def totals_out(result: RunResult) -> RunTotals:
    """A run's result as the API shows it."""

    def money(amount: int) -> Money:
        return Money(amount=amount, currency=result.currency, scale=result.scale)

    return RunTotals(
        run=result.run,
        state=result.state,
        channels=result.channels,
        accounts=result.accounts,
        gross=money(result.gross),
        net=money(result.net),
        collect=money(result.collect),
        pay=money(result.pay),
    )


def run_out(row: Row[Any]) -> RunOut:
    """A run's row as the API shows it."""
    return RunOut(
        run=row.number,
        currency=row.currency,
        scale=row.scale,
        state=row.state,
        period_start=row.period_start,
        period_end=row.period_end,
        scope=row.scope,
        started_by=row.started_by,
        approval=row.approval,
        decision=row.decision,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )


def detail_out(result: RunResult, row: Row[Any], positions: Sequence[Row[Any]]) -> RunDetail:
    """A run with its positions as the API shows it."""

    return RunDetail(
        **dict(run_out(row)),
        totals=totals_out(result),
        positions=[position_out(each._asdict(), row.currency, row.scale) for each in positions],
    )


def position_out(of: Mapping[str, Any], currency: str, scale: int) -> PositionOut:
    """A position's columns as the API shows them."""

    def money(column: str) -> Money:
        return Money(amount=of[column], currency=currency, scale=scale)

    return PositionOut(
        account=of["account"],
        debits=money("debits"),
        credits=money("credits"),
        fees=money("fees"),
        carried=money("carried"),
        net=money("net"),
        funds=money("funds"),
        instructed=money("instructed"),
    )


def instructions_out(rows: Sequence[Row[Any]], scale: int) -> Instructions:
    """A run's instructions as the API shows them."""
    return Instructions(
        items=[
            InstructionOut(
                id=row.id,
                run=row.run,
                account_id=row.account_id,
                direction=row.direction,
                amount=Money(amount=row.amount, currency=row.currency, scale=scale),
                rail=row.rail,
                state=row.state,
                note=row.note,
            )
            for row in rows
        ]
    )


@router.get("", operation_id="listSettlements")
def list_settlements(office: Office, cursor: Cursor = None, limit: Limit = 100) -> Page[RunOut]:
    """Runs, the newest first."""
    found = settlement.page(office.store, before=before_of(cursor), limit=limit)
    return Page(
        items=[run_out(row) for row in found.items],
        next=cursor_of(str(found.items[-1].number)) if found.more else None,
    )


@router.post("", operation_id="settle", response_model=Settled)
def settle(
    office: Office, bearer: Authorized, body: SettleIn, idempotency_key: IdempotencyKey = None
) -> Response:
    """Settle what is unsettled: everything, of a currency, or of an account. Two requests at once
    make one run."""

    def act() -> str:
        results = settlement.settle(
            office.store,
            office.keys,
            office.rails,
            body.currency,
            of_bearer(bearer),
            body.account,
        )
        return Settled(runs=[totals_out(each) for each in results]).model_dump_json()

    request = "settle " + body.model_dump_json()
    answer = once(office.store, bearer, idempotency_key, request, act)
    return Response(answer, media_type="application/json")


@router.post("/{run}/approve", operation_id="approveSettlement")
def approve(office: Office, bearer: Authorized, run: Run) -> RunDetail:
    """Let the money of a run move that another person, or a schedule, asked for."""
    settlement.approve(office.store, office.keys, office.rails, run, of_bearer(bearer))
    return get_settlement(office, run)


@router.post("/{run}/reject", operation_id="rejectSettlement")
def reject(office: Office, bearer: Authorized, run: Run) -> RunDetail:
    """Let no money of a run move: what it would have moved is carried into the next."""
    settlement.reject(office.store, office.keys, office.rails, run, of_bearer(bearer))
    return get_settlement(office, run)


@router.get("/{run}", operation_id="getSettlement")
def get_settlement(office: Office, run: Run) -> RunDetail:
    """One run with its positions."""
    return detail_out(*settlement.show(office.store, run))


@router.get("/{run}/instructions", operation_id="listInstructions")
def list_instructions(office: Office, run: Run) -> Instructions:
    """What a run asked of its rail."""
    scale = settlement.show(office.store, run)[0].scale
    return instructions_out(settlement.instructions_of(office.store, run), scale)


@router.post("/{run}/outcomes", operation_id="recordOutcomes")
def record_outcomes(office: Office, run: Run, body: OutcomesIn) -> Recorded:
    """Record what came of a run's instructions; the same outcome again changes nothing."""
    outcomes = [Outcome(each.instruction, each.outcome, each.note) for each in body.outcomes]
    return Recorded(recorded=settlement.record(office.store, outcomes, run))
