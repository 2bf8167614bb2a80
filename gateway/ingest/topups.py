"""Top-ups: a channel's capacity raised by its payer's signed message, within what the account has
free, in a transaction of its own.
"""

from sqlalchemy import Connection

from gateway.ingest import replies
from gateway.ingest.context import Context, Overtaken
from gateway.ingest.directory import KnownChannel, KnownDevice
from gateway.ingest.funds import Left
from gateway.ingest.own_channel import change
from gateway.ingest.replies import Outgoing
from gateway.ingest.steps import authentic, suspended
from gateway.store import accounts, channels, tariffs
from protocol import payee
from protocol.errors import ProtocolError
from protocol.topups import Topup, read_topup


def top_up(context: Context, device: KnownDevice, message: bytes) -> list[Outgoing]:
    """Raise a channel's capacity to what its payer signed, or say again that it is raised."""
    topup = read_topup(authentic(context, device, "topup", message))

    def step(conn: Connection, device: KnownDevice, channel: KnownChannel) -> list[Outgoing]:
        return _topped_up(context, conn, device, channel, topup, message)

    return change(context, device, "topup", topup.channel, step)


def _topped_up(
    context: Context,
    conn: Connection,
    device: KnownDevice,
    channel: KnownChannel,
    topup: Topup,
    message: bytes,
) -> list[Outgoing]:
    before = channel.terms.capacity
    # The capacity of a channel to another device is its mirror's too, which never changes.
    greatest = before if channel.mirror else _greatest(conn, channel)
    verdict = payee.judge_topup(
        channel.state,
        before,
        channel.terms.expiry,
        greatest,
        topup.capacity,
        context.expiry_now,
    )
    context.present(conn, [channel.id])
    left = Left(conn)
    if verdict == payee.RAISES:
        _check_funds(context, conn, device, topup.capacity - before)
        if not channels.raise_capacity(
            conn, channel.id, before, topup.capacity, message, context.now
        ):
            raise Overtaken
        context.directory.forget_channels([channel.id])
        channel.terms.capacity = topup.capacity
        if not context.fenced:
            left.warn(device.account_id, topup.capacity - before)
    free = left.if_low(device.account_id, channel)
    return [replies.grant(device, channel, free, capacity=channel.terms.capacity)]


def _greatest(conn: Connection, channel: KnownChannel) -> int:
    """The greatest capacity that the tariff that the channel is on allows, also if it is offered no
    more."""
    return int(tariffs.get(conn, channel.terms.price.tariff.id()).max_capacity)


def _check_funds(context: Context, conn: Connection, device: KnownDevice, more: int) -> None:
    """Raises ProtocolError unless the device may have its account reserve so much more. Behind the
    fence that is not asked: what is shown then was most likely taken before the books were lost."""
    if device.status == "revoked" or (device.status != "active" and not context.fenced):
        raise suspended()
    if context.fenced:
        return
    free = accounts.free(conn, device.account_id)
    if accounts.get(conn, device.account_id).status != "active" or more > free:
        raise ProtocolError(
            "insufficient_funds", "topup.capacity", "more than the account has free", max(0, free)
        )
