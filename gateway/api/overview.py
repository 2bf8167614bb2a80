"""/v1/overview: how the gateway stands, and what waits for a person."""

from fastapi import APIRouter
from pydantic import BaseModel

from gateway.api.services import Office
from gateway.api.shapes import Money as MoneyOut
from gateway.operations import overview
from gateway.operations.overview import Exposed, Overview
from gateway.store.figures import Money

router = APIRouter(prefix="/overview", tags=["overview"])


class AtStakeOut(BaseModel):
    """Sums over live channels: `in_flight` is owed and in no settlement run yet, `reserved` is what
    they may still come to owe, `windows` what devices could have used and not yet signed for."""

    in_flight: MoneyOut
    reserved: MoneyOut
    windows: MoneyOut


class ExposedOut(AtStakeOut):
    """An account's live `channels`, its exposure, and what that may come to."""

    id: str
    name: str
    channels: int
    exposure: MoneyOut
    limit: MoneyOut


class WaitingOut(BaseModel):
    """One thing that waits for a person: `subject` is its id."""

    subject: str
    account_id: str | None
    at: int | None
    amount: MoneyOut | None


class WaitingKind(BaseModel):
    """How many of a kind wait, and the oldest of them."""

    kind: str
    count: int
    first: list[WaitingOut]


class OverviewOut(BaseModel):
    """The gateway as of `at` (Unix seconds): devices by status, and how many of them are `online`;
    live channels by state, money by currency, the accounts that have the least of their limit left,
    and what waits for a person."""

    at: int
    fenced: bool
    devices: dict[str, int]
    online: int
    channels: dict[str, int]
    money: list[AtStakeOut]
    accounts: list[ExposedOut]
    waiting: list[WaitingKind]


def stake_out(of: Money) -> AtStakeOut:
    """What is at stake as the API shows it."""

    def money(amount: int) -> MoneyOut:
        return MoneyOut(amount=amount, currency=of.currency, scale=of.scale)

    return AtStakeOut(
        in_flight=money(of.in_flight), reserved=money(of.reserved), windows=money(of.windows)
    )


def exposed_out(of: Exposed) -> ExposedOut:
    """An account's exposure as the API shows it."""
    row = of.account
    return ExposedOut(
        **dict(stake_out(of.money)),
        id=row.id,
        name=row.name,
        channels=of.channels,
        exposure=MoneyOut(amount=of.exposure, currency=row.currency, scale=row.scale),
        limit=MoneyOut(amount=of.limit, currency=row.currency, scale=row.scale),
    )


def overview_out(found: Overview) -> OverviewOut:
    """An overview as the API shows it."""
    return OverviewOut(
        at=found.at,
        fenced=found.fenced,
        devices=dict(found.devices),
        online=found.online,
        channels=dict(found.figures.channels),
        money=[stake_out(each) for _currency, each in sorted(found.figures.money.items())],
        accounts=[exposed_out(each) for each in found.exposed],
        waiting=[
            WaitingKind(
                kind=kind.name,
                count=kind.count,
                first=[
                    WaitingOut(
                        subject=each.subject,
                        account_id=each.account_id,
                        at=each.at,
                        amount=None
                        if each.amount is None or each.currency is None
                        else MoneyOut(
                            amount=each.amount,
                            currency=each.currency,
                            scale=found.scales[each.currency],
                        ),
                    )
                    for each in kind.first
                ],
            )
            for kind in found.waiting
        ],
    )


@router.get("", operation_id="getOverview")
def get_overview(office: Office) -> OverviewOut:
    """How the gateway stands now."""
    return overview_out(overview.overview(office.store))
