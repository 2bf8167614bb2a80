"""/v1/welcome: coming in by a link."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from gateway.api.services import Office
from gateway.api.sessions import (
    Code,
    Password,
    SessionOut,
    Wrong,
    answer_with_session,
    attempt,
    check_origin,
    session_out,
)
from gateway.api.shapes import Body
from gateway.operations import people

public_router = APIRouter(prefix="/v1/welcome", tags=["session"])
"""What needs a link's token instead of a session."""

_BAD_LINK = "token: is of no link, or of one that was used or replaced, or is too old"
Token = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class WelcomeIn(Body):
    """What stands at the end of the link."""

    token: Token


class WelcomeOut(BaseModel):
    """Whom a link lets in until `expires_at` (Unix seconds), and the second factor that it offers,
    as an authenticator's secret (base32) and as the address that it takes it from. Whether they
    must take it is said by their role: finance and admin must."""

    name: str
    role: str
    totp_secret: str
    totp_uri: str
    totp_required: bool
    expires_at: int


class EnterIn(Body):
    """The password to have from now on; and what the authenticator shows, which enrols the second
    factor that the link offers."""

    token: Token
    password: Password
    code: Code = ""


class Entered(BaseModel):
    """The session that has begun, and the codes that log one in without the authenticator, each
    once: told this once, none without a second factor."""

    session: SessionOut
    recovery_codes: list[str]


@public_router.post("", operation_id="lookAtWelcome")
def look(request: Request, office: Office, body: WelcomeIn) -> WelcomeOut:
    """Whom a link lets in; it stays as good as it was."""
    with attempt(office, request, ""):
        try:
            found = people.look(office.store, office.people_key, body.token)
        except people.BadLink:
            raise Wrong(403, _BAD_LINK) from None
    return WelcomeOut(
        name=found.name,
        role=found.role,
        totp_secret=found.totp_secret,
        totp_uri=found.totp_uri,
        totp_required=found.totp_required,
        expires_at=found.expires_at,
    )


@public_router.post("/enter", operation_id="enter", response_model=Entered)
def enter(request: Request, office: Office, body: EnterIn) -> Response:
    """Come in by a link, which is used up by that; the answer sets the session's cookie."""
    check_origin(request)
    with attempt(office, request, ""):
        try:
            entered = people.enter(
                office.store,
                office.passwords,
                office.people_key,
                body.token,
                body.password,
                body.code,
            )
        except people.BadLink:
            raise Wrong(403, _BAD_LINK) from None
    live = entered.live
    content = Entered(session=session_out(live.bearer, live), recovery_codes=entered.recovery_codes)
    return answer_with_session(request, entered.secret, content)
