"""Signatures by the Standard Webhooks convention, https://www.standardwebhooks.com: `v1`, which is
HMAC-SHA256 over id, time and body under a secret that both sides know."""

import base64
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """A secret of 32 random bytes, as it is given to whoever receives."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def headers(secrets_: Sequence[str], id_: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of a message at Unix second `at`, with a signature under each of the secrets."""
    signed = f"{id_}.{at}.".encode() + body
    found = []
    for each in secrets_:
        key = base64.b64decode(each.removeprefix(PREFIX))
        found.append("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode())
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(found),
    }
