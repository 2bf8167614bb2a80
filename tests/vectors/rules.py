"""The vectors of the rules: prices, accepting, topics, and the payer's side. Every expected result
is written out by hand. See `generate.py`."""

from typing import Any

from tests.vectors.generate import (
    CHANNEL,
    DEVICE,
    OPEN,
    OTHER,
    TIME,
    cbor,
    iou,
    sha256,
    tariff,
    terms,
)

MAX = 2**63 - 1
UP = ("hello", "open", "iou", "tick", "close", "sell", "find")
DOWN = (
    "offer",
    "opened",
    "ack",
    "grant",
    "credit",
    "receipt",
    "statement",
    "resume",
    "refused",
    "successor",
    "listed",
    "mirror",
)


def pricing() -> dict[str, Any]:
    """`amount` null: there is none on the wire (over_capacity)."""
    amounts = [
        (300, 1, 0, 0),
        (300, 1, 1, 300),
        (300, 1, 1_500, 450_000),
        (1, 3, 2, 0),
        (1, 3, 3, 1),
        (1, 3, 5, 1),
        (1, 3, 300, 100),
        (2, 7, 10, 2),
        (2, 7, 11, 3),
        (7, 2, 1, 3),
        (7, 2, 3, 10),
        (0, 1, MAX, 0),
        (1, 1, MAX, MAX),
        (1, MAX, MAX, 1),
        (MAX, MAX, 12_345, 12_345),
        (MAX, 1, 1, MAX),
        (MAX, 1, 2, None),
        (2, 1, 2**62, None),
    ]
    within = [
        (300, 1, 0, 0),
        (300, 1, 299, 0),
        (300, 1, 300, 1),
        (300, 1, 30_000_000, 100_000),
        (1, 3, 0, 2),
        (1, 3, 1, 5),
        (2, 7, 2, 10),
        (2, 7, 3, 13),
        (7, 2, 3, 1),
        (0, 1, 0, MAX),
        (1, MAX, 1, MAX),
    ]
    return {
        "amounts": [
            {"numerator": n, "denominator": d, "units": units, "amount": amount}
            for n, d, units, amount in amounts
        ],
        "units_within": [
            {"numerator": n, "denominator": d, "amount": amount, "units": units}
            for n, d, amount, units in within
        ],
    }


def judge() -> dict[str, Any]:
    """The channel's tariff is 300/1, its capacity 30,000,000. `result` is `raises`, `stale`,
    `contradicts` or the reason of a refusal, which `expected` goes with."""
    end = TIME + 86_400
    full = 30_000_000
    rows: list[tuple[str, str, tuple[int, int], tuple[int, int], int, str, int]] = [
        ("first IOU", "open", (0, 0), (300, 1), TIME, "raises", 0),
        ("with a gap", "open", (300, 1), (450_000, 1_500), TIME, "raises", 0),
        ("exactly the capacity", "open", (300, 1), (full, 100_000), TIME, "raises", 0),
        ("one unit over", "open", (300, 1), (full + 300, 100_001), TIME, "over_capacity", full),
        ("largest amount", "open", (300, 1), (MAX, MAX), TIME, "over_capacity", full),
        ("price beyond the wire", "open", (0, 0), (300, MAX), TIME, "over_capacity", 0),
        ("one atomic unit short", "open", (300, 1), (599, 2), TIME, "wrong_amount", 600),
        ("one atomic unit over", "open", (300, 1), (601, 2), TIME, "wrong_amount", 600),
        ("more money, same units", "open", (300, 1), (600, 1), TIME, "wrong_amount", 300),
        ("last second", "open", (300, 1), (600, 2), end - 1, "raises", 0),
        ("at the expiry", "open", (300, 1), (600, 2), end, "expired", end),
        ("expiry before capacity", "open", (300, 1), (MAX, MAX), end, "expired", end),
        ("nothing at all", "open", (0, 0), (0, 0), TIME, "stale", 0),
        ("units that cost nothing yet", "open", (0, 0), (0, 5), TIME, "stale", 0),
        ("the same", "open", (600, 2), (600, 2), TIME, "stale", 0),
        ("an earlier one", "open", (600, 2), (300, 1), TIME, "stale", 0),
        ("nothing after something", "open", (600, 2), (0, 0), TIME, "stale", 0),
        ("less money, same units", "open", (600, 2), (300, 2), TIME, "stale", 0),
        ("same money, more units", "open", (600, 2), (600, 3), TIME, "contradicts", 0),
        ("same money, fewer units", "open", (600, 2), (600, 1), TIME, "contradicts", 0),
        ("less money, more units", "open", (600, 2), (300, 3), TIME, "contradicts", 0),
        ("more money, fewer units", "open", (600, 2), (900, 1), TIME, "contradicts", 0),
        ("free and more units", "open", (600, 2), (0, 3), TIME, "contradicts", 0),
        ("contradiction before expiry", "open", (600, 2), (600, 3), end, "contradicts", 0),
        ("the same after expiry", "open", (600, 2), (600, 2), end, "stale", 0),
        ("the same, frozen", "frozen", (600, 2), (600, 2), TIME, "stale", 0),
        ("higher, frozen", "frozen", (600, 2), (900, 3), TIME, "frozen", 0),
        ("contradiction, frozen", "frozen", (600, 2), (600, 1), TIME, "frozen", 0),
        ("the same, closed", "closed", (600, 2), (600, 2), TIME, "stale", 0),
        ("an earlier one, closed", "closed", (600, 2), (300, 1), TIME, "stale", 0),
        ("higher, closed", "closed", (600, 2), (900, 3), TIME, "closed", 600),
        ("contradiction, closed", "closed", (600, 2), (600, 1), TIME, "closed", 600),
        ("closed before expired", "closed", (600, 2), (900, 3), end, "closed", 600),
    ]
    tips = [
        ("any amount, no units", (0, 0), (123, 0), "raises", 0),
        ("more, same units", (123, 0), (124, 0), "raises", 0),
        ("same again", (123, 0), (123, 0), "stale", 0),
        ("fewer units", (600, 2), (900, 1), "contradicts", 0),
        ("over the capacity", (0, 0), (full + 1, 0), "over_capacity", full),
    ]
    cases = [
        {
            "name": name,
            "pricing": 0,
            "state": state,
            "mark": mark,
            "iou": paid,
            "now": now,
            "result": result,
            "expected": expected,
        }
        for name, state, mark, paid, now, result, expected in rows
    ] + [
        {
            "name": "open-ended: " + name,
            "pricing": 1,
            "state": "open",
            "mark": mark,
            "iou": paid,
            "now": TIME,
            "result": result,
            "expected": expected,
        }
        for name, mark, paid, result, expected in tips
    ]
    limits = [
        ("a new channel", tariff(), 30_000_000, 0, 1_000, 1_000),
        ("a window on", tariff(), 30_000_000, 1_500, 1_000, 2_500),
        ("the capacity's end", tariff(), 30_000_000, 99_500, 1_000, 100_000),
        ("full", tariff(), 30_000_000, 100_000, 1_000, 100_000),
        ("a capacity below one unit", tariff(), 299, 0, 1_000, 0),
        ("a window that costs nothing yet", tariff(1, 1_000), 10, 0, 100, 1_000),
        ("the same, further on", tariff(1, 1_000), 10, 1_500, 100, 2_000),
        ("a free tariff", tariff(0), 1, 0, 1_000, MAX),
        ("open-ended", tariff(300, 1, 1), 30_000_000, 1_000_000, 1_000, 1_001_000),
        ("open-ended at the end of numbers", tariff(1, 1, 1), 1, MAX - 5, 1_000, MAX),
    ]
    # State, mark's amount, units of the last IOU, its chain's length, known index, index, now.
    ticks: list[tuple[str, int, str, int, int, int, int, int, int, str, int, list[int] | None]] = [
        ("the first", 0, "open", 3_000, 10, 50, 0, 1, TIME, "raises", 0, [3_300, 11]),
        ("with a gap", 0, "open", 3_300, 10, 50, 1, 50, TIME, "raises", 0, [18_000, 60]),
        ("known", 0, "open", 3_300, 10, 50, 1, 1, TIME, "stale", 0, None),
        ("known, frozen", 0, "frozen", 3_300, 10, 50, 1, 1, TIME, "stale", 0, None),
        ("known, closed", 0, "closed", 3_300, 10, 50, 1, 1, TIME, "stale", 0, None),
        ("frozen", 0, "frozen", 3_300, 10, 50, 1, 2, TIME, "frozen", 0, None),
        ("closed", 0, "closed", 3_300, 10, 50, 1, 2, TIME, "closed", 3_300, None),
        ("no chain", 0, "open", 3_000, 10, 0, 0, 1, TIME, "no_chain", 0, None),
        ("open-ended", 1, "open", 3_000, 10, 50, 0, 1, TIME, "no_chain", 0, None),
        ("beyond the end", 0, "open", 3_000, 10, 50, 0, 51, TIME, "bad_tick", 50, None),
        ("as far as it may", 0, "open", 3_300, 10, 9_000, 1, 1_025, TIME, "raises", 0,
         [310_500, 1_035]),
        ("further", 0, "open", 3_300, 10, 9_000, 1, 1_026, TIME, "bad_tick", 1_025, None),
        ("at the expiry", 0, "open", 3_000, 10, 50, 0, 1, end, "expired", end, None),
        ("the capacity", 0, "open", full - 300, 99_999, 9, 0, 1, TIME, "raises", 0,
         [full, 100_000]),
        ("beyond it", 0, "open", full, 99_999, 9, 1, 2, TIME, "over_capacity", full, None),
    ]  # fmt: skip
    return {
        "terms": {0: cbor(terms(tariff())), 1: cbor(terms(tariff(300, 1, 1)))},
        "cases": cases,
        "ticks": [
            {
                "name": name,
                "pricing": pricing,
                "state": state,
                "mark_amount": mark_amount,
                "base_units": base,
                "length": length,
                "known": known,
                "index": index,
                "now": now,
                "result": result,
                "expected": expected,
                "mark": mark,
            }
            for (
                name,
                pricing,
                state,
                mark_amount,
                base,
                length,
                known,
                index,
                now,
                result,
                expected,
                mark,
            ) in ticks
        ],
        "limits": [
            {
                "name": name,
                "terms": cbor(terms(price, capacity)),
                "mark_units": units,
                "window": window,
                "limit": limit,
            }
            for name, price, capacity, units, window, limit in limits
        ],
    }


def topics() -> dict[str, Any]:
    """Both directions of every kind, and topics that are none."""
    device = sha256(DEVICE.public)[:16].hex()
    start = f"tally/1/{device[:2]}/{device}/"
    valid = [("up", kind) for kind in UP] + [("down", kind) for kind in DOWN]
    quiet = {"iou", "tick", "ack", "refused"}
    invalid = [
        ("up", start + "up/ack"),
        ("up", start + "up/ious"),
        ("up", start + "up/"),
        ("up", start + "up/iou/x"),
        ("up", start + "down/ack"),
        ("down", start + "up/iou"),
        ("down", start + "down/iou"),
        ("up", "/" + start + "up/iou"),
        ("up", start.replace("/1/", "/2/", 1) + "up/iou"),
        ("up", start.replace("tally", "Tally", 1) + "up/iou"),
        ("up", f"tally/1/00/{device}/up/iou"),
        ("up", f"tally/1/{device[:2].upper()}/{device.upper()}/up/iou"),
        ("up", f"tally/1/{device[:2]}/{device[:-1]}/up/iou"),
        ("up", f"tally/1/{device[:2]}/{device[:-1]}g/up/iou"),
        ("up", "tally/1/+/+/up/iou"),
        ("up", ""),
    ]
    return {
        "device_id": device,
        "down_filter": start + "down/+",
        "up_filter": "tally/1/+/+/up/+",
        "shard_filter": f"tally/1/{device[:2]}/+/up/+",
        "valid": [
            {
                "direction": direction,
                "kind": kind,
                "topic": start + direction + "/" + kind,
                "qos": 0 if kind in quiet else 1,
            }
            for direction, kind in valid
        ],
        "invalid": [{"direction": direction, "topic": topic} for direction, topic in invalid],
    }


def _opened(limit: int = 1_000, serial: int = 0) -> dict[str, Any]:
    return {"do": "opened", "limit": limit, "serial": serial}


def _sign(total: int, amount: int | None, units: int | None = None) -> dict[str, Any]:
    signs = None if amount is None else [amount, units]
    return {"do": "sign", "total": total, "signs": signs}


def _ack(amount: int, units: int, limit: int, serial: int = 0, **wrong: str) -> dict[str, Any]:
    mark = {"amount": amount, "units": units, "limit": limit, "serial": serial}
    return {"do": "ack", **mark, **wrong}


def _resume(message: bytes, total: int, base: int, **wrong: str) -> dict[str, Any]:
    known = {"iou": message, "limit": 1_000, "serial": 0, "total": total, "base": base}
    return {"do": "resume", **known, **wrong}


def _carry(total: int, receipt: list[int] | None, base: int, **wrong: str) -> dict[str, Any]:
    return {"do": "carry", "total": total, "receipt": receipt, "base": base, **wrong}


def _limit(limit: int, **may: bool) -> dict[str, Any]:
    return {"do": "limit", "limit": limit, **may}


def payer() -> dict[str, Any]:
    """Scenes from a payer's channel at 300/1 with a capacity of 30,000,000, each step with its
    outcome (`signs` null: there is nothing to sign; `refused`: the error's reason; a receipt is
    amount, units, event), and the record that a payer keeps."""
    cheap = DEVICE.sign1("open", cbor(terms(tariff(1, 1_000), 10)))
    tip = DEVICE.sign1("open", cbor(terms(tariff(300, 1, 1), 900)))
    closing = {"do": "close"}
    scenes: list[tuple[str, bytes, int, list[dict[str, Any]]]] = [
        ("nothing is signed before the terms are accepted", OPEN, 0, [_sign(5, None)]),
        (
            "IOUs are cumulative and only rise",
            OPEN,
            0,
            [_opened(), _sign(1, 300, 1), _sign(1, None), _sign(5, 1_500, 5), _sign(4, None)],
        ),
        (
            "units count from the base",
            OPEN,
            100,
            [_opened(), _sign(99, None), _sign(100, None), _sign(101, 300, 1)],
        ),
        (
            "no two IOUs of one amount",
            cheap,
            0,
            [
                _opened(),
                _sign(999, None),
                _sign(1200, 1, 1200),
                _sign(1999, None),
                _sign(2000, 2, 2000),
            ],
        ),
        (
            "never beyond the capacity",
            OPEN,
            0,
            [_opened(), _sign(200_000, 30_000_000, 100_000), _sign(300_000, None)],
        ),
        (
            "never beyond the capacity of an open-ended tariff",
            tip,
            0,
            [_opened(), _sign(2, 600, 2), _sign(50, 900, 3), _sign(51, None)],
        ),
        ("nothing after the close", OPEN, 0, [_opened(), closing, _sign(5, None)]),
        (
            "an ack for more than was signed is a lie",
            OPEN,
            0,
            [
                _opened(),
                _sign(2, 600, 2),
                _ack(600, 2, 1002),
                _ack(300, 1, 1001),
                _ack(900, 3, 1003, refused="conflict"),
                _ack(600, 3, 1003, refused="conflict"),
                _limit(1002),
            ],
        ),
        (
            "the highest limit of the highest serial holds",
            OPEN,
            0,
            [
                _opened(1000, 1),
                {"do": "grant", "limit": 900, "serial": 1},
                _limit(1000),
                {"do": "grant", "limit": 0, "serial": 2},
                _limit(0),
                {"do": "grant", "limit": 9000, "serial": 1},
                _limit(0),
                {"do": "grant", "limit": 700, "serial": 3},
                _limit(700),
            ],
        ),
        (
            "a resume without an IOU opens",
            OPEN,
            0,
            [_resume(b"", 10, 0), _sign(10, 3_000, 10)],
        ),
        (
            "a resume with a later IOU of its own moves the base",
            OPEN,
            100,
            [_resume(iou(15_000, 50), 110, 60), _sign(110, None), _sign(111, 15_300, 51)],
        ),
        (
            "what was measured beyond a later IOU is still paid",
            OPEN,
            100,
            [_resume(iou(15_000, 50), 200, 100), _sign(200, 30_000, 100)],
        ),
        (
            "a resume with an older IOU changes nothing",
            OPEN,
            0,
            [_opened(), _sign(50, 15_000, 50), _resume(iou(300, 1), 50, 0), _sign(51, 15_300, 51)],
        ),
        (
            "a resume with another's signature is a lie",
            OPEN,
            0,
            [_resume(iou(300, 1, party=OTHER), 10, 0, refused="bad_signature")],
        ),
        (
            "a resume with the IOU of another channel is a lie",
            OPEN,
            0,
            [_resume(iou(300, 1, channel=sha256(b"x")), 10, 0, refused="not_yours")],
        ),
        (
            "a resume with an IOU over the capacity is refused",
            tip,
            0,
            [
                _resume(
                    iou(901, 1, channel=sha256(cbor(terms(tariff(300, 1, 1), 900)))),
                    10,
                    0,
                    refused="over_capacity",
                )
            ],
        ),
        (
            "carried by the receipt of the close",
            OPEN,
            100,
            [_opened(), _sign(150, 15_000, 50), closing, _carry(160, [12_000, 40, 2], 140)],
        ),
        (
            "carried without a receipt from what was signed",
            OPEN,
            100,
            [_opened(), _sign(150, 15_000, 50), _carry(160, None, 150)],
        ),
        (
            "a base is never beyond what the meter shows",
            OPEN,
            100,
            [_opened(), _sign(150, 15_000, 50), _carry(140, None, 140)],
        ),
        (
            "a receipt that is no close, or claims too much, carries nothing",
            OPEN,
            100,
            [
                _opened(),
                _sign(150, 15000, 50),
                _carry(160, [15000, 50, 0], 0, refused="conflict"),
                _carry(160, [15300, 51, 2], 0, refused="conflict"),
                _carry(160, [15000, 51, 2], 0, refused="conflict"),
            ],
        ),
    ]
    paid = iou(15_000, 50)
    record = [OPEN, 0, 40, 1, paid, 15_000, 50, 1_050, 2]
    damaged = {
        "too short": record[:8],
        "too long": [*record, 0],
        "no open": [b"", *record[1:]],
        "a state that is none": [*record[:3], 3, *record[4:]],
        "an IOU cut short": [*record[:4], paid[:-1], *record[5:]],
        "the IOU of another channel": [
            *record[:4],
            iou(15_000, 50, channel=sha256(b"x")),
            *record[5:],
        ],
        "acknowledged more than signed": [*record[:5], 15_300, *record[6:]],
        "text for a number": [*record[:7], "1050", 2],
    }
    return {
        "seed": DEVICE.seed,
        "channel_id": CHANNEL,
        "scenes": [
            {"name": name, "open": message, "base": base, "steps": steps}
            for name, message, base, steps in scenes
        ],
        "record": {"encoded": cbor(record), "base": "-40", "signed": [15_000, 50]},
        "damaged_records": [
            {"name": name, "encoded": cbor(parts)} for name, parts in damaged.items()
        ],
    }
