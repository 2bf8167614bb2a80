"""The fence of a restored gateway: whether it is up, what it waits for, and moving it on.

A restore raises the gateway's generation and puts the fence up in the transaction that makes the
restored books. While it is up there is no settlement run, and nothing is granted beyond what is
signed; whoever would do either asks `check` in the same transaction. What lifts it is decided in
`gateway.operations.fence`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, literal, select, text, update

from gateway.ledger import states
from gateway.store import events, notices, plans, tables_restore  # noqa: F401  (its tables are the metadata's)
from gateway.store.errors import RestoreFenced
from gateway.store.tables import Base

generation = Base.metadata.tables["generation"]
awaited = Base.metadata.tables["awaited"]
channel = Base.metadata.tables["channel"]
device = Base.metadata.tables["device"]

RUNS_PER_GENERATION = 1_000_000
"""Run numbers of a generation start above this many for each one before it: the runs that a lost
database made have numbers, and payment references, that must never be used again."""
_SERIAL_BITS = 32
_AT_ONCE = 500
RECOVERED = "recovered"
"""The note of a channel that opened behind the fence."""

_LATEST = select(generation).order_by(generation.c.number.desc()).limit(1)
_AWAIT = text(
    "INSERT INTO awaited (generation, channel_id, state, note)"
    " SELECT :number, c.id, 'waiting', '' FROM channel c JOIN device d ON d.id = c.device_id"
    # A mirror's payer is the gateway itself: it follows the channel that it mirrors.
    " WHERE c.state = 'open' AND d.status <> 'revoked' AND c.mirror_of IS NULL"
)


def latest(conn: Connection) -> Row[Any] | None:
    """The newest generation's row; None if the books were never restored."""
    return conn.execute(_LATEST).one_or_none()


def number(conn: Connection) -> int:
    """The gateway's generation: 1, and one more for each restore."""
    row = latest(conn)
    return 1 if row is None else int(row.number)


def is_up(conn: Connection) -> bool:
    """Whether the books were restored and are not reconciled yet."""
    row = latest(conn)
    return row is not None and row.state == "fenced"


def check(conn: Connection) -> None:
    """Raise RestoreFenced while the fence is up. Belongs in the transaction that would write."""
    if is_up(conn):
        raise RestoreFenced(
            "fenced: these books were restored from a backup and are not reconciled yet; "
            "see `tallystick restore --status`"
        )


def first_serial(conn: Connection) -> int:
    """The serial that a channel starts with: the generation in the upper half, so that no serial
    of a database that was lost is above it."""
    return (number(conn) - 1) << _SERIAL_BITS


def run_floor(conn: Connection) -> int:
    """The number above which this generation's runs are counted."""
    return (number(conn) - 1) * RUNS_PER_GENERATION


def put_up(conn: Connection, new: int, archive: str, backup_at: int, at: int) -> None:
    """Begin generation `new` behind its fence, in books that hold the state of `backup_at`.

    Every live channel gets a serial above all that its device may have been told, and its device is
    to be told; each open one is awaited. `archive` is the SHA-256 of the backup in hex.
    """
    before = latest(conn)
    if before is not None and before.state == "fenced":
        _move(conn, before.number, "superseded")
    conn.execute(
        insert(generation).values(
            number=new,
            state="fenced",
            archive=archive,
            backup_at=backup_at,
            restored_at=at,
            rail_note="",
        )
    )
    conn.execute(
        update(channel)
        .where(channel.c.state != "closed", channel.c.serial < (new - 1) << _SERIAL_BITS)
        .values(serial=(new - 1) << _SERIAL_BITS)
    )
    conn.execute(_AWAIT, {"number": new})
    # How far prices that ended were granted since the backup is not known.
    plans.go_on_all(conn, at)
    _tell_all(conn)
    events.count_above(conn, (new - 1) * events.PER_GENERATION)
    events.note(conn, "gateway.fenced", str(new), backup_at=backup_at)


def _move(conn: Connection, which: int, state: str, **more: object) -> None:
    row = conn.execute(
        select(generation.c.state).where(generation.c.number == which).with_for_update()
    ).one()
    states.move(states.FENCE, row.state, state)
    conn.execute(update(generation).where(generation.c.number == which).values(state=state, **more))


def _tell_all(conn: Connection) -> None:
    conn.execute(
        insert(notices.notice).from_select(
            ["kind", "channel_id"],
            select(literal("grant"), channel.c.id).where(channel.c.state != "closed"),
        )
    )
    notices.decided(conn)


def lift(conn: Connection, by: str, at: int) -> None:
    """Take the fence down: every live channel's device is told its limit. `by` is for people.

    Raises IllegalMove if it is not up.
    """
    row = latest(conn)
    if row is None:
        raise states.IllegalMove("the books were never restored: there is no fence to lift")
    _move(conn, row.number, "lifted", lifted_at=at, lifted_by=by)
    _tell_all(conn)
    events.note(conn, "gateway.fence_lifted", str(row.number), by=by)


def present(conn: Connection, channel_ids: Sequence[bytes], at: int) -> int:
    """Note that the devices of these channels have shown their newest state; how many were awaited.

    For a generation whose fence is up or was lifted over devices that had been declared lost.
    """
    count = 0
    for start in range(0, len(channel_ids), _AT_ONCE):
        part = channel_ids[start : start + _AT_ONCE]
        count += conn.execute(
            update(awaited)
            .where(
                awaited.c.generation == number(conn),
                awaited.c.channel_id.in_(part),
                awaited.c.state != "presented",
            )
            .values(state="presented", at=at)
        ).rowcount
    return count


def recovered(conn: Connection, channel_id: bytes, at: int) -> None:
    """Note that a channel opened behind the fence: one that the lost books had, as far as its
    device says."""
    conn.execute(
        insert(awaited).values(
            generation=number(conn),
            channel_id=channel_id,
            state="presented",
            at=at,
            note=RECOVERED,
        )
    )


def recovered_channels(conn: Connection) -> list[bytes]:
    """The channels that opened behind this generation's fence, by id."""
    query = select(awaited.c.channel_id).where(
        awaited.c.generation == number(conn), awaited.c.note == RECOVERED
    )
    return [bytes(each) for each in conn.execute(query.order_by(awaited.c.channel_id)).scalars()]


def declare_lost(conn: Connection, device_id: str, note: str, at: int) -> int:
    """Wait no longer for this device's channels; how many were waited for. `note` says who and
    why."""
    own = select(channel.c.id).where(channel.c.device_id == device_id)
    return conn.execute(
        update(awaited)
        .where(
            awaited.c.generation == number(conn),
            awaited.c.channel_id.in_(own),
            awaited.c.state == "waiting",
        )
        .values(state="lost", at=at, note=note)
    ).rowcount


def awaited_channels(conn: Connection) -> set[bytes]:
    """The channels of this generation whose devices have not shown themselves."""
    query = select(awaited.c.channel_id).where(
        awaited.c.generation == number(conn), awaited.c.state != "presented"
    )
    return {bytes(each) for each in conn.execute(query).scalars()}


def is_awaited(conn: Connection, channel_id: bytes) -> bool:
    """Whether the fence is up and this channel's device has still to show its state."""
    if not is_up(conn):
        return False
    row = conn.execute(
        select(awaited.c.state).where(
            awaited.c.generation == number(conn), awaited.c.channel_id == channel_id
        )
    ).one_or_none()
    return row is not None and row.state == "waiting"


def counts(conn: Connection) -> dict[str, int]:
    """How many channels of this generation are in each state of being awaited."""
    found = dict.fromkeys(states.AWAITED, 0)
    query = select(awaited.c.state, func.count()).where(awaited.c.generation == number(conn))
    for state, count in conn.execute(query.group_by(awaited.c.state)):
        found[state] = int(count)
    return found


def waiting_devices(conn: Connection, limit: int) -> Sequence[Row[Any]]:
    """At most `limit` devices that are waited for, by id, with `channels` (how many)."""
    query = (
        select(device.c.id, device.c.name, device.c.account_id, func.count().label("channels"))
        .join(channel, channel.c.device_id == device.c.id)
        .join(awaited, awaited.c.channel_id == channel.c.id)
        .where(awaited.c.generation == number(conn), awaited.c.state == "waiting")
        .group_by(device.c.id, device.c.name, device.c.account_id)
        .order_by(device.c.id)
    )
    return conn.execute(query.limit(limit)).all()


def note_rail(conn: Connection, note: str, at: int) -> None:
    """Note that the rail's book has been compared with these."""
    conn.execute(
        update(generation)
        .where(generation.c.number == number(conn))
        .values(rail_at=at, rail_note=note)
    )
