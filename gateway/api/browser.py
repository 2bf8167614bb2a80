"""What a browser sends by itself, and what therefore must come with it.

The session's cookie goes along with whatever a page of any site asks of this gateway. So it is
`SameSite=Strict`; whatever changes anything needs the session's token in a header besides, which
only this gateway's own pages can read; and what the browser says of where a request is from must
be this gateway.
"""

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

from gateway.config import is_loopback
from gateway.operations.sessions import LONGEST_S

CSRF_HEADER = "X-CSRF-Token"
BACKGROUND_HEADER = "X-Background"
"""What a page sends with requests that nobody asked it for."""
STREAM = "/v1/events"
COOKIE = "__Host-tallystick"
"""The session's cookie: of this host alone, and over TLS alone."""
LOOPBACK_COOKIE = "tallystick"
"""The same where a browser on this machine speaks plain HTTP to it."""
ELSEWHERE = (
    "a page of another origin sent this; a proxy before the gateway must pass `Host` on as it is"
)
NO_TOKEN = f"a change by session needs its csrf_token in the header {CSRF_HEADER}"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def _plain_loopback(scope: Scope) -> bool:
    """Whether this is plain HTTP that never leaves the machine."""
    host = urlsplit("//" + Headers(scope=scope).get("host", "")).hostname or ""
    return scope["scheme"] == "http" and is_loopback(host)


def _cookie_name(scope: Scope) -> str:
    return LOOPBACK_COOKIE if _plain_loopback(scope) else COOKIE


def session_secret(scope: Scope) -> str | None:
    """What stands in the session's cookie, None if there is none."""
    sent = "; ".join(Headers(scope=scope).getlist("cookie"))
    return cookie_parser(sent).get(_cookie_name(scope)) or None


def set_session(scope: Scope, answer: Response, secret: str) -> None:
    """Let the browser keep a session's secret, for no longer than the session can last."""
    _set(scope, answer, secret, LONGEST_S)


def forget_session(scope: Scope, answer: Response) -> None:
    """Let the browser forget its session."""
    _set(scope, answer, "", 0)


def _set(scope: Scope, answer: Response, secret: str, seconds: int) -> None:
    answer.set_cookie(
        _cookie_name(scope),
        secret,
        max_age=seconds,
        path="/",
        secure=not _plain_loopback(scope),
        httponly=True,
        samesite="strict",
    )


def changes_something(scope: Scope) -> bool:
    """Whether a request is of a method that may change anything."""
    return scope["method"] not in _SAFE


def is_from_elsewhere(scope: Scope) -> bool:
    """Whether the browser says that a page of another origin has sent this."""
    headers = Headers(scope=scope)
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    # A proxy that speaks TLS may not say so: then only what is no loopback must be https.
    allowed = ("http", "https") if _plain_loopback(scope) else ("https",)
    return not any(origin == f"{scheme}://{headers.get('host', '')}" for scheme in allowed)


def is_use(scope: Scope) -> bool:
    """Whether a person asks for this, and not a page that was left open: the stream of events,
    which a browser takes up again by itself, and what a page says that it asks for by itself."""
    if scope["method"] == "GET" and scope["path"] == STREAM:
        return False
    return BACKGROUND_HEADER not in Headers(scope=scope)


def has_token(scope: Scope, csrf_token: str) -> bool:
    """Whether the session's token came with a request."""
    sent = Headers(scope=scope).getlist(CSRF_HEADER)
    return len(sent) == 1 and hmac.compare_digest(sent[0].encode(), csrf_token.encode())
