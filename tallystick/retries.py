"""Which requests may be sent again, when, and how often.

Money must not move twice because an answer was lost. So a request whose fate is not known is sent
again only if once and twice come to the same: what only reads, what sets something whole, and the
POSTs that the gateway does once for each `Idempotency-Key`.
"""

import random
import re
import ssl

import httpx2

TRIES = 5
"""How often a request is sent at most."""
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 30.0
"""The longest wait before a request is sent again; whoever is told to wait longer is told so."""

_ONCE_FOR_A_KEY = re.compile(
    r"/v1/(settlements|accounts/[^/]+/deposits|accounts/[^/]+/withdrawals|books/reversals)"
)
_UNKNOWN = (500, 502, 503, 504)
_NOT_LOOKED_AT = 429


def takes_key(method: str, path: str) -> bool:
    """Whether the gateway does this request once for each `Idempotency-Key`."""
    return method == "POST" and _ONCE_FOR_A_KEY.fullmatch(path) is not None


def repeatable(method: str, path: str) -> bool:
    """Whether this request, a POST with its key, may be sent again where nobody knows what became
    of it."""
    return method in ("GET", "PUT") or takes_key(method, path)


def again_after_answer(answer: httpx2.Response, safe: bool, in_progress: bool) -> bool:
    """Whether an answer asks for the request to be sent again; `safe` is what `repeatable` says."""
    if answer.status_code == _NOT_LOOKED_AT:
        return True
    return safe and (in_progress or answer.status_code in _UNKNOWN)


def again_after_error(error: httpx2.HTTPError, safe: bool) -> bool:
    """Whether a request that got no answer may be sent again: if not even a connection was made,
    any; else one that is `safe`. A certificate that is not trusted will not be later either."""
    if _distrusts(error):
        return False
    return safe or isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)


def _distrusts(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def wait_s(tries: int, answer: httpx2.Response | None = None) -> float | None:
    """Seconds to wait after so many tries; None if there are to be no more."""
    if tries >= TRIES:
        return None
    asked = "" if answer is None else answer.headers.get("Retry-After", "")
    if asked.isdecimal():
        return float(asked) if int(asked) <= LONGEST_WAIT_S else None
    # Not all at the same moment, where many have lost one gateway.
    return FIRST_WAIT_S * (1 << (tries - 1)) * random.uniform(0.5, 1.0)
