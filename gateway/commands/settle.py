"""`tallystick settle`."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.api.settlements import (
    Recorded,
    Settled,
    detail_out,
    instructions_out,
    run_out,
    totals_out,
)
from gateway.commands import shared
from gateway.operations import settlement
from gateway.operations.errors import BadInput
from gateway.settlement.rails.manual import Outcome, read_outcomes, write_whole

app = typer.Typer(add_completion=False, invoke_without_command=True)

RunNumber = Annotated[int, typer.Argument(metavar="RUN", min=1)]


@app.callback()
def run(
    context: typer.Context,
    currency: Annotated[str | None, typer.Option(help="Only this one (default: all).")] = None,
) -> None:
    """Settle what is owed, now."""
    if context.invoked_subcommand is not None:
        return
    with shared.office(context) as office:
        results = settlement.settle(office.store, office.keys, office.rail, currency)
        details = [settlement.show(office.store, each.run) for each in results]
        folder = office.config.manual_folder
    if shared.options(context).json:
        shared.print_json(Settled(runs=[totals_out(each) for each in results]))
        return
    if not results:
        typer.echo("nothing to settle")
    for detail in details:
        _print_run(context, *detail)
        typer.echo(f"instructions: {folder / f'run-{detail[0].run}.csv'}")


def _print_run(context: typer.Context, *detail: object) -> None:
    found = detail_out(*detail)  # type: ignore[arg-type]
    typer.echo(f"run {found.run}: {found.state}, {found.totals.channels} channels")
    columns = (
        ("ACCOUNT", "account"),
        ("DEBITS", "debits"),
        ("CREDITS", "credits"),
        ("CARRIED", "carried"),
        ("NET", "net"),
    )
    shared.table(context, found.positions, columns, "no positions")


@app.command("list")
def list_(context: typer.Context) -> None:
    """All runs, the newest first."""
    items = []
    with shared.office(context) as office:
        before = None
        while True:
            page = settlement.page(office.store, before=before, limit=shared.EVERY_PAGE)
            items += [run_out(row) for row in page.items]
            if not page.more:
                break
            before = page.items[-1].number
    columns = (
        ("RUN", "run"),
        ("CURRENCY", "currency"),
        ("STATE", "state"),
        ("FROM", "period_start"),
        ("TO", "period_end"),
    )
    shared.table(context, items, columns, "no runs")


@app.command()
def show(context: typer.Context, number: RunNumber) -> None:
    """One run with its positions and instructions."""
    with shared.office(context) as office:
        detail = settlement.show(office.store, number)
        rows = settlement.instructions_of(office.store, number)
    instructions = instructions_out(rows, detail[0].scale)
    if shared.options(context).json:
        found = detail_out(*detail).model_dump(mode="json")
        shared.print_json(found | {"instructions": instructions.model_dump(mode="json")["items"]})
        return
    _print_run(context, *detail)
    columns = (
        ("INSTRUCTION", "id"),
        ("DIRECTION", "direction"),
        ("AMOUNT", "amount"),
        ("STATE", "state"),
        ("NOTE", "note"),
    )
    typer.echo("")
    shared.table(context, instructions.items, columns, "no instructions")


@app.command()
def statement(
    context: typer.Context,
    number: RunNumber,
    account: Annotated[str, typer.Argument(help="Whose.")],
    out: Annotated[Path, typer.Option(help="File for it; its lines go to FILE.lines.")],
) -> None:
    """Write an account's signed statement of a run, and the lines that prove it."""
    with shared.office(context) as office:
        message, lines = settlement.statement_of(office.store, number, account)
        key = office.keys.public.hex()
    if not out.parent.is_dir():
        raise BadInput("out", f"there is no folder {out.parent}")
    lines_path = out.with_name(out.name + ".lines")
    write_whole(out, message)
    write_whole(lines_path, lines)
    if shared.options(context).json:
        shared.print_json({"statement": str(out), "lines": str(lines_path), "key": key})
    else:
        typer.echo(f"check it: tallystick verify {out} --lines {lines_path} --key {key}")


@app.command()
def outcomes(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="CSV: instruction,outcome,note", exists=True, dir_okay=False)
    ],
) -> None:
    """Record what came of instructions, all or none."""
    found = read_outcomes_file(file)
    with shared.office(context) as office:
        news = settlement.record(office.store, found)
    shared.show(context, Recorded(recorded=news))


def read_outcomes_file(file: Path) -> list[Outcome]:
    """All outcomes in a CSV file. Raises OutcomesError, BadInput if it is no text, or OSError."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput("file", f"{file} must be CSV in UTF-8") from None
    return list(read_outcomes(text))
