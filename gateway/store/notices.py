"""What devices are still to be told, and the counter of operators' decisions.

Decisions (suspend, freeze, close, settle, retire ...) are made in transactions of their own, often
in another process than the one that talks to the broker. Each writes its notices and raises the
counter in the same transaction; the ingest worker sees the counter in its own and reads anew.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, literal, select, text

from gateway.store import tables_notices  # noqa: F401  (its table belongs to the metadata)
from gateway.store.tables import Base

notice = Base.metadata.tables["notice"]
channel = Base.metadata.tables["channel"]

_COUNT = text("SELECT value FROM meta WHERE key = 'decisions'")
_RAISE = text(
    "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE key = 'decisions'"
)
_SET = text("UPDATE meta SET value = :value WHERE key = 'decisions'")
_FIRST = text("INSERT INTO meta (key, value) VALUES ('decisions', '1')")


def decisions(conn: Connection) -> int:
    """How many decisions there have been."""
    value = conn.execute(_COUNT).scalar_one_or_none()
    return 0 if value is None else int(value)


def decided(conn: Connection) -> None:
    """Count one more decision."""
    if conn.execute(_RAISE).rowcount == 0:
        conn.execute(_FIRST)


def count_from(conn: Connection, least: int) -> None:
    """Count one more decision, in restored books, and go on above `least`."""
    decided(conn)
    value = max(decisions(conn), least + 1)
    conn.execute(_SET, {"value": str(value)})


def tell_channels(conn: Connection, kind: str, channel_ids: Sequence[bytes]) -> None:
    """Note that the devices of these channels are to be told (`grant` or `receipt`)."""
    if channel_ids:
        conn.execute(insert(notice), [{"kind": kind, "channel_id": each} for each in channel_ids])
    decided(conn)


def tell_account(conn: Connection, account_id: str) -> None:
    """Note that the devices of all channels on which this account pays are to be told: what it has
    left to reserve has changed."""
    conn.execute(
        insert(notice).from_select(
            ["kind", "channel_id"],
            select(literal("grant"), channel.c.id).where(
                channel.c.payer_account == account_id, channel.c.state == "open"
            ),
        )
    )
    decided(conn)


def tell_run(conn: Connection, run: int) -> None:
    """Note that the devices of all channels settled in this run are to get receipts."""
    conn.execute(insert(notice), [{"kind": "run", "run": run}])
    decided(conn)


def waiting(conn: Connection, limit: int = 500) -> Sequence[Row[Any]]:
    """The oldest notices."""
    return conn.execute(select(notice).order_by(notice.c.id).limit(limit)).all()


def told(conn: Connection, ids: Sequence[int]) -> None:
    """Forget these notices: they are sent."""
    conn.execute(
        delete(notice).where(notice.c.id == bindparam("b_id")),
        [{"b_id": i} for i in ids],
    )
