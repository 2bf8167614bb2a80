"""/v1/settlements/{run}/statements, and /v1/accounts/{account_id}/statements: what each account is
told of a run, in every form."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel

from gateway.api.services import Office
from gateway.api.shapes import AccountId, Cursor, Limit, Money, Page, Run, before_of, cursor_of
from gateway.operations import evidence

router = APIRouter(prefix="/settlements/{run}/statements", tags=["settlements"])
account_router = APIRouter(prefix="/accounts/{account_id}/statements", tags=["settlements"])
"""The same by account."""

Responses = dict[int | str, dict[str, Any]]


def binary(media_type: str) -> Responses:
    """The documentation of an answer that is a file."""
    schema = {"type": "string", "format": "binary"}
    return {200: {"content": {media_type: {"schema": schema}}}}


CBOR = binary("application/cbor")
PDF = binary("application/pdf")
CSV = binary("text/csv")


class StatementRef(BaseModel):
    """Where an account's statement of a run is, in each form."""

    account: str
    statement: str
    lines: str
    proof: str
    pdf: str
    csv: str


class Statements(BaseModel):
    """All statements of a run, by account."""

    items: list[StatementRef]


class AccountStatement(StatementRef):
    """A statement, the period (Unix seconds) of its run, and what it came to (positive owes)."""

    run: int
    currency: str
    period_start: int
    period_end: int
    net: Money


def _links(run: int, account: str) -> dict[str, str]:
    one = f"/v1/settlements/{run}/statements/{account}"
    forms = {form: f"{one}/{form}" for form in ("lines", "proof", "pdf", "csv")}
    return {"account": account, "statement": one, **forms}


@account_router.get("", operation_id="listAccountStatements")
def list_account_statements(
    office: Office, account_id: AccountId, cursor: Cursor = None, limit: Limit = 100
) -> Page[AccountStatement]:
    """An account's statements, the newest first."""
    before = before_of(cursor)
    found = evidence.runs_with_statement(office.store, account_id, before=before, limit=limit)
    return Page(
        items=[
            AccountStatement(
                **_links(row.number, account_id),
                run=row.number,
                currency=row.currency,
                period_start=row.period_start,
                period_end=row.period_end,
                net=Money(amount=row.net, currency=row.currency, scale=row.scale),
            )
            for row in found.items
        ],
        next=cursor_of(str(found.items[-1].number)) if found.more else None,
    )


@router.get("", operation_id="listStatements")
def list_statements(office: Office, run: Run) -> Statements:
    """Which accounts have a statement of a run, and where it is."""
    accounts = evidence.statement_accounts(office.store, run)
    return Statements(items=[StatementRef(**_links(run, each)) for each in accounts])


@router.get("/{account_id}", operation_id="getStatement", response_class=Response, responses=CBOR)
def get_statement(office: Office, run: Run, account_id: AccountId) -> Response:
    """The signed statement, as `tallystick verify` takes it."""
    message = evidence.statement_of(office.store, run, account_id)
    return Response(message, media_type="application/cbor")


@router.get(
    "/{account_id}/lines", operation_id="getStatementLines", response_class=Response, responses=CBOR
)
def get_statement_lines(office: Office, run: Run, account_id: AccountId) -> Response:
    """The lines that prove a statement, for `tallystick verify --lines`."""
    lines = evidence.lines_of(office.store, run, account_id)
    return Response(lines, media_type="application/cbor")


@router.get(
    "/{account_id}/proof", operation_id="getStatementProof", response_class=Response, responses=CBOR
)
def get_statement_proof(office: Office, run: Run, account_id: AccountId) -> Response:
    """The proof that a statement is in its signed run, for `tallystick verify --proof`."""
    proof = evidence.proof_of(office.store, run, account_id)
    return Response(proof, media_type="application/cbor")


@router.get(
    "/{account_id}/pdf", operation_id="getStatementPdf", response_class=Response, responses=PDF
)
def get_statement_pdf(office: Office, run: Run, account_id: AccountId) -> Response:
    """The statement for people. Needs the extra `tallystick[documents]` on the gateway."""
    content = evidence.pdf_of(office.store, office.keys, run, account_id)
    return _download(content, "application/pdf", f"statement-{run}-{account_id}.pdf")


@router.get(
    "/{account_id}/csv", operation_id="getStatementCsv", response_class=Response, responses=CSV
)
def get_statement_csv(office: Office, run: Run, account_id: AccountId) -> Response:
    """The statement for a spreadsheet; no cell of it is taken for a formula."""
    content = evidence.csv_of(office.store, office.keys, run, account_id)
    return _download(content, "text/csv", f"statement-{run}-{account_id}.csv")


def _download(content: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)
