"""`tallystick person`."""

import os
from collections.abc import Callable
from typing import Annotated

import typer

from gateway import config
from gateway.api.people import link_out, person_out
from gateway.commands import shared
from gateway.operations import people, principal
from gateway.operations.errors import BadInput
from gateway.operations.office import Office
from gateway.operations.people import Known, Link

app = typer.Typer(add_completion=False, no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What they are called: a-z, 0-9 and '-'.")]
Role = Annotated[str, typer.Option(help="viewer, operator, finance, admin or owner.")]
Accounts = Annotated[
    list[str] | None, typer.Option("--account", help="An account that an owner sees; repeatable.")
]
Expires = Annotated[str, typer.Option(help="After how long the link ends, e.g. 24h.")]
_NOTE = "The link is told this once, and good once. Whoever opens it comes in."


@app.command()
def invite(
    context: typer.Context,
    name: Name,
    role: Role = "viewer",
    account: Accounts = None,
    expires: Expires = "24h",
) -> None:
    """Invite somebody: prints the link by which they choose a password and a second factor."""
    lifetime = _seconds(expires)
    _link(
        context,
        lambda office, by: people.invite(office.store, name, role, by, account or (), lifetime),
    )


@app.command()
def reset(context: typer.Context, name: Name, expires: Expires = "24h") -> None:
    """A new link for somebody who lost their password or second factor, which end by that."""
    lifetime = _seconds(expires)
    _link(context, lambda office, by: people.reset(office.store, name, by, lifetime))


@app.command("list")
def list_(context: typer.Context) -> None:
    """Everybody, whatever their state."""
    with shared.office(context) as office:
        found = people.listed(office.store)
    columns = (
        ("NAME", "name"),
        ("ROLE", "role"),
        ("STATE", "state"),
        ("ACCOUNTS", "accounts"),
        ("SECOND FACTOR", "second_factor"),
        ("INVITED BY", "invited_by"),
    )
    shared.table(context, [person_out(each) for each in found], columns, "nobody")


@app.command()
def disable(context: typer.Context, name: Name) -> None:
    """Keep somebody out; their sessions and tokens end."""
    _change(context, lambda office, by: people.disable(office.store, name, by))


@app.command()
def enable(context: typer.Context, name: Name) -> None:
    """Let somebody in again who was disabled."""
    _change(context, lambda office, by: people.enable(office.store, name, by))


@app.command()
def role(
    context: typer.Context,
    name: Name,
    role: Annotated[str, typer.Argument(help="viewer, operator, finance, admin or owner.")],
    account: Accounts = None,
) -> None:
    """Give somebody another role or other accounts; their sessions and tokens end."""
    _change(context, lambda office, by: people.change(office.store, name, by, role, account or ()))


def _seconds(expires: str) -> int:
    try:
        return config.seconds(expires)
    except ValueError as error:
        raise BadInput("expires", str(error)) from None


def _link(context: typer.Context, make: Callable[[Office, str], Link]) -> None:
    with shared.office(context) as office:
        link = make(office, principal.of_shell(office.store, os.environ))
        shared.show(context, link_out(link, office.config.api_address), _NOTE)


def _change(context: typer.Context, act: Callable[[Office, str], Known]) -> None:
    with shared.office(context) as office:
        found = act(office, principal.of_shell(office.store, os.environ))
    shared.show(context, person_out(found))
