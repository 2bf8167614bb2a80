"""Everything but IOUs: hello, open, close and tick, each in a transaction of its own."""

from collections.abc import Callable

import structlog
from sqlalchemy import Connection, Row

from gateway.ingest import replies
from gateway.ingest.context import Context, Overtaken
from gateway.ingest.directory import KnownChannel, KnownDevice, known_channel
from gateway.ingest.ious import read_claim, refuse, take_ious
from gateway.ingest.replies import Outgoing
from gateway.settlement import intervals
from gateway.store import accounts, channels, fence, tariffs
from gateway.store.tables import Channel
from protocol import MAX_CHANNELS_PER_DEVICE, envelope, payee, topics
from protocol.errors import AuthenticationError, ProtocolError
from protocol.ids import channel_id as id_of
from protocol.messages import (
    Offer,
    Opened,
    Resume,
    Resumed,
    Terms,
    read_close,
    read_hello,
    read_terms,
    read_tick,
)
from protocol.pricing import Tariff

log = structlog.get_logger(__name__)

EXPIRY_SLACK = 300
"""Seconds by which an expiry may exceed the longest lifetime, for the time that an offer took."""

_MAX_ATTEMPTS = 8
_MAX_OFFERS = 16


def _decided(context: Context, step: Callable[[Connection], list[Outgoing]]) -> list[Outgoing]:
    """Run a writing step, again if an operator decided meanwhile."""
    for _ in range(_MAX_ATTEMPTS):
        try:
            with context.read():
                pass
            with context.write() as conn:
                return step(conn)
        except Overtaken:
            continue
    raise Overtaken


def _authentic(context: Context, device: KnownDevice, kind: str, message: bytes) -> bytes:
    """The payload of a message that this device signed. Raises ProtocolError."""
    signed = envelope.parse_sign1(kind, message)
    (good,) = context.verify_all([(device.public_key, signed.to_be_signed, signed.signature)])
    if not good:
        raise AuthenticationError(kind, "not signed by the device's key")
    return signed.payload


def _current(context: Context, conn: Connection, device: KnownDevice) -> KnownDevice:
    """The device as it is in this transaction: an operator may have decided since it was read."""
    return context.directory.device(conn, device.id) or device


def hello(context: Context, device: KnownDevice, message: bytes) -> list[Outgoing]:
    """Answer with the device's open channels, then with what it is offered."""
    greeting = read_hello(envelope.open_mac0("hello", message, device.mac_key))
    context.alerts.sign("device_takeover", device.id)
    with context.read() as conn:
        device = _current(context, conn, device)
        known = []
        for row in channels.by_device(conn, device.id)[:MAX_CHANNELS_PER_DEVICE]:
            channel = known_channel(row)
            known.append(
                Resumed(
                    bytes(row.open_message),
                    bytes(row.iou or b""),
                    channel.limit(device),
                    channel.serial,
                )
            )
        # Behind the fence there is nothing new to agree on; devices ask again until it is lifted.
        welcome = device.status == "active" and not context.fenced
        offers = _offers(context, conn, device) if welcome else []
    payload = Resume(greeting.nonce, known).payload()
    answers = [
        replies.to_device(device.id, "resume", envelope.mac0("resume", payload, device.mac_key))
    ]
    if device.status != "active":
        answers.append(refuse(context, device, "hello", b"", _suspended()))
    return answers + offers


def _suspended() -> ProtocolError:
    return ProtocolError("device_suspended", "device", "an operator has suspended this device")


def _offers(context: Context, conn: Connection, device: KnownDevice) -> list[Outgoing]:
    """The active tariffs in the currency of the device's account, as signed offers."""
    account = accounts.get(conn, device.account_id)
    key = context.keys.public
    found = []
    for row in tariffs.listed(conn):
        if (row.currency, row.scale) != (account.currency, account.scale):
            continue
        offer = Offer(
            tariff_of(row),
            key,
            key,
            row.max_capacity,
            row.window_units,
            row.max_lifetime_s,
            context.now,
        )
        message = context.keys.sign1("offer", offer.payload())
        found.append(replies.to_device(device.id, "offer", message))
    return found[:_MAX_OFFERS]


def tariff_of(row: Row[tuple[object, ...]]) -> Tariff:
    """A tariff's row as the wire's value."""
    return Tariff(row.unit, row.numerator, row.denominator, row.currency, row.scale, row.pricing)


def open_channel(context: Context, device: KnownDevice, message: bytes) -> list[Outgoing]:
    """Open a channel on these terms, or say again that it is open."""
    payload = _authentic(context, device, "open", message)
    terms = read_terms(payload)
    channel_id = id_of(payload)

    def step(conn: Connection) -> list[Outgoing]:
        rows = channels.load(conn, [channel_id])
        if rows:
            context.present(conn, [channel_id])
            return _opened_before(context, device, known_channel(rows[0]), rows[0].opened_message)
        return [_open(context, conn, _current(context, conn, device), terms, message)]

    try:
        return _decided(context, step)
    except ProtocolError as error:
        return [refuse(context, device, "open", channel_id, error)]


def _opened_before(
    context: Context, device: KnownDevice, channel: KnownChannel, opened: bytes
) -> list[Outgoing]:
    """An id is never used twice: what it is now is all that can be said of it."""
    if channel.state == payee.OPEN:
        return [replies.to_device(device.id, "opened", bytes(opened))]
    error = ProtocolError(channel.state, "open.channel_id", "it is " + channel.state)
    answers = [refuse(context, device, "open", channel.id, error)]
    if channel.state == payee.CLOSED:
        answers.append(replies.close_receipt(context.keys, channel))
    return answers


def _open(
    context: Context,
    conn: Connection,
    device: KnownDevice,
    terms: Terms,
    message: bytes,
) -> Outgoing:
    check = _check_terms_again if context.fenced else _check_terms
    tariff = check(context, conn, device, terms)
    channel_id = terms.channel_id()
    limit = 0 if context.fenced else payee.limit(terms, 0, tariff.window_units)
    opened = Opened(channel_id, context.now, limit, context.first_serial)
    opened_message = context.keys.sign1("opened", opened.payload())
    channels.add(
        conn,
        Channel(
            id=channel_id,
            device_id=device.id,
            payer_account=device.account_id,
            payee_account=tariff.payee_account,
            tariff_id=terms.tariff.id(),
            open_message=message,
            opened_message=opened_message,
            capacity=terms.capacity,
            expires_at=terms.expiry,
            window_units=tariff.window_units,
            serial=context.first_serial,
            opened_at=context.now,
        ),
    )
    if context.fenced:
        fence.recovered(conn, channel_id, context.now)
    return replies.to_device(device.id, "opened", opened_message)


def _check_parties(context: Context, device: KnownDevice, terms: Terms) -> None:
    key = context.keys.public
    if terms.payer_key != device.public_key:
        raise ProtocolError("not_yours", "open.payer_key", "must be the device's own key")
    if terms.gateway_key != key or terms.payee_key != key:
        raise ProtocolError("not_yours", "open.gateway_key", "must be this gateway's key")


def _check_terms_again(
    context: Context, conn: Connection, device: KnownDevice, terms: Terms
) -> Row[tuple[object, ...]]:
    """The tariff of terms that a device shows behind the fence: most likely those of a channel that
    the lost books had. So nothing is asked that was asked then and may have changed since (credit,
    the expiry, whether the tariff is still offered, a suspension). It is granted nothing, and it is
    closed at its mark when the fence is lifted.

    Raises ProtocolError; `unavailable`, upon which a device tries again, for what the operator can
    still put right.
    """
    _check_parties(context, device, terms)
    if device.status == "revoked":
        raise _suspended()
    known = {bytes(row.id): row for row in tariffs.listed(conn, active=False)}
    tariff = known.get(terms.tariff.id())
    if tariff is None:
        log.warning(
            "a device shows a channel whose tariff the restored books do not know: add it again",
            device=device.id,
            unit=terms.tariff.unit,
            numerator=terms.tariff.numerator,
            denominator=terms.tariff.denominator,
            currency=terms.tariff.currency,
        )
        raise ProtocolError("unavailable", "open.tariff", "unknown to the restored books")
    if not 0 < terms.capacity <= tariff.max_capacity:
        raise ProtocolError(
            "capacity_not_allowed", "open.capacity", "outside the offer", tariff.max_capacity
        )
    latest = context.now + tariff.max_lifetime_s + EXPIRY_SLACK
    if terms.expiry > latest:
        raise ProtocolError("expiry_not_allowed", "open.expiry", "outside the offer", latest)
    if len(channels.by_device(conn, device.id)) >= MAX_CHANNELS_PER_DEVICE:
        raise ProtocolError("unavailable", "open", "too many channels are open as it is")
    return tariff


def _check_terms(
    context: Context, conn: Connection, device: KnownDevice, terms: Terms
) -> Row[tuple[object, ...]]:
    """The registered tariff of these terms, if a channel may open on them.

    Raises ProtocolError with the first thing that is wrong.
    """
    _check_parties(context, device, terms)
    if device.status != "active":
        raise _suspended()
    account = accounts.get(conn, device.account_id)
    offered = {bytes(row.id): row for row in tariffs.listed(conn)}
    tariff = offered.get(terms.tariff.id())
    if tariff is None or (tariff.currency, tariff.scale) != (
        account.currency,
        account.scale,
    ):
        raise ProtocolError("unknown_tariff", "open.tariff", "not offered to this device")
    if not 0 < terms.capacity <= tariff.max_capacity:
        raise ProtocolError(
            "capacity_not_allowed",
            "open.capacity",
            "outside the offer",
            tariff.max_capacity,
        )
    latest = context.now + tariff.max_lifetime_s + EXPIRY_SLACK
    if not context.now < terms.expiry <= latest:
        raise ProtocolError("expiry_not_allowed", "open.expiry", "outside the offer", latest)
    if len(channels.by_device(conn, device.id)) >= MAX_CHANNELS_PER_DEVICE:
        raise ProtocolError("too_many_channels", "open", "close one first", MAX_CHANNELS_PER_DEVICE)
    free = account.credit_limit - accounts.exposure(conn, device.account_id)
    if account.status != "active" or terms.capacity > free:
        raise ProtocolError(
            "insufficient_funds",
            "open.capacity",
            "more than the account has free",
            max(0, free),
        )
    return tariff


def close_channel(context: Context, device: KnownDevice, message: bytes) -> list[Outgoing]:
    """Take the last IOU that the close carries, then close at the mark, and give the receipt."""
    close = read_close(_authentic(context, device, "close", message))
    answers: list[Outgoing] = []
    if close.last_iou:
        claim = read_claim(device, close.last_iou)
        if claim.iou.channel != close.channel:
            error = ProtocolError("not_yours", "close.last_iou", "of another channel")
            return [refuse(context, device, "close", close.channel, error)]
        answers = take_ious(context, [claim])
        if any(answer.topic == topics.down(device.id, "refused") for answer in answers):
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
        _decided(context, step)
    except ProtocolError as error:
        return [*answers, refuse(context, device, "close", close.channel, error)]
    return [*answers, *_final_receipt(context, close.channel)]


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


def tick(context: Context, device: KnownDevice, message: bytes) -> list[Outgoing]:
    """Refuse: no IOU that this gateway took commits to a chain yet."""
    read_tick(message)
    raise ProtocolError("no_chain", "tick.handle", "no open chain on this channel")
