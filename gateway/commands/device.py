"""`tallystick device`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from gateway.api.devices import MqttLogin, Registered, device_out
from gateway.commands import shared
from gateway.operations import devices
from gateway.operations.errors import BadInput
from gateway.pki.authority import LONGEST_DAYS
from gateway.pki.folder import DEVICE_DAYS
from gateway.pki.handover import hand_over

app = typer.Typer(add_completion=False, no_args_is_help=True)

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
            office.store, office.credentials, devices.public_key(key), account, name
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
