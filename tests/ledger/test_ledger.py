"""The ledger's values: what may not exist, and what a chain notices."""

import dataclasses
import itertools

import pytest

from gateway.ledger import chain, states
from gateway.ledger.entry import Entry, EntryError, Posting, trial_balance

GOOD = (Posting("payer:a", "EUR", 5), Posting("payee:b", "EUR", -5))


@pytest.mark.parametrize("amount", [0, True, 1.0, "1", 2**63, -(2**63)])
def test_postings_refuse_amounts_that_are_no_money(amount: object) -> None:
    with pytest.raises(EntryError):
        Posting("payer:a", "EUR", amount)  # type: ignore[arg-type]


def test_entries_refuse_what_does_not_balance_in_each_currency() -> None:
    with pytest.raises(EntryError):
        Entry("x", "r", 0, ())
    with pytest.raises(EntryError):
        Entry("x", "r", 0, GOOD[:1])
    with pytest.raises(EntryError):
        Entry("x", "r", 0, GOOD[1:])
    with pytest.raises(EntryError):
        Entry("x", "r", 0, (Posting("a", "EUR", 5), Posting("b", "USD", -5)))
    assert trial_balance(Entry("x", "r", 0, GOOD).postings) == {"EUR": 0}


@pytest.mark.threat("O9")
def test_the_chain_names_the_first_entry_that_was_altered() -> None:
    entries = [Entry("x", f"r{n}", n, GOOD, f"memo {n}") for n in range(4)]
    stored = []
    head = chain.START
    for entry in entries:
        head = chain.link(head, entry)
        stored.append((entry, head))
    assert chain.verify_chain(stored) is None
    for change in (
        {"memo": "another"},
        {"at": 9},
        {"reference": "other"},
        {"postings": (Posting("payer:a", "EUR", 6), Posting("payee:b", "EUR", -6))},
        {"postings": (Posting("payer:a", "EUR", -5), Posting("payee:b", "EUR", 5))},
    ):
        altered = list(stored)
        altered[2] = (dataclasses.replace(entries[2], **change), stored[2][1])  # type: ignore[arg-type]
        assert chain.verify_chain(altered) == 2
    assert chain.verify_chain(stored[:1] + stored[2:]) == 1


EDGES = {
    "DEVICE": {
        ("active", "suspended"),
        ("suspended", "active"),
        ("active", "revoked"),
        ("suspended", "revoked"),
    },
    "CHANNEL": {("open", "frozen"), ("frozen", "open"), ("open", "closed"), ("frozen", "closed")},
    "RUN": {("posted", "instructed"), ("instructed", "completed")},
    "FENCE": {("fenced", "lifted"), ("fenced", "superseded")},
    "AWAITED": {("waiting", "presented"), ("waiting", "lost"), ("lost", "presented")},
    "INSTRUCTION": {("pending", "submitted"), ("submitted", "done"), ("submitted", "failed")},
}


@pytest.mark.parametrize("name", EDGES)
def test_every_pair_of_states_is_allowed_or_refused_as_declared(name: str) -> None:
    machine: states.Machine = getattr(states, name)
    for pair in itertools.product(machine, machine):
        if pair in EDGES[name]:
            assert states.move(machine, *pair) == pair[1]
        else:
            with pytest.raises(states.IllegalMove):
                states.move(machine, *pair)
    with pytest.raises(states.IllegalMove):
        states.move(machine, next(iter(machine)), "nonsense")
