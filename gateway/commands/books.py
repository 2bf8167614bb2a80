"""`tallystick books`."""

import os
import re
from datetime import datetime
from typing import Annotated

import typer

from gateway.api.books import books_out
from gateway.api.journal import (
    LedgerAccountOut,
    balance_out,
    entry_out,
    reversal_out,
)
from gateway.api.shapes import MAX
from gateway.commands import shared
from gateway.operations import books, principal
from gateway.operations.errors import BadInput
from gateway.operations.money import decimal
from gateway.settlement.verify_books import verify_books

app = typer.Typer(add_completion=False, invoke_without_command=True)

Seq = Annotated[
    int, typer.Argument(metavar="ENTRY", min=1, max=MAX, help="Its number in the journal.")
]
Number = Annotated[
    int, typer.Argument(metavar="REVERSAL", min=1, max=MAX, help="The proposal's number.")
]


@app.callback()
def run(context: typer.Context) -> None:
    """Recompute the books from signatures and entries; status 1 if anything is wrong."""
    if context.invoked_subcommand is not None:
        return
    with shared.office(context) as office:
        report = books_out(verify_books(office.store, *office.keys.publics))
    if shared.options(context).json:
        shared.print_json(report)
    else:
        for each in report.discrepancies:
            typer.echo(f"{each.where}: {each.what}")
        typer.echo(
            f"{report.entries} entries, {report.channels} channels, "
            f"{report.statements} statements: {'all right' if report.ok else 'WRONG'}"
        )
        typer.echo(f"audit log: {report.audit_records} records, head {report.audit_head}")
    if not report.ok:
        raise typer.Exit(1)


def moment(field: str, text: str) -> int:
    """A time as Unix seconds: such, or ISO 8601 with a zone (2026-05-01T00:00:00+02:00).

    Raises BadInput naming `field`.
    """
    if re.fullmatch("[0-9]{1,18}", text):
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found.timestamp() < 0:
        raise BadInput(field, "must be Unix seconds, or such as 2026-05-01T00:00:00+02:00")
    return int(found.timestamp())


@app.command()
def balance(
    context: typer.Context,
    at: Annotated[
        str | None, typer.Option(help="As of then: Unix seconds, or ISO 8601 with a zone.")
    ] = None,
) -> None:
    """The trial balance: what is posted, pending and reserved; status 1 if it does not balance."""
    items: list[LedgerAccountOut] = []
    when = None if at is None else moment("at", at)
    after = ("", "")
    with shared.office(context) as office:
        while True:
            found = books.balance(office.store, when, after=after, limit=shared.EVERY_PAGE)
            page = balance_out(found)
            items += page.items
            if not found.accounts.more:
                break
            when = found.at
            after = (items[-1].account, items[-1].currency)
    page.items, page.next = items, None
    if shared.options(context).json:
        shared.print_json(page)
    else:
        typer.echo(f"as of {page.at}; journal {page.entries} {page.head}")
        shared.grid(
            ("LEDGER ACCOUNT", "POSTED", "PENDING", "RESERVED", ""),
            [
                (
                    each.account,
                    *_amounts(each.scale, each.posted, each.pending, each.reserved),
                    each.currency,
                )
                for each in items
            ],
        )
        for each in page.totals:
            debits, credits = _amounts(each.scale, each.debits, each.credits)
            word = "balanced" if each.balanced else "NOT BALANCED"
            typer.echo(f"{each.currency}: debits {debits}, credits {credits}: {word}")
    if not all(each.balanced for each in page.totals):
        raise typer.Exit(1)


def _amounts(scale: int, *amounts: int) -> tuple[str, ...]:
    return tuple(decimal(each, scale) for each in amounts)


@app.command()
def entry(context: typer.Context, seq: Seq) -> None:
    """One journal entry with its lines; debits are positive."""
    with shared.office(context) as office:
        found = entry_out(seq, office.store)
    if shared.options(context).json:
        shared.print_json(found)
        return
    shared.lines(
        [(name, str(getattr(found, name))) for name in ("kind", "reference", "at", "memo", "hash")]
    )
    shared.grid(
        ("LEDGER ACCOUNT", "AMOUNT", ""),
        [
            (each.account, *_amounts(each.scale, each.amount), each.currency)
            for each in found.postings
        ],
    )


@app.command()
def reverse(
    context: typer.Context,
    seq: Seq,
    reason: Annotated[str, typer.Option(help="Why, for people.")],
) -> None:
    """Propose to undo an entry by a reversing one; another person approves it."""
    with shared.office(context) as office:
        by = principal.of_shell(office.store, os.environ)
        row = books.propose_reversal(office.store, seq, reason, by)
    shared.show(context, reversal_out(row))


@app.command()
def reversals(context: typer.Context) -> None:
    """All corrections, proposed and decided, the newest first."""
    with shared.office(context) as office:
        rows = shared.all_pages(
            lambda before: books.reversals_page(
                office.store, before=before, limit=shared.EVERY_PAGE
            ),
            lambda row: int(row.number),
        )
    columns = (
        ("REVERSAL", "number"),
        ("ENTRY", "entry"),
        ("STATE", "state"),
        ("BY", "proposed_by"),
        ("DECIDED BY", "decided_by"),
        ("REVERSED BY", "reversed_by"),
        ("REASON", "reason"),
    )
    shared.table(context, [reversal_out(row) for row in rows], columns, "no reversals")


@app.command()
def approve(context: typer.Context, number: Number) -> None:
    """Post a reversing entry that another person proposed."""
    with shared.office(context) as office:
        by = principal.of_shell(office.store, os.environ)
        row = books.approve_reversal(office.store, number, by)
    shared.show(context, reversal_out(row))


@app.command()
def reject(context: typer.Context, number: Number) -> None:
    """Give up a proposed reversal."""
    with shared.office(context) as office:
        by = principal.of_shell(office.store, os.environ)
        row = books.reject_reversal(office.store, number, by)
    shared.show(context, reversal_out(row))
