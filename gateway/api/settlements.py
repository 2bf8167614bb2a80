"""/v1/settlements: runs, their statements, and what became of their instructions."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.idempotency import IdempotencyKey, once
from gateway.api.policy import Authorized
from gateway.api.services import Office
from gateway.api.shapes import (
    AccountId,
    Body,
    Cursor,
    Limit,
    Money,
    Page,
    Run,
    cursor_of,
    position_of,
)
from gateway.operations import settlement
from gateway.operations.errors import BadInput
from gateway.settlement.rails.manual import Outcome
from gateway.settlement.run import RunResult

router = APIRouter(prefix="/settlements", tags=["settlements"])

_NUMBER = re.compile("[0-9]{1,18}")
CBOR: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/cbor": {"schema": {"type": "string", "format": "binary"}}}}
}


class SettleIn(Body):
    """What to settle: one currency, or all."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None


class RunOut(BaseModel):
    """A settlement run of one currency; its period is in Unix seconds."""

    run: int
    currency: str
    scale: int
    state: str
    period_start: int
    period_end: int


class RunTotals(BaseModel):
    """What a run came to: the sums of its instructions."""

    run: int
    state: str
    channels: int
    accounts: int
    collect: Money
    pay: Money


class Settled(BaseModel):
    """The runs that a request made; none if nothing was due."""

    runs: list[RunTotals]


class PositionOut(BaseModel):
    """What a run made of one account: net = debits - credits + carried; positive owes."""

    account: str
    debits: Money
    credits: Money
    carried: Money
    net: Money


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
    outcome: Literal["done", "failed"]
    # PostgreSQL has no place for U+0000.
    note: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")] = ""


class OutcomesIn(Body):
    """Outcomes to record, all or none."""

    outcomes: Annotated[list[OutcomeIn], Field(min_length=1, max_length=5000)]


class Recorded(BaseModel):
    """How many outcomes were news."""

    recorded: int


class StatementRef(BaseModel):
    """Where an account's statement of a run is."""

    account: str
    statement: str
    lines: str


class Statements(BaseModel):
    """All statements of a run, by account."""

    items: list[StatementRef]


def totals_out(result: RunResult) -> RunTotals:
    """A run's result as the API shows it."""

    def money(amount: int) -> Money:
        return Money(amount=amount, currency=result.currency, scale=result.scale)

    return RunTotals(
        run=result.run,
        state=result.state,
        channels=result.channels,
        accounts=result.accounts,
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
    )


def detail_out(result: RunResult, row: Row[Any], positions: Sequence[Row[Any]]) -> RunDetail:
    """A run with its positions as the API shows it."""

    def money(amount: int) -> Money:
        return Money(amount=amount, currency=row.currency, scale=row.scale)

    return RunDetail(
        **dict(run_out(row)),
        totals=totals_out(result),
        positions=[
            PositionOut(
                account=each.account,
                debits=money(each.debits),
                credits=money(each.credits),
                carried=money(each.carried),
                net=money(each.net),
            )
            for each in positions
        ],
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
    position = position_of(cursor)
    if position is not None and not _NUMBER.fullmatch(position):
        raise BadInput("cursor", "must be the `next` of an earlier page")
    before = None if position is None else int(position)
    found = settlement.page(office.store, before=before, limit=limit)
    return Page(
        items=[run_out(row) for row in found.items],
        next=cursor_of(str(found.items[-1].number)) if found.more else None,
    )


@router.post("", operation_id="settle", response_model=Settled)
def settle(
    office: Office, bearer: Authorized, body: SettleIn, idempotency_key: IdempotencyKey = None
) -> Response:
    """Settle everything that is unsettled. Two requests at once make one run."""

    def act() -> str:
        results = settlement.settle(office.store, office.keys, office.rail, body.currency)
        return Settled(runs=[totals_out(each) for each in results]).model_dump_json()

    request = "settle " + body.model_dump_json()
    answer = once(office.store, bearer, idempotency_key, request, act)
    return Response(answer, media_type="application/json")


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


@router.get("/{run}/statements", operation_id="listStatements")
def list_statements(office: Office, run: Run) -> Statements:
    """Which accounts have a statement of a run, and where it is."""
    base = f"/v1/settlements/{run}/statements"
    return Statements(
        items=[
            StatementRef(account=each, statement=f"{base}/{each}", lines=f"{base}/{each}/lines")
            for each in settlement.statement_accounts(office.store, run)
        ]
    )


@router.get(
    "/{run}/statements/{account_id}",
    operation_id="getStatement",
    response_class=Response,
    responses=CBOR,
)
def get_statement(office: Office, run: Run, account_id: AccountId) -> Response:
    """The signed statement, as `tallystick verify` takes it."""
    message, _lines = settlement.statement_of(office.store, run, account_id)
    return Response(message, media_type="application/cbor")


@router.get(
    "/{run}/statements/{account_id}/lines",
    operation_id="getStatementLines",
    response_class=Response,
    responses=CBOR,
)
def get_statement_lines(office: Office, run: Run, account_id: AccountId) -> Response:
    """The lines that prove a statement, for `tallystick verify --lines`."""
    _message, lines = settlement.statement_of(office.store, run, account_id)
    return Response(lines, media_type="application/cbor")
