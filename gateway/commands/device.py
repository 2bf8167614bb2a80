"""`tallystick device`."""

import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from gateway import config, outside
from gateway.api.claims import ClaimMade, claim_out
from gateway.api.devices import MqttLogin, Registered, device_out
from gateway.commands import shared
from gateway.operations import claims, devices, principal
from gateway.operations.errors import BadInput
from gateway.pki.authority import LONGEST_DAYS
from gateway.pki.folder import DEVICE_DAYS
from gateway.pki.handover import hand_over

app = typer.Typer(cls=outside.Extended, add_completion=False, no_args_is_help=True)

DeviceId = Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id.")]
_ONCE = "The password is told this once."


class Handed(BaseModel):
    """A certificate that was issued, and the files to give to the device."""

    device: str
    serial: str
    expires: str
    files: list[str]


@app.command()
def add(
    context: typer.Context,
    key: Annotated[str, typer.Option(help="The device's public key, 64 hex digits.")],
    account: Annotated[str, typer.Option(help="The account that owns it.")],
    name: Annotated[str, typer.Option(help="For people.")],
) -> None:
    """Register a device by its public key."""
    with shared.office(context) as office:
        row, password = devices.register(
            office.store,
            office.credentials,
            devices.public_key(key),
            account,
            name,
            office.keys.public,
        )
        login = MqttLogin(username=row.id, client_id=row.id, password=password)
        made = Registered(device=device_out(row), mqtt=login, gateway_key=office.keys.public.hex())
    shared.show(context, made, _ONCE)


@app.command("list")
def list_(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    status: Annotated[str | None, typer.Option(help="active, suspended or revoked.")] = None,
) -> None:
    """All devices."""
    if status not in (None, "active", "suspended", "revoked"):
        raise BadInput("status", "must be active, suspended or revoked")
    items = []
    with shared.office(context) as office:
        after = ""
        while True:
            page = devices.page(
                office.store,
                after=after,
                limit=shared.EVERY_PAGE,
                account_id=account,
                status=status,
            )
            items += [device_out(row) for row in page.items]
            if not page.more:
                break
            after = page.items[-1].id
    columns = (("DEVICE", "id"), ("ACCOUNT", "account_id"), ("STATUS", "status"), ("NAME", "name"))
    shared.table(context, items, columns, "no devices")


@app.command()
def show(context: typer.Context, device: DeviceId) -> None:
    """One device."""
    with shared.office(context) as office:
        row = devices.show(office.store, device)
    shared.show(context, device_out(row))


@app.command()
def suspend(context: typer.Context, device: DeviceId) -> None:
    """Let a device deliver nothing more until it is resumed."""
    with shared.office(context) as office:
        row = devices.suspend(office.store, device)
    shared.show(context, device_out(row))


@app.command()
def resume(context: typer.Context, device: DeviceId) -> None:
    """Let a suspended device deliver again."""
    with shared.office(context) as office:
        row = devices.resume(office.store, device)
    shared.show(context, device_out(row))


@app.command()
def revoke(context: typer.Context, device: DeviceId) -> None:
    """End a device for good."""
    with shared.office(context) as office:
        row = devices.revoke(office.store, office.credentials, device)
    shared.show(context, device_out(row))


@app.command()
def password(context: typer.Context, device: DeviceId) -> None:
    """A new MQTT password; the old one ends."""
    with shared.office(context) as office:
        secret = devices.rotate_password(office.store, office.credentials, device)
    shared.show(context, MqttLogin(username=device, client_id=device, password=secret), _ONCE)


@app.command()
def certificate(
    context: typer.Context,
    device: DeviceId,
    out: Annotated[Path, typer.Option(help="A folder, made if it is missing, for the files.")],
    days: Annotated[
        int, typer.Option(min=1, max=LONGEST_DAYS, help="How long it is good.")
    ] = DEVICE_DAYS,
) -> None:
    """A TLS certificate with its key, for the broker; older ones stay good."""
    with shared.office(context) as office:
        issued, authority = devices.certificate(office.store, office.credentials, device, days)
    names = hand_over(out, issued, authority)
    handed = Handed(
        device=device,
        serial=issued.serial,
        expires=f"{issued.certificate.not_valid_after_utc:%Y-%m-%d}",
        files=[str(out / name) for name in names],
    )
    shared.show(context, handed, "The key is kept nowhere else: whoever has it can log in.")


@app.command()
def claim(
    context: typer.Context,
    account: Annotated[str, typer.Option(help="The account that the device will belong to.")],
    expires: Annotated[str, typer.Option(help="After how long, at most 30d.")] = "24h",
) -> None:
    """A code by which one device may register itself, for `tallystick device provision`."""
    try:
        lifetime = config.seconds(expires)
    except ValueError as error:
        raise BadInput("expires", str(error)) from None
    with shared.office(context) as office:
        by = principal.of_shell(office.store, os.environ)
        id_, code = claims.add(office.store, account, by, lifetime)
    shared.show(context, ClaimMade(id=id_, code=code), "The code is told this once, and good once.")


@app.command("claims")
def list_claims(context: typer.Context) -> None:
    """All claim codes, without what they are."""
    with shared.office(context) as office:
        rows = claims.listed(office.store)
    columns = (
        ("CLAIM", "id"),
        ("ACCOUNT", "account_id"),
        ("EXPIRES", "expires_at"),
        ("USED BY", "device_id"),
        ("REVOKED", "revoked_at"),
    )
    shared.table(context, [claim_out(row) for row in rows], columns, "no claim codes")


@app.command("revoke-claim")
def revoke_claim(
    context: typer.Context, claim: Annotated[str, typer.Argument(help="Its id.")]
) -> None:
    """End a claim code that was not used."""
    with shared.office(context) as office:
        claims.revoke(office.store, claim)
        (row,) = (row for row in claims.listed(office.store) if row.id == claim)
    shared.show(context, claim_out(row))
