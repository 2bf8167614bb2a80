"""`tallystick doctor`."""

from dataclasses import asdict

import typer

from gateway.commands import shared
from gateway.doctor import examine
from gateway.findings import FAIL

app = typer.Typer(add_completion=False)


@app.command()
def run(context: typer.Context) -> None:
    """Say what is wrong with this installation, and what to do; status 1 if a check fails."""
    config = shared.settings(context)
    findings = []
    for each in examine(config):
        findings.append(each)
        if not shared.options(context).json:
            typer.echo(f"{each.level.ljust(4)}  {each.check}: {each.found}")
            if each.advice:
                typer.echo(f"      do: {each.advice}")
    if shared.options(context).json:
        shared.print_json([asdict(each) for each in findings])
    if any(each.level == FAIL for each in findings):
        raise typer.Exit(1)
