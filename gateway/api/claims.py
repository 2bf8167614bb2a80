"""/v1/claims, and the one route that a claim code opens instead of a token."""

from typing import Annotated, Any

import structlog
from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.devices import CertificateOut, DeviceOut, MqttLogin, certificate_out, device_out
from gateway.api.policy import Authorized
from gateway.api.services import Office
from gateway.api.shapes import Body, Cursor, Limit, Page, slice_of
from gateway.operations import claims, devices, principal

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/claims", tags=["claims"])
public_router = APIRouter(prefix="/v1", tags=["devices"])
"""What needs no token."""


class ClaimIn(Body):
    """A code to make: for which account, and for how many seconds it is good."""

    account_id: Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")]
    lifetime_s: Annotated[int, Field(ge=1, le=claims.LONGEST_S)] = claims.LIFETIME_S


class ClaimMade(BaseModel):
    """A new code, told this once."""

    id: str
    code: str


class ClaimOut(BaseModel):
    """A code, without what it is. `device_id` is the device that has used it."""

    id: str
    account_id: str
    made_by: str
    created_at: int
    expires_at: int
    used_at: int | None
    device_id: str | None
    revoked_at: int | None


class DeviceClaimIn(Body):
    """A device that claims itself: the code, its Ed25519 public key as 64 hex digits, a name for
    people, and whether it needs a TLS certificate of its own."""

    code: Annotated[str, Field(pattern="^[0-9A-Za-z -]{20,40}$")]
    public_key: Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    certificate: bool = False


class DeviceClaimed(BaseModel):
    """All that a device must be given. `broker` is mqtts://HOST:PORT, or mqtt:// without TLS;
    `authority` is what to check it against, in PEM, if this gateway has an authority of its own."""

    device: DeviceOut
    mqtt: MqttLogin
    gateway_key: str
    broker: str
    authority: str | None
    certificate: CertificateOut | None


def claim_out(row: Row[Any]) -> ClaimOut:
    """A code's row as the API shows it."""
    return ClaimOut(
        id=row.id,
        account_id=row.account_id,
        made_by=row.made_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        device_id=row.device_id,
        revoked_at=row.revoked_at,
    )


@router.get("", operation_id="listClaims")
def list_claims(office: Office, cursor: Cursor = None, limit: Limit = 100) -> Page[ClaimOut]:
    """Claim codes, the newest first."""
    rows = claims.listed(office.store)
    return slice_of([(row.id, claim_out(row)) for row in rows], cursor, limit)


@router.post("", operation_id="addClaim", status_code=201)
def add_claim(office: Office, bearer: Authorized, body: ClaimIn) -> ClaimMade:
    """Make a code by which one device may register itself for an account, told this once."""
    by = principal.of_bearer(bearer)
    id_, code = claims.add(office.store, body.account_id, by, body.lifetime_s)
    return ClaimMade(id=id_, code=code)


@router.delete("/{claim_id}", operation_id="revokeClaim", status_code=204)
def revoke_claim(office: Office, claim_id: Annotated[str, Path(pattern="^[0-9a-f]{12}$")]) -> None:
    """End a code that was not used."""
    claims.revoke(office.store, claim_id)


@public_router.post("/claim", operation_id="claimDevice", status_code=201)
def claim_device(request: Request, office: Office, body: DeviceClaimIn) -> DeviceClaimed:
    """Register a device by a claim code, which is then used up; needs no token. A device that the
    account has already gets a new password. Passwords and keys are told this once."""
    key = devices.public_key(body.public_key)
    address = request.client.host if request.client else ""
    seconds = office.claim_throttle.wait(address, "", body.code)
    if seconds:
        office.metrics.tokens_refused.labels("limited").inc()
        detail = f"too many codes that are not valid; try again in {seconds} s"
        raise HTTPException(429, detail, headers={"Retry-After": str(seconds)})
    try:
        claimed = claims.use(
            office.store,
            office.credentials,
            body.code,
            key,
            body.name,
            office.keys.public,
            body.certificate,
        )
    except claims.BadCode:
        office.claim_throttle.failed(address, "", body.code)
        office.metrics.tokens_refused.labels("claim").inc()
        # Not with the code: it may be good with a letter more.
        log.warning("a claim code was refused", address=address)
        raise HTTPException(403, "code: is none, or was used or revoked, or is too old") from None
    authority = office.credentials.authority()
    return DeviceClaimed(
        device=device_out(claimed.device),
        mqtt=MqttLogin(
            username=claimed.device.id, client_id=claimed.device.id, password=claimed.password
        ),
        gateway_key=office.keys.public.hex(),
        broker=office.device_broker,
        authority=None if authority is None else authority.decode(),
        certificate=None if claimed.certificate is None else certificate_out(*claimed.certificate),
    )
