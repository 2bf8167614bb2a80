"""/v1/instructions: what came of those whose rail is gone."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.policy import Authorized
from gateway.api.services import Office
from gateway.api.shapes import Body
from gateway.operations import conclusions
from gateway.operations.principal import of_bearer

router = APIRouter(prefix="/instructions", tags=["settlements"])

InstructionId = Annotated[str, Path(pattern="^[a-z0-9-]{1,100}$")]


class ConclusionIn(Body):
    """What came of an instruction, and how that is known."""

    outcome: Literal["done", "failed"]
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class ConclusionOut(BaseModel):
    """What one person proposed to record of an instruction; recorded once another `agreed_by`.
    Times are Unix seconds."""

    instruction_id: str
    outcome: str
    reason: str
    proposed_by: str
    proposed_at: int
    agreed_by: str | None
    agreed_at: int | None


def conclusion_out(row: Row[Any]) -> ConclusionOut:
    """A conclusion's row as the API shows it."""
    return ConclusionOut(**row._asdict())


@router.post("/{instruction}/conclude", operation_id="concludeInstruction")
def conclude(
    office: Office, bearer: Authorized, instruction: InstructionId, body: ConclusionIn
) -> ConclusionOut:
    """Say what came of a pending instruction whose rail is gone: recorded once another person says
    the same."""
    by = of_bearer(bearer)
    given = office.store, office.rails, instruction, body.outcome, body.reason, by
    return conclusion_out(conclusions.conclude(*given))
