"""`tallystick channel`."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.api.channels import channel_out, proof_out
from gateway.commands import shared
from gateway.operations import channels
from gateway.operations.errors import BadInput
from gateway.operations.evidence import bundle_of
from gateway.settlement.rails.manual import write_whole

app = typer.Typer(add_completion=False, no_args_is_help=True)

ChannelId = Annotated[str, typer.Argument(metavar="CHANNEL", help="Its id, 64 hex digits.")]


def _id(text: str) -> bytes:
    try:
        id_ = bytes.fromhex(text)
    except ValueError:
        id_ = b""
    if len(id_) != 32:
        raise BadInput("channel", "must be 64 hex digits")
    return id_


@app.command("list")
def list_(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="As payer or payee.")] = None,
    device: Annotated[str | None, typer.Option(help="Only this device's.")] = None,
    state: Annotated[str | None, typer.Option(help="open, frozen or closed.")] = None,
) -> None:
    """All channels."""
    items = []
    with shared.office(context) as office:
        after = b""
        while True:
            page = channels.page(
                office.store,
                after=after,
                limit=shared.EVERY_PAGE,
                account_id=account,
                device_id=device,
                state=state,
            )
            items += [channel_out(*each) for each in page.items]
            if not page.more:
                break
            after = bytes(page.items[-1][0].id)
    columns = (
        ("STATE", "state"),
        ("AMOUNT", "amount"),
        ("UNITS", "units"),
        ("UNIT", "unit"),
        ("PAYER", "payer_account"),
        ("PAYEE", "payee_account"),
        ("DEVICE", "device_id"),
        ("CHANNEL", "id"),
    )
    shared.table(context, items, columns, "no channels")


@app.command()
def show(
    context: typer.Context,
    channel: ChannelId,
    save: Annotated[
        Path | None, typer.Option(help="Folder for its signed messages, for `verify`.")
    ] = None,
) -> None:
    """One channel, the messages it rests on, and what was kept as evidence."""
    id_ = _id(channel)
    with shared.office(context) as office:
        row, tariff = channels.show(office.store, id_)
        kept = channels.evidence(office.store, id_)
        topup = channels.topup(office.store, id_)
        legs = channels.legs(office.store, id_)
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        messages = {"open": row.open_message, "opened": row.opened_message, "iou": row.iou}
        messages["topup"] = topup
        messages |= {f"leg-{number}": leg for number, leg in enumerate(legs, 1)}
        messages |= {f"evidence-{each.id[:16]}": each.message for each in kept}
        for name, message in messages.items():
            if message is not None:
                (save / f"{name}.cbor").write_bytes(bytes(message))
    if shared.options(context).json:
        shared.print_json(proof_out(row, tariff, topup, legs))
    else:
        shared.show(context, channel_out(row, tariff), f"evidence kept: {len(kept)}")


@app.command()
def evidence(
    context: typer.Context,
    channel: ChannelId,
    out: Annotated[Path, typer.Option(help="File for it.")],
    account: Annotated[
        str | None,
        typer.Option(
            help="Whose statements go into it: the payer's or payee's (default: the device's)."
        ),
    ] = None,
) -> None:
    """Write all evidence on a channel into one file, which `verify` checks by itself."""
    id_ = _id(channel)
    if not out.parent.is_dir():
        raise BadInput("out", f"there is no folder {out.parent}")
    with shared.office(context) as office:
        write_whole(out, bundle_of(office.store, office.keys, id_, account))
        key = office.keys.public.hex()
    if shared.options(context).json:
        shared.print_json({"bundle": str(out), "key": key})
    else:
        typer.echo(f"check it: tallystick verify {out} --key {key}")


@app.command()
def close(context: typer.Context, channel: ChannelId) -> None:
    """Close an open or frozen channel at its mark."""
    id_ = _id(channel)
    with shared.office(context) as office:
        found = channels.close(office.store, id_)
    shared.show(context, channel_out(*found))


@app.command()
def thaw(context: typer.Context, channel: ChannelId) -> None:
    """Let a frozen channel go on from its mark."""
    id_ = _id(channel)
    with shared.office(context) as office:
        found = channels.thaw(office.store, id_)
    shared.show(context, channel_out(*found))
