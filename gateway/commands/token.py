"""`tallystick token`."""

import os
from typing import Annotated

import typer

from gateway import config
from gateway.api.tokens import TokenMade, token_out
from gateway.commands import shared
from gateway.operations import principal, tokens
from gateway.operations.errors import BadInput

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Whom it is for.")],
    role: Annotated[
        str, typer.Option(help="viewer, operator, finance, admin or owner.")
    ] = "viewer",
    expires: Annotated[str, typer.Option(help="After how long, e.g. 90d; off is never.")] = "off",
    account: Annotated[
        list[str] | None, typer.Option(help="An account that an owner's token sees; repeatable.")
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it is for, a tag of the API's document; repeatable, else all."),
    ] = None,
) -> None:
    """Make a token for a program."""
    try:
        lifetime = config.seconds(expires) or None
    except ValueError as error:
        raise BadInput("expires", str(error)) from None
    with shared.office(context) as office:
        id_, token = tokens.add(
            office.store,
            name,
            role,
            lifetime,
            made_by=principal.of_shell(office.store, os.environ),
            accounts=account or (),
            scopes=scope or (),
        )
    shared.show(context, TokenMade(id=id_, token=token), "The token is told this once.")


@app.command("list")
def list_(context: typer.Context) -> None:
    """All tokens, without what they are."""
    with shared.office(context) as office:
        rows = tokens.listed(office.store)
        accounts = tokens.accounts(office.store)
    columns = (
        ("TOKEN", "id"),
        ("NAME", "name"),
        ("ROLE", "role"),
        ("MADE BY", "made_by"),
        ("EXPIRES", "expires_at"),
        ("REVOKED", "revoked_at"),
    )
    shared.table(context, [token_out(row, accounts) for row in rows], columns, "no tokens")


@app.command()
def revoke(context: typer.Context, token: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """End a token now, and those that it made."""
    with shared.office(context) as office:
        tokens.revoke(office.store, token)
        (row,) = (row for row in tokens.listed(office.store) if row.id == token)
        accounts = tokens.accounts(office.store)
    shared.show(context, token_out(row, accounts))
