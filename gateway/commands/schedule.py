"""`tallystick settle schedule`."""

import os
from typing import Annotated

import typer

from gateway.api.schedules import ScheduleOut, schedule_out
from gateway.commands import shared
from gateway.operations import principal, schedules
from gateway.operations.money import atomic
from gateway.operations.schedules import NewSchedule

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="When currencies and accounts are settled, and from what amount on.",
)

Subject = Annotated[
    str, typer.Argument(metavar="CURRENCY|ACCOUNT", help="For example EUR, or an account's id.")
]


@app.command("set")
def set_(
    context: typer.Context,
    subject: Subject,
    cron: Annotated[
        str, typer.Option(help="Five fields of cron: '0 2 * * *' is at 02:00 each day.")
    ] = "",
    time_zone: Annotated[str, typer.Option(help="Whose clock that is: Europe/Berlin.")] = "UTC",
    least: Annotated[str, typer.Option(help="The least amount that is moved either way.")] = "0",
    most_owed: Annotated[
        str | None, typer.Option(help="An account that owes so much is settled at once.")
    ] = None,
    approval: Annotated[
        bool, typer.Option("--approval", help="Money waits for a person's word (a currency's).")
    ] = False,
) -> None:
    """Set a schedule, in place of the one that the currency or account had.

    An account with times of its own is paid then, and not with its currency.
    """
    with shared.office(context) as office:
        scale = schedules.scale(office.store, subject)
        found = schedules.put(
            office.store,
            NewSchedule(
                subject,
                cron,
                time_zone,
                atomic("least", least, scale),
                None if most_owed is None else atomic("most-owed", most_owed, scale),
                approval,
            ),
        )
    shared.show(context, schedule_out(found))


@app.command("list")
def list_(context: typer.Context) -> None:
    """All schedules, and when each falls due next."""
    with shared.office(context) as office:
        items: list[ScheduleOut] = [schedule_out(each) for each in schedules.listed(office.store)]
    columns = (
        ("OF", "subject"),
        ("CRON", "cron"),
        ("TIME ZONE", "time_zone"),
        ("LEAST", "least_amount"),
        ("MOST OWED", "most_owed"),
        ("APPROVAL", "approval"),
        ("NEXT DUE", "next_due"),
    )
    shared.table(context, items, columns, "no schedules")


@app.command("end-approval")
def end_approval(
    context: typer.Context,
    currency: Annotated[str, typer.Argument(metavar="CURRENCY", help="For example EUR.")],
) -> None:
    """Ask that a currency's runs wait for approval no more: so it is once two persons asked."""
    with shared.office(context) as office:
        by = principal.of_shell(office.store, os.environ)
        found = schedules.end_approval(office.store, currency, by)
    shared.show(context, schedule_out(found))


@app.command()
def remove(context: typer.Context, subject: Subject) -> None:
    """End a schedule; an account is settled with its currency again."""
    with shared.office(context) as office:
        schedules.remove(office.store, subject)
    if shared.options(context).json:
        shared.print_json({"removed": subject})
    else:
        typer.echo(f"removed: {subject}")
