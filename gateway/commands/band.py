"""`tallystick tariff band`."""

from typing import Annotated

import typer

from gateway import config
from gateway.api.plans import band_out
from gateway.commands import shared
from gateway.operations import plans, tariffs
from gateway.operations.errors import BadInput
from gateway.operations.plans import NewBand
from gateway.store.engine import Store

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Times of use: when one tariff follows another.",
)

Old = Annotated[str, typer.Argument(help="The name of an active tariff, or an id.")]
New = Annotated[str, typer.Argument(help="The tariff that follows it.")]
Cron = Annotated[str, typer.Option(help="Five fields of cron: '0 22 * * *' is at 22:00 each day.")]
HOUR = "1h"
Grace = Annotated[
    str, typer.Option(help="For how long more is granted by the old one: 0s, 15m, 1h, 2d.")
]
TimeZone = Annotated[str, typer.Option(help="Whose clock that is: Europe/Berlin.")]


def seconds(grace: str) -> int:
    """A grace in seconds. Raises BadInput."""
    try:
        return config.seconds(grace)
    except ValueError as error:
        raise BadInput("grace", str(error)) from None


def _band(
    store: Store, old: str, new: str, cron: str, time_zone: str, grace: str = HOUR
) -> NewBand:
    tariff, follower = (bytes(tariffs.find(store, each).id) for each in (old, new))
    return NewBand(tariff, follower, cron, time_zone, seconds(grace))


@app.command()
def add(
    context: typer.Context,
    old: Old,
    new: New,
    cron: Cron,
    time_zone: TimeZone = "UTC",
    grace: Grace = HOUR,
) -> None:
    """Let one tariff follow another at these times, from now on."""
    with shared.office(context) as office:
        band = _band(office.store, old, new, cron, time_zone, grace)
        found = plans.add_band(office.store, band)
    shared.show(context, band_out(found))


@app.command("list")
def list_(context: typer.Context) -> None:
    """All times of use, and when each falls due next."""
    with shared.office(context) as office:
        items = [band_out(each) for each in plans.bands(office.store)]
    columns = (
        ("TARIFF", "tariff"),
        ("FOLLOWED BY", "follower"),
        ("CRON", "cron"),
        ("TIME ZONE", "time_zone"),
        ("GRACE S", "grace_s"),
        ("NEXT DUE", "next_due"),
    )
    shared.table(context, items, columns, "no times of use")


@app.command()
def remove(
    context: typer.Context, old: Old, new: New, cron: Cron, time_zone: TimeZone = "UTC"
) -> None:
    """End a time of use; what follows now stays so."""
    with shared.office(context) as office:
        plans.remove_band(office.store, _band(office.store, old, new, cron, time_zone))
    if shared.options(context).json:
        shared.print_json({"removed": [old, new, cron, time_zone]})
    else:
        typer.echo(f"removed: {new} follows {old} at {cron} ({time_zone})")
