"""`tallystick token`."""

from typing import Annotated

import typer

from gateway import config
from gateway.api.tokens import TokenMade, token_out
from gateway.commands import shared
from gateway.operations import tokens
from gateway.operations.errors import BadInput

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Whom it is for.")],
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")] = "viewer",
    expires: Annotated[str, typer.Option(help="After how long, e.g. 90d; off is never.")] = "off",
) -> None:
    """Make a token."""
    try:
        lifetime = config.seconds(expires) or None
    except ValueError as error:
        raise BadInput("expires", str(error)) from None
    with shared.office(context) as office:
        id_, token = tokens.add(office.store, name, role, lifetime)
    shared.show(context, TokenMade(id=id_, token=token), "The token is told this once.")


@app.command("list")
def list_(context: typer.Context) -> None:
    """All tokens, without what they are."""
    with shared.office(context) as office:
        rows = tokens.listed(office.store)
    columns = (
        ("TOKEN", "id"),
        ("NAME", "name"),
        ("ROLE", "role"),
        ("EXPIRES", "expires_at"),
        ("REVOKED", "revoked_at"),
    )
    shared.table(context, [token_out(row) for row in rows], columns, "no tokens")


@app.command()
def revoke(context: typer.Context, token: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """End a token now."""
    with shared.office(context) as office:
        tokens.revoke(office.store, token)
        (row,) = (row for row in tokens.listed(office.store) if row.id == token)
    shared.show(context, token_out(row))
