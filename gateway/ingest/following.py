"""Offers: of what the gateway sells, and of the tariffs that follow on channels that are open."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from gateway.ingest import replies
from gateway.ingest.context import Context
from gateway.ingest.directory import KnownChannel
from gateway.ingest.replies import Outgoing
from gateway.store import plans, tariffs
from protocol import payee
from protocol.messages import Offer
from protocol.pricing import Tariff


def tariff_of(row: Row[Any]) -> Tariff:
    """A tariff's row as the wire's value."""
    return Tariff(
        row.unit,
        row.numerator,
        row.denominator,
        row.currency,
        row.scale,
        row.pricing,
        row.session_fee,
    )


def offer(
    context: Context,
    device_id: str,
    row: Row[Any],
    follows: bytes = b"",
    grace: int | None = None,
) -> Outgoing:
    """A tariff as a signed offer, by which channels of the one that it `follows` may go on; for
    `grace` seconds more is granted at that one."""
    key = context.keys.public
    said = Offer(
        tariff_of(row),
        key,
        key,
        row.max_capacity,
        row.window_units,
        row.max_lifetime_s,
        context.now,
        follows,
        grace,
    )
    return replies.to_device(device_id, "offer", context.keys.sign1("offer", said.payload()))


def offers(
    context: Context, conn: Connection, followers: plans.Followers, own: Sequence[KnownChannel]
) -> list[Outgoing]:
    """An offer for each of these channels whose tariff is followed, to its device."""
    found = []
    for channel in own:
        tariff_id = channel.terms.price.tariff.id()
        row = next_tariff(conn, followers, channel)
        if row is not None and channel.state == payee.OPEN and not context.fenced:
            grace = followers.grace_left(tariff_id, context.now)
            found.append(offer(context, channel.device_id, row, tariff_id, grace))
    return found


def next_tariff(
    conn: Connection, followers: plans.Followers, channel: KnownChannel
) -> Row[Any] | None:
    """The tariff that a channel is to go over to; None if there is none. One to another device
    takes no other price: its payee sells by that one."""
    tariff_id = channel.terms.price.tariff.id()
    if tariff_id not in followers or channel.terms.payee_key != channel.terms.gateway_key:
        return None
    row = tariffs.get(conn, followers.last(tariff_id))
    return row if row.status == "active" else None
