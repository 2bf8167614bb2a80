"""/v1/price: a price as people write it, as the exact fraction that a tariff holds."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from gateway.api.services import Office
from gateway.api.shapes import AtomicOut
from gateway.operations import tariffs

router = APIRouter(tags=["tariffs"])


class PriceOut(BaseModel):
    """numerator/denominator atomic units of the currency for one `unit`, in lowest terms."""

    numerator: AtomicOut
    denominator: AtomicOut
    unit: str
    currency: str
    scale: int


@router.get("/price", operation_id="getPrice")
def get_price(
    office: Office,
    price: Annotated[str, Query(max_length=64, examples=["0.30"])],
    unit: Annotated[str, Query(max_length=16, examples=["W.h"])],
    per: Annotated[str, Query(max_length=40, examples=["kW.h"])] = "1",
    payee_account: Annotated[str, Query(pattern="^[a-z0-9-]{1,40}$")] = "operator",
) -> PriceOut:
    """What `price` in the payee's currency for `per` (so many units, a UCUM code, or both) comes to
    for one `unit`, exactly or not at all. Nothing is stored."""
    found = tariffs.exact_price(office.store, price, per, unit, payee_account)
    return PriceOut(
        numerator=found.numerator,
        denominator=found.denominator,
        unit=unit,
        currency=found.currency,
        scale=found.scale,
    )
