"""/v1/tariffs/{id}/follower, /v1/bands and /v1/prices-ahead: prices that change."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from gateway.api.services import Office
from gateway.api.shapes import Body, HexId
from gateway.api.tariffs import TariffOut, tariff_out
from gateway.operations import plans, prices_ahead
from gateway.operations.plans import Following, NewBand, Standing

router = APIRouter(tags=["tariffs"])

TariffId = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Cron = Annotated[str, Field(min_length=1, max_length=100)]
TimeZone = Annotated[str, Field(max_length=100)]


Grace = Annotated[int, Field(ge=0, le=plans.LONGEST_GRACE_S)]


class FollowerIn(Body):
    """The tariff that is to follow; for `grace_s` seconds more is granted by the one before."""

    follower_id: TariffId
    grace_s: Grace = plans.GRACE_S


class FollowingOut(BaseModel):
    """A tariff, and the one that its open channels are to go over to, if there is one; until
    `ends_at` (Unix seconds) more is granted by the tariff itself."""

    tariff: TariffOut
    follower: TariffOut | None
    ends_at: int | None


class BandIn(Body):
    """A time of use: whenever `cron` in `time_zone` falls due, one tariff follows the other; for
    `grace_s` seconds from then on more is granted by the one before."""

    tariff_id: TariffId
    follower_id: TariffId
    cron: Cron
    time_zone: TimeZone = "UTC"
    grace_s: Grace = plans.GRACE_S


class BandOut(BaseModel):
    """A time of use with its tariffs' names, and when it falls due next, in Unix seconds."""

    tariff_id: str
    tariff: str
    follower_id: str
    follower: str
    cron: str
    time_zone: str
    grace_s: int
    next_due: int | None


class Bands(BaseModel):
    """All times of use, in the order in which they fall due next."""

    items: list[BandOut]


class HoldingOut(BaseModel):
    """From `at` (Unix seconds) on, units cost what this tariff says."""

    at: int
    tariff_id: str


class LineOut(BaseModel):
    """Tariffs whose open channels are to pay by the same prices, and by which: the first holds
    now."""

    tariff_ids: list[str]
    holds: list[HoldingOut]


class AheadOut(BaseModel):
    """Which price holds from `since` to `until` (Unix seconds), as far as times of use say it now:
    a line for what follows or is followed, and the tariffs that are named in them."""

    since: int
    until: int
    tariffs: list[TariffOut]
    lines: list[LineOut]


def following_out(found: Following) -> FollowingOut:
    """A tariff and its follower as the API shows them."""
    follower = None if found.follower is None else tariff_out(found.follower)
    return FollowingOut(tariff=tariff_out(found.tariff), follower=follower, ends_at=found.ends_at)


def band_out(found: Standing) -> BandOut:
    """A time of use as the API shows it."""
    return BandOut(
        tariff_id=bytes(found.band.tariff_id).hex(),
        tariff=found.tariff,
        follower_id=bytes(found.band.follower_id).hex(),
        follower=found.follower,
        cron=found.band.cron,
        time_zone=found.band.time_zone,
        grace_s=found.band.grace_s,
        next_due=found.next_due,
    )


def _band(
    tariff_id: str, follower_id: str, cron: str, time_zone: str, grace_s: int = plans.GRACE_S
) -> NewBand:
    tariff, follower = bytes.fromhex(tariff_id), bytes.fromhex(follower_id)
    return NewBand(tariff, follower, cron, time_zone, grace_s)


@router.get("/tariffs/{tariff_id}/follower", operation_id="getFollower")
def get_follower(office: Office, tariff_id: HexId) -> FollowingOut:
    """What follows a tariff now."""
    return following_out(plans.following(office.store, bytes.fromhex(tariff_id)))


@router.put("/tariffs/{tariff_id}/follower", operation_id="setFollower")
def set_follower(office: Office, tariff_id: HexId, body: FollowerIn) -> FollowingOut:
    """Let another tariff follow at once: devices go over to it by their own signed word."""
    old, new = bytes.fromhex(tariff_id), bytes.fromhex(body.follower_id)
    return following_out(plans.follow(office.store, old, new, body.grace_s))


@router.delete("/tariffs/{tariff_id}/follower", operation_id="removeFollower")
def remove_follower(office: Office, tariff_id: HexId) -> FollowingOut:
    """Let none follow any more; what went over stays so."""
    return following_out(plans.unfollow(office.store, bytes.fromhex(tariff_id)))


@router.get("/bands", operation_id="listBands")
def list_bands(office: Office) -> Bands:
    """All times of use."""
    return Bands(items=[band_out(each) for each in plans.bands(office.store)])


@router.post("/bands", operation_id="addBand", status_code=201)
def add_band(office: Office, body: BandIn) -> BandOut:
    """Add a time of use, from now on."""
    return band_out(plans.add_band(office.store, _band(**body.__dict__)))


@router.delete("/bands/{tariff_id}/{follower_id}", operation_id="removeBand", status_code=204)
def remove_band(
    office: Office,
    tariff_id: HexId,
    follower_id: HexId,
    cron: Annotated[str, Query(max_length=100)],
    time_zone: Annotated[str, Query(max_length=100)] = "UTC",
) -> None:
    """End a time of use; what follows now stays so."""
    plans.remove_band(office.store, _band(tariff_id, follower_id, cron, time_zone))


@router.get("/prices-ahead", operation_id="getPricesAhead")
def get_prices_ahead(
    office: Office, hours: Annotated[int, Query(ge=1, le=prices_ahead.MOST_HOURS)] = 48
) -> AheadOut:
    """Which price is to hold when, from now on. After 1000 changes it ends, and `until` says so."""
    found = prices_ahead.ahead(office.store, hours)
    return AheadOut(
        since=found.since,
        until=found.until,
        tariffs=[tariff_out(row) for row in found.tariffs.values()],
        lines=[
            LineOut(
                tariff_ids=[each.hex() for each in line.tariffs],
                holds=[HoldingOut(at=each.at, tariff_id=each.tariff.hex()) for each in line.holds],
            )
            for line in found.lines
        ],
    )
