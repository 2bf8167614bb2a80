"""/v1/permissions: what the sender of a request may do, so that a page offers nothing else."""

from fastapi import APIRouter
from pydantic import BaseModel

from gateway.api.policy import ALWAYS, POLICY, Authorized, may_use

router = APIRouter(prefix="/permissions", tags=[ALWAYS])


class Permissions(BaseModel):
    """The operations, by their ids in this document, that the sender may use."""

    operations: list[str]


@router.get("", operation_id="getPermissions")
def get_permissions(bearer: Authorized) -> Permissions:
    """What the sender may do. Each request is judged anew all the same."""
    return Permissions(operations=sorted(each for each in POLICY if may_use(bearer, each)))
