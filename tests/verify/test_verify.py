"""`tallystick verify`: what holds, what does not, and that it needs no gateway."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from gateway.contradictions import Contradiction, find
from gateway.keys import GatewayKeys
from gateway.verify import Beside, Known, check, collect_capacities, collect_terms
from protocol import cbor, envelope, merkle
from protocol.messages import Close, Credit, Iou, Offer, Opened, Receipt, Successor, Terms
from protocol.pricing import Tariff
from protocol.runs import Run
from protocol.statements import Statement, StatementLine, Totals
from protocol.topups import Topup
from tests.cli.tallystick import ROOT, environment
from tests.verify.program import verify_command

GATEWAY = GatewayKeys(b"\x01" * 32)
PAYER = SigningKey(b"\x02" * 32)
PRICE = Tariff("W.h", 300, 1, "EUR")
TERMS = Terms(
    bytes(PAYER.verify_key), GATEWAY.public, GATEWAY.public, PRICE, 30_000, 2**40, bytes(16)
)
CHANNEL = TERMS.channel_id()
LINES = [
    StatementLine(CHANNEL, 0, 0, 3000, 0, 10, PRICE.id()).encoded(),
    StatementLine(hashlib.sha256(b"x").digest(), 1, 0, 500, 0, 2, PRICE.id()).encoded(),
]


def payer(kind: str, payload: bytes) -> bytes:
    return envelope.sign1(kind, payload, lambda data: PAYER.sign(data).signature)


OPEN = payer("open", TERMS.payload())
IOU = payer("iou", Iou(CHANNEL, 3000, 10).payload())
STATEMENT = GATEWAY.sign1(
    "statement",
    Statement(1, "fleet", "EUR", 6, 10, 20, 3000, 500, 2, merkle.root(LINES), bytes(32)).payload(),
)
SIGNED = {
    "open": OPEN,
    "iou": IOU,
    "close": payer("close", Close(CHANNEL, IOU).payload()),
    "offer": GATEWAY.sign1(
        "offer", Offer(PRICE, GATEWAY.public, GATEWAY.public, 10, 5, 60, 1).payload()
    ),
    "opened": GATEWAY.sign1("opened", Opened(CHANNEL, 5, 10, 0).payload()),
    "receipt": GATEWAY.sign1("receipt", Receipt(CHANNEL, 3000, 10, 2, 20).payload()),
    "topup": payer("topup", Topup(CHANNEL, 60_000).payload()),
    "statement": STATEMENT,
    "run": GATEWAY.sign1(
        "run",
        Run(1, "EUR", 6, 10, 20, 1, merkle.root([STATEMENT]), bytes(32)).payload(),
    ),
}
SECOND, THIRD = GatewayKeys(b"\x03" * 32), GatewayKeys(b"\x04" * 32)
BESIDE = Known(None, (TERMS,))


@pytest.mark.parametrize("kind", SIGNED)
@pytest.mark.threat("G3")
def test_each_kind_verifies_beside_its_open(kind: str) -> None:
    verdict = check(SIGNED[kind], BESIDE)
    assert (verdict.kind, verdict.ok, verdict.error) == (kind, True, "")
    assert verdict.proves
    assert verdict.does_not_prove


@pytest.mark.parametrize("kind", SIGNED)
@pytest.mark.threat("G1", "G3")
def test_no_byte_of_a_message_can_change(kind: str) -> None:
    message = SIGNED[kind]
    for at in range(len(message)):
        altered = message[:at] + bytes((message[at] ^ 1,)) + message[at + 1 :]
        assert not check(altered, BESIDE).ok, at


def test_a_credit_is_told_from_an_iou_by_its_signature() -> None:
    credit = GATEWAY.sign1("credit", Credit(CHANNEL, 3000, 10).payload())
    verdict = check(credit, Known(GATEWAY.public))
    assert (verdict.kind, verdict.ok) == ("credit", True)
    assert check(IOU, Known(bytes(PAYER.verify_key))).kind == "iou"


@pytest.mark.threat("G1")
def test_an_iou_without_any_key_proves_nothing() -> None:
    verdict = check(IOU, Known())
    assert not verdict.ok
    assert "--key HEX" in verdict.error


def test_an_iou_that_its_terms_do_not_ask_for_binds_nobody() -> None:
    for amount, units in ((2999, 10), (33_000, 110)):
        iou = payer("iou", Iou(CHANNEL, amount, units).payload())
        assert "binds nobody" in check(iou, BESIDE).error


def test_a_topup_of_the_payers_raises_what_an_iou_may_say() -> None:
    iou = payer("iou", Iou(CHANNEL, 33_000, 110).payload())
    foreign = envelope.sign1("topup", Topup(CHANNEL, 60_000).payload(), GATEWAY.sign)
    other = payer("topup", Topup(bytes(32), 60_000).payload())
    for topups, holds in (([SIGNED["topup"]], True), ([foreign], False), ([other], False)):
        capacities = collect_capacities([OPEN, IOU, *topups], (TERMS,))
        assert check(iou, Known(None, (TERMS,), (), capacities)).ok == holds
    least = payer("topup", Topup(CHANNEL, 32_999).payload())
    assert collect_capacities([SIGNED["topup"], least], (TERMS,)) == {CHANNEL: 60_000}
    capacities = collect_capacities([least], (TERMS,))
    assert "32999" in check(iou, Known(None, (TERMS,), (), capacities)).error


def test_an_open_that_its_payer_did_not_sign_lends_no_key() -> None:
    forged = GATEWAY.sign1("open", TERMS.payload())
    assert collect_terms([forged]) == ()
    assert collect_terms([OPEN, IOU])[0].channel_id() == CHANNEL


@pytest.mark.threat("G1")
def test_a_statement_whose_totals_do_not_add_up_does_not_verify() -> None:
    for moved, holds in ((2_490, True), (2_489, False)):
        totals = Totals(0, 0, -10, 0, moved, 0)
        said = Statement(
            *(1, "fleet", "EUR", 6, 10, 20, 3000, 500, 2, merkle.root(LINES), bytes(32)), totals
        )
        verdict = check(GATEWAY.sign1("statement", said.payload()), Known(GATEWAY.public))
        assert verdict.ok == holds, verdict.error
        assert not holds or (verdict.facts["net"], verdict.facts["carried"]) == (2_490, -10)


def test_lines_prove_a_statement_and_no_others_do() -> None:
    known = Known(GATEWAY.public)
    assert check(STATEMENT, known, Beside(cbor.encode(LINES))).ok
    for lines in (LINES[:1], LINES[::-1], [*LINES, LINES[0]], []):
        assert not check(STATEMENT, known, Beside(cbor.encode(lines))).ok
    assert "only a statement has lines" in check(OPEN, Known(), Beside(cbor.encode(LINES))).error


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_bytes_whatever_make_it_raise(message: bytes) -> None:
    assert not check(message, BESIDE).ok
    assert not check(OPEN[:7] + message, BESIDE, Beside(message, message)).ok


def test_the_command_says_what_is_proven_and_ends_with_1_for_a_forgery(tmp_path: Path) -> None:
    for name, message in {"open": OPEN, "iou": IOU, "bad": IOU[:-1] + b"\x00"}.items():
        (tmp_path / name).write_bytes(message)
    good = verify_command(tmp_path / "open", tmp_path / "iou")
    assert good.returncode == 0
    assert "owes 3000 atomic units" in good.stdout
    bad = verify_command(tmp_path / "open", tmp_path / "bad")
    assert bad.returncode == 1
    assert "DOES NOT VERIFY" in bad.stdout
    assert verify_command(tmp_path / "iou", "--key", "00").returncode == 2
    assert verify_command(tmp_path / "nowhere").returncode == 2


@pytest.mark.threat("G3")
def test_verifying_needs_no_database_broker_or_web_server() -> None:
    program = (
        "import sys, gateway.commands.verify, gateway.cli\n"
        "banned = {'sqlalchemy', 'fastapi', 'paho', 'uvicorn', 'pydantic'}\n"
        "print(sorted(banned & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
        cwd=ROOT,
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def receipt(amount: int, units: int, event: int, time: int, run: int = 0) -> bytes:
    return GATEWAY.sign1("receipt", Receipt(CHANNEL, amount, units, event, time, run).payload())


def statement(debits: int, run: int = 1, account: str = "fleet") -> bytes:
    said = Statement(run, account, "EUR", 6, 10, 20, debits, 0, 1, bytes(32), bytes(32))
    return GATEWAY.sign1("statement", said.payload())


def run(count: int, number: int = 1) -> bytes:
    said = Run(number, "EUR", 6, 10, 20, count, bytes(32), bytes(32))
    return GATEWAY.sign1("run", said.payload())


def successor(to: GatewayKeys, by: GatewayKeys = GATEWAY, time: int = 1) -> bytes:
    return by.sign1("successor", Successor(to.public, time).payload())


LIES = {
    "a mark that falls": (receipt(3000, 10, 0, 20), receipt(2700, 9, 1, 21, 1)),
    "one mark for two numbers of units": (receipt(3000, 10, 0, 20), receipt(3000, 9, 0, 20)),
    "two closes": (receipt(3000, 10, 2, 20), receipt(3300, 11, 2, 20)),
    "a mark after the close": (receipt(3000, 10, 2, 20), receipt(3300, 11, 0, 21)),
    "two statements of one run": (statement(3000), statement(2700)),
    "two accounts of one run": (run(1), run(2)),
    "one key followed by two": (successor(SECOND), successor(GatewayKeys(b"\x05" * 32))),
    "an IOU for more units and less money": (IOU, payer("iou", Iou(CHANNEL, 2700, 11).payload())),
}
HONEST = {
    "a mark that rises": (receipt(3000, 10, 0, 20), receipt(3300, 11, 1, 21, 1)),
    "one receipt twice": (receipt(3000, 10, 2, 20), receipt(3000, 10, 2, 20)),
    "statements of two runs": (statement(3000), statement(2700, run=2)),
    "statements for two accounts": (statement(3000), statement(2700, account="shop")),
    "two runs": (run(1), run(2, number=2)),
    "one run twice": (run(1), run(1)),
    "one successor said twice": (successor(SECOND), successor(SECOND, time=2)),
    "a later IOU": (IOU, payer("iou", Iou(CHANNEL, 3300, 11).payload())),
}


def _contradictions(pair: tuple[bytes, bytes]) -> list[Contradiction]:
    keys = (GATEWAY.public, bytes(PAYER.verify_key))
    verdicts = [
        next(
            (good for key in keys if (good := check(message, Known(key))).ok),
            check(message, Known(keys[0])),
        )
        for message in pair
    ]
    return find(pair, verdicts)


@pytest.mark.threat("G4", "D3")
@pytest.mark.parametrize("lie", LIES)
def test_two_signatures_that_can_not_both_be_honest_are_proof(lie: str, tmp_path: Path) -> None:
    (found,) = _contradictions(LIES[lie])
    assert (found.first, found.second) == (0, 1)
    for name, message in zip(("one", "other"), LIES[lie], strict=True):
        (tmp_path / name).write_bytes(message)
    key = bytes(PAYER.verify_key) if "IOU" in lie else GATEWAY.public
    done = verify_command(tmp_path / "one", tmp_path / "other", "--key", key.hex())
    assert done.returncode == 1
    assert "CONTRADICT EACH OTHER" in done.stdout
    assert key.hex() in done.stdout


@pytest.mark.threat("G4")
@pytest.mark.parametrize("pair", HONEST)
def test_what_can_both_be_honest_is_no_proof(pair: str) -> None:
    assert _contradictions(HONEST[pair]) == []


@pytest.mark.threat("G4")
def test_a_forgery_proves_nothing_against_anybody() -> None:
    forged = receipt(2700, 9, 1, 21, 1)[:-1] + b"\x00"
    assert _contradictions((receipt(3000, 10, 0, 20), forged)) == []


CHAIN = (successor(THIRD, SECOND), successor(SECOND))


def _by(keys: GatewayKeys) -> dict[str, bytes]:
    """What a gateway signs, by one of its keys."""
    offer = Offer(PRICE, keys.public, keys.public, 10, 5, 60, 1)
    return {
        "receipt": keys.sign1("receipt", Receipt(CHANNEL, 3000, 10, 2, 20).payload()),
        "statement": keys.sign1("statement", envelope.parse_sign1("statement", STATEMENT).payload),
        "opened": keys.sign1("opened", Opened(CHANNEL, 5, 10, 0).payload()),
        "offer": keys.sign1("offer", offer.payload()),
        "successor": successor(GatewayKeys(b"\x09" * 32), keys),
    }


@pytest.mark.threat("G3")
@pytest.mark.parametrize("kind", _by(THIRD))
def test_a_later_key_is_good_where_the_files_prove_that_it_follows(kind: str) -> None:
    message = _by(THIRD)[kind]
    key = Known(GATEWAY.public, (TERMS,))
    assert not check(message, key).ok
    for lacking in CHAIN:
        assert not check(message, Known(GATEWAY.public, (TERMS,), (lacking,))).ok
    verdict = check(message, Known(GATEWAY.public, (TERMS,), CHAIN))
    assert (verdict.ok, verdict.signer) == (True, THIRD.public.hex())
    if kind != "offer":
        assert verdict.facts["follows_key"] == GATEWAY.public.hex()
        # Beside the terms alone, the key in them is the one that others follow.
        assert check(message, Known(None, (TERMS,), CHAIN)).ok
    assert check(message, Known(THIRD.public, (), CHAIN)).ok


@pytest.mark.threat("G3")
def test_an_older_key_does_not_follow_a_later_one() -> None:
    for kind, message in _by(GATEWAY).items():
        assert not check(message, Known(THIRD.public, (), CHAIN)).ok, kind


@pytest.mark.threat("G3")
def test_a_chain_by_a_stranger_leads_nowhere() -> None:
    stranger = GatewayKeys(b"\x07" * 32)
    forged = (successor(THIRD, stranger), successor(stranger, stranger))
    assert not check(_by(THIRD)["receipt"], Known(GATEWAY.public, (), forged)).ok


def test_the_command_takes_successors_as_files(tmp_path: Path) -> None:
    names = []
    for number, message in enumerate((_by(THIRD)["statement"], *CHAIN)):
        names.append(tmp_path / str(number))
        names[-1].write_bytes(message)
    done = verify_command(*names, "--key", GATEWAY.public.hex())
    assert done.returncode == 0, done.stdout
    assert f"follows_key: {GATEWAY.public.hex()}" in done.stdout
    assert verify_command(names[0], names[1], "--key", GATEWAY.public.hex()).returncode == 1
