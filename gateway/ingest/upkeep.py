"""What the worker does between batches: telling devices what was decided, closing what expired."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from gateway.ingest import replies
from gateway.ingest.context import Context, Overtaken
from gateway.ingest.replies import Outgoing
from gateway.settlement import intervals, statements
from gateway.store import channels, notices
from protocol.messages import SETTLEMENT, Receipt

_AT_ONCE = 500


def tell(context: Context) -> list[Outgoing]:
    """The messages that waiting notices ask for. They are sent at least once: a notice is deleted
    before its message goes out, and a device that misses it learns the same from its next hello."""
    with context.read() as conn:
        rows = notices.waiting(conn)
        if not rows:
            return []
        messages = [message for row in rows for message in _compose(context, conn, row)]
    try:
        with context.write() as conn:
            notices.told(conn, [row.id for row in rows])
    except Overtaken:
        return []
    return messages


def _compose(context: Context, conn: Connection, row: Row[Any]) -> list[Outgoing]:
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
    return [replies.grant(device, channel)]


def _run_receipts(context: Context, conn: Connection, number: int) -> list[Outgoing]:
    return [
        replies.receipt(
            context.keys,
            device_id,
            Receipt(channel, amount, units, SETTLEMENT, context.now, number),
        )
        for device_id, channel, amount, units in statements.settled_channels(conn, number)
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
        with context.write() as conn:
            for channel_id in due:
                intervals.close(conn, channel_id, reason="expired", at=context.now)
            notices.tell_channels(conn, "receipt", due)
    except Overtaken:
        return
    context.directory.forget_channels(due)
