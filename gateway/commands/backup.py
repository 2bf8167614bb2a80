"""`tallystick backup`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from gateway import key_files
from gateway.commands import shared
from gateway.operations.backup import Backup, backup, check
from gateway.operations.errors import BadInput

app = typer.Typer(add_completion=False)


class BackupOut(BaseModel):
    """A backup that was read back and found right."""

    file: str
    bytes: int
    sha256: str
    gateway_key: str
    made_at: int
    database: str
    schema_version: str
    generation: int
    journal_entries: int
    journal_head: str
    channels: int
    holds_the_secret_key: bool


@app.command()
def run(
    context: typer.Context,
    to: Annotated[
        Path | None, typer.Option(help="The file (default: a new one in backups/).")
    ] = None,
    with_key: Annotated[
        bool,
        typer.Option(
            "--with-key", help="The gateway's secret key too: who has the file can be the gateway."
        ),
    ] = False,
    check_file: Annotated[
        Path | None, typer.Option("--check", help="Check this backup, and make none.")
    ] = None,
) -> None:
    """Back everything up while the gateway runs, and read the result back."""
    if check_file is not None:
        if to is not None or with_key:
            raise BadInput("check", "goes with neither --to nor --with-key")
        if not check_file.is_file():
            raise BadInput("check", f"there is no file {check_file}")
        data = shared.settings(context).data
        own = key_files.load(data).publics if (data / key_files.KEY_FILE).exists() else ()
        _show(context, check(check_file, own), "It is whole, and its books are right.")
        return
    with shared.office(context) as office:
        made = backup(office, to, with_key=with_key)
    note = (
        "It holds the gateway's SECRET KEY: whoever has this file can act as this gateway."
        if made.with_key
        else "The gateway's secret key is not in it: keep a copy of gateway.key elsewhere."
    )
    _show(context, made, note)


def _show(context: typer.Context, made: Backup, note: str) -> None:
    manifest = made.manifest
    out = BackupOut(
        file=str(made.path),
        bytes=made.size,
        sha256=made.sha256,
        gateway_key=manifest.gateway_key,
        made_at=manifest.made_at,
        database=manifest.engine,
        schema_version=manifest.schema,
        generation=manifest.generation,
        journal_entries=manifest.journal_index,
        journal_head=manifest.journal_head,
        channels=manifest.channels,
        holds_the_secret_key=made.with_key,
    )
    shared.show(context, out, note)
