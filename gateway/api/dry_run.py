"""/v1/dry-run: what settling would come to."""

from collections.abc import Sequence

from fastapi import APIRouter
from pydantic import BaseModel

from gateway.api.services import Office
from gateway.api.settlements import PositionOut, SettleIn, position_out
from gateway.operations import settlement

router = APIRouter(prefix="/dry-run", tags=["settlements"])


class AheadOut(BaseModel):
    """What a run of a currency would make of each account if it began now."""

    currency: str
    positions: list[PositionOut]


class DryRun(BaseModel):
    """What settling would come to; none of it is done."""

    runs: list[AheadOut]


def dry_run_out(found: Sequence[settlement.Ahead]) -> DryRun:
    """What settling would come to, as the API shows it."""
    return DryRun(
        runs=[
            AheadOut(
                currency=each.currency,
                positions=[
                    position_out(of.values(), each.currency, each.scale)
                    for of in each.planned
                    if of.stated
                ],
            )
            for each in found
        ]
    )


@router.post("", operation_id="dryRun")
def dry_run(office: Office, body: SettleIn) -> DryRun:
    """What settling would come to if it was done now. Nothing is done."""
    return dry_run_out(settlement.ahead(office.store, office.rails, body.currency, body.account))
