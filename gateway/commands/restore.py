"""`tallystick restore`."""

import getpass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from gateway.api.restore import status_out
from gateway.commands import shared
from gateway.operations import fence, reconcile
from gateway.operations.errors import BadInput
from gateway.operations.restore import Restored, fence_by_hand, restore
from gateway.settlement.rails import Outcome
from gateway.settlement.rails.manual import read_instructions, read_outcomes

app = typer.Typer(add_completion=False)


class RestoredOut(BaseModel):
    """What a restore came to."""

    generation: int
    state: str
    channels_awaited: int
    old_database: str | None
    overwritten: list[str]
    files: list[str]


class ComparedOut(BaseModel):
    """What comparing the rail came to."""

    outcomes_of_known_instructions: int
    payments_found: int
    failures_found: int


class LostOut(BaseModel):
    """A device that is not waited for any more."""

    device: str
    channels: int


@app.command()
def run(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="The backup.")] = None,
    over_newer: Annotated[
        bool, typer.Option("--over-newer", help="Even if what is there knows more.")
    ] = False,
    by_hand: Annotated[
        bool, typer.Option("--fence", help="The database as it stands was put back by hand.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="What the fence waits for.")] = False,
    rail: Annotated[
        str | None,
        typer.Option(help="CSV: instruction,outcome,note; all that was executed, or `none`."),
    ] = None,
    instructions: Annotated[
        list[Path] | None,
        typer.Option(
            help="Files that the rail got (default: what each rail has kept).",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    lost: Annotated[str | None, typer.Option(help="Wait no longer for this device.")] = None,
    why: Annotated[str, typer.Option(help="Why it is lost.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="Take the fence down.")] = False,
    accept_shortfall: Annotated[
        bool,
        typer.Option(
            "--accept-shortfall", help="Lift though more was paid than devices have shown."
        ),
    ] = False,
) -> None:
    """Put a backup back; the gateway is then fenced until devices, rail and books agree."""
    asked = [file is not None, by_hand, status, rail is not None, lost is not None, lift]
    if sum(asked) != 1:
        raise BadInput(
            "restore", "needs one of FILE, --fence, --status, --rail, --lost and --lift, and no two"
        )
    if file is not None:
        if not file.is_file():
            raise BadInput("file", f"there is no file {file}")
        _show(context, restore(shared.settings(context), file, over_newer=over_newer))
    elif by_hand:
        _show(context, fence_by_hand(shared.settings(context)))
    elif status:
        _status(context)
    elif rail is not None:
        _compare(context, rail, instructions)
    elif lost is not None:
        with shared.office(context) as office:
            count = fence.declare_lost(office.store, lost, _by(), why)
        shared.show(context, LostOut(device=lost, channels=count))
    else:
        with shared.office(context) as office:
            own = office.keys.publics
            found = fence.lift(office.store, own, _by(), accept_shortfall=accept_shortfall)
        shared.show(context, status_out(found), "The fence is down: the gateway grants again.")


def _by() -> str:
    return f"command line, {getpass.getuser()}"


def _show(context: typer.Context, made: Restored) -> None:
    out = RestoredOut(
        generation=made.generation,
        state="fenced",
        channels_awaited=made.awaited,
        old_database=None if made.kept is None else str(made.kept),
        overwritten=made.lost,
        files=made.files,
    )
    note = (
        "The gateway is fenced: it takes what devices signed, and grants and settles nothing.\n"
        "Next: start it, restart the broker so that all devices say hello, compare the rail "
        "(restore --rail), then restore --status and --lift."
    )
    shared.show(context, out, note)


def _status(context: typer.Context) -> None:
    with shared.office(context) as office:
        out = status_out(fence.status(office.store))
    if shared.options(context).json:
        shared.print_json(out)
        return
    pairs = [("generation", str(out.generation)), ("state", out.state)]
    pairs += [(f"channels {name}", str(count)) for name, count in out.channels.items()]
    shared.lines(pairs)
    for each in out.waiting_for:
        typer.echo(f"waiting for  {each.device_id}  {each.account_id}  {each.name}")
    for missing in out.missing:
        typer.echo(f"missing: {missing}")


def _compare(context: typer.Context, rail: str, instructions: list[Path] | None) -> None:
    outcomes: list[Outcome] = []
    if rail != "none":
        if not Path(rail).is_file():
            raise BadInput("rail", f"there is no file {rail}")
        try:
            outcomes = list(read_outcomes(Path(rail).read_text(encoding="utf-8-sig")))
        except UnicodeDecodeError:
            raise BadInput("rail", f"{rail} must be CSV in UTF-8") from None
    with shared.office(context) as office:
        if instructions is None:
            handed = reconcile.handed_over(office.rails.in_use())
        else:
            files = [each for path in instructions for each in read_instructions(path)]
            handed = {each.id: (office.rails.default, each) for each in files}
        found = fence.compare_rail(office.store, outcomes, handed, _by())
    out = ComparedOut(
        outcomes_of_known_instructions=found.known,
        payments_found=found.done,
        failures_found=found.failed,
    )
    shared.show(context, out)
