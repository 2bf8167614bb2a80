"""The second factor: codes of an authenticator (TOTP, RFC 6238), and recovery codes.

An authenticator's secret is kept sealed under the key in `people.key`, bound to the name of the
person; what a link offers to enrol is derived from the link and that key, so nothing is kept before
the person has shown a code of it.
"""

import base64
import hmac

import pyotp

from gateway.operations import codes
from gateway.operations.errors import BadInput

ISSUER = "Tallystick"
STEP_S = 30
"""Seconds for which a code is shown."""
RECOVERY_CODES = 10
_RECOVERY_LENGTH = 16


def offered(key: bytes, link: str) -> str:
    """The secret (base32, 160 bits) that whoever has this link may enrol."""
    digest = hmac.digest(key, b"tallystick/totp/" + link.encode(), "sha256")
    return base64.b32encode(digest[:20]).decode()


def uri(secret: str, name: str) -> str:
    """What an authenticator takes a secret from, as text or as a picture."""
    return pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=name, issuer_name=ISSUER)


def step_of(secret: str, code: str, now: int) -> int | None:
    """Of which step around `now` (Unix seconds) a code is; one early or late is taken too. None if
    it is of none of them."""
    totp = pyotp.TOTP(secret, interval=STEP_S)
    given = code.replace(" ", "").encode(errors="surrogatepass")
    found = None
    for step in range(max(0, now // STEP_S - 1), now // STEP_S + 2):
        if hmac.compare_digest(totp.generate_otp(step).encode(), given):
            found = step
    return found


def check_new(secret: str, code: str, now: int) -> int:
    """The step of a code that shows that a secret was enrolled. Raises BadInput."""
    step = step_of(secret, code, now)
    if step is None:
        raise BadInput("code", "must be what the authenticator shows now; is its clock right?")
    return step


def new_recovery_codes() -> list[str]:
    """Codes of 80 random bits, each good once (`codes`)."""
    return [codes.new(_RECOVERY_LENGTH) for _ in range(RECOVERY_CODES)]
