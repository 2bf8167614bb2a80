"""The vectors of evidence bundles. See `generate.py`."""

from typing import Any

from tests.vectors.generate import (
    CHANNEL,
    DEVICE,
    GATEWAY,
    OPEN,
    OTHER,
    TERMS,
    TIME,
    cbor,
    iou,
    path,
    sha256,
    tariff,
    terms,
    tree,
)

FORMAT = "tallystick/v1/evidence"
CHAIN = [sha256(b"the end of the chain")]
for _ in range(4):
    CHAIN.insert(0, sha256(CHAIN[0]))
FIRST, LAST = iou(450_000, 1_500), iou(600_000, 2_000)
TICKED = DEVICE.sign1("iou", cbor({1: CHANNEL, 2: 600_000, 3: 2_000, 4: CHAIN[0], 5: 4}))
TICK = cbor({1: CHANNEL[:8], 2: 3, 3: CHAIN[3]})
SPANS = [((0, 450_000), (0, 1_500)), ((450_000, 600_000), (1_500, 2_000))]


def _gateway(kind: str, *fields: object) -> bytes:
    return GATEWAY.sign1(kind, cbor(dict(enumerate(fields, 1))))


def _receipt(amount: int, units: int, event: int, time: int, run: int) -> list[Any]:
    return ["receipt", _gateway("receipt", CHANNEL, amount, units, event, time, run)]


def _line(number: int) -> bytes:
    (start, end), (units, more) = SPANS[number]
    ends = {8: sha256(FIRST), 9: sha256(LAST)} if number else {9: sha256(FIRST)}
    line = {1: CHANNEL, 2: 0, 3: start, 4: end, 5: units, 6: more, 7: sha256(cbor(tariff()))}
    return cbor(line | ends)


def _stated(number: int) -> list[Any]:
    """Interval `number` in a statement of two lines, in a run of three statements."""
    run, end = 11 + number, TIME + 3_600 * (number + 1)
    other = {1: sha256(b"other"), 2: 0, 3: 0, 4: 100, 5: 0, 6: 1, 7: sha256(cbor(tariff()))}
    lines = [_line(number), cbor(other)]
    if number:
        lines.reverse()
    (start, to), _units = SPANS[number]
    owed = to - start + 100
    head = sha256(b"journal")
    period = ("EUR", 6, end - 3_600, end)
    said = [run, "fleet", *period, owed, 0, 2, tree(lines), head, 0, 0, 0, 0, 0, owed, 0, 0, 0]
    others = [_gateway("statement", run, name, *period, 0, 0, 0, tree([]), head) for name in "az"]
    statements = [others[0], _gateway("statement", *said), others[1]]
    whole = _gateway("run", run, *period, 3, tree(statements), head)
    index = lines.index(_line(number))
    return [whole, statements[1], 1, path(statements, 1), lines[index], index, path(lines, index)]


def _bundle(**changes: Any) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "channel": CHANNEL,
        "said": [
            ["open", OPEN],
            ["opened", _gateway("opened", CHANNEL, TIME, 1_000, 0)],
            _receipt(450_000, 1_500, 1, TIME + 3_600, 11),
            _receipt(600_000, 2_000, 2, TIME + 7_000, 0),
            ["close", DEVICE.sign1("close", cbor({1: CHANNEL, 2: LAST}))],
        ],
        "marks": [[FIRST, b""], [LAST, b""]],
        "stated": [_stated(0), _stated(1)],
        "kept": [],
    }
    parts |= changes
    encoded = cbor(dict(enumerate([FORMAT, *parts.values()], 1)))
    return {**parts, "encoded": encoded}


MIRROR = cbor(
    {
        **terms({**tariff(0, 1), 6: 1}, 29_000_000),
        **{1: GATEWAY.public, 2: DEVICE.public},
    }
)


def _mirror() -> dict[str, Any]:
    channel = sha256(MIRROR)
    credit = GATEWAY.sign1("credit", cbor({1: channel, 2: 441_000, 3: 1_500}))
    said = [["mirror", GATEWAY.sign1("mirror", MIRROR)]]
    return _bundle(channel=channel, said=said, marks=[[credit, b""]], stated=[])


def _cases() -> dict[str, dict[str, Any]]:
    opened = [["open", OPEN]]
    follows = cbor({1: OTHER.public, 2: TIME})
    fields = {1: CHANNEL, 2: TIME, 3: 1_000, 4: 0}
    return {
        "a channel settled twice and closed": _bundle(),
        "terms alone": _bundle(said=opened, marks=[], stated=[], kept=[]),
        "a mark that a tick raised": _bundle(
            said=opened, marks=[[FIRST, b""], [TICKED, TICK]], stated=[_stated(0)]
        ),
        "a contradicting IOU that was kept": _bundle(
            said=opened, stated=[], kept=[["iou", iou(450_000, 1_400)]]
        ),
        "a gateway's key that was followed": _bundle(
            said=[
                *opened,
                ["successor", GATEWAY.sign1("successor", follows)],
                ["opened", OTHER.sign1("opened", cbor(fields))],
            ],
            stated=[],
        ),
        "a mirror channel, on which the gateway pays": _mirror(),
    }


def _unproven() -> dict[str, dict[str, Any]]:
    """Of the right form, and something in it does not hold."""
    other = DEVICE.sign1("open", cbor(terms(tariff(), nonce=1)))
    run, statement, *proof = _stated(0)
    opened = [["open", OPEN]]
    return {
        "the id of another channel": _bundle(channel=sha256(b"x")),
        "the terms of another channel": _bundle(said=[["open", other]]),
        "terms that their payer did not sign": _bundle(said=[["open", OPEN[:-1] + b"\x00"]]),
        "an IOU of another payer": _bundle(marks=[[iou(450_000, 1_500, party=OTHER), b""]]),
        "IOUs that fall": _bundle(marks=[[LAST, b""], [FIRST, b""]]),
        "an IOU above its price": _bundle(said=opened, marks=[[iou(450_001, 1_500), b""]]),
        "a tick of another chain": _bundle(
            said=opened, stated=[], marks=[[TICKED, cbor({1: CHANNEL[:8], 2: 3, 3: CHAIN[2]})]]
        ),
        "a receipt that no IOU covers": _bundle(
            said=[*opened, _receipt(600_300, 2_001, 0, TIME, 0)]
        ),
        "a close below the last IOU": _bundle(
            said=[*opened, _receipt(450_000, 1_500, 2, TIME + 7_000, 0)]
        ),
        "a mirror of somebody who is no gateway": _bundle(
            said=[["mirror", DEVICE.sign1("mirror", TERMS)]], stated=[]
        ),
        "another place in the run": _bundle(stated=[[run, statement, 2, *proof[1:]]]),
        "another line": _bundle(stated=[[run, statement, *proof[:2], _line(1), *proof[3:]]]),
        "another run": _bundle(stated=[[_stated(1)[0], statement, *proof]]),
        "an interval left out": _bundle(
            stated=[_stated(0), _stated(0)], marks=[[FIRST, b""], [LAST, b""]]
        ),
        "an IOU of an interval left out": _bundle(said=opened, marks=[[LAST, b""]]),
    }


def _malformed() -> dict[str, bytes]:
    good = dict(enumerate([FORMAT, *list(_bundle().values())[:-1]], 1))
    return {
        "another format": cbor(good | {1: "tallystick/v2/evidence"}),
        "no open": cbor(good | {3: []}),
        "two that open it": cbor(good | {3: [["open", OPEN], ["mirror", OPEN]]}),
        "an open that is not the first": cbor(good | {3: list(reversed(good[3]))}),
        "a kind that may not stand there": cbor(good | {3: [["open", OPEN], ["ack", b""]]}),
        "a receipt that was kept": cbor(good | {6: [["receipt", b""]]}),
        "a mark of one part": cbor(good | {4: [[FIRST]]}),
        "a proof of six parts": cbor(good | {5: [_stated(0)[:6]]}),
        "a sibling of 31 bytes": cbor(good | {5: [[*_stated(0)[:6], [bytes(31)]]]}),
        "an unknown key": cbor(good | {7: 0}),
        "a missing key": cbor({key: value for key, value in good.items() if key != 6}),
        "a byte after the end": cbor(good) + b"\x00",
    }


def evidence() -> dict[str, Any]:
    return {
        "payer_key": DEVICE.public,
        "gateway_key": GATEWAY.public,
        "valid": [{"name": name, **case} for name, case in _cases().items()],
        "unproven": [
            {"name": name, "encoded": case["encoded"]} for name, case in _unproven().items()
        ],
        "malformed": [{"name": name, "encoded": encoded} for name, encoded in _malformed().items()],
    }
