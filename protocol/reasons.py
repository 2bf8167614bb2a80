"""The reasons for which a message is refused: one number each on the wire, one word everywhere
else (metrics, logs, API, docs). Numbers are never reused."""

REASONS = {
    "malformed": 1,
    "bad_signature": 2,
    "unknown_channel": 3,
    "closed": 4,
    "expired": 5,
    "over_capacity": 6,
    "wrong_amount": 7,
    "conflict": 8,
    "frozen": 9,
    "not_yours": 10,
    "unknown_tariff": 11,
    "capacity_not_allowed": 12,
    "expiry_not_allowed": 13,
    "too_many_channels": 14,
    "device_suspended": 15,
    "too_large": 16,
    "retained": 17,
    "rate_limited": 18,
    "no_chain": 19,
    "bad_tick": 20,
    "unavailable": 21,
    "insufficient_funds": 22,
    "wrong_leg": 23,
    "bad_xrpl_claim": 24,
    "xrpl_channel_used": 25,
    "price_ended": 26,
}

NAMES = {number: name for name, number in REASONS.items()}

FINAL = ("unknown_channel", "closed", "expired", "frozen", "conflict", "not_yours")
"""Reasons after which the payer stops paying on this channel: nothing it could sign on it would be
taken (a frozen channel waits for an operator)."""
