"""`tallystick account payout`: where an account is paid."""

import os
from collections.abc import Callable
from typing import Annotated, Any

import typer
from sqlalchemy import Row

from gateway.api.payout_accounts import payout_account_out
from gateway.commands import shared
from gateway.operations import payout_accounts, principal
from gateway.operations.errors import BadInput
from gateway.operations.office import Office

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Where an account is paid, by two persons."
)

AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id.")]
PayoutId = Annotated[str, typer.Argument(metavar="PAYOUT", help="The payout account's id.")]


def _details(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or name in found:
            raise BadInput("detail", f"must be NAME=VALUE, each name once, not {pair!r}")
        found[name] = value
    return found


def _decide(context: typer.Context, step: Callable[[Office, str], Row[Any]]) -> None:
    with shared.office(context) as office:
        row = step(office, principal.of_shell(office.store, os.environ))
    shared.show(context, payout_account_out(row))


@app.command()
def propose(
    context: typer.Context,
    account_id: AccountId,
    detail: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, as the rail needs; may be repeated.")
    ] = None,
    rail: Annotated[str | None, typer.Option(help="Which (default: the gateway's).")] = None,
) -> None:
    """Propose where an account is to be paid; another person approves it."""
    details = _details(detail or [])
    _decide(
        context,
        lambda office, by: payout_accounts.propose(
            office.store, office.rails, account_id, rail or office.rails.default, details, by
        ),
    )


@app.command("list")
def list_(context: typer.Context, account_id: AccountId) -> None:
    """Where an account is and was paid, the newest first."""
    with shared.office(context) as office:
        rows = payout_accounts.listed(office.store, account_id)
    columns = (
        ("PAYOUT", "id"),
        ("RAIL", "rail"),
        ("STATE", "state"),
        ("FROM", "active_from"),
        ("PROPOSED BY", "proposed_by"),
        ("APPROVED BY", "approved_by"),
        ("DETAILS", "details"),
    )
    shared.table(context, [payout_account_out(row) for row in rows], columns, "no payout accounts")


@app.command()
def approve(context: typer.Context, account_id: AccountId, payout: PayoutId) -> None:
    """Approve what another person proposed; in force after the cooling period."""
    _decide(
        context,
        lambda office, by: payout_accounts.approve(
            office.store, account_id, payout, by, office.config.payout_cooling
        ),
    )


@app.command()
def reject(context: typer.Context, account_id: AccountId, payout: PayoutId) -> None:
    """Give up a proposal."""
    _decide(
        context,
        lambda office, by: payout_accounts.reject(office.store, account_id, payout, by),
    )


@app.command()
def retire(context: typer.Context, account_id: AccountId, payout: PayoutId) -> None:
    """Pay there no more, at once."""
    _decide(
        context,
        lambda office, by: payout_accounts.retire(office.store, account_id, payout, by),
    )
