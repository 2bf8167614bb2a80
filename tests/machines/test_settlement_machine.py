"""The ledger and its runs, in any order, cut off anywhere and started anew, held against a model of
a few integers."""

from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Row

from gateway.ledger.states import IllegalMove
from gateway.settlement import intervals, statements
from gateway.settlement import run as runs
from gateway.settlement.instructions import record_outcome, submit_pending
from gateway.settlement.rails.manual import ManualRail
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts, channels, journal
from gateway.store.errors import Conflict
from gateway.store.tables import Base
from tests.machines.setting import MACHINE, Folder
from tests.settlement.fleet import ACCOUNTS, GATEWAY, PRICE, Fleet

START = "", b""


class CutOff(Exception):
    """The process has ended here."""


@dataclass
class Model:
    """A channel: its mark and what of it was settled, in units."""

    payer: str
    payee: str
    units: int = 0
    settled: int = 0
    state: str = "open"


class Settlement(RuleBasedStateMachine):
    """What accounts owe each other, and what a rail has moved."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Folder()
        self.store = self.folder.store()
        self.fleet = Fleet(self.store)
        self.rail = ManualRail(self.folder.path)
        self.models: dict[bytes, Model] = {}
        # What runs have taken from payer and payee balances, and what the rail did of it.
        self.unposted_run = False
        # How far a run has come that was cut off between two parts.
        self.reached = START
        self.at_rail: dict[str, tuple[str, int, str]] = {}
        self.balance = dict.fromkeys(ACCOUNTS, 0)
        self.settling = dict.fromkeys(ACCOUNTS, 0)
        self.moved = 0
        self.files: dict[str, bytes] = {}

    def teardown(self) -> None:
        self.store.close()
        self.folder.remove()

    @initialize()
    def two_channels(self) -> None:
        self.open("ant", "bee")
        self.open("bee", "cat")

    @rule(payer=st.sampled_from(ACCOUNTS), payee=st.sampled_from(ACCOUNTS))
    def open(self, payer: str, payee: str) -> None:
        channel = self.fleet.open(payer, payee, len(self.models))
        self.models[channel] = Model(payer, payee)

    def pick(self, which: int) -> tuple[bytes, Model]:
        """One of the channels."""
        return list(self.models.items())[which % len(self.models)]

    @rule(which=st.integers(0, 20), more=st.integers(-5, 60))
    def pay(self, which: int, more: int) -> None:
        channel, model = self.pick(which)
        units = model.units + more
        if units < 1:
            return
        rose = self.fleet.mark(channel, units)
        assert rose == int(model.state == "open" and more > 0)
        if rose:
            model.units = units

    @rule(which=st.integers(0, 20))
    def freeze_or_thaw(self, which: int) -> None:
        channel, model = self.pick(which)
        turned = {"open": "frozen", "frozen": "open"}.get(model.state)
        with self.store.write() as conn:
            if turned is None:
                with pytest.raises(IllegalMove):
                    channels.set_state(conn, channel, "open")
            else:
                channels.set_state(conn, channel, turned)
                model.state = turned

    @rule(which=st.integers(0, 20))
    def close(self, which: int) -> None:
        channel, model = self.pick(which)
        with self.store.write() as conn:
            closed = intervals.close(conn, channel, "test", 9)
        assert (closed.units, closed.fresh) == (model.units, model.state != "closed")
        self._post(model)
        model.state = "closed"

    def _post(self, model: Model) -> None:
        amount = (model.units - model.settled) * PRICE
        self.balance[model.payer] += amount
        self.balance[model.payee] -= amount
        model.settled = model.units

    @rule(cut=st.sampled_from([None, None, "part", "post", "between", "instruct"]))
    def settle(self, cut: str | None) -> None:
        """A run, whole or cut off: in its first transaction, between two parts, in the one that
        nets, before its statements, in its last."""
        if cut is None:
            run_settlement(self.store, "EUR", GATEWAY.sign, "manual", part=3)
            self._netted()
            return
        given = runs._post_part
        parts = []

        def one_part(*arguments: Any) -> int:
            parts.append(1)
            if len(parts) == 2:
                raise CutOff
            return given(*arguments)

        where, name, effect = {
            "part": (runs, "_post_part", one_part),
            "post": (runs, "_net", CutOff),
            "between": (statements, "sign_all", CutOff),
            "instruct": (runs, "_instruct", CutOff),
        }[cut]
        with mock.patch.object(where, name, side_effect=effect):
            try:
                run_settlement(self.store, "EUR", GATEWAY.sign, "manual", part=3)
            except CutOff:
                self._take_up()
            else:
                self._netted()

    def _unfinished(self) -> Row[Any] | None:
        table = Base.metadata.tables["run"]
        query = table.select().where(table.c.state.in_(("posting", "posted")))
        with self.store.read() as conn:
            return conn.execute(query).one_or_none()

    def _take_up(self) -> None:
        """What was committed of a run that was cut off; the next call goes on from there."""
        row = self._unfinished()
        if row is None:
            return
        if row.state == "posting":
            reached = row.cut_payer, bytes(row.cut_channel)
            self._cut(reached)
            self.reached = reached
            return
        self._net()
        self.unposted_run = True

    def _cut(self, to: tuple[str, bytes] | None) -> None:
        """Post what a run cuts, from where it has come to."""
        for channel, model in self.models.items():
            place = model.payer, channel
            if model.state == "open" and place > self.reached and (to is None or place <= to):
                self._post(model)

    def _net(self) -> None:
        if self.unposted_run:
            # A run that was cut off is finished before another begins: nothing new is in it.
            return
        self._cut(None)
        self.reached = START
        for name in ACCOUNTS:
            self.settling[name] += self.balance[name]
            self.balance[name] = 0

    def _netted(self) -> None:
        self._net()
        self.unposted_run = False
        with self.store.read() as conn:
            for row in conn.execute(Base.metadata.tables["instruction"].select()):
                amount = int(row.amount) if row.direction == "collect" else -int(row.amount)
                known = self.at_rail.get(row.id)
                assert known is None or known[:2] == (row.account_id, amount)
                self.at_rail[row.id] = (row.account_id, amount, row.state)

    @rule(fails=st.sampled_from([None, None, "before", "after"]))
    def submit(self, fails: str | None) -> None:
        """Instructions go to the rail, which may fail before it took them, or be cut off after."""
        given = ManualRail.submit

        def submits(rail: ManualRail, batch: str, instructions: object) -> None:
            if fails == "before":
                raise OSError("the rail does not answer")
            given(rail, batch, instructions)  # type: ignore[arg-type]
            if fails == "after":
                raise CutOff

        with mock.patch.object(ManualRail, "submit", submits):
            try:
                submit_pending(self.store, self.rail)
            except (OSError, CutOff):
                assert fails
        # What a rail was once given never changes: it might have moved the money already.
        for path in self.folder.path.glob("run-*.csv"):
            content = path.read_bytes()
            assert self.files.setdefault(path.name, content) == content

    @precondition(lambda self: self.at_rail)
    @rule(which=st.integers(0, 50), outcome=st.sampled_from(["done", "failed", "returned"]))
    def outcome(self, which: int, outcome: str) -> None:
        """Paid or rejected; a word that is none, one that comes twice, one against another."""
        name = sorted(self.at_rail)[which % len(self.at_rail)]
        account, amount, _ = self.at_rail[name]
        with self.store.read() as conn:
            instruction = Base.metadata.tables["instruction"]
            query = instruction.select().where(instruction.c.id == name)
            state = conn.execute(query).one().state
        try:
            with self.store.write() as conn:
                news = record_outcome(conn, name, outcome, "by hand", 50)
        except (Conflict, IllegalMove):
            allowed = {
                "submitted": ("done", "failed", "returned"),
                "done": ("done", "returned"),
                "failed": ("failed",),
                "returned": ("returned", "done"),
            }
            assert outcome not in allowed.get(state, ())
            return
        assert news == (state == "submitted" or (state, outcome) == ("done", "returned"))
        if not news:
            return
        if state == "submitted":
            self.settling[account] -= amount
            self.moved += amount if outcome == "done" else 0
        else:
            self.moved -= amount
        if outcome != "done":
            self.balance[account] += amount

    @rule()
    def restart(self) -> None:
        """All that is in memory is lost."""
        self.store.close()
        self.store = self.folder.store()
        self.fleet.store = self.store

    @invariant()
    def the_books_are_as_the_model(self) -> None:
        with self.store.read() as conn:
            assert not any(journal.totals(conn).values())
            for name in ACCOUNTS:
                settling = journal.balance(conn, f"settling:{name}", "EUR")
                assert settling == self.settling[name], name
                assert accounts.owed(conn, name) == self.settling[name] + self.balance[name]
            assert journal.balance(conn, "rail:manual", "EUR") == self.moved
            for channel, model in self.models.items():
                row = channels.get(conn, channel)
                assert (row.amount, row.units) == (model.units * PRICE, model.units)
                assert row.settled_units == model.settled
                assert row.state == model.state
        assert sum(self.settling.values()) + sum(self.balance.values()) + self.moved == 0

    @invariant()
    def intervals_join_up(self) -> None:
        with self.store.read() as conn:
            table = Base.metadata.tables["interval"]
            rows = conn.execute(table.select().order_by(table.c.channel_id, table.c.from_amount))
            end: dict[bytes, int] = {}
            for row in rows:
                assert row.from_amount == end.get(bytes(row.channel_id), 0) < row.to_amount
                end[bytes(row.channel_id)] = row.to_amount
        for channel, model in self.models.items():
            assert end.get(channel, 0) == model.settled * PRICE

    @invariant()
    def the_audit_finds_nothing(self) -> None:
        assert verify_books(self.store, GATEWAY.public).discrepancies == []


Settlement.TestCase.settings = MACHINE


@pytest.mark.timeout(0)
@pytest.mark.threat("C2", "C14", "O4")
class TestSettlement(Settlement.TestCase):
    """Runs the machine."""
