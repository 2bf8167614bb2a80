"""`tallystick serve`."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.commands import shared
from gateway.serve import serve

app = typer.Typer(add_completion=False)


@app.command()
def run(
    context: typer.Context,
    api_host: Annotated[str | None, typer.Option(help="Setting api_host.")] = None,
    api_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Setting api_port; 0 is any.")
    ] = None,
    broker_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Setting broker_port.")
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Written with the API's URL once all is up.")
    ] = None,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C: payments, API and scheduled settlement.

    Prints `ready URL` once the broker is connected and the API listens; then, if there is nobody
    who could log in yet, `welcome URL` with the one-time link of the first admin.
    """
    given = {
        "api_host": api_host,
        "api_port": api_port,
        "broker_port": broker_port,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    status = serve(shared.settings(context, **changes), ready_file)
    raise typer.Exit(status)
