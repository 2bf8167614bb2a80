"""/v1/restore: whether this gateway is fenced, what it waits for, and taking the fence down."""

from fastapi import APIRouter
from pydantic import BaseModel

from gateway.api.policy import Authorized
from gateway.api.services import Office
from gateway.api.shapes import Body
from gateway.operations import fence
from gateway.operations.fence import Status
from gateway.operations.principal import of_bearer

router = APIRouter(prefix="/restore", tags=["restore"])


class WaitingOut(BaseModel):
    """A device that has not shown itself since the restore."""

    device_id: str
    name: str
    account_id: str
    channels: int


class RestoreOut(BaseModel):
    """How the restore stands. `state` is `never restored`, `fenced` or `lifted`; `missing` says
    what keeps the fence up; `waiting_for` are the first devices that are waited for."""

    generation: int
    state: str
    archive_sha256: str
    backup_at: int | None
    restored_at: int | None
    lifted_at: int | None
    channels: dict[str, int]
    waiting_for: list[WaitingOut]
    missing: list[str]


class LiftIn(Body):
    """`accept_shortfall`: even though the rail moved more than devices have shown."""

    accept_shortfall: bool = False


@router.get("", operation_id="getRestore")
def get_restore(office: Office) -> RestoreOut:
    """Whether the gateway is fenced, and what is missing."""
    return status_out(fence.status(office.store))


@router.post("/lift", operation_id="liftFence")
def lift(office: Office, bearer: Authorized, body: LiftIn) -> RestoreOut:
    """Take the fence down; 409 with what is missing while something is."""
    found = fence.lift(
        office.store,
        office.keys.publics,
        of_bearer(bearer),
        accept_shortfall=body.accept_shortfall,
    )
    return status_out(found)


def status_out(found: Status) -> RestoreOut:
    """How a restore stands, as the API shows it."""
    return RestoreOut(
        generation=found.generation,
        state=found.state,
        archive_sha256=found.archive,
        backup_at=found.backup_at,
        restored_at=found.restored_at,
        lifted_at=found.lifted_at,
        channels=found.channels,
        waiting_for=[
            WaitingOut(
                device_id=row.id, name=row.name, account_id=row.account_id, channels=row.channels
            )
            for row in found.waiting_for
        ],
        missing=found.missing,
    )
