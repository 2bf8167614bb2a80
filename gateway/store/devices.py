"""Queries on devices.

That a key is a good Ed25519 key is checked by the caller, before it comes here.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from gateway.ledger import states
from gateway.store import events
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base, Device
from protocol.ids import device_id

device = Base.metadata.tables["device"]
presence = Base.metadata.tables["presence"]

_BECAME = {"active": "resumed"}
_LOAD = select(device).where(device.c.id.in_(bindparam("ids", expanding=True)))


def add(conn: Connection, new: Device) -> None:
    """Store a new device. Raises Conflict if its id is not its key's, or is registered already."""
    if new.id != device_id(new.public_key):
        raise Conflict(f"device id: this key's is {device_id(new.public_key)}")
    if load(conn, [new.id]):
        raise Conflict(f"device {new.id}: registered already")
    conn.execute(insert(device).values(**new.model_dump()))
    events.note(conn, "device.registered", new.id, new.account_id, name=new.name)


def load(conn: Connection, ids: Sequence[str]) -> Sequence[Row[Any]]:
    """The rows of these devices that exist, in no order."""
    return conn.execute(_LOAD, {"ids": list(ids)}).all() if ids else []


def get(conn: Connection, id_: str) -> Row[Any]:
    """One device. Raises NotFound."""
    row = conn.execute(_LOAD, {"ids": [id_]}).one_or_none()
    if row is None:
        raise NotFound(f"device {id_}: unknown")
    return row


def page(
    conn: Connection,
    *,
    after: str = "",
    limit: int = 100,
    account_id: str | None = None,
    status: str | None = None,
    search: str | None = None,
    online: bool | None = None,
) -> Sequence[Row[Any]]:
    """At most `limit` devices with ids above `after`, by id; of `search` their names have a part,
    in any case, or their ids begin with it; `online` are those that are there, or that were and
    have fallen silent."""
    query = select(device).where(device.c.id > after).order_by(device.c.id).limit(limit)
    if account_id is not None:
        query = query.where(device.c.account_id == account_id)
    if status is not None:
        query = query.where(device.c.status == status)
    if search is not None:
        query = query.where(
            device.c.name.icontains(search, autoescape=True)
            | device.c.id.startswith(search.lower(), autoescape=True)
        )
    if online is not None:
        there = select(presence.c.device_id).where(presence.c.online.is_(online))
        query = query.where(device.c.id.in_(there))
    return conn.execute(query).all()


def count(conn: Connection) -> dict[str, int]:
    """How many devices there are, by status."""
    rows = conn.execute(select(device.c.status, func.count()).group_by(device.c.status))
    return {status: int(number) for status, number in rows}


def set_status(conn: Connection, id_: str, status: str) -> None:
    """Suspend, reactivate or revoke a device. Raises NotFound, or IllegalMove from `states`."""
    now = conn.execute(
        select(device.c.status, device.c.account_id).where(device.c.id == id_).with_for_update()
    ).one_or_none()
    if now is None:
        raise NotFound(f"device {id_}: unknown")
    states.move(states.DEVICE, now.status, status)
    conn.execute(update(device).where(device.c.id == id_).values(status=status))
    events.note(conn, f"device.{_BECAME.get(status, status)}", id_, now.account_id)


def rename(conn: Connection, id_: str, name: str) -> None:
    """Give a device another name. Raises NotFound."""
    get(conn, id_)
    conn.execute(update(device).where(device.c.id == id_).values(name=name))
