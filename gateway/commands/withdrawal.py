"""`tallystick account withdraw` and `tallystick account withdrawal`."""

import os
from typing import Annotated

import typer

from gateway.api.shapes import MAX
from gateway.api.withdrawals import withdrawal_out
from gateway.commands import shared
from gateway.operations import accounts, principal, settlement, withdrawals
from gateway.operations.money import atomic

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Deposits that accounts ask back."
)

AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id.")]
Number = Annotated[int, typer.Argument(metavar="WITHDRAWAL", min=1, max=MAX, help="Its number.")]


def withdraw(
    context: typer.Context,
    account_id: AccountId,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="For example 100.00.")],
    rail: Annotated[str | None, typer.Option(help="Over which (default: the gateway's).")] = None,
) -> None:
    """Ask deposits back; they are held at once, and paid when another person approves."""
    with shared.office(context) as office:
        scale = accounts.scale(office.store, account_id)
        row = withdrawals.request(
            office.store,
            office.rails,
            account_id,
            atomic("amount", amount, scale),
            rail or office.rails.default,
            principal.of_shell(office.store, os.environ),
        )
    shared.show(context, withdrawal_out(row, scale))


@app.command("list")
def list_(context: typer.Context, account_id: AccountId) -> None:
    """An account's withdrawals, the newest first."""
    with shared.office(context) as office:
        scale = accounts.scale(office.store, account_id)
        rows = shared.all_pages(
            lambda before: withdrawals.page(
                office.store, account_id, before=before, limit=shared.EVERY_PAGE
            ),
            lambda row: int(row.number),
        )
    columns = (
        ("WITHDRAWAL", "number"),
        ("AMOUNT", "amount"),
        ("STATE", "state"),
        ("PAYOUT", "payout"),
        ("TO", "payout_account"),
        ("BY", "requested_by"),
        ("DECIDED BY", "decided_by"),
    )
    shared.table(context, [withdrawal_out(row, scale) for row in rows], columns, "no withdrawals")


@app.command()
def approve(context: typer.Context, account_id: AccountId, number: Number) -> None:
    """Approve what another person asked for, and hand it to the rail."""
    with shared.office(context) as office:
        by = principal.of_shell(office.store, os.environ)
        withdrawals.approve(office.store, account_id, number, by)
        settlement.hand_over(office.store, office.rails)
        row = withdrawals.show(office.store, account_id, number)
        scale = accounts.scale(office.store, account_id)
    shared.show(context, withdrawal_out(row, scale))


@app.command()
def reject(context: typer.Context, account_id: AccountId, number: Number) -> None:
    """Give up a request; what it held is free again."""
    with shared.office(context) as office:
        by = principal.of_shell(office.store, os.environ)
        row = withdrawals.reject(office.store, account_id, number, by)
        scale = accounts.scale(office.store, account_id)
    shared.show(context, withdrawal_out(row, scale))
