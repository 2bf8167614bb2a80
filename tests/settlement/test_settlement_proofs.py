"""A run is signed as a whole, and each of its statements is proven to be one of its."""

import tracemalloc
from itertools import pairwise

import pytest
from sqlalchemy import insert, text, update

from gateway.keys import verify
from gateway.settlement import statements
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store.engine import Store
from gateway.store.errors import NotFound
from gateway.store.tables import Base
from protocol import envelope
from protocol.runs import Run, check_in_run, read_run
from protocol.statements import read_statement
from tests.settlement.fleet import GATEWAY, Fleet

HYPHENS = ("a", "a-0", "aa", "b", "b-1")


def whole(message: bytes) -> Run:
    return read_run(envelope.open_sign1("run", message, GATEWAY.public, verify))


def settled(store: Store, names: tuple[str, ...]) -> None:
    """A run in which each account pays the next."""
    fleet = Fleet(store, names=names)
    for payer, payee in pairwise(names):
        fleet.mark(fleet.open(payer, payee), 5)
    assert run_settlement(store, "EUR", GATEWAY.sign, "manual") is not None


@pytest.mark.threat("G4")
def test_every_statement_of_a_run_is_proven_to_be_in_it(store: Store) -> None:
    settled(store, HYPHENS)
    with store.read() as conn:
        assert [account for account, _message in statements.signed(conn, 1)] == list(HYPHENS)
        for place, account in enumerate(HYPHENS):
            message = statements.message(conn, 1, account)
            proof = statements.proof(conn, 1, account)
            assert (proof.index, whole(proof.run).count) == (place, len(HYPHENS))
            said = read_statement(envelope.parse_sign1("statement", message).payload)
            check_in_run(said, message, whole(proof.run), proof.index, proof.path)
    assert verify_books(store, GATEWAY.public).discrepancies == []


def test_there_is_no_proof_of_what_is_not_there(store: Store) -> None:
    settled(store, HYPHENS[:2])
    with store.read() as conn:
        for run, account in ((1, "b"), (2, "a")):
            with pytest.raises(NotFound, match=f"run {run} for account {account}"):
                statements.proof(conn, run, account)


def test_a_run_of_a_version_that_signed_none_has_no_proof_and_its_books_are_right(
    store: Store,
) -> None:
    settled(store, HYPHENS[:2])
    with store.write() as conn:
        conn.execute(text("UPDATE run SET message = NULL"))
    with store.read() as conn, pytest.raises(NotFound, match="an earlier version"):
        statements.proof(conn, 1, "a")
    assert verify_books(store, GATEWAY.public).ok


@pytest.mark.threat("O9", "G4")
def test_the_audit_finds_a_statement_that_is_not_one_of_its_runs(store: Store) -> None:
    settled(store, HYPHENS[:3])
    with store.read() as conn:
        other = read_statement(
            envelope.parse_sign1("statement", statements.message(conn, 1, "a")).payload
        )
    # The gateway itself signs another one: right by itself, and yet not what it committed to.
    other.period_end += 1
    message = GATEWAY.sign1("statement", other.payload())
    table = Base.metadata.tables["statement"]
    with store.write() as conn:
        conn.execute(update(table).where(table.c.account == "a").values(message=message))
    assert [found.where for found in verify_books(store, GATEWAY.public).discrepancies] == ["run 1"]


def test_a_large_run_is_signed_and_proven_in_little_memory(store: Store) -> None:
    """10,000 statements of some 200 bytes each: less is held than they are long."""
    count = 10_000
    settled(store, HYPHENS[:2])
    accounts, positions = Base.metadata.tables["account"], Base.metadata.tables["statement"]
    with store.write() as conn:
        like = conn.execute(accounts.select().limit(1)).mappings().one()
        message = statements.message(conn, 1, "a")
        names = [f"z{number:05}" for number in range(count - 2)]
        conn.execute(insert(accounts), [{**like, "id": name} for name in names])
        conn.execute(
            insert(positions), [{"run": 1, "account": name, "message": message} for name in names]
        )
    with store.write() as conn:
        tracemalloc.start()
        statements.sign_run(conn, 1, GATEWAY.sign)
        proof = statements.proof(conn, 1, "z07000")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    run = whole(proof.run)
    assert (run.count, proof.index, len(proof.path)) == (count, 7_002, 14)
    assert peak < 1_500_000, peak
    said = read_statement(envelope.parse_sign1("statement", message).payload)
    check_in_run(said, message, run, proof.index, proof.path)
