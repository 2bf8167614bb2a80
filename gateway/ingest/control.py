"""Hello, open and close, each in a transaction of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from gateway.ingest import following, funds, hub, replies, seals
from gateway.ingest.context import Context
from gateway.ingest.directory import KnownChannel, KnownDevice, known_channels
from gateway.ingest.ious import read_claim, refuse, take_carried
from gateway.ingest.replies import Outgoing
from gateway.ingest.steps import authentic, current, decided, suspended
from gateway.settlement import intervals
from gateway.store import accounts, beliefs, channels, fence, legs, plans, tariffs
from gateway.store.errors import Conflict
from gateway.store.tables import Channel
from protocol import MAX_CHANNELS_PER_DEVICE, MAX_MESSAGE, payee
from protocol.errors import AuthenticationError, ProtocolError
from protocol.ids import channel_id as id_of
from protocol.messages import (
    Opened,
    Resume,
    Resumed,
    Terms,
    read_close,
    read_hello,
    read_terms,
)

log = structlog.get_logger(__name__)

EXPIRY_SLACK = 300
"""Seconds by which an expiry may exceed the longest lifetime, for the time that an offer took."""

_MAX_OFFERS = 16
_MAX_RESUME = MAX_MESSAGE - 64
"""Bytes of a resume's payload, which leave place for its envelope."""


def hello(context: Context, device: KnownDevice, message: bytes) -> list[Outgoing]:
    """Answer with the device's open channels, then with what it is offered, all under the key of
    the gateway's that it believes. If that one was followed, its successors come first, and offers
    once it believes the newest."""
    try:
        payload, key = seals.opened(context, device, "hello", message)
    except AuthenticationError as error:
        refused = refuse(context, device, "hello", b"", error)
        # It may believe a key that is retired: what that one said of its successor is no secret.
        retired = any(each.key is None for each in context.keys.older)
        return (replies.successors(context.keys, device.id) if retired else []) + refused
    greeting = read_hello(payload)
    context.alerts.sign("device_takeover", device.id)
    _note_belief(context, device, key)
    newest = key == context.keys.public
    with context.read() as conn:
        device = current(context, conn, device)
        known = []
        rows = channels.by_device(conn, device.id)[:MAX_CHANNELS_PER_DEVICE]
        topups = channels.topups(conn, [bytes(row.id) for row in rows])
        begun = legs.current(conn, rows)
        own = known_channels(conn, rows)
        for row, channel in zip(rows, own, strict=True):
            known.append(
                Resumed(
                    bytes(row.open_message),
                    bytes(row.iou or b""),
                    channel.limit(device),
                    channel.serial,
                    row.tick_index,
                    bytes(row.tick_preimage or b""),
                    topups.get(channel.id, b""),
                    begun.get(channel.id, b""),
                )
            )
        # Behind the fence there is nothing new to agree on; devices ask again until it is lifted.
        welcome = newest and device.status == "active" and not context.fenced
        offers = _offers(context, conn, device, own) if welcome else []
        earned = hub.earned(context, conn, device)
    answers = replies.successors(context.keys, device.id, key)
    answers.append(replies.resume(device, _fitting(Resume(greeting.nonce, known)), key))
    if device.status != "active":
        answers += refuse(context, device, "hello", b"", suspended(), key)
    return answers + earned + offers


def _fitting(resume: Resume) -> Resume:
    """As many of the newest channels as one message holds. A device shows the terms of one that it
    misses, and is answered."""
    while len(resume.payload()) > _MAX_RESUME:
        resume.channels.pop()
    return resume


def _note_belief(context: Context, device: KnownDevice, key: bytes) -> None:
    """Note that the device believes this key, if that is news and a newer one than before: it may
    have lost what it knew since, but it will be told all again."""
    age = context.keys.age(key)
    if age == 0:
        return
    with context.read() as conn:
        before = beliefs.of(conn, device.id)
    if before is None or context.keys.age(before) < age:

        def step(conn: Connection) -> list[Outgoing]:
            beliefs.shown(conn, device.id, key)
            return []

        decided(context, step)


def _offers(
    context: Context, conn: Connection, device: KnownDevice, own: Sequence[KnownChannel]
) -> list[Outgoing]:
    """The active tariffs in the currency of the device's account that no other follows, as signed
    offers; last those that follow on its own channels."""
    account = accounts.get(conn, device.account_id)
    followers = plans.Followers(conn)
    found = [
        following.offer(context, device.id, row)
        for row in tariffs.listed(conn)
        if (row.currency, row.scale) == (account.currency, account.scale)
        and bytes(row.id) not in followers
    ]
    return found[:_MAX_OFFERS] + following.offers(context, conn, followers, own)


def open_channel(context: Context, device: KnownDevice, message: bytes) -> list[Outgoing]:
    """Open a channel on these terms, or say again that it is open."""
    payload = authentic(context, device, "open", message)
    terms = read_terms(payload)
    channel_id = id_of(payload)

    def step(conn: Connection) -> list[Outgoing]:
        rows = channels.load(conn, [channel_id])
        if rows:
            context.present(conn, [channel_id])
            (channel,) = known_channels(conn, rows)
            return _opened_before(context, device, channel, rows[0].opened_message)
        return _open(context, conn, current(context, conn, device), terms, message)

    try:
        return decided(context, step)
    except ProtocolError as error:
        keys = context.keys
        key = terms.gateway_key if keys.age(terms.gateway_key) >= 0 else None
        refused = refuse(context, device, "open", channel_id, error, key)
        # A device that opens under a key that was followed has not heard of that.
        return refused + ([] if key is None else replies.successors(keys, device.id, key))


def _opened_before(
    context: Context, device: KnownDevice, channel: KnownChannel, opened: bytes
) -> list[Outgoing]:
    """An id is never used twice: what it is now is all that can be said of it."""
    if channel.state == payee.OPEN:
        return [replies.to_device(device.id, "opened", bytes(opened))]
    error = ProtocolError(channel.state, "open.channel_id", "it is " + channel.state)
    answers = refuse(context, device, "open", channel.id, error, channel.terms.gateway_key)
    if channel.state == payee.CLOSED:
        answers.append(replies.close_receipt(context.keys, channel))
    return answers


@dataclass(frozen=True, slots=True)
class _Offered:
    """What terms are measured by. `payee_account` is whose channel it is; where a device sells,
    that is the hub's, and `sold_by` that device's account, less `fee_bp` basis points."""

    payee_account: str
    window_units: int
    max_capacity: int
    max_lifetime_s: int
    sold_by: str = ""
    fee_bp: int = 0


def _offered(conn: Connection, terms: Terms, *, again: bool = False) -> _Offered | None:
    """What is offered, or if `again` was ever, by which these terms may be; None if nothing is."""
    if terms.payee_key != terms.gateway_key:
        row = hub.listing_for(conn, terms, ended=again)
        if row is None:
            return None
        limits = (row.window_units, row.max_capacity, row.max_lifetime_s)
        return _Offered(hub.HUB, *limits, row.account_id, row.fee_bp)
    known = {bytes(row.id): row for row in tariffs.listed(conn, active=not again)}
    row = known.get(terms.tariff.id())
    if row is None or (not again and plans.follower_of(conn, terms.tariff.id()) is not None):
        return None
    return _Offered(row.payee_account, row.window_units, row.max_capacity, row.max_lifetime_s)


def _open(
    context: Context,
    conn: Connection,
    device: KnownDevice,
    terms: Terms,
    message: bytes,
) -> list[Outgoing]:
    check = _check_terms_again if context.fenced else _check_terms
    offered = check(context, conn, device, terms)
    _check_xrpl_channel(conn, device, terms)
    channel_id = terms.channel_id()
    limit = 0 if context.fenced else payee.limit(terms, 0, offered.window_units)
    opened = Opened(channel_id, context.now, limit, context.first_serial)
    opened_message = context.keys.of(terms.gateway_key).sign1("opened", opened.payload())
    channels.add(
        conn,
        Channel(
            id=channel_id,
            device_id=device.id,
            payer_account=device.account_id,
            payee_account=offered.payee_account,
            tariff_id=terms.tariff.id(),
            open_message=message,
            opened_message=opened_message,
            capacity=terms.capacity,
            xrpl_channel=terms.xrpl_channel or None,
            expires_at=terms.expiry,
            window_units=offered.window_units,
            serial=context.first_serial,
            opened_at=context.now,
        ),
    )
    if context.fenced:
        fence.recovered(conn, channel_id, context.now)
    answers = [replies.to_device(device.id, "opened", opened_message)]
    (channel,) = known_channels(conn, [channels.get(conn, channel_id)])
    if not context.fenced:
        left = funds.Left(conn)
        left.warn(device.account_id, terms.capacity)
        free = left.if_low(device.account_id, channel)
        if free is not None:
            answers.append(replies.grant(device, channel, free))
    if offered.sold_by:
        answers.append(hub.open_mirror(context, conn, terms, offered.sold_by, offered.fee_bp))
    return answers


def _check_xrpl_channel(conn: Connection, device: KnownDevice, terms: Terms) -> None:
    """A claim pays what it exceeds the claims before it by, whichever channel they were for: a
    second one that began at nothing on the same XRPL channel would owe what nobody could redeem."""
    named = terms.xrpl_channel
    if named and channels.has_named(conn, device.id, named):
        raise ProtocolError(
            "xrpl_channel_used", "open.xrpl_channel", "an earlier channel of this device names it"
        )


def _check_parties(context: Context, device: KnownDevice, terms: Terms) -> None:
    keys = context.keys
    if terms.payer_key != device.public_key:
        raise ProtocolError("not_yours", "open.payer_key", "must be the device's own key")
    # What is shown behind the fence may have opened before its key was followed.
    own = keys.age(terms.gateway_key) >= 0 if context.fenced else terms.gateway_key == keys.public
    if not own:
        raise ProtocolError("not_yours", "open.gateway_key", "must be this gateway's newest key")
    if terms.payee_key == terms.payer_key:
        raise ProtocolError("not_yours", "open.payee_key", "a device can't pay itself")


def _check_terms_again(
    context: Context, conn: Connection, device: KnownDevice, terms: Terms
) -> _Offered:
    """What was offered when a channel opened whose terms a device shows behind the fence: most
    likely those of a channel that the lost books had. So nothing is asked that was asked then and
    may have changed since (credit, the expiry, whether it is still offered, a suspension). It is
    granted nothing, and it is closed at its mark when the fence is lifted.

    Raises ProtocolError; `unavailable`, upon which a device tries again, for what the operator can
    still put right.
    """
    _check_parties(context, device, terms)
    if device.status == "revoked":
        raise suspended()
    offered = _offered(conn, terms, again=True)
    if offered is None:
        log.warning(
            "a device shows a channel whose tariff the restored books do not know: add it again",
            device=device.id,
            unit=terms.tariff.unit,
            numerator=terms.tariff.numerator,
            denominator=terms.tariff.denominator,
            currency=terms.tariff.currency,
        )
        raise ProtocolError("unavailable", "open.tariff", "unknown to the restored books")
    latest = _check_limits(context, terms, offered)
    if terms.expiry > latest:
        raise ProtocolError("expiry_not_allowed", "open.expiry", "outside the offer", latest)
    if len(channels.by_device(conn, device.id)) >= MAX_CHANNELS_PER_DEVICE:
        raise ProtocolError("unavailable", "open", "too many channels are open as it is")
    return offered


def _check_limits(context: Context, terms: Terms, offered: _Offered) -> int:
    """The latest expiry that is offered, once the capacity is seen to be within the offer. Raises
    ProtocolError."""
    if not 0 < terms.capacity <= offered.max_capacity:
        raise ProtocolError(
            "capacity_not_allowed", "open.capacity", "outside the offer", offered.max_capacity
        )
    return context.now + offered.max_lifetime_s + EXPIRY_SLACK


def _check_terms(context: Context, conn: Connection, device: KnownDevice, terms: Terms) -> _Offered:
    """What is offered to this device by these terms, if a channel may open on them.

    Raises ProtocolError with the first thing that is wrong.
    """
    _check_parties(context, device, terms)
    if device.status != "active":
        raise suspended()
    account = accounts.get(conn, device.account_id)
    offered = _offered(conn, terms)
    money = (terms.tariff.currency, terms.tariff.scale)
    if offered is None or money != (account.currency, account.scale):
        raise ProtocolError("unknown_tariff", "open.tariff", "not offered to this device")
    latest = _check_limits(context, terms, offered)
    if not context.now < terms.expiry <= latest:
        raise ProtocolError("expiry_not_allowed", "open.expiry", "outside the offer", latest)
    if len(channels.by_device(conn, device.id)) >= MAX_CHANNELS_PER_DEVICE:
        raise ProtocolError("too_many_channels", "open", "close one first", MAX_CHANNELS_PER_DEVICE)
    if offered.sold_by:
        hub.check_place(conn, terms)
    free = accounts.free(conn, device.account_id)
    if account.status != "active" or terms.capacity > free:
        raise ProtocolError(
            "insufficient_funds",
            "open.capacity",
            "more than the account has free",
            max(0, free),
        )
    return offered


def close_channel(context: Context, device: KnownDevice, message: bytes) -> list[Outgoing]:
    """Take the last IOU that the close carries, then close at the mark, and give the receipt."""
    close = read_close(authentic(context, device, "close", message))
    answers: list[Outgoing] = []
    if close.last_iou:
        claim = read_claim(device, close.last_iou)
        if claim.iou.channel != close.channel:
            error = ProtocolError("not_yours", "close.last_iou", "of another channel")
            return refuse(context, device, "close", close.channel, error)
        answers, taken = take_carried(context, claim)
        if not taken:
            # An end without its payment would be a loss for one side: nothing is closed.
            return answers

    def step(conn: Connection) -> list[Outgoing]:
        context.directory.forget_channels([close.channel])
        channel = context.directory.channel(conn, close.channel)
        _may_close(device, channel)
        context.present(conn, [close.channel])
        if channel is None or channel.state == payee.CLOSED:
            return []
        intervals.close(conn, close.channel, reason="payer", at=context.now)
        return []

    try:
        decided(context, step)
    except Conflict as problem:
        # No reason to end for all: the mark stands, and the device closes again.
        log.error("a channel can't be closed", channel=close.channel.hex(), problem=str(problem))
        error = ProtocolError("unavailable", "close", "the ledger can't take it")
        return answers + refuse(context, device, "close", close.channel, error)
    except ProtocolError as error:
        if error.reason == "frozen":
            decided(context, lambda conn: _keep_close(context, conn, close.channel, message))
        return answers + refuse(context, device, "close", close.channel, error)
    return [*answers, *_final_receipt(context, close.channel)]


def _keep_close(
    context: Context, conn: Connection, channel_id: bytes, message: bytes
) -> list[Outgoing]:
    """Keep the first close that was refused: it shows since when the payer wanted an end."""
    if all(each.kind != "close" for each in channels.evidence_of(conn, channel_id)):
        channels.keep_evidence(conn, channel_id, "close", message, context.now)
    return []


def _final_receipt(context: Context, channel_id: bytes) -> list[Outgoing]:
    with context.read() as conn:
        context.directory.forget_channels([channel_id])
        channel = context.directory.channel(conn, channel_id)
        return [] if channel is None else [replies.close_receipt(context.keys, channel)]


def _may_close(device: KnownDevice, channel: KnownChannel | None) -> None:
    if channel is None:
        raise ProtocolError("unknown_channel", "close.channel_id", "no such channel")
    if channel.device_id != device.id:
        raise ProtocolError("not_yours", "close.channel_id", "the channel of another device")
    if channel.state == payee.FROZEN:
        raise ProtocolError("frozen", "close.channel_id", "the channel waits for an operator")
