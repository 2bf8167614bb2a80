"""Legs: the price of a channel changes while it is open.

A `leg` carries the last IOU that its payer signed, as a `close` does, and names the tariff by which
all units beyond it are priced. So each leg begins where a signed IOU says, what was signed is never
repriced, and a mark is never proven by anything but an IOU. Here are its payload and what several
legs price; the payer's rules are in `payer_legs`, the accepting side's in `payee`.
"""

import hashlib

from protocol import cbor, envelope
from protocol.errors import WireError
from protocol.fields import data, integer, octets, read_map
from protocol.messages import HASH_SIZE, TICK_HANDLE_SIZE, Iou, Terms, read_iou
from protocol.pricing import Price, Tariff, first_price, tariff_from_map


class Leg:
    """Leg `number` of a channel (the terms' tariff is no leg's; they count from 1): beyond
    `last_iou`, the whole message of the payer's last IOU or nothing, units cost what `tariff` says.
    COSE_Sign1 of the payer."""

    def __init__(self, channel: bytes, number: int, tariff: Tariff, last_iou: bytes) -> None:
        self.channel = channel
        self.number = number
        self.tariff = tariff
        self.last_iou = last_iou
        self.iou = _iou(channel, last_iou)

    def payload(self) -> bytes:
        return cbor.encode_numbered(self.channel, self.number, self.tariff.to_map(), self.last_iou)

    @property
    def amount(self) -> int:
        """What is owed where the leg begins, in atomic units."""
        return 0 if self.iou is None else self.iou.amount

    @property
    def units(self) -> int:
        """The units where the leg begins."""
        return 0 if self.iou is None else self.iou.units

    def price(self, terms: Terms) -> Price:
        """What units cost from here on, on the channel of these terms, whose session fee is still
        due where nothing was signed before."""
        session_fee = terms.tariff.session_fee if self.iou is None else 0
        return Price(self.tariff, self.amount, self.units, session_fee)


def _iou(channel: bytes, message: bytes) -> "Iou | None":
    if not message:
        return None
    iou = read_iou(envelope.parse_sign1("iou", message).payload)
    if iou.channel != channel:
        raise WireError("leg.last_iou", "of another channel")
    return iou


def read_leg(payload: bytes) -> Leg:
    """Raises WireError. The signature of the IOU in it is still to be checked."""
    fields = read_map(cbor.decode(payload), (1, 2, 3, 4), (), "leg")
    number = integer(fields[2], "leg.number")
    if number == 0:
        raise WireError("leg.number", "must be at least 1")
    return Leg(
        data(fields[1], HASH_SIZE, "leg.channel_id"),
        number,
        tariff_from_map(fields[3], "leg.tariff"),
        octets(fields[4], "leg.last_iou"),
    )


def handle(message: bytes) -> bytes:
    """What a `grant` names a signed leg by: the first 8 bytes of its SHA-256, empty of none."""
    return hashlib.sha256(message).digest()[:TICK_HANDLE_SIZE] if message else b""


def prices(terms: Terms, legs: "list[Leg]") -> "list[Price]":
    """The prices that a channel had one after the other, by its terms and its legs in order.

    Raises WireError unless each leg is later than the one before it and begins where that one's
    price allows. Where one is missing, lost with the books that it was in, its end is what the
    payer signed as the next one's beginning.
    """
    found = [first_price(terms.tariff)]
    number = 0
    for leg in legs:
        last = found[-1]
        if leg.number <= number:
            raise WireError("leg.number", "the legs must rise")
        if leg.units < last.units or leg.amount < last.amount:
            raise WireError("leg.last_iou", "below where the leg before begins")
        if leg.number == number + 1 and leg.amount != last.amount_of(leg.units):
            raise WireError("leg.last_iou", "not what the leg before asks for these units")
        found.append(leg.price(terms))
        number = leg.number
    return found


def price_at(priced: "list[Price]", units: int) -> Price:
    """Which of a channel's prices so many units in all are priced by: where a leg begins, the one
    before it."""
    found = priced[0]
    for price in priced[1:]:
        if price.units < units:
            found = price
    return found
