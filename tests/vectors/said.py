"""The vectors of every kind of message, right ones and wrong ones. See `generate.py`."""

from typing import Any

import cbor2

from tests.vectors.generate import (
    CHANNEL,
    DEVICE,
    GATEWAY,
    MAC_KEY,
    OPEN,
    OTHER,
    TERMS,
    TIME,
    L,
    Party,
    cbor,
    iou,
    mac0,
    mac_structure,
    sha256,
    sig_structure,
    tariff,
    tree,
)

CHAIN_ROOT = sha256(b"chain")
LINES = [
    cbor({1: CHANNEL, 2: 0, 3: 0, 4: 450_000, 5: 0, 6: 1_500, 7: sha256(cbor(tariff()))}),
    cbor({1: sha256(b"mirror"), 2: 1, 3: 100, 4: 700, 5: 1, 6: 3, 7: sha256(cbor(tariff()))}),
]

SAID: list[tuple[str, str, dict[str, Any]]] = [
    ("hello", "mac0", {"nonce": b"\x07" * 16}),
    (
        "offer",
        "gateway",
        {
            "tariff": tariff(),
            "payee_key": GATEWAY.public,
            "gateway_key": GATEWAY.public,
            "max_capacity": 30_000_000,
            "window": 1_000,
            "max_lifetime": 86_400,
            "time": TIME,
        },
    ),
    (
        "open",
        "device",
        {
            "payer_key": DEVICE.public,
            "payee_key": GATEWAY.public,
            "gateway_key": GATEWAY.public,
            "tariff": tariff(),
            "capacity": 30_000_000,
            "expiry": TIME + 86_400,
            "nonce": bytes(16),
        },
    ),
    ("opened", "gateway", {"channel": CHANNEL, "opened_at": TIME, "limit": 1_000, "serial": 0}),
    ("iou", "device", {"channel": CHANNEL, "amount": 450_000, "units": 1_500}),
    ("iou", "device", {"channel": CHANNEL, "amount": 2**63 - 1, "units": 2**63 - 1}),
    (
        "iou",
        "device",
        {
            "channel": CHANNEL,
            "amount": 450_000,
            "units": 1_500,
            "chain_root": CHAIN_ROOT,
            "chain_length": 100,
        },
    ),
    ("tick", "bare", {"handle": CHANNEL[:8], "index": 1, "preimage": sha256(b"preimage")}),
    ("close", "device", {"channel": CHANNEL, "last_iou": iou(450_000, 1_500)}),
    ("close", "device", {"channel": CHANNEL, "last_iou": b""}),
    (
        "ack",
        "mac0",
        {"channel": CHANNEL, "amount": 450_000, "units": 1_500, "limit": 2_500, "serial": 0},
    ),
    ("grant", "mac0", {"channel": CHANNEL, "limit": 1_500, "serial": 1}),
    ("credit", "gateway", {"channel": CHANNEL, "amount": 441_000, "units": 1_500}),
    (
        "receipt",
        "gateway",
        {
            "channel": CHANNEL,
            "amount": 450_000,
            "units": 1_500,
            "event": 2,
            "time": TIME + 600,
            "run": 0,
        },
    ),
    (
        "receipt",
        "gateway",
        {
            "channel": CHANNEL,
            "amount": 450_000,
            "units": 1_500,
            "event": 1,
            "time": TIME + 600,
            "run": 12,
        },
    ),
    (
        "statement",
        "gateway",
        {
            "run": 12,
            "account": "acme",
            "currency": "EUR",
            "scale": 6,
            "period_start": TIME,
            "period_end": TIME + 86_400,
            "debits": 450_000,
            "credits": 600,
            "line_count": 2,
            "lines_root": tree(LINES),
            "journal_head": sha256(b"journal"),
        },
    ),
    ("resume", "mac0", {"nonce": b"\x07" * 16, "channels": []}),
    (
        "resume",
        "mac0",
        {
            "nonce": b"\x07" * 16,
            "channels": [[OPEN, iou(450_000, 1_500), 2_500, 0], [OPEN, b"", 1_000, 3]],
        },
    ),
    ("refused", "mac0", {"kind": "iou", "reason": 7, "channel": CHANNEL, "expected": 450_000}),
    ("refused", "mac0", {"kind": "hello", "reason": 15, "channel": b"", "expected": 0}),
    ("successor", "gateway", {"key": Party(33).public, "time": TIME}),
    (
        "sell",
        "device",
        {
            "payee_key": DEVICE.public,
            "gateway_key": GATEWAY.public,
            "tariff": tariff(),
            "max_capacity": 30_000_000,
            "window": 20,
            "max_lifetime": 86_400,
        },
    ),
    ("listed", "mac0", {"listing": sha256(b"listing"), "fee_bp": 250}),
    ("find", "mac0", {"unit": "W.h", "account": "park", "device": b""}),
    ("find", "mac0", {"unit": "W.h", "account": "", "device": bytes(range(16))}),
    (
        "mirror",
        "gateway",
        {
            "payer_key": GATEWAY.public,
            "payee_key": DEVICE.public,
            "gateway_key": GATEWAY.public,
            "tariff": tariff(0, 1, 1),
            "capacity": 29_250_000,
            "expiry": TIME + 172_800,
            "nonce": bytes(16),
        },
    ),
]


def _payload(fields: dict[str, Any]) -> bytes:
    return cbor(dict(enumerate(fields.values(), 1)))


def _said(kind: str, by: str, fields: dict[str, Any]) -> dict[str, Any]:
    payload = _payload(fields)
    case = {"kind": kind, "by": by, "fields": fields, "payload": payload}
    if by == "bare":
        return {**case, "message": payload}
    if by == "mac0":
        return {
            **case,
            "key": MAC_KEY,
            "authenticated": mac_structure(kind, payload),
            "message": mac0(kind, payload),
        }
    party = DEVICE if by == "device" else GATEWAY
    return {
        **case,
        "key": party.public,
        "authenticated": sig_structure(kind, payload),
        "message": party.sign1(kind, payload),
    }


def _signed(kind: str, fields: dict[int, Any] | bytes, party: Party = DEVICE) -> bytes:
    return party.sign1(kind, fields if isinstance(fields, bytes) else cbor(fields))


def _wrong_envelopes() -> list[tuple[str, str, str, bytes, str]]:
    good = iou(450_000, 1_500)
    payload = cbor({1: CHANNEL, 2: 450_000, 3: 1_500})
    signature = good[-64:]
    s_plus_l = (int.from_bytes(signature[32:], "little") + L).to_bytes(32, "little")
    flipped = bytearray(good)
    flipped[-1] ^= 1
    body = bytearray(good)
    body[-67] ^= 1
    mac = mac0("ack", cbor({1: CHANNEL, 2: 1, 3: 1, 4: 1, 5: 0}))
    parts = [b"\xa1\x01\x27", {}, payload, signature]
    return [
        ("no bytes", "iou", "sign1", b"", "malformed"),
        ("a byte after the end", "iou", "sign1", good + b"\x00", "malformed"),
        ("one byte short", "iou", "sign1", good[:-1], "malformed"),
        ("no tag", "iou", "sign1", good[1:], "malformed"),
        ("tag 17 on a signature", "iou", "sign1", b"\xd1" + good[1:], "malformed"),
        ("tag in a long form", "iou", "sign1", b"\xd8\x12" + good[1:], "malformed"),
        (
            "another algorithm",
            "iou",
            "sign1",
            cbor2.dumps(cbor2.CBORTag(18, [b"\xa1\x01\x26", *parts[1:]])),
            "malformed",
        ),
        (
            "an unprotected header",
            "iou",
            "sign1",
            cbor2.dumps(cbor2.CBORTag(18, [parts[0], {4: b"kid"}, *parts[2:]])),
            "malformed",
        ),
        (
            "a detached payload",
            "iou",
            "sign1",
            cbor2.dumps(cbor2.CBORTag(18, [*parts[:2], None, signature])),
            "malformed",
        ),
        (
            "a payload length of 2^64-1",
            "iou",
            "sign1",
            good[:7] + b"\x5b" + b"\xff" * 8 + good[9:],
            "malformed",
        ),
        (
            "payload length in a long form",
            "iou",
            "sign1",
            good[:7] + b"\x59\x00" + good[8:],
            "malformed",
        ),
        (
            "4097 bytes",
            "close",
            "sign1",
            _signed("close", {1: CHANNEL, 2: bytes(4097 - 116)}),
            "malformed",
        ),
        ("a flipped bit in the signature", "iou", "sign1", bytes(flipped), "bad_signature"),
        ("a flipped bit in the payload", "iou", "sign1", bytes(body), "bad_signature"),
        ("another's signature", "iou", "sign1", iou(1, 1, party=OTHER), "bad_signature"),
        (
            "a signature as another kind",
            "iou",
            "sign1",
            _signed("credit", {1: CHANNEL, 2: 1, 3: 1}),
            "bad_signature",
        ),
        ("S + L in place of S", "iou", "sign1", good[:-32] + s_plus_l, "bad_signature"),
        ("a MAC as another kind", "grant", "mac0", mac, "bad_signature"),
        ("a cut MAC", "ack", "mac0", mac[:-1], "malformed"),
        ("a signature for a MAC", "ack", "mac0", good, "malformed"),
    ]


def _wrong_payloads() -> list[tuple[str, str, bytes]]:
    nonce = b"\x07" * 16
    price = tariff()
    terms = cbor2.loads(TERMS)
    mark = {1: CHANNEL, 2: 1, 3: 1}
    receipt = {**mark, 4: 2, 5: TIME, 6: 0}
    found = [
        ("no map", "iou", cbor([1])),
        ("no payload", "iou", b""),
        ("key 3 missing", "iou", cbor({1: CHANNEL, 2: 1})),
        ("unknown key", "iou", cbor({**mark, 6: 1})),
        ("channel id of 31 bytes", "iou", cbor({**mark, 1: CHANNEL[:31]})),
        ("amount as text", "iou", cbor({**mark, 2: "1"})),
        ("amount as bytes", "iou", cbor({**mark, 2: b"1"})),
        ("amount negative", "iou", cbor({**mark, 2: -1})),
        ("amount a float", "iou", cbor({**mark, 2: 1.5})),
        ("amount true", "iou", cbor({**mark, 2: True})),
        ("amount 2^63", "iou", cbor({**mark, 2: 2**63})),
        ("units 2^63", "iou", cbor({**mark, 3: 2**63})),
        ("amount not in its shortest form", "iou", cbor(mark)[:37] + b"\x18\x01\x03\x01"),
        ("a byte after the end", "iou", cbor(mark) + b"\x00"),
        ("cut short", "iou", cbor(mark)[:-1]),
        ("keys out of order", "iou", b"\xa3\x02\x01\x01\x58\x20" + CHANNEL + b"\x03\x01"),
        ("chain root without a length", "iou", cbor({**mark, 4: CHAIN_ROOT})),
        ("chain length without a root", "iou", cbor({**mark, 5: 9})),
        ("chain of length 0", "iou", cbor({**mark, 4: CHAIN_ROOT, 5: 0})),
        ("chain root of 33 bytes", "iou", cbor({**mark, 4: CHAIN_ROOT + b"\x00", 5: 1})),
        ("nonce of 15 bytes", "hello", cbor({1: nonce[:15]})),
        ("tick 0", "tick", cbor({1: CHANNEL[:8], 2: 0, 3: CHAIN_ROOT})),
        ("handle of 32 bytes", "tick", cbor({1: CHANNEL, 2: 1, 3: CHAIN_ROOT})),
        ("last IOU as a map", "close", cbor({1: CHANNEL, 2: {}})),
        ("event 3", "receipt", cbor({**receipt, 4: 3})),
        ("run missing", "receipt", cbor({**mark, 4: 2, 5: TIME})),
        ("unknown kind", "refused", cbor({1: "ious", 2: 1, 3: b"", 4: 0})),
        ("a kind that goes down", "refused", cbor({1: "ack", 2: 1, 3: b"", 4: 0})),
        ("reason 0", "refused", cbor({1: "iou", 2: 0, 3: b"", 4: 0})),
        ("a short channel id", "refused", cbor({1: "iou", 2: 1, 3: b"\x00", 4: 0})),
        ("nine channels", "resume", cbor({1: nonce, 2: [[b"", b"", 0, 0]] * 9})),
        ("a channel of three parts", "resume", cbor({1: nonce, 2: [[b"", b"", 0]]})),
        ("channels as a map", "resume", cbor({1: nonce, 2: {}})),
        ("limit missing", "grant", cbor({1: CHANNEL, 3: 0})),
        ("serial missing", "ack", cbor({**mark, 4: 1})),
        ("opened at text", "opened", cbor({1: CHANNEL, 2: "now", 3: 0, 4: 0})),
        ("units missing", "credit", cbor({1: CHANNEL, 2: 1})),
        ("payer key of 31 bytes", "open", cbor({**terms, 1: bytes(31)})),
        ("nonce of 17 bytes", "open", cbor({**terms, 7: bytes(17)})),
        ("nested too deep", "open", cbor({**terms, 4: {1: [[[[]]]]}})),
    ]
    for name, change in (
        ("no unit", {1: ""}),
        ("a unit of 17 characters", {1: "x" * 17}),
        ("a unit with a space", {1: "W h"}),
        ("a unit beyond ASCII", {1: "\u03a9"}),
        ("denominator 0", {3: 0}),
        ("currency in small letters", {4: "eur"}),
        ("currency beyond A to Z", {4: "\u00c4\u00d6\u00dc"}),
        ("currency of four letters", {4: "EURO"}),
        ("scale 19", {5: 19}),
        ("pricing 2", {6: 2}),
        ("a seventh key", {7: 0}),
    ):
        found.append(("tariff: " + name, "open", cbor({**terms, 4: {**price, **change}})))
    fields = next(fields for kind, _, fields in SAID if kind == "statement")
    for name, wrong in (
        ("currency eur", {"currency": "eur"}),
        ("scale 19", {"scale": 19}),
        ("an end before its start", {"period_end": TIME - 1}),
        ("a root of 31 bytes", {"lines_root": bytes(31)}),
    ):
        found.append((name, "statement", _payload({**fields, **wrong})))
    following = {1: Party(33).public, 2: TIME}
    found += [
        ("following key of 31 bytes", "successor", cbor({**following, 1: bytes(31)})),
        ("following key as text", "successor", cbor({**following, 1: "key"})),
        ("time missing", "successor", cbor({1: following[1]})),
        ("time negative", "successor", cbor({**following, 2: -1})),
        ("a third key", "successor", cbor({**following, 3: 0})),
    ]
    return found


def messages() -> dict[str, Any]:
    """Right messages with all their parts; envelopes that must be refused, with the reason; and
    payloads that are malformed under any envelope."""
    return {
        "seeds": {"device": DEVICE.seed, "gateway": GATEWAY.seed, "other": OTHER.seed},
        "valid": [_said(*each) for each in SAID],
        "invalid_messages": [
            {
                "name": name,
                "kind": kind,
                "envelope": envelope,
                "key": DEVICE.public if envelope == "sign1" else MAC_KEY,
                "message": message,
                "reason": reason,
            }
            for name, kind, envelope, message, reason in _wrong_envelopes()
        ],
        "invalid_payloads": [
            {"name": name, "kind": kind, "payload": payload}
            for name, kind, payload in _wrong_payloads()
        ],
        "statement_lines": LINES,
    }
