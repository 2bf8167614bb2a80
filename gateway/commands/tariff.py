"""`tallystick tariff`."""

from typing import Annotated

import typer

from gateway import config
from gateway.api.tariffs import TariffOut, tariff_out
from gateway.commands import shared
from gateway.operations import accounts, tariffs
from gateway.operations.errors import BadInput
from gateway.operations.money import atomic, decimal, price
from gateway.operations.office import OPERATOR

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What people call it.")],
    cost: Annotated[str, typer.Option("--price", help="For example 0.30.")],
    unit: Annotated[str, typer.Option(help="UCUM code of one unit: W.h, s, By, 1 ...")],
    per: Annotated[int, typer.Option(help="So many units cost the price.")] = 1,
    currency: Annotated[str | None, typer.Option(help="Must be the payee's.")] = None,
    payee: Annotated[str, typer.Option(help="The account that is paid.")] = OPERATOR,
    window: Annotated[int, typer.Option(help="Units delivered before they are paid.")] = 1000,
    capacity: Annotated[str, typer.Option(help="The most one channel may owe.")] = "10",
    lifetime: Annotated[str, typer.Option(help="The longest a channel lives.")] = "30d",
    open_ended: Annotated[bool, typer.Option(help="The payer chooses the amount.")] = False,
) -> None:
    """Add a tariff: `--price 0.30 --per 1000 --unit W.h` is 0.30 for a kilowatt-hour."""
    try:
        seconds = config.seconds(lifetime)
    except ValueError as error:
        raise BadInput("lifetime", str(error)) from None
    with shared.office(context) as office:
        account = accounts.show(office.store, payee).account
        if currency not in (None, account.currency):
            raise BadInput("currency", f"account {payee} is in {account.currency}")
        numerator, denominator = price(cost, per, account.scale)
        row = tariffs.add(
            office.store,
            tariffs.NewTariff(
                name=name,
                unit=unit,
                numerator=numerator,
                denominator=denominator,
                payee_account=payee,
                window_units=window,
                max_capacity=atomic("capacity", capacity, account.scale),
                max_lifetime_s=seconds,
                pricing="open-ended" if open_ended else "metered",
            ),
        )
    shared.show(context, tariff_out(row), _in_words(tariff_out(row)))


def _in_words(tariff: TariffOut) -> str:
    amount = decimal(tariff.numerator, tariff.scale)
    return f"{amount} {tariff.currency} for {tariff.denominator} {tariff.unit}"


@app.command("list")
def list_(
    context: typer.Context,
    all_: Annotated[bool, typer.Option("--all", help="Retired ones too.")] = False,
) -> None:
    """The tariffs that devices are offered."""
    with shared.office(context) as office:
        rows = tariffs.listed(office.store, active=not all_)
    columns = (
        ("NAME", "name"),
        ("STATUS", "status"),
        ("ATOMIC UNITS", "numerator"),
        ("PER", "denominator"),
        ("UNIT", "unit"),
        ("CURRENCY", "currency"),
        ("PAYEE", "payee_account"),
        ("WINDOW", "window_units"),
        ("CAPACITY", "max_capacity"),
        ("TARIFF", "id"),
    )
    shared.table(context, [tariff_out(row) for row in rows], columns, "no tariffs")


@app.command()
def retire(
    context: typer.Context,
    tariff: Annotated[str, typer.Argument(help="The name of an active tariff, or an id.")],
) -> None:
    """Offer a tariff no more; channels opened under it keep it."""
    with shared.office(context) as office:
        found = tariffs.find(office.store, tariff)
        row = tariffs.retire(office.store, bytes(found.id))
    shared.show(context, tariff_out(row))
