"""The part of `tallystick settle` that deals with banks: files for them, and files from them."""

import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from gateway.api.bank import booking_out, taken_out
from gateway.api.shapes import MAX
from gateway.commands import shared
from gateway.operations import bank, principal, settlement
from gateway.operations.errors import BadInput
from gateway.operations.payout_accounts import check_rail
from gateway.settlement.bank.xml import MAX_BYTES

RunNumber = Annotated[int, typer.Argument(metavar="RUN", min=1, max=MAX)]


class FileOut(BaseModel):
    """A file of a run for people to carry on; `says` is what to compare when it is taken."""

    rail: str
    path: str
    says: str
    sha256: str


def files(context: typer.Context, number: RunNumber) -> None:
    """The files of a run for its rails, with their totals and hashes."""
    with shared.office(context) as office:
        found = settlement.files_of(office.store, office.rails, number)
    items = [
        FileOut(rail=each.rail, path=str(each.path), says=each.says, sha256=each.sha256)
        for each in found
    ]
    columns = (("RAIL", "rail"), ("FILE", "path"), ("HOLDS", "says"), ("SHA-256", "sha256"))
    shared.table(context, items, columns, "no files")


def take_in(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(help="camt.053, camt.054 or pain.002.", exists=True, dir_okay=False),
    ],
    rail: Annotated[str, typer.Option(help="Whose bank it is.")] = bank.SEPA,
) -> None:
    """Take in a bank's file, all of it or nothing; the same one again changes nothing."""
    with shared.office(context) as office:
        found = bank.bank_rail(check_rail(office.rails, rail))
        by = principal.of_shell(office.store, os.environ)
        with file.open("rb") as source:
            content = source.read(MAX_BYTES + 1)  # one more shows that it is too long
        taken = bank.take_in(office.store, found, content, by)
    out = taken_out(taken)
    if shared.options(context).json:
        shared.print_json(out)
        return
    typer.echo(f"{out.kind} {out.message}")
    if out.known:
        typer.echo("this file was taken in before: nothing is changed")
        return
    shared.lines([(name, str(count)) for name, count in out.counts.items() if count])
    if out.counts["suspense"]:
        typer.echo("see: tallystick settle unmatched")


def unmatched(context: typer.Context) -> None:
    """Money of which nobody knows what it was for."""
    items = []
    with shared.office(context) as office:
        after = ""
        while True:
            page = bank.unmatched(office.store, after=after, limit=shared.EVERY_PAGE)
            items += [
                booking_out(row, bank.scale_of(office.store, row.currency)) for row in page.items
            ]
            if not page.more:
                break
            after = page.items[-1].id
    columns = (
        ("BOOKING", "id"),
        ("BOOKED", "booked_on"),
        ("", "direction"),
        ("AMOUNT", "amount"),
        ("PARTY", "party"),
        ("TEXT", "text"),
        ("WHY", "note"),
    )
    shared.table(context, items, columns, "nothing is unmatched")


def assign(
    context: typer.Context,
    booking: Annotated[str, typer.Argument(help="Its id, or how that begins.")],
    account: Annotated[
        str | None, typer.Option(help="Whose money it was, or what instructions leave of it.")
    ] = None,
    instruction: Annotated[
        list[str] | None, typer.Option(help="Whose payment or return it was; may be repeated.")
    ] = None,
    duplicate_of: Annotated[
        str | None, typer.Option(help="Which booking it is over again.")
    ] = None,
) -> None:
    """Say what an unmatched booking was."""
    if bool(account or instruction) == bool(duplicate_of):
        raise BadInput("assign", "needs --account, --instruction or both, or --duplicate-of")
    with shared.office(context) as office:
        by = principal.of_shell(office.store, os.environ)
        if duplicate_of:
            row = bank.as_duplicate(office.store, booking, duplicate_of, by)
        else:
            row = bank.to_several(office.store, booking, instruction or [], account, by)
        out = booking_out(row, bank.scale_of(office.store, row.currency))
    shared.show(context, out)
