"""`tallystick pki`."""

from typing import Annotated

import typer
from pydantic import BaseModel

from gateway.commands import shared
from gateway.operations import certificates
from gateway.pki.folder import Known

app = typer.Typer(add_completion=False, no_args_is_help=True)

Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", help="A name or address of broker and API; may be repeated."),
]


class BegunOut(BaseModel):
    """What `init` made."""

    authority: str
    hosts: str
    port: int
    password_port: int | None


class RenewedOut(BaseModel):
    """What new certificates are for."""

    hosts: str


class CertificateOut(BaseModel):
    """A certificate that was issued."""

    serial: str
    role: str
    name: str
    expires: str
    revoked: str | None


def _out(known: Known) -> CertificateOut:
    return CertificateOut(
        serial=known.serial,
        role=known.role,
        name=known.name,
        expires=f"{known.certificate.not_valid_after_utc:%Y-%m-%d}",
        revoked=None if known.revoked is None else f"{known.revoked:%Y-%m-%d %H:%M}",
    )


@app.command()
def init(
    context: typer.Context,
    host: Hosts = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="For clients with a certificate.")
    ] = 8883,
    password_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="For devices that have only a password; not opened if it isn't given.",
        ),
    ] = None,
) -> None:
    """Make an authority, and set broker, gateway and API up for TLS."""
    with shared.office(context) as office:
        made = certificates.begin(office, host or [], port, password_port)
    note = (
        f"Next: start the broker anew (cd {office.config.data} && mosquitto -c mosquitto.conf), "
        "then `tallystick serve`.\nGive `ca.crt` to whoever connects; never `ca.key`, which makes "
        "devices: keep a copy offline."
    )
    if made.differing:
        note += (
            "\nThese stand in tallystick.toml with other values and were left alone: "
            f"{', '.join(made.differing)}; see docs/security.md."
        )
    out = BegunOut(
        authority=str(made.authority),
        hosts=", ".join(made.hosts),
        port=port,
        password_port=password_port,
    )
    shared.show(context, out, note)


@app.command()
def renew(context: typer.Context, host: Hosts = None) -> None:
    """New certificates for broker, API and gateway, for these hosts or those of before."""
    with shared.office(context) as office:
        hosts = certificates.renew(office, host or [])
    shared.show(
        context,
        RenewedOut(hosts=", ".join(hosts)),
        "The broker rereads its own; start the gateway anew for the others.",
    )


@app.command("list")
def list_(context: typer.Context) -> None:
    """All certificates that were issued."""
    items = [_out(each) for each in certificates.listed(shared.settings(context))]
    columns = (
        ("SERIAL", "serial"),
        ("FOR", "role"),
        ("NAME", "name"),
        ("EXPIRES", "expires"),
        ("REVOKED", "revoked"),
    )
    shared.table(context, items, columns, "no certificates")


@app.command()
def revoke(
    context: typer.Context,
    serial: Annotated[str, typer.Argument(help="Its serial number, as `list` shows it.")],
) -> None:
    """Revoke one certificate; all of a device end with `device revoke`."""
    with shared.office(context) as office:
        found = certificates.revoke(office, serial)
    shared.show(context, _out(found))
