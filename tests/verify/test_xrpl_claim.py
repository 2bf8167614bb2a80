"""Claims on the XRP Ledger as files: what holds and what does not, by the program that checks and
by the ledger's own library; and what a ledger says of the channel behind them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey
from xrpl.core import binarycodec, keypairs
from xrpl.models.transactions import PaymentChannelClaim
from xrpl.models.transactions.transaction import Transaction

from gateway import xrpl_ledger
from gateway.api.channels import claim_out
from gateway.verify import Known, check, collect_terms
from gateway.verify_claim import check_claim_file, is_claim
from gateway.xrpl_claim import XrplClaim
from gateway.xrpl_ledger import LedgerAnswerError
from protocol import envelope
from protocol.messages import Iou, Terms
from protocol.pricing import Tariff
from protocol.xrpl import claim_bytes
from tests.verify.program import verify_command

KEY = SigningKey(b"\x09" * 32)
PUBLIC = bytes(KEY.verify_key)
NAMED = bytes.fromhex("5DB01B7FFED6B67E6B0414DED11E051D2EE2B7619CE0EAA6286D67A3A4D5BDB3")
DROPS = 3_000
CLAIM = XrplClaim(
    bytes(32),
    NAMED,
    PUBLIC,
    DROPS,
    KEY.sign(claim_bytes(NAMED, DROPS)).signature,
    capacity=30_000_000,
    expires_at=1_800_000_000,
)


def written(claim: XrplClaim = CLAIM) -> bytes:
    return claim_out(claim).model_dump_json(indent=2).encode()


def test_what_is_exported_is_a_transaction_that_the_ledgers_library_encodes() -> None:
    said = json.loads(written())["transaction"]
    whole = Transaction.from_xrpl(said | {"Account": "rf1BiGeXwwQoi8Z2ueFYTEXSwuJYfV2Jpn"})
    assert isinstance(whole, PaymentChannelClaim)
    whole.validate()
    again = binarycodec.decode(binarycodec.encode(whole.to_xrpl()))
    assert {name: again[name] for name in said} == said
    signed = binarycodec.encode_for_signing_claim(
        {"channel": again["Channel"], "amount": again["Amount"]}
    )
    signature = bytes.fromhex(again["Signature"])
    assert keypairs.is_valid_message(bytes.fromhex(signed), signature, again["PublicKey"])


def test_what_is_exported_verifies_offline(tmp_path: Path) -> None:
    path = tmp_path / "claim.json"
    path.write_bytes(written())
    done = verify_command(path, "--key", PUBLIC.hex())
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"pay its destination {DROPS} drops in all" in done.stdout
    assert verify_command(path, "--key", "00" * 32).returncode == 1
    path.write_text(json.dumps(CLAIM.transaction()))
    assert verify_command(path).returncode == 0


CHANGES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "one drop more": lambda said: said | {"Amount": str(DROPS + 1)},
    "one drop less": lambda said: said | {"Amount": str(DROPS - 1), "Balance": "1"},
    "another channel": lambda said: said | {"Channel": "AB" * 32},
    "another key": lambda said: said | {"PublicKey": "ED" + "AB" * 32},
    "a key of another kind": lambda said: said | {"PublicKey": "02" + "AB" * 32},
    "a balance above what was signed": lambda said: said | {"Balance": str(DROPS + 1)},
    "another signature": lambda said: said | {"Signature": "00" * 64},
    "a cut signature": lambda said: said | {"Signature": said["Signature"][:-2]},
    "an amount as a number": lambda said: said | {"Amount": DROPS},
    "an amount below zero": lambda said: said | {"Amount": "-1"},
    "an amount of 2^63": lambda said: said | {"Amount": str(2**63)},
    "no balance": lambda said: {name: said[name] for name in said if name != "Balance"},
    "another transaction": lambda said: said | {"TransactionType": "Payment"},
}


@pytest.mark.threat("D17")
@pytest.mark.parametrize("what", CHANGES)
def test_a_claim_that_was_changed_does_not_verify(what: str) -> None:
    said = CLAIM.transaction()
    assert said is not None
    assert check_claim_file(json.dumps(said).encode(), []).ok
    verdict = check_claim_file(json.dumps(CHANGES[what](said)).encode(), [])
    assert not verdict.ok
    assert verdict.error
    assert verdict.proves == []


@pytest.mark.parametrize(
    "content", [b"{", b"{}", b'{"transaction": null}', b"{" * 4000, b"{" + b" " * 5000]
)
def test_a_file_that_holds_no_claim_is_refused_by_name(content: bytes) -> None:
    assert is_claim(content)
    assert not check_claim_file(content, []).ok


def test_a_message_is_no_claim() -> None:
    assert not is_claim(b"\xd2\x84\x43")
    assert not is_claim(b"")


PRICE = Tariff("W.h", 300, 1, "XRP")
TERMS = Terms(PUBLIC, bytes(32), b"\x01" * 32, PRICE, 30_000, 2**40, bytes(16), NAMED)


def _sign(data: bytes) -> bytes:
    return KEY.sign(data).signature


OPEN = envelope.sign1("open", TERMS.payload(), _sign)


def _iou(claim: bytes) -> bytes:
    iou = Iou(TERMS.channel_id(), DROPS, 10, xrpl_claim=claim)
    return envelope.sign1("iou", iou.payload(), _sign)


def test_an_iou_is_held_to_the_claim_that_its_terms_ask_for() -> None:
    known = Known(terms=collect_terms([OPEN]))
    verdict = check(_iou(CLAIM.signature), known)
    assert verdict.ok, verdict.error
    assert verdict.facts["xrpl_channel"] == NAMED.hex().upper()
    for wrong in (b"", bytes(64), KEY.sign(claim_bytes(NAMED, DROPS + 1)).signature):
        verdict = check(_iou(wrong), known)
        assert not verdict.ok
        assert "iou.xrpl_claim" in verdict.error
    alone = check(_iou(CLAIM.signature), Known(PUBLIC))
    assert alone.ok
    assert any("XRPL claim" in each for each in alone.does_not_prove)


NODE: dict[str, Any] = {
    "LedgerEntryType": "PayChannel",
    "index": NAMED.hex().upper(),
    "Account": "rN7n7otQDd6FczFgLdSqtcsAUxDkw6fzRH",
    "Destination": "rf1BiGeXwwQoi8Z2ueFYTEXSwuJYfV2Jpn",
    "Amount": "30000000",
    "Balance": "1000",
    "PublicKey": CLAIM.public_key,
    "SettleDelay": 86_400,
}
ENTRY = {"result": {"node": NODE, "validated": True, "status": "success"}}
LISTED: dict[str, Any] = {
    "channel_id": NODE["index"],
    "account": NODE["Account"],
    "destination_account": NODE["Destination"],
    "amount": NODE["Amount"],
    "balance": NODE["Balance"],
    "public_key_hex": CLAIM.public_key,
    "settle_delay": 86_400,
}
OTHER = LISTED | {"channel_id": "CD" * 32}
LIST = {"result": {"channels": [OTHER, LISTED], "validated": True}}


@pytest.mark.parametrize("answer", [ENTRY, LIST], ids=["ledger_entry", "account_channels"])
def test_a_channel_of_the_ledger_that_backs_it_passes(answer: dict[str, Any]) -> None:
    found = xrpl_ledger.read_answer(answer, NAMED)
    assert found.destination == NODE["Destination"]
    checks = xrpl_ledger.check(CLAIM, found)
    assert all(each.ok for each in checks), checks
    assert "redeems 2000 more" in next(each.found for each in checks if each.what == "paid out")


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("key", {"PublicKey": "ED" + "00" * 32}),
        ("amount", {"Amount": "29999999"}),
        ("paid out", {"Balance": "3001"}),
        ("settle delay", {"SettleDelay": 0}),
        ("closing", {"Expiration": 900_000_000}),
        ("cancelled", {"CancelAfter": 1_800_000_000 - 946_684_800}),
    ],
)
def test_what_the_ledger_says_against_it_is_named(what: str, change: dict[str, object]) -> None:
    found = xrpl_ledger.read_answer({"result": {"node": NODE | change, "validated": True}}, NAMED)
    assert [each.what for each in xrpl_ledger.check(CLAIM, found) if not each.ok] == [what]


def test_a_ledger_that_is_not_final_and_a_channel_that_was_drawn_on_before_do_not_pass() -> None:
    found = xrpl_ledger.read_answer(NODE, NAMED)
    checks = xrpl_ledger.check(replace(CLAIM, drops=0, signature=b""), found)
    assert [each.what for each in checks if not each.ok] == ["ledger", "paid out"]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        "text",
        {"result": {"node": NODE | {"index": "AB" * 32}}},
        {"result": {"node": NODE | {"Amount": {"currency": "USD", "value": "1", "issuer": "r"}}}},
        {"result": {"node": NODE | {"Balance": "-1"}}},
        {"result": {"node": {key: NODE[key] for key in NODE if key != "PublicKey"}}},
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": NODE}}}}}}},
    ],
)
def test_an_answer_that_says_nothing_of_it_is_refused_by_name(answer: object) -> None:
    with pytest.raises(LedgerAnswerError):
        xrpl_ledger.read_answer(answer, NAMED)
