"""Which state may follow which, of everything that has one, and that the database knows the same
states."""

import itertools
import re
from pathlib import Path

import pytest
from sqlalchemy import inspect

from gateway.ledger import states
from gateway.store.engine import Store, open_store

ELSEWHERE = {"FENCE": ("generation", "state"), "DEVICE": ("device", "status")}
"""Where the state stands of what has another table than its name, or another column."""
EDGES = {
    "DEVICE": {
        ("active", "suspended"),
        ("suspended", "active"),
        ("active", "revoked"),
        ("suspended", "revoked"),
    },
    "CHANNEL": {("open", "frozen"), ("frozen", "open"), ("open", "closed"), ("frozen", "closed")},
    "RUN": {
        ("posting", "posted"),
        ("posted", "approved"),
        ("posted", "rejected"),
        ("posted", "instructed"),
        ("approved", "instructed"),
        ("rejected", "completed"),
        ("instructed", "completed"),
    },
    "INSTRUCTION": {
        ("pending", "submitted"),
        ("pending", "failed"),
        ("submitted", "done"),
        ("submitted", "failed"),
        ("done", "returned"),
    },
    "PENDING": {("pending", "posted"), ("pending", "voided")},
    "PAYOUT_ACCOUNT": {("proposed", "active"), ("proposed", "rejected"), ("active", "retired")},
    "WITHDRAWAL": {("requested", "approved"), ("requested", "rejected")},
    "REVERSAL": {("proposed", "posted"), ("proposed", "rejected")},
    "LISTING": {("listed", "ended"), ("ended", "listed")},
    "BOOKING": {("suspense", "assigned")},
    "FENCE": {("fenced", "lifted"), ("fenced", "superseded")},
    "AWAITED": {("waiting", "presented"), ("waiting", "lost"), ("lost", "presented")},
}


def test_no_machine_is_left_out() -> None:
    assert EDGES.keys() == {name for name in vars(states) if name.isupper()}


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


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A database as the migrations make it."""
    folder: Path = tmp_path_factory.mktemp("states")
    store = open_store(f"sqlite:///{folder / 'a.db'}", upgrade=True)
    store.close()
    return store


@pytest.mark.parametrize("name", EDGES)
def test_the_database_knows_the_states_that_the_program_knows(migrated: Store, name: str) -> None:
    table, column = ELSEWHERE.get(name, (name.lower(), "state"))
    checks = inspect(migrated.engine).get_check_constraints(table)
    (check,) = [each for each in checks if each["name"] == f"ck_{table}_{column}"]
    assert set(re.findall(r"'(\w+)'", check["sqltext"])) == getattr(states, name).keys()
