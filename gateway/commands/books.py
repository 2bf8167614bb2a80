"""`tallystick books`."""

import typer

from gateway.api.books import books_out
from gateway.commands import shared
from gateway.settlement.verify_books import verify_books

app = typer.Typer(add_completion=False)


@app.command()
def run(context: typer.Context) -> None:
    """Recompute the books from signatures and entries; status 1 if anything is wrong."""
    with shared.office(context) as office:
        report = books_out(verify_books(office.store, office.keys.public))
    if shared.options(context).json:
        shared.print_json(report)
    else:
        for each in report.discrepancies:
            typer.echo(f"{each.where}: {each.what}")
        typer.echo(
            f"{report.entries} entries, {report.channels} channels, "
            f"{report.statements} statements: {'all right' if report.ok else 'WRONG'}"
        )
    if not report.ok:
        raise typer.Exit(1)
