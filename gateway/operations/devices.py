"""Use cases on devices: registering a key, passwords and certificates for the broker, suspending
and revoking.

A device's password is returned once, and kept as a hash in the broker's file alone; the key of its
certificate is returned once, and kept nowhere.
"""

from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import Connection, Row

from gateway.keys import BadPublicKey, check_public_key
from gateway.operations.errors import BadInput
from gateway.operations.paging import Page, one_page
from gateway.operations.text import check_name
from gateway.pki.authority import Issued
from gateway.pki.folder import DEVICE_DAYS
from gateway.store import accounts, channels, devices, notices
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Device
from protocol.ids import device_id


class Credentials(Protocol):
    """Passwords and certificates for the broker, as far as devices are concerned."""

    def new(self, device: str) -> str:
        """Make, keep and return a new password for this device; older ones end."""

    def remove(self, device: str) -> None:
        """End this device's password and certificates."""


class Issuer(Credentials, Protocol):
    """One that issues certificates as well."""

    def certificate(self, device: str, days: int) -> tuple[Issued, bytes]:
        """A new certificate for this device, and its authority's in PEM; older ones stay good."""


def public_key(text: str) -> bytes:
    """A device's 32-byte public key from 64 hex digits. Raises BadInput (threat D6)."""
    try:
        return check_public_key(bytes.fromhex(text))
    except BadPublicKey as error:
        raise BadInput("public_key", str(error).removeprefix("public key: ")) from None
    except ValueError:
        raise BadInput("public_key", "must be 64 hex digits") from None


def register(
    store: Store, credentials: Credentials, key: bytes, account_id: str, name: str
) -> tuple[Row[Any], str]:
    """Register the device that holds this checked key; returns it and its password.

    Raises BadInput, NotFound for an unknown account, Conflict if it is registered already.
    """
    check_name(name)
    id_ = device_id(key)
    with store.write() as conn:
        try:
            account = accounts.get(conn, account_id)
        except NotFound as error:
            raise BadInput("account_id", "there is no such account") from error
        if account.status != "active":
            raise Conflict(f"account {account_id}: is closed")
        new = Device(
            id=id_,
            public_key=key,
            account_id=account_id,
            name=name,
            created_at=store.now(conn),
        )
        devices.add(conn, new)
        notices.decided(conn)
        # Before the commit: a password that nobody was told is harmless, a device without is not.
        password = credentials.new(id_)
    return show(store, id_), password


def page(
    store: Store,
    *,
    after: str = "",
    limit: int = 100,
    account_id: str | None = None,
    status: str | None = None,
) -> Page[Row[Any]]:
    """Devices by id."""
    with store.read() as conn:
        return one_page(
            lambda count: devices.page(
                conn, after=after, limit=count, account_id=account_id, status=status
            ),
            limit,
        )


def show(store: Store, id_: str) -> Row[Any]:
    """One device. Raises NotFound."""
    with store.read() as conn:
        return devices.get(conn, id_)


def suspend(store: Store, id_: str) -> Row[Any]:
    """Let a device deliver nothing more for now. Raises NotFound, IllegalMove."""
    return _decide(store, id_, "suspended")


def resume(store: Store, id_: str) -> Row[Any]:
    """Let a suspended device deliver again. Raises NotFound, IllegalMove."""
    return _decide(store, id_, "active")


def revoke(store: Store, credentials: Credentials, id_: str) -> Row[Any]:
    """End a device for good: it may neither deliver nor connect. Raises NotFound, IllegalMove."""
    row = _decide(store, id_, "revoked")
    credentials.remove(id_)
    return row


def _decide(store: Store, id_: str, status: str) -> Row[Any]:
    def step(conn: Connection) -> None:
        devices.set_status(conn, id_, status)
        live = sorted(bytes(row.id) for row in channels.by_device(conn, id_))
        for channel_id in live:
            channels.raise_serial(conn, channel_id)
        notices.tell_channels(conn, "grant", live)

    return _written(store, id_, step)


def _written(store: Store, id_: str, step: Callable[[Connection], None]) -> Row[Any]:
    with store.write() as conn:
        step(conn)
        return devices.get(conn, id_)


def rotate_password(store: Store, credentials: Credentials, id_: str) -> str:
    """A new password for a device; the old one ends. Raises NotFound, Conflict if revoked."""
    _not_revoked(store, id_)
    return credentials.new(id_)


def certificate(
    store: Store, credentials: Issuer, id_: str, days: int = DEVICE_DAYS
) -> tuple[Issued, bytes]:
    """A certificate with which a device may log in at the broker for so many days, and its
    authority's in PEM; older ones stay good.

    Raises NotFound, Conflict if the device is revoked or there is no authority, PkiError.
    """
    _not_revoked(store, id_)
    return credentials.certificate(id_, days)


def _not_revoked(store: Store, id_: str) -> None:
    if show(store, id_).status == "revoked":
        raise Conflict(f"device {id_}: is revoked, register a new key")
