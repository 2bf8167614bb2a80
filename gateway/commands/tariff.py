"""`tallystick tariff`."""

from typing import Annotated

import typer

from gateway import config
from gateway.api.plans import following_out
from gateway.api.tariffs import TariffOut, tariff_out
from gateway.commands import band, shared
from gateway.operations import accounts, plans, tariffs
from gateway.operations.errors import BadInput
from gateway.operations.money import atomic, decimal, price
from gateway.operations.ucum import quantity
from gateway.settlement.fees import MOST_BP
from gateway.store.accounts import OPERATOR

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.add_typer(band.app, name="band")


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What people call it.")],
    cost: Annotated[str, typer.Option("--price", help="For example 0.30.")],
    unit: Annotated[str, typer.Option(help="UCUM code of one unit: W.h, s, By, 1 ...")],
    per: Annotated[
        str, typer.Option(help="So much costs the price: 1000 (units), kW.h, '100 MBy'.")
    ] = "1",
    currency: Annotated[str | None, typer.Option(help="Must be the payee's.")] = None,
    payee: Annotated[str, typer.Option(help="The account that is paid.")] = OPERATOR,
    window: Annotated[int, typer.Option(help="Units delivered before they are paid.")] = 1000,
    capacity: Annotated[str, typer.Option(help="The most one channel may owe.")] = "10",
    lifetime: Annotated[str, typer.Option(help="The longest a channel lives.")] = "30d",
    session_fee: Annotated[
        str, typer.Option(help="What a channel costs besides, once, with its first unit: 0.50.")
    ] = "0",
    open_ended: Annotated[bool, typer.Option(help="The payer chooses the amount.")] = False,
    fee_fixed: Annotated[
        str, typer.Option(help="What the payee pays of each interval that is settled: 0.05.")
    ] = "0",
    fee_bp: Annotated[
        int, typer.Option(min=0, max=MOST_BP, help="And in basis points of it (100 are 1 %).")
    ] = 0,
    fee_account: Annotated[
        str | None, typer.Option(help="Who earns that (default: operator).")
    ] = None,
) -> None:
    """Add a tariff: `--price 0.30 --per kW.h --unit W.h` is 0.30 for a kilowatt-hour."""
    try:
        seconds = config.seconds(lifetime)
    except ValueError as error:
        raise BadInput("lifetime", str(error)) from None
    with shared.office(context) as office:
        account = accounts.show(office.store, payee).account
        if currency not in (None, account.currency):
            raise BadInput("currency", f"account {payee} is in {account.currency}")
        numerator, denominator = price(cost, quantity("per", per, unit), account.scale)
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
                session_fee=atomic("session-fee", session_fee, account.scale),
                fee_fixed=atomic("fee-fixed", fee_fixed, account.scale),
                fee_bp=fee_bp,
                fee_account=fee_account,
            ),
        )
    shared.show(context, tariff_out(row), _in_words(tariff_out(row)))


def _in_words(tariff: TariffOut) -> str:
    amount = decimal(tariff.numerator, tariff.scale)
    words = f"{amount} {tariff.currency} for {tariff.denominator} {tariff.unit}"
    if tariff.session_fee.amount:
        words += f", and {decimal(tariff.session_fee.amount, tariff.scale)} {tariff.currency} once"
        words += " for each channel"
    return words


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
        ("SESSION FEE", "session_fee"),
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


@app.command()
def follow(
    context: typer.Context,
    old: Annotated[str, typer.Argument(help="The name of an active tariff, or an id.")],
    new: Annotated[str, typer.Argument(help="The tariff that follows it.")],
    grace: band.Grace = band.HOUR,
) -> None:
    """Let one tariff follow another at once: open channels go over to it, each by its device's own
    signed word, and new ones open by it."""
    grace_s = band.seconds(grace)
    with shared.office(context) as office:
        before, after = (bytes(tariffs.find(office.store, each).id) for each in (old, new))
        found = following_out(plans.follow(office.store, before, after, grace_s))
    words = f"{new} follows {old}: devices that are connected are told now; in {grace} nothing more"
    shared.show(context, found, f"{words} is granted by {old}")


@app.command()
def unfollow(
    context: typer.Context,
    old: Annotated[str, typer.Argument(help="The name of an active tariff, or an id.")],
) -> None:
    """Let no tariff follow this one any more; channels that went over stay so."""
    with shared.office(context) as office:
        before = bytes(tariffs.find(office.store, old).id)
        found = following_out(plans.unfollow(office.store, before))
    shared.show(context, found, f"nothing follows {old}")
