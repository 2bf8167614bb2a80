"""`tallystick init`."""

from typing import Annotated

import typer
from pydantic import BaseModel

from gateway.commands import shared
from gateway.operations.office import init

app = typer.Typer(add_completion=False)


class InitOut(BaseModel):
    """What `init` made."""

    data: str
    gateway_key: str
    database: str
    admin_token: str | None
    welcome: str | None


@app.command()
def run(
    context: typer.Context,
    currency: Annotated[str, typer.Option(help="Currency of the operator's account.")] = "EUR",
    name: Annotated[str, typer.Option(help="Name of the operator's account.")] = "Operator",
    broker_port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
) -> None:
    """Make a data folder, or complete and upgrade one; what is there is kept."""
    changes: dict[str, object] = {} if broker_port is None else {"broker_port": broker_port}
    settings = shared.settings(context, **changes)
    made = init(settings, currency, name)
    token = made.admin_token
    note = (
        "The admin token is told this once: keep it where you keep passwords.\n"
        f"Next: start the broker (cd {made.data} && mosquitto -c mosquitto.conf), "
        "then `tallystick serve`, and open the link above: it is good once, for a day, and lets "
        "whoever opens it in as the first admin."
    )
    shared.show(
        context,
        InitOut(
            data=str(made.data),
            gateway_key=made.public_key.hex(),
            database=made.database,
            admin_token=token,
            welcome=None if made.welcome is None else settings.api_address + made.welcome.path,
        ),
        note if token else "It was there already; it is complete and up to date.",
    )
