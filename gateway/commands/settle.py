"""`tallystick settle`."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.api.dry_run import dry_run_out
from gateway.api.settlements import (
    Recorded,
    RunTotals,
    Settled,
    detail_out,
    instructions_out,
    run_out,
    totals_out,
)
from gateway.commands import bank, conclusion, schedule, shared
from gateway.operations import evidence, principal, settlement
from gateway.operations.errors import BadInput
from gateway.settlement.rails import Outcome
from gateway.settlement.rails.manual import read_outcomes, write_whole
from gateway.settlement.run import Progress
from gateway.store.errors import NotFound

app = typer.Typer(add_completion=False, invoke_without_command=True)
app.command()(bank.files)
app.command("bank")(bank.take_in)
app.command()(bank.unmatched)
app.command()(bank.assign)
app.command()(conclusion.conclude)
app.add_typer(schedule.app, name="schedule")

_MANY = 10_000

RunNumber = bank.RunNumber


@app.callback()
def run(
    context: typer.Context,
    currency: Annotated[str | None, typer.Option(help="Only this one (default: all).")] = None,
    account: Annotated[
        str | None, typer.Option(help="Only this account, and the channels it is an end of.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it would come to, and do nothing.")
    ] = False,
) -> None:
    """Settle what is owed, now."""
    if context.invoked_subcommand is not None:
        return
    with shared.office(context) as office:
        if dry_run:
            _print_ahead(context, settlement.ahead(office.store, office.rails, currency, account))
            return
        by = principal.of_shell(office.store, os.environ)
        with _progress(context) as progress:
            results = settlement.settle(
                office.store, office.keys, office.rails, currency, by, account, progress
            )
        details = [settlement.show(office.store, each.run) for each in results]
        files = {
            each.run: settlement.files_of(office.store, office.rails, each.run) for each in results
        }
    if shared.options(context).json:
        shared.print_json(Settled(runs=[totals_out(each) for each in results]))
        return
    if not results:
        typer.echo("nothing to settle")
    for detail in details:
        _print_run(context, *detail)
        for file in files[detail[0].run]:
            typer.echo(f"{file.rail}: {file.path} ({file.says})")


@contextmanager
def _progress(context: typer.Context) -> Iterator[Progress]:
    """Counts on standard error what was done, where people look at it and there is much of it."""
    done: dict[str, int] = {}
    shown = sys.stderr.isatty() and not shared.options(context).json

    def more(what: str, count: int) -> None:
        done[what] = done.get(what, 0) + count
        if shown and done[what] > _MANY:
            said = ", ".join(f"{number} {name}" for name, number in done.items())
            typer.echo(f"\rsettling: {said}", err=True, nl=False)

    yield more
    if shown and any(number > _MANY for number in done.values()):
        typer.echo("", err=True)


_COLUMNS = (
    ("ACCOUNT", "account"),
    ("DEBITS", "debits"),
    ("CREDITS", "credits"),
    ("FEES", "fees"),
    ("CARRIED", "carried"),
    ("NET", "net"),
    ("FROM DEPOSITS", "funds"),
    ("TO MOVE", "instructed"),
)


def _print_ahead(context: typer.Context, found: Sequence[settlement.Ahead]) -> None:
    out = dry_run_out(found)
    if shared.options(context).json:
        shared.print_json(out)
        return
    typer.echo("dry run: nothing is done")
    for each in out.runs:
        shared.table(context, each.positions, _COLUMNS, f"{each.currency}: nothing to settle")


def _print_run(context: typer.Context, *detail: object) -> None:
    found = detail_out(*detail)  # type: ignore[arg-type]
    totals = found.totals
    typer.echo(f"run {found.run}: {found.state}, {totals.channels} channels")
    typer.echo(
        f"gross {shared.money(totals.gross)}, net {shared.money(totals.net)}{_ratio(totals)}"
    )
    if found.approval and found.decision is None and found.state == "posted":
        typer.echo(
            f"its money waits for another person: tallystick settle approve {found.run} (or reject)"
        )
    shared.table(context, found.positions, _COLUMNS, "no positions")


def _ratio(totals: RunTotals) -> str:
    """How many times the net the gross is."""
    if not totals.net.amount:
        return ""
    tenths = totals.gross.amount * 10 // totals.net.amount
    return f" ({tenths // 10}.{tenths % 10} to 1)"


@app.command()
def approve(context: typer.Context, number: RunNumber) -> None:
    """Let the money of a run move that another person, or a schedule, asked for."""
    with shared.office(context) as office:
        by = principal.of_shell(office.store, os.environ)
        settlement.approve(office.store, office.keys, office.rails, number, by)
    show(context, number)


@app.command()
def reject(context: typer.Context, number: RunNumber) -> None:
    """Let no money of a run move; what it would have moved is carried into the next."""
    with shared.office(context) as office:
        by = principal.of_shell(office.store, os.environ)
        settlement.reject(office.store, office.keys, office.rails, number, by)
    show(context, number)


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
        ("DECISION", "decision"),
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


class Form(StrEnum):
    """What a statement is written as."""

    CBOR = "cbor"
    PDF = "pdf"
    CSV = "csv"


@app.command()
def statement(
    context: typer.Context,
    number: RunNumber,
    account: Annotated[str, typer.Argument(help="Whose.")],
    out: Annotated[Path, typer.Option(help="File for it.")],
    form: Annotated[
        Form,
        typer.Option(
            "--format",
            help="cbor: as it is signed, its lines in FILE.lines and the proof that it is in its "
            "run in FILE.proof; pdf or csv: for people.",
        ),
    ] = Form.CBOR,
) -> None:
    """Write an account's statement of a run."""
    if not out.parent.is_dir():
        raise BadInput("out", f"there is no folder {out.parent}")
    with shared.office(context) as office:
        given = office.store, number, account
        if form is not Form.CBOR:
            make = evidence.pdf_of if form is Form.PDF else evidence.csv_of
            write_whole(out, make(office.store, office.keys, number, account))
            _written(context, {"statement": str(out)}, f"written: {out}")
            return
        message = evidence.statement_of(*given)
        key = evidence.signer_of(office.keys, message).hex()
        files = {"statement": (out, message)}
        files["lines"] = out.with_name(out.name + ".lines"), evidence.lines_of(*given)
        with suppress(NotFound):  # an earlier version made the run, and did not sign it as a whole
            files["proof"] = out.with_name(out.name + ".proof"), evidence.proof_of(*given)
    for path, content in files.values():
        write_whole(path, content)
    beside = "".join(
        f" --{name} {path}" for name, (path, _) in files.items() if name != "statement"
    )
    names = {name: str(path) for name, (path, _content) in files.items()}
    _written(
        context, names | {"key": key}, f"check it: tallystick verify {out}{beside} --key {key}"
    )


def _written(context: typer.Context, found: dict[str, str], said: str) -> None:
    if shared.options(context).json:
        shared.print_json(found)
    else:
        typer.echo(said)


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
