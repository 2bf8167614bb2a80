"""The vectors of legs: message, answers, both sides' rules. Every expected result is written out by
hand. See `generate.py`."""

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
    tariff,
)
from tests.vectors.topped import topup

NIGHT = tariff(100, 3)
PEAK = tariff(1_000)
FIRST = sha256(cbor(tariff()))
"""The id of the terms' tariff: 300 for each unit."""
AT_50 = iou(15_000, 50)


def _payload(number: int, price: dict[int, Any], last: bytes, channel: bytes = CHANNEL) -> bytes:
    return cbor({1: channel, 2: number, 3: price, 4: last})


def leg(
    number: int,
    price: dict[int, Any],
    last: bytes = b"",
    channel: bytes = CHANNEL,
    party: Any = DEVICE,
) -> bytes:
    """A leg as its payer signs it."""
    return bytes(party.sign1("leg", _payload(number, price, last, channel)))


TO_NIGHT = leg(1, NIGHT, AT_50)
AT_80 = iou(16_000, 80)
TO_PEAK = leg(2, PEAK, AT_80)


def _messages() -> dict[str, Any]:
    other = sha256(b"other")
    handle = sha256(TO_NIGHT)[:8]
    offer = {1: NIGHT, 2: bytes(32), 3: bytes(32), 4: 30_000_000, 5: 1_000, 6: 86_400, 7: TIME}
    value = sha256(b"tick")
    up = topup(40_000_000)
    rows: list[tuple[str, list[Any], int, bytes, bytes]] = [
        ("a leg", [OPEN, AT_80, 1_050, 0, b"", TO_NIGHT], 0, b"", TO_NIGHT),
        ("a top-up and a leg", [OPEN, AT_80, 1_050, 0, up, TO_NIGHT], 0, up, TO_NIGHT),
        ("ticks and a leg", [OPEN, AT_80, 1_050, 0, 3, value, b"", TO_NIGHT], 3, b"", TO_NIGHT),
        ("all", [OPEN, AT_80, 1_050, 0, 3, value, up, TO_NIGHT], 3, up, TO_NIGHT),
    ]
    return {
        "leg": {
            "channel": CHANNEL,
            "number": 1,
            "tariff": sha256(cbor(NIGHT)),
            "amount": 15_000,
            "units": 50,
            "payload": _payload(1, NIGHT, AT_50),
            "authenticated": sig_structure("leg", _payload(1, NIGHT, AT_50)),
            "message": TO_NIGHT,
            "handle": handle,
        },
        "invalid_legs": [
            {"name": name, "payload": payload}
            for name, payload in (
                ("number zero", _payload(0, NIGHT, AT_50)),
                ("an IOU of another channel", _payload(1, NIGHT, iou(15_000, 50, other))),
                ("no IOU", _payload(1, NIGHT, OPEN)),
                ("an IOU cut short", _payload(1, NIGHT, AT_50[:-1])),
                ("a tariff's id", cbor({1: CHANNEL, 2: 1, 3: FIRST, 4: b""})),
                ("a tariff without a unit", _payload(1, NIGHT | {1: ""}, b"")),
                ("no last IOU", cbor({1: CHANNEL, 2: 1, 3: NIGHT})),
                ("a further key", cbor({1: CHANNEL, 2: 1, 3: NIGHT, 4: b"", 5: 0})),
                ("channel of 31 bytes", _payload(1, NIGHT, b"", CHANNEL[:31])),
            )
        ],
        "offers": [
            {"name": "follows", "payload": cbor(offer | {8: FIRST}), "follows": FIRST},
            {"name": "follows none", "payload": cbor(offer), "follows": b""},
        ],
        "invalid_offers": [
            {"name": "a short id", "payload": cbor(offer | {8: FIRST[:31]})},
            {"name": "an empty id", "payload": cbor(offer | {8: b""})},
        ],
        "grants": [
            {
                "name": name,
                "payload": cbor(fields),
                "message": mac0("grant", cbor(fields)),
                "leg": said,
            }
            for name, fields, said in (
                ("a leg", {1: CHANNEL, 2: 1_000, 3: 7, 6: handle}, handle),
                ("all", {1: CHANNEL, 2: 5, 3: 7, 4: 1, 5: 299, 6: handle}, handle),
                ("none", {1: CHANNEL, 2: 5, 3: 0}, b""),
            )
        ],
        "invalid_grants": [
            {"name": "an empty leg", "payload": cbor({1: CHANNEL, 2: 5, 3: 0, 6: b""})},
            {"name": "a whole hash", "payload": cbor({1: CHANNEL, 2: 5, 3: 0, 6: FIRST})},
        ],
        "resumes": [
            {
                "name": name,
                "payload": cbor({1: bytes(16), 2: [row]}),
                "index": index,
                "topup": top,
                "leg": said,
            }
            for name, row, index, top, said in rows
        ],
        "invalid_resumes": [
            {"name": name, "payload": cbor({1: bytes(16), 2: [row]})}
            for name, row in (
                ("an empty leg", [OPEN, AT_80, 1_050, 0, b"", b""]),
                ("no preimage", [OPEN, AT_80, 1_050, 0, 3]),
                ("a row of 9", [OPEN, AT_80, 1_050, 0, 3, value, up, TO_NIGHT, b""]),
                ("three without ticks", [OPEN, AT_80, 1_050, 0, up, TO_NIGHT, up]),
            )
        ],
    }


def _priced() -> list[dict[str, Any]]:
    legs = [TO_NIGHT, TO_PEAK]
    cases = [
        ("nothing", [], 0, 0),
        ("the terms' price", [], 51, 15_300),
        ("where the leg begins", [TO_NIGHT], 50, 15_000),
        ("before it", [TO_NIGHT], 49, 14_700),
        ("one unit beyond", [TO_NIGHT], 51, 15_033),
        ("two, rounded once", [TO_NIGHT], 52, 15_066),
        ("three", [TO_NIGHT], 53, 15_100),
        ("where the next begins", legs, 80, 16_000),
        ("beyond the next", legs, 81, 17_000),
        ("before the next", legs, 79, 15_966),
        ("from the first unit on", [leg(1, NIGHT)], 3, 100),
        ("after legs that are lost", [leg(7, NIGHT, AT_80)], 83, 16_100),
    ]
    return [
        {"name": name, "open": OPEN, "legs": each, "units": units, "amount": amount}
        for name, each, units, amount in cases
    ]


def _judged() -> list[dict[str, Any]]:
    at = {
        "state": "open",
        "mark": [15_000, 50],
        "known": 0,
        "leg": _payload(1, NIGHT, AT_50),
        "now": TIME,
        "lost": False,
    }
    again = {"known": 1, "mark": [16_000, 80]}
    cases: list[tuple[str, dict[str, Any], str, int]] = [
        ("the first", {}, "raises", 0),
        ("again", again, "stale", 0),
        ("again, closed", again | {"state": "closed"}, "stale", 0),
        ("again, expired", again | {"now": TIME + 86_400}, "stale", 0),
        ("another of that number", again | {"leg": _payload(1, PEAK, AT_50)}, "stale", 0),
        ("one is skipped", {"leg": _payload(2, NIGHT, AT_50)}, "wrong_leg", 1),
        ("one was lost", {"leg": _payload(2, NIGHT, AT_50), "lost": True}, "raises", 0),
        ("closed", {"state": "closed"}, "closed", 0),
        ("frozen", {"state": "frozen"}, "frozen", 0),
        ("expired", {"now": TIME + 86_400}, "expired", TIME + 86_400),
        ("in its last second", {"now": TIME + 86_399}, "raises", 0),
        ("below the mark", {"mark": [15_300, 51]}, "wrong_amount", 15_300),
        ("above the mark", {"mark": [14_700, 49]}, "wrong_amount", 14_700),
        ("from the start", {"leg": _payload(1, NIGHT, b""), "mark": [0, 0]}, "raises", 0),
        ("from the start, late", {"leg": _payload(1, NIGHT, b"")}, "wrong_amount", 15_000),
        ("of another unit", {"leg": _payload(1, tariff(unit="s"), AT_50)}, "unknown_tariff", 0),
        ("open-ended", {"leg": _payload(1, tariff(0, 1, 1), AT_50)}, "unknown_tariff", 0),
        (
            "in another currency",
            {"leg": _payload(1, NIGHT | {4: "CHF"}, AT_50)},
            "unknown_tariff",
            0,
        ),
        ("at another scale", {"leg": _payload(1, NIGHT | {5: 2}, AT_50)}, "unknown_tariff", 0),
        ("the same price", {"leg": _payload(1, tariff(), AT_50)}, "raises", 0),
    ]
    return [
        {"name": name, **at, **change, "result": result, "expected": expected}
        for name, change, result, expected in cases
    ]


def _step(do: str, amount: int, number: int, due: bool, **more: Any) -> dict[str, Any]:
    if "leg" in more:
        more["leg_said"] = more.pop("leg")
    return {"do": do, **more, "amount": amount, "leg": number, "due": due}


def _scenes() -> list[dict[str, Any]]:
    opened = _step("opened", 0, 0, False)
    signed = _step("sign", 15_000, 0, False, total=50, signs=[15_000, 50])
    asked = _step("leg", 15_000, 0, True, tariff=NIGHT, signs=TO_NIGHT)
    taken = _step("grant", 15_000, 1, False, leg=sha256(TO_NIGHT)[:8])
    at_80 = _step("sign", 16_000, 1, False, total=80, signs=[16_000, 80])
    scenes: list[tuple[str, list[dict[str, Any]]]] = [
        (
            "nothing is signed before the leg is answered, and all beyond it by its price",
            [
                opened,
                signed,
                asked,
                _step("sign", 15_000, 0, True, total=80, signs=None),
                taken,
                at_80,
                _step("leg", 16_000, 1, True, tariff=PEAK, signs=TO_PEAK),
                _step("grant", 16_000, 2, False, leg=sha256(TO_PEAK)[:8]),
                _step("sign", 17_000, 2, False, total=81, signs=[17_000, 81]),
            ],
        ),
        (
            "no leg before the terms are accepted, nor for another unit or an open sum",
            [
                _step("leg", 0, 0, False, tariff=NIGHT, signs=b""),
                opened,
                _step("leg", 0, 0, False, tariff=tariff(unit="s"), signs=b""),
                _step("leg", 0, 0, False, tariff=tariff(0, 1, 1), signs=b""),
                _step("leg", 0, 0, False, tariff=NIGHT | {4: "CHF"}, signs=b""),
                _step("leg", 0, 0, True, tariff=NIGHT, signs=leg(1, NIGHT)),
                _step("leg", 0, 0, True, tariff=PEAK, signs=b""),
            ],
        ),
        (
            "a grant that names no leg, or another, answers nothing",
            [
                opened,
                signed,
                asked,
                _step("grant", 15_000, 0, True, leg=b""),
                _step("grant", 15_000, 0, True, leg=sha256(TO_PEAK)[:8]),
                taken,
                taken,
            ],
        ),
        (
            "refused, it goes on by the price before, and another may be asked for",
            [
                opened,
                signed,
                asked,
                _step("refuse", 15_000, 0, False),
                _step("sign", 15_300, 0, False, total=51, signs=[15_300, 51]),
                _step("grant", 15_300, 0, False, leg=sha256(TO_NIGHT)[:8]),
                _step("leg", 15_300, 0, True, tariff=PEAK, signs=leg(1, PEAK, iou(15_300, 51))),
            ],
        ),
        (
            "a resume answers it, and shows what was lost",
            [
                opened,
                signed,
                asked,
                _step("resume", 15_000, 0, True, iou=AT_50, shows=b"", serial=0),
                _step("resume", 15_000, 1, False, iou=AT_50, shows=TO_NIGHT, serial=0),
                at_80,
                _step("resume", 16_000, 1, True, iou=AT_50, shows=b"", serial=0),
                _step("grant", 16_000, 1, False, leg=sha256(TO_NIGHT)[:8]),
                _step("resume", 16_000, 1, True, iou=AT_80, shows=TO_NIGHT, serial=2**32),
                _step("again", 16_000, 1, True),
            ],
        ),
        (
            "a resume brings back a leg that was forgotten, and what was signed by it",
            [
                opened,
                _step("resume", 16_000, 1, False, iou=AT_80, shows=TO_NIGHT, serial=0),
                _step("sign", 16_100, 1, False, total=83, signs=[16_100, 83]),
            ],
        ),
        (
            "what was signed by the price before, when the leg was taken all the same, is void",
            [
                opened,
                signed,
                asked,
                _step("refuse", 15_000, 0, False),
                _step("sign", 15_300, 0, False, total=51, signs=[15_300, 51]),
                _step("resume", 15_000, 1, False, iou=AT_50, shows=TO_NIGHT, serial=0),
                _step("sign", 15_033, 1, False, total=51, signs=[15_033, 51]),
            ],
        ),
        (
            "no leg begins below what was acknowledged",
            [
                opened,
                signed,
                _step("sign", 15_300, 0, False, total=51, signs=[15_300, 51]),
                _step("ack", 15_300, 0, False, mark=[15_300, 51]),
                _step(
                    "resume",
                    15_300,
                    0,
                    False,
                    iou=AT_50,
                    shows=TO_NIGHT,
                    serial=0,
                    refused="conflict",
                ),
            ],
        ),
        (
            "a resume with a leg of another's",
            [
                opened,
                signed,
                *(
                    _step(
                        "resume",
                        15_000,
                        0,
                        False,
                        iou=AT_50,
                        shows=shown,
                        serial=0,
                        refused=reason,
                    )
                    for shown, reason in (
                        (leg(1, NIGHT, AT_50, party=OTHER), "bad_signature"),
                        (leg(1, NIGHT, b"", sha256(b"other")), "not_yours"),
                        (AT_50, "bad_signature"),
                    )
                ),
                asked,
                taken,
                _step(
                    "resume",
                    15_000,
                    1,
                    False,
                    iou=AT_50,
                    shows=leg(1, PEAK, AT_50),
                    serial=0,
                    refused="conflict",
                ),
            ],
        ),
    ]
    return [{"name": name, "open": OPEN, "steps": steps} for name, steps in scenes]


def _record(last: bytes, *more: Any) -> bytes:
    return cbor([OPEN, 0, 0, 1, last, 0, 0, 1_000, 0, *more])


def legged() -> dict[str, Any]:
    """Everything about legs; the channel is the one of `payer.json`."""
    other = leg(1, NIGHT, b"", sha256(b"other"))
    return {
        **_messages(),
        "priced": _priced(),
        "judged": _judged(),
        "seed": DEVICE.seed,
        "scenes": _scenes(),
        "records": [
            {"encoded": _record(AT_50, [b"", TO_NIGHT, 1]), "leg": 0, "due": True},
            {"encoded": _record(AT_80, [TO_NIGHT, b"", 0]), "leg": 1, "due": False},
            {"encoded": _record(AT_80, [TO_NIGHT, TO_PEAK, 1]), "leg": 1, "due": True},
            {
                "encoded": _record(AT_80, topup(40_000_000), 30_000_000, [TO_NIGHT, b"", 1]),
                "leg": 1,
                "due": True,
            },
        ],
        "damaged_records": [
            {"name": name, "encoded": _record(last, *more)}
            for name, last, more in (
                ("of another channel", AT_50, ([other, b"", 0],)),
                ("the next of another channel", AT_50, ([b"", other, 1],)),
                ("not the next", AT_50, ([b"", TO_PEAK, 1],)),
                ("the next, answered", AT_50, ([b"", TO_NIGHT, 0],)),
                ("none", AT_50, ([b"", b"", 1],)),
                ("two parts", AT_50, ([TO_NIGHT, b""],)),
                ("below where it begins", b"", ([TO_NIGHT, b"", 0],)),
            )
        ],
    }
