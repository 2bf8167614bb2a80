"""Who may use which route: a route that is not in this table can't be used by anybody."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.api.services import Services, services
from gateway.operations import tokens
from gateway.operations.tokens import Bearer

POLICY: dict[tuple[str, str], str] = {
    ("GET", "/v1/accounts"): "viewer",
    ("POST", "/v1/accounts"): "admin",
    ("GET", "/v1/accounts/{account_id}"): "viewer",
    ("PATCH", "/v1/accounts/{account_id}"): "admin",
    ("GET", "/v1/devices"): "viewer",
    ("POST", "/v1/devices"): "operator",
    ("GET", "/v1/devices/{device_id}"): "viewer",
    ("POST", "/v1/devices/{device_id}/suspend"): "operator",
    ("POST", "/v1/devices/{device_id}/resume"): "operator",
    ("POST", "/v1/devices/{device_id}/revoke"): "operator",
    ("POST", "/v1/devices/{device_id}/password"): "operator",
    ("GET", "/v1/tariffs"): "viewer",
    ("POST", "/v1/tariffs"): "admin",
    ("GET", "/v1/tariffs/{tariff_id}"): "viewer",
    ("POST", "/v1/tariffs/{tariff_id}/retire"): "admin",
    ("GET", "/v1/channels"): "viewer",
    ("GET", "/v1/channels/{channel_id}"): "viewer",
    ("GET", "/v1/channels/{channel_id}/evidence"): "viewer",
    ("POST", "/v1/channels/{channel_id}/close"): "operator",
    ("POST", "/v1/channels/{channel_id}/thaw"): "operator",
    ("GET", "/v1/settlements"): "viewer",
    ("POST", "/v1/settlements"): "operator",
    ("GET", "/v1/settlements/{run}"): "viewer",
    ("GET", "/v1/settlements/{run}/instructions"): "viewer",
    ("POST", "/v1/settlements/{run}/outcomes"): "operator",
    ("GET", "/v1/settlements/{run}/statements"): "viewer",
    ("GET", "/v1/settlements/{run}/statements/{account_id}"): "viewer",
    ("GET", "/v1/settlements/{run}/statements/{account_id}/lines"): "viewer",
    ("GET", "/v1/tokens"): "admin",
    ("POST", "/v1/tokens"): "admin",
    ("DELETE", "/v1/tokens/{token_id}"): "admin",
    ("GET", "/v1/books"): "viewer",
    ("GET", "/metrics"): "viewer",
}
"""The least role for each route. `/healthz`, `/readyz` and `/openapi.json` need none."""

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
    role = POLICY.get((request.method, request.scope["route"].path))
    if role is None:
        raise HTTPException(403, "nobody may use this route")
    if not bearer.may(role):
        raise HTTPException(403, f"needs the role {role}, this token's is {bearer.role}")
    return bearer


Authorized = Annotated[Bearer, Depends(authorize)]
