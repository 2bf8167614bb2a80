"""The vectors of prices that end: offers, both sides' rules. Every expected result is written out
by hand. See `generate.py`."""

from typing import Any

from tests.vectors.generate import CHANNEL, DEVICE, OPEN, TIME, cbor, iou, sha256, tariff, terms
from tests.vectors.legged import NIGHT, leg

AT_1050 = iou(315_000, 1_050)
AT_1053 = iou(315_900, 1_053)


def _offers() -> dict[str, Any]:
    first = sha256(cbor(tariff()))
    offer = {1: NIGHT, 2: bytes(32), 3: bytes(32), 4: 30_000_000, 5: 1_000, 6: 86_400, 7: TIME}
    follows = offer | {8: first}
    return {
        "offers": [
            {"name": "an hour is left", "payload": cbor(follows | {9: 3_600}), "grace": 3_600},
            {"name": "it has ended", "payload": cbor(follows | {9: 0}), "grace": 0},
            {"name": "it is not said", "payload": cbor(follows), "grace": None},
        ],
        "invalid_offers": [
            {"name": "of what follows none", "payload": cbor(offer | {9: 3_600})},
            {"name": "in text", "payload": cbor(follows | {9: "3600"})},
        ],
    }


def _accepting() -> dict[str, Any]:
    judged = [
        ("up to what was granted", [300_000, 1_000], [315_000, 1_050], "raises", 0),
        ("one unit beyond", [300_000, 1_000], [315_300, 1_051], "price_ended", 1_050),
        ("beyond, and at no price", [300_000, 1_000], [315_301, 1_051], "wrong_amount", 315_300),
        ("what is accepted", [315_000, 1_050], [315_000, 1_050], "stale", 0),
        ("beyond the mark", [315_000, 1_050], [315_300, 1_051], "price_ended", 1_050),
    ]
    ticks = [
        ("up to what was granted", 1, [315_000, 1_050], 0),
        ("one unit beyond", 2, None, 1_050),
    ]
    plain, dust = cbor(terms(tariff())), cbor(terms(tariff(1, 1_000)))
    limits = [
        ("a window from where it ended", plain, 50, 50, 1_000, 1_050),
        ("paying raises it no more", plain, 50, 1_050, 1_000, 1_050),
        ("to the next unit that costs", dust, 0, 0, 1, 1_000),
        ("a capacity that pays for less", cbor(terms(tariff(), 3_000)), 5, 5, 1_000, 10),
    ]
    return {
        "until": 1_050,
        "judged": [
            {"name": name, "mark": mark, "iou": said, "result": result, "expected": expected}
            for name, mark, said, result, expected in judged
        ],
        "base": [314_700, 1_049],
        "ticks": [
            {"name": name, "index": index, "raises": raises, "expected": expected}
            for name, index, raises, expected in ticks
        ],
        "now": TIME,
        "limits": [
            {
                "name": name,
                "terms": each,
                "ended_units": ended,
                "mark_units": units,
                "window": window,
                "limit": limit,
            }
            for name, each, ended, units, window, limit in limits
        ],
    }


def _sign(total: int, signs: list[int] | None) -> dict[str, Any]:
    return {"do": "sign", "total": total, "signs": signs}


def _refuse(expected: int, *signs: bytes, **wrong: str) -> dict[str, Any]:
    return {"do": "refuse", "expected": expected, "signs": list(signs), **wrong}


def _scenes() -> list[dict[str, Any]]:
    scenes: list[tuple[str, list[dict[str, Any]]]] = [
        (
            "what was signed beyond is signed anew for no more, until more is granted",
            [
                _sign(1_053, [315_900, 1_053]),
                _refuse(1_050, AT_1050),
                _sign(1_060, None),
                {"do": "grant", "limit": 1_050},
                _sign(1_060, None),
                {"do": "grant", "limit": 2_000},
                _sign(1_060, [318_000, 1_060]),
            ],
        ),
        (
            "a leg that carried it is signed anew, and prices the rest",
            [
                _sign(1_053, [315_900, 1_053]),
                {"do": "leg", "tariff": NIGHT, "signs": leg(1, NIGHT, AT_1053)},
                _refuse(1_050, AT_1050, leg(1, NIGHT, AT_1050)),
                _sign(1_053, None),
                {"do": "taken", "leg": sha256(leg(1, NIGHT, AT_1050))[:8]},
                _sign(1_053, [315_100, 1_053]),
            ],
        ),
        (
            "what is within it stays",
            [_sign(1_000, [300_000, 1_000]), _refuse(1_050), _sign(1_060, [315_000, 1_050])],
        ),
        (
            "a gateway that takes back what it acknowledged is a liar",
            [
                _sign(1_053, [315_900, 1_053]),
                {"do": "ack", "mark": [315_900, 1_053]},
                _refuse(1_050, refused="conflict"),
                _sign(1_060, [318_000, 1_060]),
            ],
        ),
    ]
    return [{"name": name, "open": OPEN, "steps": steps} for name, steps in scenes]


def price_ends() -> dict[str, Any]:
    """Everything about prices that end; the channel is the one of `payer.json`. `signs` of a
    refusal are the messages that the payer says then."""
    return {
        **_offers(),
        "channel": CHANNEL,
        **_accepting(),
        "seed": DEVICE.seed,
        "scenes": _scenes(),
    }
