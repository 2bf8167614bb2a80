"""The vectors of top-ups: message, answers, both sides' rules. Every expected result is written out
by hand. See `generate.py`."""

from typing import Any

from tests.vectors.generate import (
    CHANNEL,
    DEVICE,
    OPEN,
    OTHER,
    TIME,
    cbor,
    iou,
    mac0,
    sha256,
    sig_structure,
)

MOST = 2**63 - 1
TERMS_CAPACITY = 30_000_000


def topup(capacity: int, channel: bytes = CHANNEL, party: Any = DEVICE) -> bytes:
    """A top-up as its payer signs it."""
    return bytes(party.sign1("topup", cbor({1: channel, 2: capacity})))


def _messages() -> dict[str, Any]:
    payload = cbor({1: CHANNEL, 2: 40_000_000})
    grants = [
        ("taken", {1: CHANNEL, 2: 1_000, 3: 7, 4: 40_000_000}, 40_000_000, None),
        ("taken, and little is left", {1: CHANNEL, 2: 5, 3: 7, 4: 1, 5: 299}, 1, 299),
        ("nothing is left", {1: CHANNEL, 2: 5, 3: 0, 5: 0}, 0, 0),
        ("greatest", {1: CHANNEL, 2: MOST, 3: MOST, 4: MOST, 5: MOST}, MOST, MOST),
        ("plain", {1: CHANNEL, 2: 5, 3: 0}, 0, None),
    ]
    signed = iou(15_000, 50)
    value = sha256(b"tick")
    rows: list[tuple[str, list[Any], int, bytes]] = [
        ("a top-up", [OPEN, signed, 1_050, 0, topup(40_000_000)], 0, topup(40_000_000)),
        (
            "ticks and a top-up",
            [OPEN, signed, 1_050, 0, 3, value, topup(40_000_000)],
            3,
            topup(40_000_000),
        ),
        ("ticks", [OPEN, signed, 1_050, 0, 3, value], 3, b""),
        ("neither", [OPEN, signed, 1_050, 0], 0, b""),
    ]
    return {
        "topup": {
            "channel": CHANNEL,
            "capacity": 40_000_000,
            "payload": payload,
            "authenticated": sig_structure("topup", payload),
            "message": topup(40_000_000),
        },
        "invalid_topups": [
            {"name": name, "payload": cbor(fields)}
            for name, fields in (
                ("no capacity", {1: CHANNEL}),
                ("no channel", {2: 40_000_000}),
                ("a further key", {1: CHANNEL, 2: 40_000_000, 3: 0}),
                ("channel of 31 bytes", {1: CHANNEL[:31], 2: 40_000_000}),
                ("capacity below zero", {1: CHANNEL, 2: -1}),
                ("capacity of 2^63", {1: CHANNEL, 2: 2**63}),
                ("capacity as text", {1: CHANNEL, 2: "1"}),
            )
        ],
        "grants": [
            {
                "name": name,
                "payload": cbor(fields),
                "message": mac0("grant", cbor(fields)),
                "capacity": capacity,
                "free": free,
            }
            for name, fields, capacity, free in grants
        ],
        "invalid_grants": [
            {"name": name, "payload": cbor({1: CHANNEL, 2: 5, 3: 0, **more})}
            for name, more in (
                ("capacity of zero", {4: 0}),
                ("capacity as bytes", {4: b"1"}),
                ("free as text", {5: "1"}),
                ("free below zero", {5: -1}),
                ("a further key", {6: 1}),
            )
        ],
        "resumes": [
            {"name": name, "payload": cbor({1: bytes(16), 2: [row]}), "index": index, "topup": sent}
            for name, row, index, sent in rows
        ],
        "invalid_resumes": [
            {"name": name, "payload": cbor({1: bytes(16), 2: [row]})}
            for name, row in (
                ("an empty top-up", [OPEN, signed, 1_050, 0, b""]),
                ("a top-up as text", [OPEN, signed, 1_050, 0, "x"]),
                ("a row of 8", [OPEN, signed, 1_050, 0, 3, value, topup(40_000_000), 0]),
                ("a row of 3", [OPEN, signed, 1_050]),
            )
        ],
    }


def _judged() -> list[dict[str, Any]]:
    at = {"state": "open", "capacity": 100, "expiry": TIME, "greatest": 500, "now": TIME - 1}
    cases: list[tuple[str, dict[str, Any], int, str, int]] = [
        ("more", {}, 101, "raises", 0),
        ("the greatest", {}, 500, "raises", 0),
        ("above the greatest", {}, 501, "capacity_not_allowed", 500),
        ("the greatest there is", {"greatest": MOST}, MOST, "raises", 0),
        ("the same", {}, 100, "stale", 0),
        ("less", {}, 1, "stale", 0),
        ("zero", {}, 0, "stale", 0),
        ("closed", {"state": "closed"}, 101, "closed", 0),
        ("frozen", {"state": "frozen"}, 101, "frozen", 0),
        ("the same, closed", {"state": "closed"}, 100, "stale", 0),
        ("in its last second", {}, 101, "raises", 0),
        ("expired", {"now": TIME}, 101, "expired", TIME),
        ("the same, expired", {"now": TIME}, 100, "stale", 0),
        ("expired, and above the greatest", {"now": TIME}, 501, "expired", TIME),
    ]
    return [
        {"name": name, **at, **change, "wanted": wanted, "result": result, "expected": expected}
        for name, change, wanted, result, expected in cases
    ]


def _step(do: str, capacity: int, due: bool, **more: Any) -> dict[str, Any]:
    return {"do": do, **more, "capacity": capacity, "due": due}


def _scenes() -> list[dict[str, Any]]:
    full = 100_000  # units that the terms' 30,000,000 pay for at 300 each
    base, up, more = TERMS_CAPACITY, 40_000_000, 50_000_000
    opened = _step("opened", base, False)
    asked = _step("topup", base, True, to=up, signs=True)
    scenes: list[tuple[str, list[dict[str, Any]]]] = [
        (
            "nothing beyond the capacity is signed before the gateway has taken it",
            [
                opened,
                asked,
                _step("sign", base, True, total=full + 10, signs=[base, full]),
                _step("grant", up, False, taken=up),
                _step("sign", up, False, total=full + 10, signs=[base + 3_000, full + 10]),
            ],
        ),
        (
            "the gateway can raise nothing that was not signed",
            [
                opened,
                _step("grant", base, False, taken=up),
                asked,
                _step("grant", up, False, taken=MOST),
            ],
        ),
        (
            "a grant that does not say it answers nothing",
            [
                opened,
                asked,
                _step("grant", base, True, taken=0),
                _step("grant", base, True, taken=base),
                _step("grant", 35_000_000, True, taken=35_000_000),
                _step("grant", 35_000_000, True, taken=31_000_000),
                _step("grant", up, False, taken=up),
                _step("grant", up, False, taken=base),
            ],
        ),
        (
            "only what raises the capacity is signed, and nothing before the terms are accepted",
            [
                _step("topup", base, False, to=up, signs=False),
                opened,
                _step("topup", base, False, to=base, signs=False),
                _step("topup", base, False, to=1, signs=False),
                _step("topup", base, True, to=base + 1, signs=True),
            ],
        ),
        (
            "refused, then another is asked for, and both are taken",
            [
                opened,
                asked,
                _step("refuse", base, False),
                _step("topup", base, True, to=31_000_000, signs=True),
                _step("grant", 31_000_000, False, taken=up),
                _step("topup", 31_000_000, True, to=more, signs=True),
                _step("grant", more, False, taken=more),
            ],
        ),
        (
            "a resume shows what was taken, and what was lost is said again",
            [
                opened,
                asked,
                _step("resume", base, True, topup=b"", serial=0),
                _step("resume", up, False, topup=topup(up), serial=0),
                _step("resume", up, True, topup=b"", serial=0),
                _step("resume", up, True, topup=topup(up), serial=2**32),
                _step("grant", up, False, taken=up),
                _step("again", up, True),
            ],
        ),
        (
            "a resume brings back what was forgotten",
            [
                _step("resume", more, False, topup=topup(more), serial=0),
                _step("sign", more, False, total=full + 10, signs=[base + 3_000, full + 10]),
                _step("topup", more, False, to=up, signs=False),
            ],
        ),
        (
            "a resume with a top-up of another's",
            [
                opened,
                _step(
                    "resume",
                    base,
                    False,
                    topup=topup(up, party=OTHER),
                    serial=0,
                    refused="bad_signature",
                ),
                _step(
                    "resume",
                    base,
                    False,
                    topup=topup(up, channel=sha256(b"other")),
                    serial=0,
                    refused="not_yours",
                ),
                _step(
                    "resume",
                    base,
                    False,
                    topup=bytes(DEVICE.sign1("iou", cbor({1: CHANNEL, 2: up}))),
                    serial=0,
                    refused="bad_signature",
                ),
            ],
        ),
    ]
    return [{"name": name, "open": OPEN, "steps": steps} for name, steps in scenes]


def _record(*more: Any) -> bytes:
    return cbor([OPEN, 0, 0, 1, b"", 0, 0, 1_000, 0, *more])


def topped() -> dict[str, Any]:
    """Everything about top-ups; the channel is the one of `payer.json`."""
    return {
        **_messages(),
        "judged": _judged(),
        "seed": DEVICE.seed,
        "scenes": _scenes(),
        "records": [
            {"encoded": _record(topup(40_000_000), 30_000_000), "due": True},
            {"encoded": _record(topup(40_000_000), 40_000_000), "due": False},
            {"encoded": _record(topup(40_000_000), 35_000_000), "due": True},
        ],
        "damaged_records": [
            {"name": name, "encoded": _record(*more)}
            for name, more in (
                ("below the terms'", (topup(40_000_000), 29_999_999)),
                ("above the top-up's", (topup(40_000_000), 40_000_001)),
                ("of another channel", (topup(40_000_000, sha256(b"other")), 40_000_000)),
                ("no top-up", (b"", 40_000_000)),
                ("no capacity", (topup(40_000_000),)),
            )
        ],
    }
