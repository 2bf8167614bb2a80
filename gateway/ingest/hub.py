"""Channels from one device to another: what devices sell, and the mirrors by which payees are paid.

A mirror's mark is a function of its payer's mark (`protocol.hub`) and rises in the very transaction
that raises that one, so what is credited is always what is durably owed, less the fee. The credit
is signed before the commit and said after it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from gateway.ingest import replies, seals
from gateway.ingest.context import Context
from gateway.ingest.directory import KnownChannel, KnownDevice, known_channels
from gateway.ingest.replies import Outgoing
from gateway.ingest.steps import authentic, current, decided, suspended
from gateway.store import accounts, channels, listings, tariffs
from gateway.store.tables import Channel
from gateway.store.tables_listings import Listing
from protocol import MAX_EARNED_PER_DEVICE, envelope, hub
from protocol.errors import ProtocolError
from protocol.ids import device_id
from protocol.listings import Listed, Sell, read_find, read_sell
from protocol.messages import Credit, Offer, Terms

HUB = accounts.OPERATOR
"""The account between payer and payee: it is owed what payers owe, and owes what payees are owed.
What is left to it is the fee."""

MOST_OFFERS = 16
MOST_ENDED = 16
"""Ends of mirrors that a payee is told of when it says hello."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A payer's mark that is about to rise: `amount` for `units`, cumulative."""

    channel: KnownChannel
    amount: int
    units: int


def credits(
    context: Context, raised: Iterable[Raised]
) -> tuple[list[dict[str, object]], list[Outgoing]]:
    """The rows that raise the mirrors of these channels, for `channels.raise_marks`, and the
    credits to say once they are on disk."""
    rows: list[dict[str, object]] = []
    said = []
    for each in raised:
        mirror = each.channel.mirror
        if mirror is None:
            continue
        amount = hub.credited(each.amount, mirror.fee_bp)
        if amount == hub.credited(each.channel.amount, mirror.fee_bp):
            continue  # what the fee leaves has not risen yet
        payload = Credit(mirror.id, amount, each.units).payload()
        message = context.keys.of(each.channel.terms.gateway_key).sign1("credit", payload)
        rows.append(
            {
                "b_id": mirror.id,
                "new_amount": amount,
                "new_units": each.units,
                "new_iou": message,
                "now": context.expiry_now,
            }
        )
        said.append(replies.to_device(mirror.payee_device, "credit", message))
    return rows, said


def sell(context: Context, device: KnownDevice, message: bytes) -> list[Outgoing]:
    """List what a device sells. Raises ProtocolError."""
    offered = read_sell(authentic(context, device, "sell", message))
    if offered.payee_key != device.public_key:
        raise ProtocolError("not_yours", "sell.payee_key", "must be the device's own key")
    if offered.gateway_key != context.keys.public:
        raise ProtocolError("not_yours", "sell.gateway_key", "must be this gateway's newest key")

    def step(conn: Connection) -> list[Outgoing]:
        return _listed(context, conn, current(context, conn, device), offered, message)

    return decided(context, step)


def _listed(
    context: Context, conn: Connection, device: KnownDevice, offered: Sell, message: bytes
) -> list[Outgoing]:
    if device.status != "active":
        raise suspended()
    price = offered.tariff
    owner = accounts.get(conn, device.account_id)
    between = accounts.get(conn, HUB)
    for each in (owner, between):
        if (each.currency, each.scale) != (price.currency, price.scale):
            raise ProtocolError("unknown_tariff", "sell.tariff", "in another currency")
    tariffs.know(conn, price, HUB, context.now)
    listings.add(
        conn,
        Listing(
            id=offered.id(),
            device_id=device.id,
            tariff_id=price.id(),
            unit=price.unit,
            message=message,
            max_capacity=offered.max_capacity,
            window_units=offered.window,
            max_lifetime_s=offered.max_lifetime,
            fee_bp=context.hub_fee_bp,
            created_at=context.now,
        ),
    )
    payload = Listed(offered.id(), context.hub_fee_bp).payload()
    return [replies.told(device, "listed", payload, offered.gateway_key)]


def find(context: Context, device: KnownDevice, message: bytes) -> list[Outgoing]:
    """Offer what is sold by other devices that the payer may buy from. Raises ProtocolError."""
    payload, key = seals.opened(context, device, "find", message)
    wanted = read_find(payload)
    if key != context.keys.public:
        # It could not believe the offers: they are the newest key's.
        return replies.successors(context.keys, device.id, key)
    with context.read() as conn:
        device = current(context, conn, device)
        if device.status != "active" or context.fenced:
            return []
        own = accounts.get(conn, device.account_id)
        found = listings.find(
            conn,
            unit=wanted.unit,
            account_id=wanted.account or None,
            device_id=wanted.device.hex() or None,
            limit=MOST_OFFERS,
        )
    offers = []
    for row in found:
        sold = read_sell(envelope.parse_sign1("sell", bytes(row.message)).payload)
        price = sold.tariff
        if row.device_id == device.id or (price.currency, price.scale) != (own.currency, own.scale):
            continue
        offer = Offer(
            price,
            sold.payee_key,
            context.keys.public,
            sold.max_capacity,
            sold.window,
            sold.max_lifetime,
            context.now,
        )
        signed = context.keys.sign1("offer", offer.payload())
        offers.append(replies.to_device(device.id, "offer", signed))
    return offers


def listing_for(conn: Connection, terms: Terms, *, ended: bool = False) -> Row[Any] | None:
    """The listing that these terms buy by, of those that have ended too if asked; None if their
    payee sells nothing so."""
    found = listings.find(
        conn,
        device_id=device_id(terms.payee_key),
        tariff_id=terms.tariff.id(),
        state=None if ended else "listed",
        limit=1,
    )
    return found[0] if found else None


def check_place(conn: Connection, terms: Terms) -> None:
    """Raises ProtocolError if the payee of these terms is paid on as many channels as it can keep:
    on one more it would deliver nothing."""
    if len(listings.earned_by(conn, device_id(terms.payee_key))) >= MAX_EARNED_PER_DEVICE:
        raise ProtocolError(
            "too_many_channels", "open", "as many as its payee can keep", MAX_EARNED_PER_DEVICE
        )


def open_mirror(
    context: Context, conn: Connection, terms: Terms, payee_account: str, fee_bp: int
) -> Outgoing:
    """Open the mirror of a channel that opens, in its transaction; what its payee is told."""
    mirrored = hub.mirror_terms(terms, fee_bp)
    message = context.keys.of(terms.gateway_key).sign1("mirror", mirrored.payload())
    payee_device = device_id(terms.payee_key)
    tariffs.know(conn, mirrored.tariff, HUB, context.now)
    channels.add(
        conn,
        Channel(
            id=mirrored.channel_id(),
            device_id=payee_device,
            payer_account=HUB,
            payee_account=payee_account,
            tariff_id=mirrored.tariff.id(),
            open_message=message,
            opened_message=message,
            capacity=mirrored.capacity,
            expires_at=mirrored.expiry,
            window_units=1,
            serial=context.first_serial,
            opened_at=context.now,
            mirror_of=terms.channel_id(),
            mirror_fee_bp=fee_bp,
        ),
    )
    return replies.to_device(payee_device, "mirror", message)


def earned(context: Context, conn: Connection, device: KnownDevice) -> list[Outgoing]:
    """What a payee is told when it says hello: the ends that it may have missed, which hold a place
    with it; its mirrors, and the last credit of each."""
    ended = listings.ended_by(conn, device.id, context.now, MOST_ENDED)
    told = [replies.close_receipt(context.keys, channel) for channel in known_channels(conn, ended)]
    for row in listings.earned_by(conn, device.id):
        told.append(replies.to_device(device.id, "mirror", bytes(row.open_message)))
        if row.iou is not None:
            told.append(replies.to_device(device.id, "credit", bytes(row.iou)))
    return told
