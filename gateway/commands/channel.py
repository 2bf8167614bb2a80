"""`tallystick channel`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway import xrpl_ledger
from gateway.api.channels import channel_out, claim_out, proof_out
from gateway.bundle_checks import Check
from gateway.commands import shared
from gateway.operations import channels, xrpl
from gateway.operations.errors import BadInput
from gateway.operations.evidence import bundle_of
from gateway.settlement.rails.manual import write_whole
from gateway.xrpl_claim import XrplClaim
from gateway.xrpl_ledger import LedgerAnswerError, XrplChannel

app = typer.Typer(add_completion=False, no_args_is_help=True)

_MAX_ANSWER = 4 * 1024 * 1024
"""The longest answer of a ledger that is read, in bytes: 400 payment channels are a tenth of it."""
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
def claim(
    context: typer.Context,
    channel: ChannelId,
    out: Annotated[Path | None, typer.Option(help="File for it, as JSON, for `verify`.")] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            help="A ledger's answer to ledger_entry or account_channels (JSON), to check it by.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """What redeems a channel's mark on the XRP Ledger, where its IOUs are claims; status 1 if by
    what --check holds the ledger's channel does not back it."""
    id_ = _id(channel)
    if out is not None and not out.parent.is_dir():
        raise BadInput("out", f"there is no folder {out.parent}")
    with shared.office(context) as office:
        found = xrpl.claim(office.store, id_)
    said = claim_out(found)
    if out is not None:
        if said.transaction is None:
            raise BadInput("out", "nothing is owed on this channel yet, so nothing is claimed")
        write_whole(out, said.model_dump_json(indent=2).encode() + b"\n")
    ledger = None if check is None else _ledger(check, found)
    checks = [] if ledger is None else xrpl_ledger.check(found, ledger)
    if shared.options(context).json:
        shown = said.model_dump(mode="json")
        if ledger is not None:
            shown["checks"] = [asdict(each) for each in checks]
            shown["destination"] = ledger.destination
        shared.print_json(shown)
    else:
        shared.show(context, said)
        _print_checks(checks, ledger)
    if not all(each.ok for each in checks):
        raise typer.Exit(1)


def _print_checks(checks: list[Check], ledger: XrplChannel | None) -> None:
    if ledger is None:
        typer.echo("what must be so on the ledger, docs/xrpl.md says, and --check looks at")
        return
    width = max(len(each.what) for each in checks)
    for each in checks:
        typer.echo(f"{'ok  ' if each.ok else 'FAIL'}  {each.what.ljust(width)}  {each.found}")
    typer.echo(f"compare it: {ledger.destination}, the destination, must be your own")


def _ledger(path: Path, claim: XrplClaim) -> XrplChannel:
    """What a ledger says in this file of the channel that a claim is on."""
    with path.open("rb") as file:
        content = file.read(_MAX_ANSWER + 1)
    if len(content) > _MAX_ANSWER:
        raise BadInput("check", f"must be at most {_MAX_ANSWER} bytes")
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        raise BadInput("check", "must be JSON") from None
    try:
        return xrpl_ledger.read_answer(answer, claim.xrpl_channel)
    except LedgerAnswerError as error:
        raise BadInput("check", str(error)) from None


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
