"""Who may use which route: a route that is not in this table can't be used by anybody."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPBearer

from gateway.operations.tokens import Bearer

POLICY = {
    "listAccounts": "viewer",
    "addAccount": "admin",
    "getAccount": "viewer",
    "changeAccount": "admin",
    "listDevices": "viewer",
    "registerDevice": "operator",
    "getDevice": "viewer",
    "suspendDevice": "operator",
    "resumeDevice": "operator",
    "revokeDevice": "operator",
    "rotateDevicePassword": "operator",
    "issueDeviceCertificate": "operator",
    "listTariffs": "viewer",
    "addTariff": "admin",
    "getTariff": "viewer",
    "retireTariff": "admin",
    "listChannels": "viewer",
    "getChannel": "viewer",
    "getChannelEvidence": "viewer",
    "closeChannel": "operator",
    "thawChannel": "operator",
    "listSettlements": "viewer",
    "settle": "operator",
    "getSettlement": "viewer",
    "listInstructions": "viewer",
    "recordOutcomes": "operator",
    "listStatements": "viewer",
    "getStatement": "viewer",
    "getStatementLines": "viewer",
    "listTokens": "admin",
    "addToken": "admin",
    "revokeToken": "admin",
    "verifyBooks": "viewer",
    "getRestore": "viewer",
    "liftFence": "admin",
    "getMetrics": "viewer",
}
"""The least role for each operation, by its id. `/healthz`, `/readyz` and `/openapi.json` need
none."""

_scheme = HTTPBearer(auto_error=False, description="A token `tally_<id>_<secret>`.")


def authorize(request: Request, _documented: Annotated[object, Depends(_scheme)]) -> Bearer:
    """Whoever sends the request, if they may use its route; 403 else.

    Who that is has been settled by `gateway.api.authenticate`.
    """
    bearer: Bearer = request.state.bearer
    role = POLICY.get(request.scope["route"].operation_id)
    if role is None:
        raise HTTPException(403, "nobody may use this route")
    if not bearer.may(role):
        raise HTTPException(403, f"needs the role {role}, this token's is {bearer.role}")
    return bearer


Authorized = Annotated[Bearer, Depends(authorize)]
