"""/v1/books: the audit of everything that is stored."""

from fastapi import APIRouter
from pydantic import BaseModel

from gateway.api.services import Office
from gateway.settlement.verify_books import BooksReport, verify_books

router = APIRouter(prefix="/books", tags=["books"])


class DiscrepancyOut(BaseModel):
    """One thing that is wrong: where, and what."""

    where: str
    what: str


class BooksOut(BaseModel):
    """What was checked, and everything that is wrong."""

    ok: bool
    entries: int
    channels: int
    statements: int
    audit_records: int
    audit_head: str
    discrepancies: list[DiscrepancyOut]


@router.get("", operation_id="verifyBooks")
def get_books(office: Office) -> BooksOut:
    """Recompute the books from signatures and entries; takes time with many channels."""
    return books_out(verify_books(office.store, *office.keys.publics))


def books_out(report: BooksReport) -> BooksOut:
    """An audit's report as the API shows it."""
    return BooksOut(
        ok=report.ok,
        entries=report.entries,
        channels=report.channels,
        statements=report.statements,
        audit_records=report.audit_records,
        audit_head=report.audit_head.hex(),
        discrepancies=[
            DiscrepancyOut(where=each.where, what=each.what) for each in report.discrepancies
        ],
    )
