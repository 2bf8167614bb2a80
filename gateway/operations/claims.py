"""Use cases on claim codes: whoever holds one may register one device for its account.

A code is 20 letters and digits (`codes`), 100 random bits; it is good once.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from gateway.operations import codes, devices
from gateway.operations.devices import Issuer
from gateway.operations.errors import BadInput
from gateway.operations.text import check_name
from gateway.pki.authority import Issued
from gateway.pki.folder import DEVICE_DAYS
from gateway.store import audit, beliefs, claims, last
from gateway.store import devices as stored_devices
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from gateway.store.tables_claims import Claim
from protocol.ids import device_id

LIFETIME_S = 86_400
"""How long a code is good if nobody says, in seconds."""
LONGEST_S = 30 * 86_400
_LENGTH = 20


class BadCode(Exception):
    """The code registers nothing: there is none such, or it was used, revoked or is too old."""


@dataclass(frozen=True)
class Claimed:
    """A device that has claimed itself; `certificate` with its authority's in PEM, if asked for."""

    device: Row[Any]
    password: str
    certificate: tuple[Issued, bytes] | None


def add(
    store: Store, account_id: str, made_by: str, lifetime_s: int = LIFETIME_S
) -> tuple[str, str]:
    """Make a code for an account; returns its id and the code, which nobody can be told again.

    `lifetime_s` in seconds, at most 30 days of them. Raises BadInput; Conflict for a
    closed account.
    """
    if not 1 <= lifetime_s <= LONGEST_S:
        raise BadInput("lifetime_s", "must be 1 second to 30 days")
    id_ = secrets.token_hex(6)
    code = codes.new(_LENGTH)
    with store.write() as conn:
        devices.open_account(conn, account_id)
        now = store.now(conn)
        new = Claim(
            id=id_,
            code_hash=codes.hashed(code),
            account_id=account_id,
            made_by=made_by,
            created_at=now,
            expires_at=now + lifetime_s,
        )
        claims.add(conn, new)
        after = {"account": account_id, "expires_at": new.expires_at}
        audit.record(conn, "claim.add", id_, after=after)
    return id_, code


def use(
    store: Store,
    credentials: Issuer,
    code: str,
    key: bytes,
    name: str,
    gateway_key: bytes,
    with_certificate: bool = False,
) -> Claimed:
    """Register the device that holds this checked key for the account of the code, and that is to
    be given this key of the gateway's. The code is good for nothing more then. A device that the
    account has already gets a new password instead: its board was set up anew.

    Raises BadCode, BadInput, Conflict; then the code is as good as before.
    """
    check_name(name)
    id_ = device_id(key)
    certificate = None
    with store.write() as conn:
        now = store.now(conn)
        claim = claims.valid(conn, codes.hashed(code), now)
        if claim is None:
            raise BadCode
        last.act(conn, f"claim:{claim.id}")
        known = stored_devices.load(conn, [id_])
        if not known:
            devices.register_in(store, conn, key, claim.account_id, name, gateway_key)
        elif known[0].account_id != claim.account_id or known[0].status == "revoked":
            raise Conflict(f"device {id_}: is registered already, or was revoked")
        else:
            beliefs.shown(conn, id_, gateway_key)
        claims.use(conn, claim.id, id_, now)
        audit.record(conn, "claim.use", claim.id, after={"device": id_})
        # Before the commit: a password that nobody was told is harmless, a device without is not.
        if with_certificate:
            certificate = credentials.certificate(id_, DEVICE_DAYS)
            after = {"days": DEVICE_DAYS, "serial": certificate[0].serial}
            audit.record(conn, "device.certificate", id_, after=after)
        password = credentials.new(id_)
    return Claimed(devices.show(store, id_), password, certificate)


def listed(store: Store) -> Sequence[Row[Any]]:
    """All codes, the newest first, without what they were."""
    with store.read() as conn:
        return claims.listed(conn)


def revoke(store: Store, id_: str) -> None:
    """End a code that was not used. Raises NotFound, Conflict."""
    with store.write() as conn:
        claims.revoke(conn, id_, store.now(conn))
        audit.record(conn, "claim.revoke", id_)
