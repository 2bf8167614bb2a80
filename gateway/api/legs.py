"""/v1/channels/{channel_id}/legs: by which price each part of a channel was counted."""

from fastapi import APIRouter
from pydantic import BaseModel

from gateway.api.services import Office
from gateway.api.shapes import AtomicOut, HexId, Money
from gateway.operations import spans

router = APIRouter(prefix="/channels/{channel_id}/legs", tags=["channels"])


class PriceTag(BaseModel):
    """A tariff's price: numerator/denominator atomic units of the currency for one `unit`."""

    id: str
    name: str
    numerator: AtomicOut
    denominator: AtomicOut
    unit: str
    currency: str
    scale: int


class LegOut(BaseModel):
    """What was used under one price: `units` for `amount`, from the mark (`from_units`,
    `from_amount`) on. `number` is 0 for the price of the terms; `at` (Unix seconds) is when it
    began."""

    number: int
    tariff: PriceTag
    at: int
    from_units: int
    from_amount: Money
    units: int
    amount: Money


class Legs(BaseModel):
    """All parts of a channel, in their order; they add up to its mark."""

    items: list[LegOut]


@router.get("", operation_id="listChannelLegs")
def list_legs(office: Office, channel_id: HexId) -> Legs:
    """Which price holds for which part of a channel."""
    return Legs(
        items=[_leg_out(each) for each in spans.of_channel(office.store, bytes.fromhex(channel_id))]
    )


def _leg_out(span: spans.Span) -> LegOut:
    tariff = span.tariff

    def money(amount: int) -> Money:
        return Money(amount=amount, currency=tariff.currency, scale=tariff.scale)

    return LegOut(
        number=span.number,
        tariff=PriceTag(
            id=bytes(tariff.id).hex(),
            name=tariff.name,
            numerator=tariff.numerator,
            denominator=tariff.denominator,
            unit=tariff.unit,
            currency=tariff.currency,
            scale=tariff.scale,
        ),
        at=span.at,
        from_units=span.start[1],
        from_amount=money(span.start[0]),
        units=span.end[1] - span.start[1],
        amount=money(span.end[0] - span.start[0]),
    )
