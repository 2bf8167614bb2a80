"""Webhooks' secrets as they are kept: sealed under the key in `webhooks.key`, in base64.

The webhook's own id is what one is bound to, so a secret copied to another webhook, as somebody
with a hand in the database could, opens nothing.
"""

import base64
import binascii

from gateway.sealing import NotReadable, seal, unseal
from gateway.webhooks.signature import PREFIX


def kept(key: bytes, id_: str, secret: str) -> str:
    """The secret of the webhook with this id, as it is kept."""
    return base64.b64encode(seal(key, id_, secret)).decode()


def told(key: bytes, id_: str, sealed: str) -> str:
    """A secret from what is kept. Raises NotReadable."""
    try:
        raw = base64.b64decode(sealed, validate=True)
    except binascii.Error:
        raise NotReadable(id_) from None
    return unseal(key, id_, raw)


def is_plain(stored: str) -> bool:
    """Whether this is a secret as it was kept before they were sealed."""
    return stored.startswith(PREFIX)
