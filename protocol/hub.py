"""A channel from one device to another, through the gateway: what the gateway owes for it.

The payer's IOUs go to the gateway, which gives its own, the credits, on a *mirror* channel to the
payee, less its fee. A credit is a function of the payer's mark alone, so the two channels and the
fee always cancel to the last atomic unit. Pure rules, for both sides.
"""

import hashlib

from protocol import MAX_INT
from protocol.messages import NONCE_SIZE, Terms
from protocol.pricing import OPEN_ENDED, Tariff

BASIS_POINTS = 10_000
MIRROR_SLACK = 86_400
"""Seconds by which a mirror outlives the payer's channel: it ends with that one, not before."""


def credited(amount: int, fee_bp: int) -> int:
    """What the payee is owed for a payer's mark of `amount`, both in atomic units: less a fee of
    `fee_bp` basis points (0..9999), rounded down once, on the cumulative amount."""
    return amount - amount * fee_bp // BASIS_POINTS


def mirror_terms(terms: Terms, fee_bp: int) -> Terms:
    """The terms of the mirror of a payer's channel: from its gateway to its payee. They follow from
    the payer's terms and the fee, so that a channel has one mirror."""
    price = terms.tariff
    tariff = Tariff(price.unit, 0, 1, price.currency, price.scale, OPEN_ENDED)
    nonce = hashlib.sha256(b"tallystick/v1/mirror" + terms.channel_id()).digest()[:NONCE_SIZE]
    return Terms(
        terms.gateway_key,
        terms.payee_key,
        terms.gateway_key,
        tariff,
        credited(terms.capacity, fee_bp),
        min(MAX_INT, terms.expiry + MIRROR_SLACK),
        nonce,
    )
