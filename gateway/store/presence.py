"""Queries on which devices are there. Who is, is decided in `gateway.ingest.presence`."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, func, insert, select, update

from gateway.store import devices, events
from gateway.store.tables import Base
from gateway.store.tables_events import Presence as _Presence  # noqa: F401  (its table)

table = Base.metadata.tables["presence"]


def online(conn: Connection) -> Iterator[str]:
    """The ids of the devices that are there."""
    query = select(table.c.device_id).where(table.c.online).order_by(table.c.device_id)
    yield from conn.execute(query).scalars()


def count(conn: Connection) -> int:
    """How many devices are there."""
    query = select(func.count()).select_from(table).where(table.c.online)
    return int(conn.execute(query).scalar_one())


def silent(conn: Connection) -> int:
    """How many active devices were heard of before, and have fallen silent."""
    device = devices.device
    query = select(func.count()).select_from(
        table.join(device, (device.c.id == table.c.device_id) & (device.c.status == "active"))
    )
    return int(conn.execute(query.where(table.c.online.is_(False))).scalar_one())


def of(conn: Connection, device_ids: Sequence[str]) -> dict[str, tuple[bool, int]]:
    """Of those of these devices that were ever heard of: whether they are there, and since when
    (Unix seconds)."""
    rows = conn.execute(select(table).where(table.c.device_id.in_(device_ids)))
    return {row.device_id: (row.online, int(row.since)) for row in rows}


def note(conn: Connection, device_ids: Sequence[str], there: bool, at: int) -> None:
    """Note that these devices have come, or have fallen silent, at this Unix second. Ids of none
    are left out."""
    known = {row.id: row.account_id for row in devices.load(conn, device_ids)}
    before = of(conn, list(known))
    for device_id, account_id in known.items():
        values = {"online": there, "since": at}
        if device_id in before:
            conn.execute(update(table).where(table.c.device_id == device_id).values(**values))
        else:
            conn.execute(insert(table).values(device_id=device_id, **values))
        events.note(conn, "device.online" if there else "device.offline", device_id, account_id)
