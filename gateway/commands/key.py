"""`tallystick key`."""

from typing import Annotated

import typer
from pydantic import BaseModel

from gateway.commands import shared
from gateway.keys import GatewayKeys
from gateway.operations import rotation
from gateway.operations.errors import BadInput

app = typer.Typer(add_completion=False, no_args_is_help=True)


class KeyOut(BaseModel):
    """One of the gateway's keys, and what still needs it."""

    public_key: str
    state: str
    followed_at: int | None
    channels: int
    devices: int


class RotatedOut(BaseModel):
    """The keys after a change."""

    newest: str
    followed: list[str]
    retired: list[str]


@app.command("list")
def list_(context: typer.Context) -> None:
    """All keys, the oldest first, with their channels and the devices that believe them."""
    with shared.office(context) as office:
        found = rotation.listed(office.store, office.keys)
    items = [
        KeyOut(
            public_key=each.public.hex(),
            state=each.state,
            followed_at=each.followed_at,
            channels=each.channels,
            devices=each.devices,
        )
        for each in found
    ]
    columns = (
        ("KEY", "public_key"),
        ("STATE", "state"),
        ("FOLLOWED", "followed_at"),
        ("CHANNELS", "channels"),
        ("DEVICES", "devices"),
    )
    shared.table(context, items, columns, "no keys")


@app.command()
def rotate(context: typer.Context) -> None:
    """Let a new key follow the newest; channels of the old one go on."""
    with shared.office(context) as office:
        made = rotation.rotate(office)
    note = (
        "Start `tallystick serve` anew: it uses the new key from then on, and tells the devices.\n"
        "Copy gateway.key and keys/ to where you keep the copy of the old one."
    )
    shared.show(context, _out(made), note)


@app.command()
def retire(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its public key, 64 hex digits.")],
    all_the_same: Annotated[
        bool,
        typer.Option("--all-the-same", help="Though channels or devices still need it."),
    ] = False,
) -> None:
    """Delete the secret of a key that was followed, once nothing needs it."""
    try:
        public = bytes.fromhex(key)
    except ValueError:
        public = b""
    if len(public) != 32:
        raise BadInput("key", "must be 64 hex digits")
    with shared.office(context) as office:
        made = rotation.retire(office, public, all_the_same=all_the_same)
    note = "Start `tallystick serve` anew, which still knows it. Copies of it elsewhere are yours."
    shared.show(context, _out(made), note)


def _out(keys: GatewayKeys) -> RotatedOut:
    return RotatedOut(
        newest=keys.public.hex(),
        followed=[each.public.hex() for each in keys.older if each.key is not None],
        retired=[each.public.hex() for each in keys.older if each.key is None],
    )
