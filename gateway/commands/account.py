"""`tallystick account`."""

from typing import Annotated

import typer

from gateway.api.accounts import account_out, standing_out
from gateway.commands import shared
from gateway.operations import accounts
from gateway.operations.accounts import DEFAULT_SCALE
from gateway.operations.money import atomic

app = typer.Typer(add_completion=False, no_args_is_help=True)

AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id.")]


@app.command()
def add(
    context: typer.Context,
    account_id: AccountId,
    name: Annotated[str | None, typer.Option(help="For people (default: the id).")] = None,
    currency: Annotated[str, typer.Option(help="ISO 4217 code.")] = "EUR",
    credit: Annotated[str, typer.Option(help="The most it may owe, e.g. 100.00.")] = "0",
    scale: Annotated[int, typer.Option(min=0, max=18)] = DEFAULT_SCALE,
) -> None:
    """Add an account."""
    with shared.office(context) as office:
        limit = atomic("credit", credit, scale)
        found = accounts.add(
            office.store, account_id, name or account_id, currency, credit_limit=limit, scale=scale
        )
    shared.show(context, standing_out(found))


@app.command("list")
def list_(context: typer.Context) -> None:
    """All accounts."""
    items = []
    with shared.office(context) as office:
        after = ""
        while True:
            page = accounts.page(office.store, after=after, limit=shared.EVERY_PAGE)
            items += [account_out(row) for row in page.items]
            if not page.more:
                break
            after = page.items[-1].id
    columns = (
        ("ACCOUNT", "id"),
        ("NAME", "name"),
        ("STATUS", "status"),
        ("CREDIT LIMIT", "credit_limit"),
    )
    shared.table(context, items, columns, "no accounts")


@app.command()
def show(context: typer.Context, account_id: AccountId) -> None:
    """One account with what it owes."""
    with shared.office(context) as office:
        found = accounts.show(office.store, account_id)
    shared.show(context, standing_out(found))


@app.command()
def limit(
    context: typer.Context,
    account_id: AccountId,
    credit: Annotated[str, typer.Argument(metavar="AMOUNT", help="For example 100.00.")],
) -> None:
    """Set how much an account may owe; open channels keep what they reserved."""
    with shared.office(context) as office:
        scale = accounts.show(office.store, account_id).account.scale
        amount = atomic("amount", credit, scale)
        found = accounts.change(office.store, account_id, credit_limit=amount)
    shared.show(context, standing_out(found))
