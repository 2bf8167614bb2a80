"""A run's word on all its statements: each is proven to be among them, and nothing else is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import cbor, merkle
from protocol.errors import WireError
from protocol.runs import Proof, Run, check_in_run, read_proof, read_run
from protocol.statements import Statement
from tests.protocol.parties import GATEWAY, NOW, error_of, proof

JOURNAL = b"\x0b" * 32


def statement(account: str, debits: int = 0) -> tuple[Statement, bytes]:
    """A statement and its signed form."""
    said = Statement(
        7, account, "EUR", 6, NOW, NOW + 9, debits, 0, 0, merkle.root([]), JOURNAL
    )  # fmt: skip
    return said, GATEWAY.sign1("statement", said.payload())


def run(messages: list[bytes]) -> Run:
    return Run(7, "EUR", 6, NOW, NOW + 9, len(messages), merkle.root(messages), JOURNAL)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=8), max_size=40), st.data())
def test_a_tree_grown_leaf_by_leaf_has_the_root_and_the_path(
    leaves: list[bytes], data: st.DataObject
) -> None:
    watched = data.draw(st.integers(-1, 40))
    tree = merkle.Tree()
    for count in range(len(leaves) + 1):
        hashes = [merkle.leaf_hash(leaf) for leaf in leaves[:count]]
        assert tree.count == count
        assert tree.root() == merkle.root(leaves[:count]) == merkle.root_of_hashes(hashes)
        if 0 <= watched < count:
            path = tree.path()
            assert tree.index == watched
            assert path == proof(leaves[:count], watched)
            assert merkle.is_included(leaves[watched], watched, count, path, tree.root())
        else:
            assert tree.index == -1
            error = error_of(tree.path)
            assert error is not None and error.field == "index"
        if count < len(leaves):
            if count == watched:
                tree.add(merkle.leaf_hash(leaves[count]), True)
            else:
                tree.add(merkle.leaf_hash(leaves[count]))


FIELDS: dict[int, object] = {
    1: 7, 2: "EUR", 3: 6, 4: NOW, 5: NOW + 9, 6: 3, 7: b"\x0a" * 32, 8: JOURNAL
}  # fmt: skip


def test_a_run_is_written_and_read_in_this_order() -> None:
    encoded = cbor.encode(FIELDS)
    read = read_run(encoded)
    assert read.payload() == encoded
    assert list(vars(read).values()) == list(FIELDS.values())
    assert list(vars(read)) == [
        "run", "currency", "scale", "period_start", "period_end", "count", "statements_root",
        "journal_head",
    ]  # fmt: skip
    assert read_run(cbor.encode(FIELDS | {5: NOW})).period_end == NOW


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({1: b""}, "run.run"),
        ({2: 1}, "run.currency"),
        ({2: "eur"}, "run.currency"),
        ({3: 19}, "run.scale"),
        ({3: b""}, "run.scale"),
        ({4: b""}, "run.period_start"),
        ({5: b""}, "run.period_end"),
        ({5: NOW - 1}, "run.period_end"),
        ({6: b""}, "run.count"),
        ({7: b"\x0a" * 31}, "run.statements_root"),
        ({8: b"\x0b" * 33}, "run.journal_head"),
        ({9: 0}, "run"),
    ],
)
def test_a_bad_run_is_refused_by_field(change: dict[int, object], field: str) -> None:
    error = error_of(read_run, cbor.encode(FIELDS | change))
    assert error is not None and error.field == field
    for key in FIELDS:
        lacking = {each: value for each, value in FIELDS.items() if each != key}
        assert isinstance(error_of(read_run, cbor.encode(lacking)), WireError)


@pytest.mark.threat("G4")
@pytest.mark.parametrize("count", range(1, 7))
def test_each_statement_is_proven_to_be_in_its_run_and_no_other_is(count: int) -> None:
    said = [statement(f"acc-{number}", number) for number in range(count)]
    messages = [message for _each, message in said]
    whole = run(messages)
    other, other_message = statement("acc-0", 99)
    for index, (each, message) in enumerate(said):
        path = proof(messages, index)
        check_in_run(each, message, whole, index, path)
        for wrong in range(-1, count + 1):
            if wrong != index:
                error = error_of(check_in_run, each, message, whole, wrong, path)
                assert error is not None and error.field == "run.statements_root"
        assert error_of(check_in_run, other, other_message, whole, index, path) is not None


@pytest.mark.threat("G4")
@pytest.mark.parametrize(
    "change",
    [
        {"run": 8},
        {"currency": "USD"},
        {"scale": 2},
        {"period_start": NOW - 1},
        {"period_end": NOW + 10},
        {"journal_head": bytes(32)},
    ],
)
def test_a_statement_and_its_run_say_the_same_of_the_run(change: dict[str, object]) -> None:
    for place in ("statement", "run"):
        said, message = statement("ant")
        whole = run([message])
        vars(said if place == "statement" else whole).update(change)
        error = error_of(check_in_run, said, message, whole, 0, [])
        assert error is not None and error.field == f"statement.{next(iter(change))}"


def test_a_proof_is_a_file_that_comes_back() -> None:
    proof = Proof(b"run", 5, [b"\x01" * 32, b"\x02" * 32])
    assert cbor.decode(proof.encoded()) == {1: b"run", 2: 5, 3: [b"\x01" * 32, b"\x02" * 32]}
    assert vars(read_proof(proof.encoded())) == vars(proof)
    for change, field in (
        ({1: "run"}, "proof.run"),
        ({2: b""}, "proof.index"),
        ({3: b""}, "proof.path"),
        ({3: [b"\x01" * 31]}, "proof.path"),
        ({4: 0}, "proof"),
    ):
        good = {1: b"run", 2: 5, 3: []}
        error = error_of(read_proof, cbor.encode(good | change))
        assert error is not None and error.field == field
    for lacking in good:
        rest = {key: value for key, value in good.items() if key != lacking}
        error = error_of(read_proof, cbor.encode(rest))
        assert error is not None and error.field == "proof"
