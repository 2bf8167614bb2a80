"""Conservation: whatever happens in whatever order, money is neither made nor lost."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gateway.settlement import intervals
from gateway.settlement.instructions import record_outcome, submit_pending
from gateway.settlement.netting import Turnover, positions
from gateway.settlement.rails.manual import ManualRail
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts, channels, journal
from gateway.store.engine import Store, open_store
from tests.settlement.fleet import ACCOUNTS, GATEWAY, PRICE, Fleet
from tests.store.migrated import migrated

PAIRS = (("ant", "bee"), ("bee", "ant"), ("bee", "cat"), ("cat", "cat"), ("cat", "ant"))
Step = tuple[str, int, int]


class History:
    """Plays steps on a store and on a model of a few integers, which know nothing of each other."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.fleet = Fleet(store)
        self.rail = ManualRail(folder)
        self.ids = [self.fleet.open(*pair, number) for number, pair in enumerate(PAIRS)]
        self.marks = [0] * len(PAIRS)
        self.states = ["open"] * len(PAIRS)
        self.moved = dict.fromkeys(ACCOUNTS, 0)

    def mark(self, which: int, units: int) -> None:
        rose = self.fleet.mark(self.ids[which], units)
        expected = self.states[which] == "open" and units > self.marks[which]
        assert rose == int(expected)
        if expected:
            self.marks[which] = units

    def freeze(self, which: int, _number: int) -> None:
        turned = {"open": "frozen", "frozen": "open"}.get(self.states[which])
        if turned is not None:
            with self.store.write() as conn:
                channels.set_state(conn, self.ids[which], turned)
            self.states[which] = turned

    def close(self, which: int, _number: int) -> None:
        with self.store.write() as conn:
            closed = intervals.close(conn, self.ids[which], "test", 9)
        assert closed.amount == self.marks[which] * PRICE
        self.states[which] = "closed"

    def settle(self, _which: int, _number: int) -> None:
        run_settlement(self.store, "EUR", GATEWAY.sign, "manual")

    def submit(self, _which: int, _number: int) -> None:
        submit_pending(self.store, self.rail)

    def outcome(self, which: int, number: int) -> bool:
        """Record one outcome; false if no instruction waits for any."""
        with self.store.write() as conn:
            waiting = conn.execute(
                text(
                    "SELECT * FROM instruction WHERE state = 'submitted'"
                    " OR (state = 'done' AND :back = 0) ORDER BY id"
                ),
                {"back": number % 5},
            ).all()
            if not waiting:
                return False
            row = waiting[which % len(waiting)]
            what = "returned" if row.state == "done" else "failed" if number % 3 == 0 else "done"
            record_outcome(conn, row.id, what, "", 9)
        if what != "failed":
            sign = 1 if (row.direction == "collect") == (what == "done") else -1
            self.moved[row.account_id] += sign * row.amount
        return True

    def play(self, steps: list[Step]) -> None:
        for name, which, number in steps:
            step: Callable[[int, int], object] = getattr(self, name)
            step(which, number)
        self.check()

    def check(self) -> None:
        owed = dict.fromkeys(ACCOUNTS, 0)
        posted = dict.fromkeys(self.ids, 0)
        with self.store.read() as conn:
            rows = {row.id: row for row in channels.load(conn, self.ids)}
            for row_id in self.ids:
                posted[row_id] = rows[row_id].settled_amount
            for (payer, payee), row_id, units in zip(PAIRS, self.ids, self.marks, strict=True):
                assert rows[row_id].amount == units * PRICE
                owed[payer] += posted[row_id]
                owed[payee] -= posted[row_id]
            for name in ACCOUNTS:
                assert accounts.owed(conn, name) == owed[name] - self.moved[name]
            assert journal.balance(conn, "rail:manual", "EUR") == sum(self.moved.values())
        assert verify_books(self.store, GATEWAY.public).discrepancies == []

    def finish(self) -> None:
        """Thaw, settle and pay all that is left: then nobody owes anything."""
        for which, state in enumerate(self.states):
            if state == "frozen":
                self.freeze(which, 0)
        self.settle(0, 0)
        self.submit(0, 0)
        while self.outcome(0, 1):
            pass
        self.check()
        with self.store.read() as conn:
            assert [accounts.owed(conn, name) for name in ACCOUNTS] == [0, 0, 0]
        assert sum(self.moved.values()) == 0


NAMES = ("mark", "mark", "mark", "freeze", "close", "settle", "settle", "submit", "outcome")
STEPS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.integers(0, 4), st.integers(0, 40)), max_size=30
)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_no_history_makes_or_loses_money(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    folder = tmp_path_factory.mktemp("history")
    store = open_store(migrated(folder / "books.db"))
    try:
        history = History(store, folder)
        history.play(steps)
        history.finish()
    finally:
        store.close()
        shutil.rmtree(folder)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_long_history_makes_or_loses_no_money(store: Store, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    history = History(store, tmp_path)
    names = [name for name in NAMES if name != "close"]
    for _ in range(4):
        history.play(
            [(chance.choice(names), chance.randrange(5), chance.randrange(1000)) for _ in range(15)]
        )
    history.finish()


AMOUNT = st.integers(1, 10**12)


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), AMOUNT, max_size=16
    )
)
def test_nets_of_all_accounts_add_up_to_zero(debts: dict[tuple[str, str], int]) -> None:
    names = {name for pair in debts for name in pair}
    turnover = {
        name: Turnover(
            sum(amount for (payer, _), amount in debts.items() if payer == name),
            sum(amount for (_, payee), amount in debts.items() if payee == name),
        )
        for name in names
    }
    balances = {
        name: {f"payer:{name}": each.debits, f"payee:{name}": -each.credits}
        for name, each in turnover.items()
    }
    found = positions(turnover, balances)
    assert sum(each.net for each in found) == 0
    assert {each.account for each in found} == names
    assert all(each.carried == 0 for each in found)
