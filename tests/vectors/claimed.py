"""The vectors of claims on the XRP Ledger: their bytes, terms that ask for them, IOUs that carry
them, and what the accepting side makes of these. Every expected result is written out by hand. See
`generate.py`."""

from typing import Any

from tests.vectors.generate import (
    DEVICE,
    OTHER,
    TIME,
    Party,
    cbor,
    sha256,
    sig_structure,
    tariff,
    terms,
)

XRPL_CHANNEL = bytes.fromhex("5DB01B7FFED6B67E6B0414DED11E051D2EE2B7619CE0EAA6286D67A3A4D5BDB3")
"""The id in the ledger's own documentation of claims."""
ELSEWHERE = sha256(b"another payment channel of the ledger")
IN_XRP = tariff() | {4: "XRP"}
TERMS = terms(IN_XRP) | {8: XRPL_CHANNEL}
CHANNEL = sha256(cbor(TERMS))
PLAIN_TERMS = terms(IN_XRP)
PLAIN_CHANNEL = sha256(cbor(PLAIN_TERMS))
MOST = 2**63 - 1


def claimed(drops: int, xrpl_channel: bytes = XRPL_CHANNEL) -> bytes:
    """What a claim is over, as the ledger says it."""
    return b"CLM\x00" + xrpl_channel + drops.to_bytes(8, "big")


def claim(drops: int, xrpl_channel: bytes = XRPL_CHANNEL, party: Party = DEVICE) -> bytes:
    """A claim's signature."""
    return bytes(party.key.sign(claimed(drops, xrpl_channel)).signature)


def _iou(amount: int, units: int, signature: bytes | None, **more: Any) -> bytes:
    fields: dict[int, Any] = {1: more.pop("channel", CHANNEL), 2: amount, 3: units}
    fields |= more.pop("chain", {})
    if signature is not None:
        fields[6] = signature
    return cbor(fields)


def _judged() -> list[dict[str, Any]]:
    right = claim(3_000)
    chain = {4: sha256(b"chain"), 5: 10}
    cases: list[tuple[str, bytes, str, int]] = [
        ("right", _iou(3_000, 10, right), "raises", 0),
        ("no claim", _iou(3_000, 10, None), "bad_xrpl_claim", 3_000),
        ("one drop more", _iou(3_000, 10, claim(3_001)), "bad_xrpl_claim", 3_000),
        ("one drop less", _iou(3_000, 10, claim(2_999)), "bad_xrpl_claim", 3_000),
        ("an older claim", _iou(3_000, 10, claim(300)), "bad_xrpl_claim", 3_000),
        ("on another", _iou(3_000, 10, claim(3_000, ELSEWHERE)), "bad_xrpl_claim", 3_000),
        ("by another", _iou(3_000, 10, claim(3_000, party=OTHER)), "bad_xrpl_claim", 3_000),
        ("zeros", _iou(3_000, 10, bytes(64)), "bad_xrpl_claim", 3_000),
        ("a wrong price comes first", _iou(3_001, 10, claim(3_001)), "wrong_amount", 3_000),
        ("at the mark, without a claim", _iou(300, 1, None), "stale", 0),
        ("with a chain", _iou(3_000, 10, right, chain=chain), "no_chain", 0),
    ]
    unasked = _iou(3_000, 10, right, channel=PLAIN_CHANNEL)
    judged = [
        {"name": name, "terms": cbor(TERMS), "payload": payload, "result": result, "expected": at}
        for name, payload, result, at in cases
    ]
    judged.append(
        {
            "name": "a claim that the terms do not ask for",
            "terms": cbor(PLAIN_TERMS),
            "payload": unasked,
            "result": "bad_xrpl_claim",
            "expected": 3_000,
        }
    )
    return judged


def xrpl() -> dict[str, Any]:
    """Everything about claims."""
    signed = _iou(3_000, 10, claim(3_000))
    return {
        "seed": DEVICE.seed,
        "claims": [
            {
                "xrpl_channel": name,
                "drops": str(drops),
                "public_key": b"\xed" + DEVICE.public,
                "claimed": claimed(drops, name),
                "signature": claim(drops, name),
            }
            for name, drops in (
                (XRPL_CHANNEL, 0),
                (XRPL_CHANNEL, 1),
                (XRPL_CHANNEL, 1_000_000),
                (ELSEWHERE, 10**17),
                (ELSEWHERE, MOST),
            )
        ],
        "terms": {
            "payload": cbor(TERMS),
            "xrpl_channel": XRPL_CHANNEL,
            "channel_id": CHANNEL,
            "message": DEVICE.sign1("open", cbor(TERMS)),
        },
        "invalid_terms": [
            {"name": name, "payload": cbor(fields)}
            for name, fields in (
                ("in another currency", terms(tariff()) | {8: XRPL_CHANNEL}),
                ("in another unit", terms(IN_XRP | {5: 5}) | {8: XRPL_CHANNEL}),
                ("an id of 31 bytes", TERMS | {8: XRPL_CHANNEL[:31]}),
                ("an id of 33 bytes", TERMS | {8: XRPL_CHANNEL + b"\x00"}),
                ("no id", TERMS | {8: b""}),
                ("an id as text", TERMS | {8: XRPL_CHANNEL.hex()[:32]}),
                ("a further key", TERMS | {9: 0}),
            )
        ],
        "iou": {
            "amount": 3_000,
            "units": 10,
            "claim": claim(3_000),
            "payload": signed,
            "authenticated": sig_structure("iou", signed),
            "message": DEVICE.sign1("iou", signed),
        },
        "invalid_ious": [
            {"name": name, "payload": payload}
            for name, payload in (
                ("a claim of 63 bytes", _iou(3_000, 10, claim(3_000)[:63])),
                ("a claim of 65 bytes", _iou(3_000, 10, claim(3_000) + b"\x00")),
                ("an empty claim", _iou(3_000, 10, b"")),
                ("a further key", cbor({1: CHANNEL, 2: 1, 3: 1, 7: claim(1)})),
                ("a claim and no units", cbor({1: CHANNEL, 2: 1, 6: claim(1)})),
                ("a claim and half a chain", cbor({1: CHANNEL, 2: 1, 3: 1, 5: 1, 6: claim(1)})),
            )
        ],
        "mark": [300, 1],
        "now": TIME,
        "judged": _judged(),
    }
