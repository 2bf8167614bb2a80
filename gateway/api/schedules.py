"""/v1/schedules: when currencies and accounts are settled, and from what amount on."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from gateway.api.policy import Authorized
from gateway.api.services import Office
from gateway.api.shapes import Atomic, Body, Money
from gateway.operations import schedules
from gateway.operations.principal import of_bearer
from gateway.operations.schedules import NewSchedule, Standing

router = APIRouter(prefix="/schedules", tags=["settlements"])

Subject = Annotated[str, Path(pattern="^([A-Z]{3}|[a-z0-9-]{1,40})$")]


class ScheduleIn(Body):
    """When a currency or an account is settled: `cron` in `time_zone`, empty for no times; and
    amounts in atomic units, the least that is moved either way and the debt that is settled at
    once. With `approval` a currency's money waits for a person's word."""

    cron: Annotated[str, Field(max_length=100)] = ""
    time_zone: Annotated[str, Field(max_length=100)] = "UTC"
    least_amount: Atomic = 0
    most_owed: Atomic | None = None
    approval: bool = False


class ScheduleOut(BaseModel):
    """A schedule, and when it falls due next, in Unix seconds. `approval_end_by` is who asked that
    approval end, which it does once another person asks too."""

    subject: str
    cron: str
    time_zone: str
    least_amount: Money
    most_owed: Money | None
    approval: bool
    approval_end_by: str | None
    next_due: int | None


class Schedules(BaseModel):
    """All schedules: of each currency its own first, then its accounts'."""

    items: list[ScheduleOut]


def schedule_out(found: Standing) -> ScheduleOut:
    """A schedule as the API shows it."""
    row = found.schedule

    def money(amount: int) -> Money:
        return Money(amount=amount, currency=row.currency, scale=found.scale)

    return ScheduleOut(
        subject=row.subject,
        cron=row.cron,
        time_zone=row.time_zone,
        least_amount=money(row.least_amount),
        most_owed=None if row.most_owed is None else money(row.most_owed),
        approval=row.approval,
        approval_end_by=row.approval_end_by,
        next_due=found.next_due,
    )


@router.get("", operation_id="listSchedules")
def list_schedules(office: Office) -> Schedules:
    """All schedules."""
    return Schedules(items=[schedule_out(each) for each in schedules.listed(office.store)])


@router.put("/{subject}", operation_id="setSchedule")
def set_schedule(office: Office, subject: Subject, body: ScheduleIn) -> ScheduleOut:
    """Set the schedule of a currency or an account, in place of the one that it had. Approval can
    be asked for here, and not ended."""
    return schedule_out(schedules.put(office.store, NewSchedule(subject, **body.__dict__)))


@router.delete("/{subject}", operation_id="removeSchedule", status_code=204)
def remove_schedule(office: Office, subject: Subject) -> None:
    """End a schedule; an account is settled with its currency again. Approval must be ended
    before."""
    schedules.remove(office.store, subject)


@router.post("/{subject}/end-approval", operation_id="endApproval")
def end_approval(office: Office, bearer: Authorized, subject: Subject) -> ScheduleOut:
    """Ask that a currency's runs wait for approval no more: so it is once two persons asked."""
    return schedule_out(schedules.end_approval(office.store, subject, of_bearer(bearer)))
