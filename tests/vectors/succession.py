"""The vectors of which key a device believes. Every expected result is written out by hand. See
`generate.py`."""

from itertools import pairwise
from typing import Any

from tests.vectors.generate import DEVICE, TIME, Party, cbor

# Keys of one gateway that followed each other, and one of a stranger's.
FIRST, SECOND, THIRD, STRANGER = (Party(number) for number in (3, 33, 34, 66))


def _successor(by: Party, to: Party, kind: str = "successor", time: int = TIME) -> bytes:
    return by.sign1(kind, cbor({1: to.public, 2: time}))


def _step(message: bytes, believes: Party, refused: str | None = None) -> dict[str, Any]:
    return {"message": message, "refused": refused, "believes": believes.public}


def succession() -> dict[str, Any]:
    """Each case: the key that the owner gave, those that the device remembers, and the messages
    that come, each with the key believed after it."""
    one_two, two_three = _successor(FIRST, SECOND), _successor(SECOND, THIRD)
    many = [Party(number) for number in range(100, 121)]
    cases: list[tuple[str, Party, list[Party], list[dict[str, Any]]]] = [
        ("nothing followed", FIRST, [], []),
        ("one follows", FIRST, [], [_step(one_two, SECOND)]),
        ("two follow", FIRST, [], [_step(one_two, SECOND), _step(two_three, THIRD)]),
        (
            "out of order, then again",
            FIRST,
            [],
            [
                _step(two_three, FIRST, "bad_signature"),
                _step(one_two, SECOND),
                _step(one_two, SECOND, "bad_signature"),
                _step(two_three, THIRD),
            ],
        ),
        (
            "a key that was followed leads nowhere",
            FIRST,
            [FIRST, SECOND],
            [_step(_successor(FIRST, STRANGER), SECOND, "bad_signature")],
        ),
        (
            "a stranger's word",
            FIRST,
            [],
            [_step(_successor(STRANGER, STRANGER), FIRST, "bad_signature")],
        ),
        (
            "the device's own word",
            FIRST,
            [],
            [_step(_successor(DEVICE, SECOND), FIRST, "bad_signature")],
        ),
        (
            "signed as another kind",
            FIRST,
            [],
            [_step(_successor(FIRST, SECOND, "opened"), FIRST, "bad_signature")],
        ),
        ("itself", FIRST, [], [_step(_successor(FIRST, FIRST), FIRST, "malformed")]),
        (
            "back to an older key",
            FIRST,
            [FIRST, SECOND],
            [_step(_successor(SECOND, FIRST), SECOND, "malformed")],
        ),
        (
            "cut short",
            FIRST,
            [],
            [_step(one_two[:-1], FIRST, "malformed"), _step(b"", FIRST, "malformed")],
        ),
        ("remembered", FIRST, [FIRST, SECOND, THIRD], [_step(one_two, THIRD, "bad_signature")]),
        (
            "given a later key of the same line",
            SECOND,
            [FIRST, SECOND, THIRD],
            [_step(_successor(THIRD, FIRST), FIRST)],
        ),
        (
            "given a key of another line",
            THIRD,
            [FIRST, STRANGER],
            [_step(_successor(STRANGER, FIRST), THIRD, "bad_signature")],
        ),
        (
            "more than are remembered",
            many[0],
            [],
            [_step(_successor(a, b), b) for a, b in pairwise(many)],
        ),
    ]
    return {
        "most_remembered": 16,
        "cases": [
            {
                "name": name,
                "given": given.public,
                "remembered": [each.public for each in remembered],
                "steps": steps,
            }
            for name, given, remembered, steps in cases
        ],
    }
