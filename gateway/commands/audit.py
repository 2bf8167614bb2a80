"""`tallystick audit`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from gateway.api.audit import audit_out
from gateway.commands import shared
from gateway.commands.books import moment
from gateway.operations import audit
from gateway.verify_audit import read_head

app = typer.Typer(no_args_is_help=True, add_completion=False)

_COLUMNS = (
    ("SEQ", "seq"),
    ("AT", "at"),
    ("WHO", "who"),
    ("ACTION", "action"),
    ("SUBJECT", "subject"),
    ("WHY", "why"),
)


class CheckedOut(BaseModel):
    """How many records hold, of how many of them the details are erased, the hash of the last of
    them, and what is wrong after it."""

    records: int
    erased: int
    head: str
    ok: bool
    wrong: str


@app.command("list")
def list_(
    context: typer.Context,
    who: Annotated[str | None, typer.Option(help="Only what this principal did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only what was done to this.")] = None,
    since: Annotated[
        str | None, typer.Option(help="From then: Unix seconds, or ISO 8601 with a zone.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before then.")] = None,
) -> None:
    """What operators did, the newest first."""
    from_ = None if since is None else moment("since", since)
    to = None if until is None else moment("until", until)
    with shared.office(context) as office:
        rows = shared.all_pages(
            lambda before: audit.page(
                office.store,
                before=before,
                limit=shared.EVERY_PAGE,
                since=from_,
                until=to,
                who=who,
                action=action,
                subject=subject,
            ),
            lambda row: int(row.seq),
        )
    shared.table(context, [audit_out(row) for row in rows], _COLUMNS, "nothing recorded")


@app.command()
def verify(
    context: typer.Context,
    against: Annotated[
        Path | None,
        typer.Option(
            help="An earlier file of the log (`audit export`), which it must go on from.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Check that no record was altered or deleted; status 1 if one was."""
    with shared.office(context) as office:
        signed = None
        if against is not None:
            head, _key = read_head(against.read_bytes(), office.keys.publics)
            signed = (head.seq, head.hash)
        found = audit.verify(office.store, signed)
    shown = CheckedOut(
        records=found.count,
        erased=found.erased,
        head=found.head.hex(),
        ok=not found.wrong,
        wrong=found.wrong,
    )
    shared.show(context, shown)
    if found.wrong:
        raise typer.Exit(1)


class ExportedOut(BaseModel):
    """The file, and what it holds."""

    path: str
    records: int
    head: str


@app.command()
def export(
    context: typer.Context,
    to: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write.", dir_okay=False)],
) -> None:
    """Write the whole log to a file that `tallystick verify` checks offline."""
    with shared.office(context) as office:
        made = audit.export(office.store, office.keys, to)
    shown = ExportedOut(path=str(made.path), records=made.records, head=made.head.hex())
    shared.show(context, shown, "keep it where whoever runs the gateway can't change it")
