"""/v1/channels/{channel_id}/timeline: what has happened to a channel."""

from fastapi import APIRouter
from pydantic import BaseModel

from gateway.api.services import Office
from gateway.api.shapes import HexId, Money
from gateway.operations import timeline

router = APIRouter(prefix="/channels/{channel_id}/timeline", tags=["channels"])


class MomentOut(BaseModel):
    """One thing that happened at `at` (Unix seconds). `opened` and `topped_up`: `amount` is the
    capacity from then on. `repriced`: beyond `amount` for `units` the tariff whose id is in `note`
    says what units cost. `posted`: `amount` for `units` by journal entry `entry`, of settlement run
    `run` or, without one, of the close. `evidence`: `note` is its kind. `closed`: `amount` and
    `units` are the mark at the end, `note` says why."""

    kind: timeline.Happened
    at: int
    amount: Money | None
    units: int | None
    entry: int | None
    run: int | None
    note: str


class Timeline(BaseModel):
    """All that happened, oldest first. IOUs are not kept: the last one contains the others."""

    items: list[MomentOut]


@router.get("", operation_id="getChannelTimeline")
def get_timeline(office: Office, channel_id: HexId) -> Timeline:
    """What has happened to a channel, as far as the books keep it."""
    tariff, found = timeline.of_channel(office.store, bytes.fromhex(channel_id))
    return Timeline(
        items=[
            MomentOut(
                kind=each.kind,
                at=each.at,
                amount=None
                if each.amount is None
                else Money(amount=each.amount, currency=tariff.currency, scale=tariff.scale),
                units=each.units,
                entry=each.entry,
                run=each.run,
                note=each.note,
            )
            for each in found
        ]
    )
