"""The vectors of runs as a whole, of the proofs in them, and of statements with totals. See
`generate.py`."""

from typing import Any

from tests.vectors.generate import (
    CHANNEL,
    GATEWAY,
    TIME,
    cbor,
    iou,
    path,
    sha256,
    sig_structure,
    tariff,
    tree,
)

ACCOUNTS = ["a", "a-0", "acme", "b", "zebra"]
"""In the order of their bytes, which other orders of text would change."""


def _statement(account: str, number: int) -> bytes:
    debits = 1_000 * number
    fields = [
        12,
        account,
        "EUR",
        6,
        TIME,
        TIME + 86_400,
        debits,
        0,
        0,
        tree([]),
        sha256(b"journal"),
    ]
    return GATEWAY.sign1("statement", cbor(dict(enumerate(fields, 1))))


def _run(count: int) -> dict[str, Any]:
    statements = [_statement(account, number) for number, account in enumerate(ACCOUNTS[:count])]
    fields = {
        "run": 12,
        "currency": "EUR",
        "scale": 6,
        "period_start": TIME,
        "period_end": TIME + 86_400,
        "count": count,
        "statements_root": tree(statements),
        "journal_head": sha256(b"journal"),
    }
    payload = cbor(dict(enumerate(fields.values(), 1)))
    return {
        "fields": fields,
        "payload": payload,
        "authenticated": sig_structure("run", payload),
        "message": GATEWAY.sign1("run", payload),
        "statements": statements,
        "paths": [path(statements, index) for index in range(count)],
        "proof_files": [
            cbor({1: GATEWAY.sign1("run", payload), 2: index, 3: path(statements, index)})
            for index in range(count)
        ],
    }


def _invalid_runs() -> list[dict[str, Any]]:
    good = dict(enumerate(_run(1)["fields"].values(), 1))
    wrong: dict[str, dict[int, Any]] = {
        "a run number that is text": good | {1: "12"},
        "a currency in small letters": good | {2: "eur"},
        "a scale of 19": good | {3: 19},
        "a period that ends before it starts": good | {5: TIME - 1},
        "a root of 31 bytes": good | {7: bytes(31)},
        "a journal head of 33 bytes": good | {8: bytes(33)},
        "an unknown key": good | {9: 0},
        "a missing key": {key: value for key, value in good.items() if key != 6},
    }
    return [{"name": name, "payload": cbor(fields)} for name, fields in wrong.items()]


TARIFF_ID = sha256(cbor(tariff()))
FIRST, LAST = sha256(iou(450_000, 1_500)), sha256(iou(600_000, 2_000))
LINES: list[dict[int, Any]] = [
    {1: CHANNEL, 2: 0, 3: 0, 4: 450_000, 5: 0, 6: 1_500, 7: TARIFF_ID, 9: FIRST},
    {1: CHANNEL, 2: 0, 3: 450_000, 4: 600_000, 5: 1_500, 6: 2_000, 7: TARIFF_ID, 8: FIRST, 9: LAST},
    {1: sha256(b"other"), 2: 1, 3: 100, 4: 900, 5: 1, 6: 3, 7: TARIFF_ID, 8: FIRST, 9: LAST, 10: 8},
]
"""Sorted by channel, start and role in a statement; their order here is all that its root needs."""
TOTALS = {
    "paid_from_funds_and_collected": (8, 0, 0, 1_000, 100_000, 498_208, 0, 0, 0),
    "paid_out_but_for_a_rest": (8, 9, 0, 599_000, 0, 0, 1, 200, 0),
    "left_for_the_next_run": (8, 0, 5, 0, 0, 0, 0, 599_213, 0),
}


def _said(totals: tuple[int, ...]) -> dict[str, Any]:
    lines = [cbor(line) for line in LINES]
    fields = [12, "acme", "EUR", 6, TIME, TIME + 86_400, 600_000, 800, len(lines)]
    payload = cbor(dict(enumerate([*fields, tree(lines), sha256(b"journal"), *totals], 1)))
    fees, earned, owes, owed, funds, collect, pay, left, due = totals
    net = 600_000 - 800 + fees - earned + owes - owed
    adds_up = net == funds + collect - pay + left - due
    return {
        "payload": payload,
        "message": GATEWAY.sign1("statement", payload),
        "net": net if adds_up else None,
    }


def _invalid_lines() -> list[dict[str, Any]]:
    last = LINES[2]
    wrong = {
        "a first IOU where the channel begins": LINES[0] | {8: FIRST},
        "a hash of 31 bytes": last | {9: bytes(31)},
        "a fee of the payer": LINES[1] | {10: 1},
        "a fee of nothing": last | {10: 0},
        "a fee above the amount": last | {10: 801},
        "an unknown key": last | {11: 0},
    }
    return [{"name": name, "line": cbor(line)} for name, line in wrong.items()]


def _statements() -> dict[str, Any]:
    good = (8, 0, 0, 1_000, 100_000, 498_208, 0, 0, 0)
    wrong = {
        "carried both ways": (8, 0, 1, 1, 0, 599_208, 0, 0, 0),
        "collected and paid": (8, 0, 0, 0, 0, 599_209, 1, 0, 0),
        "left both ways": (8, 0, 0, 0, 0, 599_208, 0, 1, 1),
        "half of the totals": good[:5],
    }
    base = [12, "acme", "EUR", 6, TIME, TIME + 86_400, 0, 0, 0, tree([]), sha256(b"journal")]
    return {
        "lines": [cbor(line) for line in LINES],
        "valid": [{"name": name, **_said(totals)} for name, totals in TOTALS.items()],
        "not_adding_up": _said((8, 0, 0, 1_000, 100_000, 498_209, 0, 0, 0)),
        "invalid": [
            {"name": name, "payload": cbor(dict(enumerate([*base, *totals], 1)))}
            for name, totals in wrong.items()
        ],
        "invalid_lines": _invalid_lines(),
    }


def settlement() -> dict[str, Any]:
    return {
        "seed": GATEWAY.seed,
        "key": GATEWAY.public,
        "runs": [_run(count) for count in (0, 1, 2, 5)],
        "invalid_runs": _invalid_runs(),
        "statements": _statements(),
    }
