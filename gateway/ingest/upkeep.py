"""What the worker does between batches: telling devices what was decided, closing what expired,
telling them of a new key, and writing down who is there."""

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from gateway.ingest import following, funds, replies
from gateway.ingest.alerts import SIGNS
from gateway.ingest.context import Context, Overtaken
from gateway.ingest.replies import Outgoing
from gateway.settlement import intervals, run, statements
from gateway.store import beliefs, channels, devices, events, journal, notices, plans, presence
from gateway.store.errors import Conflict
from protocol.messages import SETTLEMENT, Receipt

log = structlog.get_logger(__name__)

_AT_ONCE = 500


def tell(context: Context) -> list[Outgoing]:
    """The messages that waiting notices ask for. They are sent at least once: a notice is deleted
    before its message goes out, and a device that misses it learns the same from its next hello."""
    with context.read() as conn:
        rows = notices.waiting(conn)
        if not rows:
            return []
        left = funds.Left(conn)
        followers = plans.Followers(conn)
        messages = [
            message for row in rows for message in _compose(context, conn, row, left, followers)
        ]
    try:
        with context.write() as conn:
            notices.told(conn, [row.id for row in rows])
    except Overtaken:
        return []
    return messages


def _compose(
    context: Context,
    conn: Connection,
    row: Row[Any],
    left: funds.Left,
    followers: plans.Followers,
) -> list[Outgoing]:
    if row.kind == "run":
        return _run_receipts(context, conn, row.run)
    channel = context.directory.channel(conn, bytes(row.channel_id))
    if channel is None:
        return []
    device = context.directory.device(conn, channel.device_id)
    if device is None:
        return []
    if row.kind == "receipt":
        return [replies.close_receipt(context.keys, channel)]
    grant = replies.grant(device, channel, left.if_low(device.account_id, channel))
    return [grant, *following.offers(context, conn, followers, [channel])]


def _run_receipts(context: Context, conn: Connection, number: int) -> list[Outgoing]:
    # Told late they say the same: the mark was that when the run was made, and may be higher now.
    at = run.get(conn, number).period_end
    return [
        replies.receipt(
            context.keys,
            each.device,
            Receipt(each.channel, each.amount, each.units, SETTLEMENT, at, number),
            each.gateway_key,
        )
        for each in statements.settled_channels(conn, number)
    ]


def announce(context: Context) -> list[Outgoing]:
    """The words that lead to the newest key, for the next devices that have not shown to believe
    it; nothing once all have been told. Who is not connected hears of it at its next hello."""
    keys = context.keys
    if not keys.older or context.announced_to is None:
        return []
    with context.read() as conn:
        rows = beliefs.others(conn, keys.public, after=context.announced_to, limit=_AT_ONCE)
    context.announced_to = rows[-1][0] if len(rows) == _AT_ONCE else None
    return [
        message
        for device_id, believed in rows
        for message in replies.successors(keys, device_id, believed)
    ]


def expire(context: Context) -> None:
    """Close the open channels whose expiry has passed, at their marks; devices get receipts.

    None behind the fence: its mark may be older than what its device can show.
    """
    with context.read() as conn:
        if context.fenced:
            return
        due: Sequence[bytes] = channels.expired(conn, context.now, _AT_ONCE)
    if not due:
        return
    try:
        _close_expired(context, due)
    except Overtaken:
        return
    except Conflict:
        _close_one_by_one(context, due)


def _close_expired(context: Context, due: Sequence[bytes]) -> None:
    with context.write() as conn:
        journal.lock(conn)
        channels.lock(conn, due)
        for channel_id in due:
            intervals.close(conn, channel_id, reason="expired", at=context.now)
        notices.tell_channels(conn, "receipt", due)
    context.directory.forget_channels(due)


def _close_one_by_one(context: Context, due: Sequence[bytes]) -> None:
    """Where the ledger can't take one of them, the others need not stay open with it."""
    for channel_id in due:
        try:
            _close_expired(context, [channel_id])
        except Overtaken:
            return
        except Conflict as problem:
            log.error("a channel can't be closed", channel=channel_id.hex(), problem=str(problem))


def observe(context: Context) -> None:
    """Write down, as events, who has come, who has fallen silent, and what looked suspicious."""
    with context.read() as conn:
        context.presence.read(conn)
    come, gone = context.presence.changes()
    alerts = context.alerts.waiting()
    if not come and not gone and not alerts:
        return
    try:
        with context.write() as conn:
            presence.note(conn, come, there=True, at=context.now)
            presence.note(conn, gone, there=False, at=context.now)
            for kind, name in alerts:
                _note_alert(conn, kind, name)
    except Overtaken:
        return
    context.presence.noted(come, gone)
    context.alerts.noted(len(alerts))


def _note_alert(conn: Connection, kind: str, name: str) -> None:
    known = devices.load(conn, [name])
    of = "device.suspicious" if known else "gateway.suspicious"
    account_id = known[0].account_id if known else None
    events.note(conn, of, name, account_id, sign=kind, means=SIGNS[kind].means)
