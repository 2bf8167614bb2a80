"""`tallystick verify` of an evidence bundle: what holds, what does not, from the file alone."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.verify_bundle import MAX_BUNDLE, check_bundle
from protocol.evidence import read_bundle
from tests.cli.tallystick import ROOT
from tests.verify.program import verify_command

VECTORS: dict[str, Any] = json.loads((ROOT / "tests/vectors/evidence.json").read_text())
PAYER, GATEWAY = (bytes.fromhex(VECTORS[name]) for name in ("payer_key", "gateway_key"))
VALID = {case["name"]: bytes.fromhex(case["encoded"]) for case in VECTORS["valid"]}
WRONG = {
    case["name"]: bytes.fromhex(case["encoded"])
    for part in ("unproven", "malformed")
    for case in VECTORS[part]
}
WHOLE = VALID["a channel settled twice and closed"]
KEPT = VALID["a contradicting IOU that was kept"]


@pytest.mark.parametrize("name", VALID)
@pytest.mark.threat("G3")
def test_a_bundle_that_proves_itself_verifies(name: str) -> None:
    report = check_bundle(VALID[name], [PAYER, GATEWAY])
    assert report.ok, report.checks
    assert report.does_not_prove


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.threat("G1", "G3")
def test_a_bundle_in_which_anything_does_not_hold_does_not_verify(name: str) -> None:
    report = check_bundle(WRONG[name], [PAYER, GATEWAY])
    assert not report.ok
    assert report.proves == []


@pytest.mark.threat("G1", "G3", "G4")
@pytest.mark.parametrize("bundle", [WHOLE, VALID["a gateway's key that was followed"], KEPT])
def test_no_byte_of_a_bundle_can_change(bundle: bytes) -> None:
    for at in range(len(bundle)):
        altered = bundle[:at] + bytes((bundle[at] ^ 1 << at % 8,)) + bundle[at + 1 :]
        assert not check_bundle(altered).ok, at
    for end in range(0, len(bundle), 7):
        assert not check_bundle(bundle[:end]).ok, end


@given(st.binary(max_size=300), st.integers(0, len(WHOLE)))
@settings(max_examples=300, deadline=None)
def test_no_bytes_whatever_make_it_raise(noise: bytes, at: int) -> None:
    assert not check_bundle(noise).ok
    altered = WHOLE[:at] + noise + WHOLE[at + len(noise) :]
    assert check_bundle(altered).ok == (altered == WHOLE)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_parts_left_out_or_swapped_prove_no_more_than_they_are(data: st.DataObject) -> None:
    """Whatever is taken away, what still verifies claims no more than the whole does."""
    bundle = read_bundle(WHOLE)
    for name in ("marks", "stated"):
        parts = getattr(bundle, name)
        kept = data.draw(st.permutations(parts))[: data.draw(st.integers(0, len(parts)))]
        setattr(bundle, name, kept)
    bundle.said = bundle.said[: data.draw(st.integers(1, len(bundle.said)))]
    report = check_bundle(bundle.encoded(), [GATEWAY])
    if report.ok:
        assert int(report.facts["settled"]) <= int(report.facts["amount"]) <= 600_000


def test_a_key_that_is_no_partys_is_named() -> None:
    report = check_bundle(WHOLE, [GATEWAY, bytes(32)])
    assert not report.ok
    (failed,) = [check for check in report.checks if not check.ok]
    assert bytes(32).hex() in failed.found
    unknown = check_bundle(WHOLE)
    assert unknown.ok
    assert sum("compare it" in each for each in unknown.does_not_prove) == 2


def test_a_file_that_is_too_long_is_not_read_on() -> None:
    assert not check_bundle(WHOLE + bytes(MAX_BUNDLE)).ok


@pytest.mark.threat("G5")
def test_a_signed_close_without_a_receipt_is_evidence() -> None:
    bundle = read_bundle(WHOLE)
    bundle.said = [each for each in bundle.said if each[0] != "receipt"]
    report = check_bundle(bundle.encoded(), [PAYER])
    assert report.ok
    assert any("asked to end the channel" in each for each in report.proves)


@pytest.mark.threat("G3")
def test_the_command_says_what_is_proven_check_by_check(tmp_path: Path) -> None:
    path = tmp_path / "bundle.cbor"
    path.write_bytes(WHOLE)
    said = verify_command(path, "--key", GATEWAY.hex())
    assert (said.returncode, said.stderr) == (0, "")
    for each in (
        "evidence on one channel, verifies",
        "ok    terms",
        "ok    IOUs",
        "ok    settled   0 to 600000",
        "proves: The payer owes 600000 atomic units in all for 2000 units in all.",
        f"does not prove: Whose key {PAYER.hex()} is",
        "does not prove: That money has moved",
    ):
        assert each in said.stdout
    # The last byte of the last proof: after it come the key and the empty array of what was kept.
    path.write_bytes(WHOLE[:-3] + bytes((WHOLE[-3] ^ 1,)) + WHOLE[-2:])
    said = verify_command(path)
    assert said.returncode == 1
    assert "DOES NOT VERIFY" in said.stdout and "FAIL  settled" in said.stdout
    (found,) = json.loads(verify_command(path, as_json=True).stdout)
    assert (found["kind"], found["ok"]) == ("evidence", False)
    assert {check["what"] for check in found["checks"] if not check["ok"]} == {"settled"}


@pytest.mark.threat("D3", "G4")
def test_a_bundle_that_holds_a_lie_names_it(tmp_path: Path) -> None:
    path, other = tmp_path / "kept.cbor", tmp_path / "whole.cbor"
    path.write_bytes(KEPT)
    said = verify_command(path, "--key", PAYER.hex())
    assert said.returncode == 1
    assert "CONTRADICTS ITSELF: 450000 stands for" in said.stdout
    assert f"proves: the holder of {PAYER.hex()} signed both" in said.stdout
    # And of two bundles, neither of which does: the IOU of one against that of the other.
    bundle = read_bundle(KEPT)
    bundle.marks, bundle.said = [], bundle.said[:1]
    path.write_bytes(bundle.encoded())
    other.write_bytes(WHOLE)
    assert verify_command(path).returncode == 0
    said = verify_command(path, other)
    assert said.returncode == 1
    assert "CONTRADICT EACH OTHER" in said.stdout


@pytest.mark.threat("G3")
@pytest.mark.parametrize(
    "name",
    [
        "verify",
        "verify_audit",
        "verify_bundle",
        "verify_claim",
        "bundle_checks",
        "contradictions",
        "commands/verify",
    ],
)
def test_what_checks_evidence_shares_nothing_with_what_makes_it(name: str) -> None:
    """But the protocol, and libsodium behind `gateway.keys`."""
    tree = ast.parse((ROOT / f"gateway/{name}.py").read_text())
    modules = {
        module
        for node in ast.walk(tree)
        for module in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
        if module.startswith("gateway")
    }
    assert modules <= {
        "gateway.keys",
        "gateway.verify",
        "gateway.verify_audit",
        "gateway.verify_bundle",
        "gateway.verify_claim",
        "gateway.bundle_checks",
        "gateway.contradictions",
    }
