"""`tallystick webhook`."""

from typing import Annotated

import typer

from gateway.api.shapes import MAX
from gateway.api.webhooks import ReplayOut, delivery_out, secret_out, webhook_out
from gateway.commands import shared
from gateway.operations import webhooks

app = typer.Typer(no_args_is_help=True, add_completion=False)

Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id.")]

_COLUMNS = (
    ("ID", "id"),
    ("STATE", "state"),
    ("URL", "url"),
    ("KINDS", "kinds"),
    ("FAILING SINCE", "failing_since"),
)
_DELIVERIES = (
    ("EVENT", "event_id"),
    ("STATE", "state"),
    ("ATTEMPTS", "attempts"),
    ("SAID", "said"),
    ("AT", "at"),
    ("NEXT AT", "next_at"),
)
_ONCE = "the secret is shown this once"


@app.command()
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to, https://...")],
    kind: Annotated[
        list[str] | None, typer.Option(help="A kind of event; may be repeated. Default: all.")
    ] = None,
    loopback: Annotated[
        bool, typer.Option("--loopback", help="It is on this machine, and may be http.")
    ] = False,
) -> None:
    """Send events to a URL from now on."""
    with shared.office(context) as office:
        row, secret = webhooks.add(
            office.store, office.webhooks_key, url, kind or (), loopback=loopback
        )
    shared.show(context, secret_out(row, secret), _ONCE)


@app.command("list")
def list_(context: typer.Context) -> None:
    """Where events are sent."""
    with shared.office(context) as office:
        rows = webhooks.listed(office.store)
    shared.table(context, [webhook_out(row) for row in rows], _COLUMNS, "no webhooks")


@app.command()
def remove(context: typer.Context, webhook: Id) -> None:
    """Send nothing more there."""
    with shared.office(context) as office:
        webhooks.remove(office.store, webhook)


@app.command()
def rotate(context: typer.Context, webhook: Id) -> None:
    """Another secret; for a day both sign."""
    with shared.office(context) as office:
        row, secret = webhooks.rotate(office.store, office.webhooks_key, webhook)
    shared.show(context, secret_out(row, secret), _ONCE)


@app.command()
def enable(context: typer.Context, webhook: Id) -> None:
    """Send there again after it was disabled, what waits first."""
    with shared.office(context) as office:
        row = webhooks.enable(office.store, webhook)
    shared.show(context, webhook_out(row))


@app.command()
def replay(
    context: typer.Context,
    webhook: Id,
    first: Annotated[int, typer.Argument(metavar="EVENT", min=1, max=MAX)],
    last: Annotated[
        int | None, typer.Argument(metavar="LAST", min=1, max=MAX, help="Default: this one alone.")
    ] = None,
) -> None:
    """Send events again, one or from one to another."""
    with shared.office(context) as office:
        count = webhooks.replay(office.store, webhook, first, first if last is None else last)
    shared.show(context, ReplayOut(events=count))


@app.command()
def deliveries(context: typer.Context, webhook: Id) -> None:
    """What was sent there, and what waits, the newest event first."""
    with shared.office(context) as office:
        rows = shared.all_pages(
            lambda before: webhooks.deliveries(
                office.store, webhook, before=before, limit=shared.EVERY_PAGE
            ),
            lambda row: int(row.event_id),
        )
    shared.table(context, [delivery_out(row) for row in rows], _DELIVERIES, "nothing was sent")
