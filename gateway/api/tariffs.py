"""/v1/tariffs."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.services import Office
from gateway.api.shapes import (
    MAX,
    Atomic,
    AtomicOut,
    Body,
    Cursor,
    HexId,
    Limit,
    Money,
    Page,
    slice_of,
)
from gateway.operations import tariffs
from gateway.settlement.fees import MOST_BP
from protocol.pricing import OPEN_ENDED

router = APIRouter(prefix="/tariffs", tags=["tariffs"])

Count = Annotated[int, Field(ge=1, le=MAX)]


class TariffIn(Body):
    """A tariff to add: numerator/denominator atomic units for one `unit` (a UCUM code), and
    `session_fee` of them once for each channel, with its first unit. Of each interval that is
    posted the payee pays a fee of `fee_fixed` atomic units and `fee_bp` basis points to
    `fee_account`, by default the operator's."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    unit: Annotated[str, Field(min_length=1, max_length=16)]
    numerator: Atomic
    denominator: Annotated[Atomic, Field(ge=1)] = 1
    payee_account: Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")]
    window_units: Count
    max_capacity: Atomic
    max_lifetime_s: Annotated[int, Field(ge=1, le=tariffs.LONGEST_S)]
    pricing: Literal["metered", "open-ended"] = "metered"
    session_fee: Atomic = 0
    fee_fixed: Atomic = 0
    fee_bp: Annotated[int, Field(ge=0, le=MOST_BP)] = 0
    fee_account: Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")] | None = None


class TariffOut(BaseModel):
    """A tariff; immutable but for its status."""

    id: str
    name: str
    status: str
    unit: str
    numerator: AtomicOut
    denominator: AtomicOut
    currency: str
    scale: int
    pricing: str
    session_fee: Money
    payee_account: str
    window_units: int
    max_capacity: Money
    max_lifetime_s: int
    fee_fixed: Money
    fee_bp: int
    fee_account: str | None
    created_at: int


def pricing_word(number: int) -> str:
    """The word for a tariff's pricing."""
    return "open-ended" if number == OPEN_ENDED else "metered"


def tariff_out(row: Row[Any]) -> TariffOut:
    """A tariff's row as the API shows it."""
    return TariffOut(
        id=bytes(row.id).hex(),
        name=row.name,
        status=row.status,
        unit=row.unit,
        numerator=row.numerator,
        denominator=row.denominator,
        currency=row.currency,
        scale=row.scale,
        pricing=pricing_word(row.pricing),
        session_fee=Money(amount=row.session_fee, currency=row.currency, scale=row.scale),
        payee_account=row.payee_account,
        window_units=row.window_units,
        max_capacity=Money(amount=row.max_capacity, currency=row.currency, scale=row.scale),
        max_lifetime_s=row.max_lifetime_s,
        fee_fixed=Money(amount=row.fee_fixed, currency=row.currency, scale=row.scale),
        fee_bp=row.fee_bp,
        fee_account=row.fee_account,
        created_at=row.created_at,
    )


@router.get("", operation_id="listTariffs")
def list_tariffs(
    office: Office,
    cursor: Cursor = None,
    limit: Limit = 100,
    status: Literal["active", "any"] = "active",
) -> Page[TariffOut]:
    """Tariffs by name; also retired ones with `status=any`."""
    rows = tariffs.listed(office.store, active=status == "active")
    return slice_of([(bytes(row.id).hex(), tariff_out(row)) for row in rows], cursor, limit)


@router.post("", operation_id="addTariff", status_code=201)
def add_tariff(office: Office, body: TariffIn) -> TariffOut:
    """Add a tariff in the payee's currency; devices of that currency are offered it from now on."""
    return tariff_out(tariffs.add(office.store, tariffs.NewTariff(**body.__dict__)))


@router.get("/{tariff_id}", operation_id="getTariff")
def get_tariff(office: Office, tariff_id: HexId) -> TariffOut:
    """One tariff."""
    return tariff_out(tariffs.show(office.store, bytes.fromhex(tariff_id)))


@router.post("/{tariff_id}/retire", operation_id="retireTariff")
def retire_tariff(office: Office, tariff_id: HexId) -> TariffOut:
    """Offer a tariff no more; channels opened under it keep it."""
    return tariff_out(tariffs.retire(office.store, bytes.fromhex(tariff_id)))
