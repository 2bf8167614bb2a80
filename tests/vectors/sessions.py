"""The vectors of session fees: tariffs, prices, both sides' rules. Every expected result is written
out by hand. See `generate.py`."""

from typing import Any

from tests.vectors.generate import (
    DEVICE,
    TIME,
    cbor,
    sha256,
    tariff,
    terms,
)

FEE = 500_000
PARKED = tariff() | {7: FEE}
"""300 for each unit, and 500,000 once."""
TERMS = cbor(terms(PARKED))
CHANNEL = sha256(TERMS)
OPEN = DEVICE.sign1("open", TERMS)
FREE = DEVICE.sign1("open", cbor(terms(tariff())))
NIGHT = tariff(100, 3)
MOST = 2**63 - 1


def _iou(amount: int, units: int) -> bytes:
    return DEVICE.sign1("iou", cbor({1: CHANNEL, 2: amount, 3: units}))


AT_50 = _iou(515_000, 50)


def _leg(number: int, price: dict[int, Any], last: bytes, channel: bytes = CHANNEL) -> bytes:
    return DEVICE.sign1("leg", cbor({1: channel, 2: number, 3: price, 4: last}))


def _tariffs() -> dict[str, Any]:
    valid = [tariff(), PARKED, tariff(0) | {7: 1}, tariff(1, 3) | {7: MOST}]
    invalid = {
        "a fee of nothing": PARKED | {7: 0},
        "a fee in text": PARKED | {7: "500000"},
        "a fee on an open sum": tariff(0, 1, 1) | {7: 1},
        "a further key": PARKED | {8: 1},
        "a fee and no pricing": {key: PARKED[key] for key in PARKED if key != 6},
    }
    return {
        "tariffs": [
            {"encoded": cbor(each), "tariff_id": sha256(cbor(each)), "session_fee": each.get(7, 0)}
            for each in valid
        ],
        "invalid_tariffs": [
            {"name": name, "encoded": cbor(each)} for name, each in invalid.items()
        ],
    }


def _prices() -> dict[str, Any]:
    amounts = [
        (300, 1, FEE, 0, 0),
        (300, 1, FEE, 1, 500_300),
        (300, 1, FEE, 1_500, 950_000),
        (1, 3, 7, 1, 7),
        (1, 3, 7, 2, 7),
        (1, 3, 7, 3, 8),
        (0, 1, 7, 1, 7),
        (0, 1, 7, MOST, 7),
        (1, 1, 1, MOST - 1, MOST),
    ]
    within = [
        (300, 1, FEE, 0, 0),
        (300, 1, FEE, 499_999, 0),
        (300, 1, FEE, 500_299, 0),
        (300, 1, FEE, 500_300, 1),
        (300, 1, FEE, 500_899, 2),
        (1, 3, 7, 6, 0),
        (1, 3, 7, 7, 2),
        (0, 1, 7, 6, 0),
        (0, 1, 7, 7, MOST),
        (1, 1, MOST, MOST, 0),
    ]
    names = ("numerator", "denominator", "session_fee", "units", "amount")
    swapped = [(*each[:3], each[4], each[3]) for each in within]
    legs = [
        ("the terms' price", OPEN, [], 50, 515_000),
        ("a leg charges none again", OPEN, [_leg(1, NIGHT, AT_50)], 53, 515_100),
        ("nor its own", OPEN, [_leg(1, NIGHT | {7: 9}, AT_50)], 53, 515_100),
        ("nothing, by a leg from the start", OPEN, [_leg(1, NIGHT, b"")], 0, 0),
        ("by a leg from the start the channel's is due", OPEN, [_leg(1, NIGHT, b"")], 1, 500_033),
        ("and not its own", OPEN, [_leg(1, NIGHT | {7: 9}, b"")], 3, 500_100),
        (
            "by the second of two from the start, once",
            OPEN,
            [_leg(1, NIGHT, b""), _leg(2, tariff(1_000), b"")],
            1,
            501_000,
        ),
        (
            "a channel without one gets none by a leg",
            FREE,
            [_leg(1, PARKED, b"", sha256(cbor(terms(tariff()))))],
            3,
            900,
        ),
    ]
    return {
        "amounts": [dict(zip(names, each, strict=True)) for each in amounts],
        "units_within": [dict(zip(names, each, strict=True)) for each in swapped],
        "legs": [
            {"name": name, "open": message, "legs": each, "units": units, "amount": amount}
            for name, message, each, units, amount in legs
        ],
    }


def _accepting() -> dict[str, Any]:
    judged = [
        ("the first unit and the fee", [0, 0], [500_300, 1], "raises", 0),
        ("without the fee", [0, 0], [300, 1], "wrong_amount", 500_300),
        ("the fee alone", [0, 0], [500_000, 0], "wrong_amount", 0),
        ("the next unit", [500_300, 1], [500_600, 2], "raises", 0),
        ("the fee twice", [500_300, 1], [1_000_600, 2], "wrong_amount", 500_600),
        ("up to the capacity", [500_300, 1], [29_999_900, 98_333], "raises", 0),
        ("beyond it", [500_300, 1], [30_000_200, 98_334], "over_capacity", 30_000_000),
    ]
    dust = cbor(terms(tariff(1, 1_000) | {7: 5}))
    limits = [
        ("the window", TERMS, 0, 1_000, 1_000),
        ("what the capacity pays for", TERMS, 98_000, 1_000, 98_333),
        ("before the fee one unit can be paid", dust, 0, 1, 1),
        ("after it to the next that costs", dust, 1, 1, 1_000),
        ("all is free after the fee", cbor(terms(tariff(0) | {7: 5})), 1, 10, MOST),
    ]
    return {
        "judged": [
            {"name": name, "mark": mark, "iou": iou, "now": TIME, "result": result, "expected": to}
            for name, mark, iou, result, to in judged
        ],
        "tick": {"mark": [500_300, 1], "index": 2, "raises": [500_900, 3]},
        "limits": [
            {"name": name, "terms": each, "mark_units": units, "window": window, "limit": limit}
            for name, each, units, window, limit in limits
        ],
    }


def session_fees() -> dict[str, Any]:
    """Everything about session fees. In a scene each step is a meter's total and the amount and
    units that are signed then, or null."""
    small = DEVICE.sign1("open", cbor(terms(PARKED, 500_900)))
    poor = DEVICE.sign1("open", cbor(terms(PARKED, 500_299)))
    scenes = [
        ("once", OPEN, [[0, None], [1, [500_300, 1]], [2, [500_600, 2]]]),
        ("up to the capacity", small, [[1, [500_300, 1]], [9, [500_900, 3]], [10, None]]),
        ("full as it opens", poor, [[5, None]]),
    ]
    return {
        **_tariffs(),
        **_prices(),
        "terms": TERMS,
        **_accepting(),
        "seed": DEVICE.seed,
        "scenes": [{"name": name, "open": each, "steps": steps} for name, each, steps in scenes],
    }
