"""Legs: a channel goes on by another price from where its payer's signed word says, in a
transaction of its own.
"""

from sqlalchemy import Connection

from gateway.ingest import following, replies
from gateway.ingest.context import Context, Overtaken
from gateway.ingest.directory import KnownChannel, KnownDevice
from gateway.ingest.ious import read_claim, take_carried
from gateway.ingest.own_channel import change
from gateway.ingest.replies import Outgoing
from gateway.ingest.steps import authentic, suspended
from gateway.store import legs, plans, tariffs
from gateway.store.errors import NotFound
from protocol import payee
from protocol.errors import ProtocolError
from protocol.legs import Leg, read_leg


def begin(context: Context, device: KnownDevice, message: bytes) -> list[Outgoing]:
    """Take the IOU that the leg carries, then let what is beyond it cost what the leg says; or say
    again that it does."""
    leg = read_leg(authentic(context, device, "leg", message))
    answers: list[Outgoing] = []
    if leg.last_iou:
        # It is what proves the mark from now on: a stale one's signature is checked too.
        authentic(context, device, "iou", leg.last_iou)
        answers, taken = take_carried(context, read_claim(device, leg.last_iou))
        if not taken:
            # No price begins where nothing is owed.
            return answers

    def step(conn: Connection, device: KnownDevice, channel: KnownChannel) -> list[Outgoing]:
        return _begun(context, conn, device, channel, leg, message)

    return answers + change(context, device, "leg", leg.channel, step)


def _begun(
    context: Context,
    conn: Connection,
    device: KnownDevice,
    channel: KnownChannel,
    leg: Leg,
    message: bytes,
) -> list[Outgoing]:
    verdict = payee.judge_leg(
        channel.terms,
        channel.state,
        *channel.mark,
        channel.leg,
        leg,
        context.expiry_now,
        lost=context.fenced,
    )
    context.present(conn, [channel.id])
    if verdict == payee.RAISES:
        if device.status == "revoked" or (device.status != "active" and not context.fenced):
            raise suspended()
        _check_tariff(context, conn, channel, leg)
        if not legs.begin(conn, leg, message, channel.leg, context.now):
            raise Overtaken
        context.directory.forget_channels([channel.id])
        channel = context.directory.channel(conn, leg.channel) or channel
    elif legs.message(conn, channel.id, leg.number) != message:
        raise ProtocolError(
            "wrong_leg", "leg.number", "another leg has this number", channel.leg + 1
        )
    return [replies.grant(device, channel)]


def _check_tariff(context: Context, conn: Connection, channel: KnownChannel, leg: Leg) -> None:
    """Raises ProtocolError unless the leg's tariff is what follows on this channel now. Behind the
    fence it may be any that the gateway has: what is shown then followed before the books were
    lost."""
    wanted = leg.tariff.id()
    if context.fenced:
        try:
            tariffs.get(conn, wanted)
        except NotFound:
            raise ProtocolError(
                "unavailable", "leg.tariff", "unknown to the restored books"
            ) from None
        return
    row = following.next_tariff(conn, plans.Followers(conn), channel)
    if row is None or bytes(row.id) != wanted:
        raise ProtocolError("unknown_tariff", "leg.tariff", "does not follow on this channel now")
