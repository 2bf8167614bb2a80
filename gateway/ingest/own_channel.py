"""What a payer changes of a channel of its own that is there already, in a transaction of its own:
whose channel it is, and what is answered where it is refused. What changes is in `legs` and
`topups`.
"""

from collections.abc import Callable

from sqlalchemy import Connection

from gateway.ingest import replies
from gateway.ingest.context import Context
from gateway.ingest.directory import KnownChannel, KnownDevice
from gateway.ingest.ious import refuse
from gateway.ingest.replies import Outgoing
from gateway.ingest.steps import current, decided
from protocol.errors import ProtocolError

Change = Callable[[Connection, KnownDevice, KnownChannel], list[Outgoing]]
"""Given both as they are in its transaction. May raise ProtocolError."""


def change(
    context: Context, device: KnownDevice, kind: str, channel_id: bytes, step: Change
) -> list[Outgoing]:
    """Run the step, and answer it; if it is refused, by that, and by the receipt of a channel that
    is over."""

    def within(conn: Connection) -> list[Outgoing]:
        there = current(context, conn, device)
        return step(conn, there, _own(context, conn, there, kind, channel_id))

    try:
        return decided(context, within)
    except ProtocolError as error:
        answers = refuse(context, device, kind, channel_id, error)
        channel = context.directory.cached_channel(channel_id)
        if error.reason == "closed" and channel is not None:
            answers.append(replies.close_receipt(context.keys, channel))
        return answers


def _own(
    context: Context, conn: Connection, device: KnownDevice, kind: str, channel_id: bytes
) -> KnownChannel:
    """The channel as it is stored. Raises ProtocolError unless this device pays on it."""
    context.directory.forget_channels([channel_id])
    channel = context.directory.channel(conn, channel_id)
    where = f"{kind}.channel_id"
    if channel is None:
        raise ProtocolError("unknown_channel", where, "no such channel")
    if channel.device_id != device.id or channel.terms.payer_key != device.public_key:
        raise ProtocolError("not_yours", where, "the channel of another payer")
    return channel
