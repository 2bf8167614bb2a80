"""`tallystick account`."""

import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from gateway.api.accounts import account_out, standing_out
from gateway.api.deposits import deposit_out
from gateway.api.personal import erasure_out
from gateway.commands import payout, shared, withdrawal
from gateway.operations import accounts, deposits, erasure, personal_export, principal
from gateway.operations.accounts import DEFAULT_SCALE
from gateway.operations.money import atomic
from gateway.operations.payout_accounts import bounds_of, check_rail

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.add_typer(payout.app, name="payout")
app.add_typer(withdrawal.app, name="withdrawal")
erasure_app = typer.Typer(add_completion=False, no_args_is_help=True)
app.add_typer(erasure_app, name="erasure", help="Accounts that somebody asked to erase.")
app.command()(withdrawal.withdraw)

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
def deposit(
    context: typer.Context,
    account_id: AccountId,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="For example 100.00.")],
    reference: Annotated[
        str, typer.Option(help="The rail's own for this payment; it is recorded once.")
    ],
    rail: Annotated[str | None, typer.Option(help="Over which it came.")] = None,
    note: Annotated[str, typer.Option(help="For people.")] = "",
) -> None:
    """Record money that an account has paid in."""
    with shared.office(context) as office:
        account = accounts.show(office.store, account_id).account
        scale = account.scale
        rail = rail or office.rails.default
        bounds_of(check_rail(office.rails, rail), account)
        row = deposits.deposit(
            office.store,
            account_id,
            atomic("amount", amount, scale),
            rail,
            reference,
            principal.of_shell(office.store, os.environ),
            note,
        )
    shared.show(context, deposit_out(row, scale))


@app.command("deposits")
def list_deposits(context: typer.Context, account_id: AccountId) -> None:
    """What an account has paid in, the newest first."""
    with shared.office(context) as office:
        scale = accounts.scale(office.store, account_id)
        rows = shared.all_pages(
            lambda before: deposits.page(
                office.store, account_id, before=before, limit=shared.EVERY_PAGE
            ),
            lambda row: int(row.entry_seq),
        )
    items = [deposit_out(row, scale) for row in rows]
    columns = (
        ("ENTRY", "entry"),
        ("AMOUNT", "amount"),
        ("RAIL", "rail"),
        ("REFERENCE", "reference"),
        ("BY", "recorded_by"),
    )
    shared.table(context, items, columns, "no deposits")


class ExportedOut(BaseModel):
    """The file, and its length in bytes."""

    path: str
    bytes: int


@app.command()
def export(
    context: typer.Context,
    account_id: AccountId,
    out: Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)],
) -> None:
    """Write all that is stored of an account to one JSON file, which only you may read."""
    with shared.office(context) as office:
        size = personal_export.write(office.store, account_id, out)
    shared.show(context, ExportedOut(path=str(out), bytes=size))


@app.command()
def erase(
    context: typer.Context,
    account_id: AccountId,
    reason: Annotated[str, typer.Option(help="Why: kept in the audit log, so without a name.")],
) -> None:
    """Ask for what says who an account is to be erased; the books stay. It must be out of use, and
    another person must approve."""
    with shared.office(context) as office:
        row = erasure.request(office.store, account_id, reason)
    shared.show(
        context,
        erasure_out(row),
        f"Nothing is erased before another person runs: tallystick account erasure approve "
        f"{account_id}",
    )


@erasure_app.command("show")
def show_erasure(context: typer.Context, account_id: AccountId) -> None:
    """Who asked for an account to be erased, and who approved it."""
    with shared.office(context) as office:
        row = erasure.show(office.store, account_id)
    shared.show(context, erasure_out(row))


@erasure_app.command()
def approve(context: typer.Context, account_id: AccountId) -> None:
    """Approve what another person asked for: it is erased, for good."""
    with shared.office(context) as office:
        row = erasure.approve(office.store, account_id)
    shared.show(context, account_out(row))


@erasure_app.command()
def reject(context: typer.Context, account_id: AccountId) -> None:
    """Give up that an account is erased."""
    with shared.office(context) as office:
        erasure.reject(office.store, account_id)


@app.command()
def limit(
    context: typer.Context,
    account_id: AccountId,
    credit: Annotated[str, typer.Argument(metavar="AMOUNT", help="For example 100.00.")],
) -> None:
    """Set how much an account may owe; open channels keep what they reserved."""
    with shared.office(context) as office:
        scale = accounts.scale(office.store, account_id)
        amount = atomic("amount", credit, scale)
        found = accounts.change(office.store, account_id, credit_limit=amount)
    shared.show(context, standing_out(found))
