"""/v1/session: logging in, who one is, and logging out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import structlog
from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, Field

from gateway.api import browser
from gateway.api.policy import Authorized
from gateway.api.services import Office, Services
from gateway.api.shapes import Body
from gateway.operations import people, sessions
from gateway.operations.bearer import OWNER, Bearer
from gateway.operations.passwords import LONGEST
from gateway.operations.sessions import Live
from gateway.store.errors import Conflict

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/session", tags=["session"])
public_router = APIRouter(prefix="/v1/session", tags=["session"])
"""What needs no session and no token."""

Password = Annotated[str, Field(min_length=1, max_length=LONGEST)]
Code = Annotated[str, Field(max_length=40, pattern="^[0-9A-Za-z -]*$")]


class Wrong(HTTPException):
    """What was given proves nothing."""


class LogIn(Body):
    """Who one says to be, and what proves it; `code` is the authenticator's, or a recovery code,
    where the person has a second factor."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    password: Password
    code: Code = ""


class PasswordIn(Body):
    """The password that one has, and the one to have."""

    password: Password
    new_password: Password


class SessionOut(BaseModel):
    """Who one is. `principal` is what the books name one by; `accounts` are those that an owner
    sees, null for whoever sees all; `scopes` are what a token is for, null for everything.
    `csrf_token` goes into the header X-CSRF-Token of whatever changes anything; null for a token.
    It all ends at `expires_at` (Unix seconds) if nothing is asked for until then."""

    principal: str
    name: str
    role: str
    accounts: list[str] | None
    scopes: list[str] | None
    csrf_token: str | None
    expires_at: int | None


def session_out(bearer: Bearer, live: Live | None) -> SessionOut:
    """A session, or a token, as the API shows it."""
    return SessionOut(
        principal=bearer.principal,
        name=bearer.name,
        role=bearer.role,
        accounts=sorted(bearer.accounts) if bearer.role == OWNER else None,
        scopes=None if bearer.scopes is None else sorted(bearer.scopes),
        csrf_token=None if live is None else live.csrf_token,
        expires_at=bearer.expires_at,
    )


def answer_with_session(request: Request, secret: str, content: BaseModel) -> Response:
    """An answer that lets the browser keep a session."""
    answer = Response(content.model_dump_json(), media_type="application/json")
    browser.set_session(request.scope, answer, secret)
    return answer


def address_of(request: Request) -> str:
    """Where a request came from."""
    return request.client.host if request.client else ""


def check_origin(request: Request) -> None:
    """403 for what a page of another origin sent."""
    if browser.is_from_elsewhere(request.scope):
        raise HTTPException(403, browser.ELSEWHERE)


@contextmanager
def attempt(office: Services, request: Request, name: str) -> Iterator[None]:
    """What is tried here counts as failed if it ends by a `Wrong`; 429 if it may not be tried.

    Whatever was wrong is told by nothing but that."""
    address = address_of(request)
    seconds = office.login_throttle.attempt(address, name)
    if seconds:
        office.metrics.tokens_refused.labels("limited").inc()
        detail = f"too many attempts that were not right; try again in {seconds} s"
        raise HTTPException(429, detail, headers={"Retry-After": str(seconds)})
    try:
        yield
    except Wrong:
        office.metrics.tokens_refused.labels("login").inc()
        # Not the name: it may be a password in the wrong field.
        log.warning("a log-in was refused", address=address)
        sessions.refused(office.store, name, address, office.login_throttle.locked(name))
        raise
    except BaseException:
        office.login_throttle.forgiven(address, name)
        raise
    office.login_throttle.forgiven(address, name)


@public_router.post("", operation_id="logIn", response_model=SessionOut)
def log_in(request: Request, office: Office, body: LogIn) -> Response:
    """Log in; the answer sets the session's cookie. Whatever is wrong, the answer is the same."""
    check_origin(request)
    with attempt(office, request, body.name):
        found = sessions.log_in(
            office.store,
            office.passwords,
            office.people_key,
            body.name,
            body.password,
            body.code,
            address_of(request),
        )
        if found is None:
            raise Wrong(401, "name, password or code is not right")
    secret, live = found
    return answer_with_session(request, secret, session_out(live.bearer, live))


@router.get("", operation_id="getSession")
def get_session(request: Request, bearer: Authorized) -> SessionOut:
    """Who one is, by session or by token."""
    return session_out(bearer, request.state.session)


@router.delete("", operation_id="logOut", status_code=204)
def log_out(request: Request, office: Office, bearer: Authorized) -> Response:
    """Log out."""
    sessions.end(office.store, _live(request))
    answer = Response(status_code=204)
    browser.forget_session(request.scope, answer)
    return answer


@router.post("/password", operation_id="changePassword", status_code=204)
def change_password(
    request: Request, office: Office, bearer: Authorized, body: PasswordIn
) -> Response:
    """Change one's password; all one's sessions end, this one too."""
    name = _live(request).bearer.name
    with attempt(office, request, name):
        changed = people.change_password(
            office.store, office.passwords, name, body.password, body.new_password
        )
        if not changed:
            raise Wrong(403, "password: is not yours")
    answer = Response(status_code=204)
    browser.forget_session(request.scope, answer)
    return answer


def _live(request: Request) -> Live:
    live: Live | None = request.state.session
    if live is None:
        raise Conflict("session: this is a token, which is no session; DELETE /v1/tokens/{id}")
    return live
