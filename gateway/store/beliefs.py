"""Queries on which of the gateway's keys each device has last shown to believe.

A device of which nothing is kept has shown nothing since the first key was followed.
"""

from sqlalchemy import Connection, delete, func, insert, select

from gateway.store.tables import Base

belief = Base.metadata.tables["belief"]
device = Base.metadata.tables["device"]

_LIVE = device.c.status != "revoked"


def of(conn: Connection, device_id: str) -> bytes | None:
    """The gateway's key that this device has last shown to believe."""
    query = select(belief.c.gateway_key).where(belief.c.device_id == device_id)
    found = conn.execute(query).scalar_one_or_none()
    return None if found is None else bytes(found)


def shown(conn: Connection, device_id: str, gateway_key: bytes) -> None:
    """Note that this device believes this key."""
    conn.execute(delete(belief).where(belief.c.device_id == device_id))
    conn.execute(insert(belief).values(device_id=device_id, gateway_key=gateway_key))


def counts(conn: Connection) -> dict[bytes | None, int]:
    """How many devices that are not revoked believe each key."""
    query = (
        select(belief.c.gateway_key, func.count())
        .select_from(device.outerjoin(belief, belief.c.device_id == device.c.id))
        .where(_LIVE)
        .group_by(belief.c.gateway_key)
    )
    return {None if key is None else bytes(key): int(number) for key, number in conn.execute(query)}


def others(
    conn: Connection, newest: bytes, *, after: str = "", limit: int = 500
) -> list[tuple[str, bytes | None]]:
    """At most `limit` devices with ids above `after` that are not revoked and have not shown to
    believe this key, by id, each with the key that it believes."""
    query = (
        select(device.c.id, belief.c.gateway_key)
        .select_from(device.outerjoin(belief, belief.c.device_id == device.c.id))
        .where(_LIVE, device.c.id > after)
        .where(belief.c.gateway_key.is_(None) | (belief.c.gateway_key != newest))
        .order_by(device.c.id)
        .limit(limit)
    )
    return [(id_, None if key is None else bytes(key)) for id_, key in conn.execute(query)]
