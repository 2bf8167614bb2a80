"""`tallystick`: finds the subcommand, and turns what went wrong into a line and an exit status.

Status 0: done. 1: a check failed, or something outside (database, broker) did. 2: the call, a
setting or a value was wrong. A subcommand's module is imported when it is called, so that one that
can't be imported breaks no other, and `verify` needs no database.
"""

import json
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gateway import outside

FAILED = outside.FAILED
WRONG = 2

COMMANDS = {
    "init": "Make a data folder: key, database, broker's files, first admin token.",
    "serve": "Run the gateway: payments, API and scheduled settlement.",
    "account": "Owners of devices, and how much they may owe.",
    "device": "Machines: register, suspend, resume, revoke, new password or certificate.",
    "pki": "Certificates for TLS: make an authority, renew, list, revoke.",
    "key": "The gateway's keys: list, let another follow, retire.",
    "tariff": "Prices: add, list, retire.",
    "listing": "What devices sell to each other: list, end.",
    "channel": "Payment channels: look, close, thaw.",
    "person": "People who log in: invite, list, disable, enable, other role, reset.",
    "token": "Programs' access to the API.",
    "settle": "Settle what is owed, and record what came of it.",
    "chain": "The rail `evm`: its key, its contract, and what owners can show it.",
    "books": "Check everything that is stored against signatures and entries.",
    "audit": "What operators did: list, check, write to a file.",
    "webhook": "Where events are sent: add, list, rotate, replay.",
    "verify": "Check signed messages offline.",
    "backup": "Back everything up while it runs, or check a backup.",
    "restore": "Put a backup back, and reconcile it with devices and rail.",
    "doctor": "Say what is wrong with this installation.",
}


def _others() -> dict[str, EntryPoint]:
    points = outside.found(outside.ENTRY_POINTS)
    return {name: point for name, point in points.items() if name not in COMMANDS}


class Lazy(TyperGroup):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands."""
        return [*COMMANDS, *_others()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name, None if there is none."""
        if cmd_name in COMMANDS:
            loaded = import_module(f"gateway.commands.{cmd_name}").app
        elif cmd_name in _others():
            loaded = outside.load(cmd_name, _others()[cmd_name])
        else:
            return None
        command = outside.command(cmd_name, loaded)
        command.help = COMMANDS.get(cmd_name) or command.help
        return command


app = typer.Typer(
    cls=Lazy,
    name="tallystick",
    help="Metered payments between machines.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def root(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Data folder (default: $TALLYSTICK_DATA, or ./data)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Metered payments between machines."""
    if context.invoked_subcommand in (None, "verify"):
        context.obj = (data, as_json)
        return
    # Imported here, since they bring the database and what else `verify` must not need.
    from gateway import logs
    from gateway.commands.shared import Options

    logs.to_stderr(for_people=True)
    context.obj = Options(data, as_json)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command of these arguments; ends the process with its status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    given = _root_options_first(given)
    try:
        typer.main.get_command(app).main(args=given, prog_name="tallystick")
    except Exception as error:
        status = _status(error)
        if status is None:
            raise
        if "--json" in given:
            typer.echo(json.dumps({"error": str(error)}), err=True)
        else:
            typer.echo(f"error: {error}", err=True)
        sys.exit(status)


def _command_of(given: Sequence[str]) -> str:
    """The name of the command that is called; empty if there is none."""
    arguments = iter(given)
    for each in arguments:
        if each == "--data":
            next(arguments, None)
        elif not each.startswith("-"):
            return each
    return ""


def _root_options_first(given: list[str]) -> list[str]:
    """`tallystick account list --json` means the same as `tallystick --json account list`."""
    if _command_of(given) not in COMMANDS:
        return given
    first: list[str] = []
    rest: list[str] = []
    arguments = iter(given)
    for each in arguments:
        if each == "--":
            rest += ["--", *arguments]
        elif each == "--json" or each.startswith("--data="):
            first.append(each)
        elif each == "--data":
            first += [each, *([] if (value := next(arguments, None)) is None else [value])]
        else:
            rest.append(each)
    return first + rest


def _status(error: Exception) -> int | None:
    """The exit status of an error that says itself what would be right; None for a bug."""
    from sqlalchemy.exc import OperationalError

    from gateway.broker.credentials import CredentialError
    from gateway.config import ConfigError
    from gateway.key_files import KeyFileError
    from gateway.ledger.states import IllegalMove
    from gateway.operations.errors import BadInput
    from gateway.pki.authority import PkiError
    from gateway.settlement.bank.xml import BankFileError
    from gateway.settlement.rails import RailError
    from gateway.settlement.rails.manual import OutcomesError
    from gateway.store.errors import StoreError

    wrong = (
        BadInput,
        BankFileError,
        ConfigError,
        CredentialError,
        IllegalMove,
        KeyFileError,
        OutcomesError,
        PkiError,
        RailError,
        StoreError,
    )
    if isinstance(error, wrong):
        return WRONG
    return FAILED if isinstance(error, OperationalError | OSError) else None


if __name__ == "__main__":
    main()
