"""Who may use which route: a route that is not in this table can't be used by anybody."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.api.services import Services, services
from gateway.operations import tokens
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
    "getMetrics": "viewer",
}
"""The least role for each operation, by its id. `/healthz`, `/readyz` and `/openapi.json` need
none."""

_scheme = HTTPBearer(auto_error=False, description="A token `tally_<id>_<secret>`.")


def authorize(
    request: Request,
    office: Annotated[Services, Depends(services)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_scheme)],
) -> Bearer:
    """Whoever sends the request, if they may use its route; 401 or 403 else."""
    bearer = None if credentials is None else tokens.check(office.store, credentials.credentials)
    if bearer is None:
        raise HTTPException(
            401,
            "send a valid token: Authorization: Bearer tally_...",
            {"WWW-Authenticate": "Bearer"},
        )
    role = POLICY.get(request.scope["route"].operation_id)
    if role is None:
        raise HTTPException(403, "nobody may use this route")
    if not bearer.may(role):
        raise HTTPException(403, f"needs the role {role}, this token's is {bearer.role}")
    return bearer


Authorized = Annotated[Bearer, Depends(authorize)]
