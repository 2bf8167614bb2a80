"""`tallystick listing`."""

from typing import Annotated

import typer

from gateway.api.listings import listing_out
from gateway.commands import shared
from gateway.operations import listings
from gateway.operations.errors import BadInput

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    unit: Annotated[str | None, typer.Option(help="Only of this unit (UCUM).")] = None,
    account: Annotated[str | None, typer.Option(help="Only of this account's devices.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Ended ones too.")] = False,
) -> None:
    """What devices sell to each other."""
    items = []
    after = b""
    with shared.office(context) as office:
        while True:
            page = listings.page(
                office.store,
                after=after,
                limit=shared.EVERY_PAGE,
                unit=unit,
                account_id=account,
                state=None if all_ else "listed",
            )
            items += [listing_out(row) for row in page.items]
            if not page.more:
                break
            after = bytes(page.items[-1].id)
    columns = (
        ("DEVICE", "device_id"),
        ("ACCOUNT", "account_id"),
        ("STATE", "state"),
        ("ATOMIC UNITS", "numerator"),
        ("PER", "denominator"),
        ("UNIT", "unit"),
        ("SESSION FEE", "session_fee"),
        ("CURRENCY", "currency"),
        ("FEE BP", "fee_bp"),
        ("WINDOW", "window_units"),
        ("CAPACITY", "max_capacity"),
        ("LISTING", "id"),
    )
    shared.table(context, items, columns, "no listings")


@app.command()
def end(
    context: typer.Context,
    listing: Annotated[str, typer.Argument(help="Its id, 64 hex digits.")],
) -> None:
    """Let nobody buy by a listing any more; channels that are open go on."""
    try:
        id_ = bytes.fromhex(listing)
    except ValueError:
        raise BadInput("listing", "must be 64 hex digits") from None
    with shared.office(context) as office:
        row = listings.end(office.store, id_)
    shared.show(context, listing_out(row))
