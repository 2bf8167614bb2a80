"""Use cases on devices: registering a key, passwords and certificates for the broker, suspending
and revoking.

A device's password is returned once, and kept as a hash in the broker's file alone; the key of its
certificate is returned once, and kept nowhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Row

from gateway.keys import BadPublicKey, check_public_key
from gateway.operations.errors import BadInput
from gateway.operations.paging import Page, one_page
from gateway.operations.text import check_name
from gateway.pki.authority import Issued
from gateway.pki.folder import DEVICE_DAYS
from gateway.store import accounts, audit, beliefs, channels, devices, notices, presence, tariffs
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

    def authority(self) -> bytes | None:
        """What the broker's certificate is checked against, in PEM; None if none is made here."""


def public_key(text: str) -> bytes:
    """A device's 32-byte public key from 64 hex digits. Raises BadInput (threat D6)."""
    try:
        return check_public_key(bytes.fromhex(text))
    except BadPublicKey as error:
        raise BadInput("public_key", str(error).removeprefix("public key: ")) from None
    except ValueError:
        raise BadInput("public_key", "must be 64 hex digits") from None


def register(
    store: Store,
    credentials: Credentials,
    key: bytes,
    account_id: str,
    name: str,
    gateway_key: bytes,
) -> tuple[Row[Any], str]:
    """Register the device that holds this checked key; returns it and its password. `gateway_key`
    is the one of the gateway's that it is to be given.

    Raises BadInput, NotFound for an unknown account, Conflict if it is registered already.
    """
    check_name(name)
    with store.write() as conn:
        id_ = register_in(store, conn, key, account_id, name, gateway_key)
        # Before the commit: a password that nobody was told is harmless, a device without is not.
        password = credentials.new(id_)
    return show(store, id_), password


def register_in(
    store: Store, conn: Connection, key: bytes, account_id: str, name: str, gateway_key: bytes
) -> str:
    """As `register`, in a transaction that does more, and without a password; its id."""
    open_account(conn, account_id)
    id_ = device_id(key)
    new = Device(
        id=id_,
        public_key=key,
        account_id=account_id,
        name=name,
        created_at=store.now(conn),
    )
    devices.add(conn, new)
    beliefs.shown(conn, id_, gateway_key)
    audit.record(conn, "device.register", id_, after={"account": account_id, "name": name})
    notices.decided(conn)
    return id_


def open_account(conn: Connection, account_id: str) -> None:
    """Raise BadInput unless there is this account, Conflict if it is closed."""
    try:
        account = accounts.get(conn, account_id)
    except NotFound as error:
        raise BadInput("account_id", "there is no such account") from error
    if account.status != "active":
        raise Conflict(f"account {account_id}: is closed")


def page(
    store: Store,
    *,
    after: str = "",
    limit: int = 100,
    account_id: str | None = None,
    status: str | None = None,
    search: str | None = None,
    online: bool | None = None,
) -> Page[Row[Any]]:
    """Devices by id; of `search` their names have a part, or their ids begin with it; `online` are
    those that are there, or that were and have fallen silent."""
    with store.read() as conn:
        return one_page(
            lambda count: devices.page(
                conn,
                after=after,
                limit=count,
                account_id=account_id,
                status=status,
                search=search,
                online=online,
            ),
            limit,
        )


@dataclass(frozen=True, slots=True)
class Doing:
    """What a device does: the live channel that it opened last, with that one's tariff, and whether
    it is there, since when (Unix seconds); None for what it never had or was."""

    paying: tuple[Row[Any], Row[Any]] | None
    presence: tuple[bool, int] | None


def doing(store: Store, ids: Sequence[str]) -> dict[str, Doing]:
    """What each of these devices does."""
    with store.read() as conn:
        live = {row.device_id: row for row in channels.newest_live(conn, ids)}
        known = {bytes(row.id): row for row in tariffs.listed(conn, active=False)}
        there = presence.of(conn, ids)
        paying = {each: (row, known[bytes(row.tariff_id)]) for each, row in live.items()}
        return {each: Doing(paying.get(each), there.get(each)) for each in ids}


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


_ACTIONS = {
    "active": "device.resume",
    "revoked": "device.revoke",
    "suspended": "device.suspend",
}


def _decide(store: Store, id_: str, status: str) -> Row[Any]:
    def step(conn: Connection) -> None:
        before = devices.get(conn, id_).status
        devices.set_status(conn, id_, status)
        after = {"status": status}
        audit.record(conn, _ACTIONS[status], id_, before={"status": before}, after=after)
        live = [bytes(row.id) for row in channels.by_device(conn, id_)]
        channels.lock(conn, live)
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
    with store.write() as conn:
        _not_revoked(conn, id_)
        audit.record(conn, "device.password", id_)
        return credentials.new(id_)


def certificate(
    store: Store, credentials: Issuer, id_: str, days: int = DEVICE_DAYS
) -> tuple[Issued, bytes]:
    """A certificate with which a device may log in at the broker for so many days, and its
    authority's in PEM; older ones stay good.

    Raises NotFound, Conflict if the device is revoked or there is no authority, PkiError.
    """
    with store.write() as conn:
        _not_revoked(conn, id_)
        issued, authority = credentials.certificate(id_, days)
        after = {"days": days, "serial": issued.serial}
        audit.record(conn, "device.certificate", id_, after=after)
        return issued, authority


def _not_revoked(conn: Connection, id_: str) -> None:
    if devices.get(conn, id_).status == "revoked":
        raise Conflict(f"device {id_}: is revoked, register a new key")
