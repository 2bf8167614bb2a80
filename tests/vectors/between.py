"""The vectors of channels between devices: fees, and the mirror of a channel. See `generate.py`."""

from typing import Any

from tests.vectors.generate import DEVICE, GATEWAY, OTHER, TIME, cbor, sha256, tariff


def hub() -> dict[str, Any]:
    """Credited amounts, and the terms of mirrors as section 18 of the specification has them."""
    terms = {
        1: DEVICE.public,
        2: OTHER.public,
        3: GATEWAY.public,
        4: tariff(),
        5: 30_000_000,
        6: TIME + 86_400,
        7: bytes(16),
    }
    channel = sha256(cbor(terms))
    mirror = {
        1: GATEWAY.public,
        2: OTHER.public,
        3: GATEWAY.public,
        4: {1: "W.h", 2: 0, 3: 1, 4: "EUR", 5: 6, 6: 1},
        5: 29_250_000,
        6: TIME + 172_800,
        7: sha256(b"tallystick/v1/mirror" + channel)[:16],
    }
    most = 2**63 - 1
    return {
        "credited": [
            {"amount": amount, "fee_bp": fee, "credited": credited}
            for amount, fee, credited in (
                (0, 250, 0),
                (1, 9_999, 1),
                (39, 250, 39),
                (40, 250, 39),
                (79, 250, 78),
                (10_000, 1, 9_999),
                (450_000, 0, 450_000),
                (450_000, 250, 438_750),
                (most, 0, most),
                (most, 9_999, 922_337_203_685_478),
            )
        ],
        "mirrors": [
            {
                "terms": cbor(terms),
                "channel_id": channel,
                "fee_bp": 250,
                "mirror": cbor(mirror),
                "mirror_id": sha256(cbor(mirror)),
            }
        ],
    }
