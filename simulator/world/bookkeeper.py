"""Whoever takes in what the bank tells, and says what it was where nobody knows."""

from collections.abc import Mapping
from typing import Any

from gateway.operations import bank as bank_files
from gateway.operations import deposits, settlement
from gateway.settlement.bank.xml import BankFileError
from gateway.settlement.rails import Outcome
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from simulator.world.bank import ATOMIC, NAME, Bank
from simulator.world.operator import Step
from simulator.world.treasury import ANN, Treasury
from simulator.world.watch import Watch


class Bookkeeper:
    """Takes in files, and assigns what is in suspense. What is asked of the bank is `phone`d."""

    def __init__(
        self, treasury: Treasury, phone: Bank, rail: bank_files.BankRail, watch: Watch
    ) -> None:
        self._treasury = treasury
        self._phone = phone
        self._rail = rail
        self._watch = watch

    def take_in(self) -> None:
        """Take in the bank's files in their order, up to the first that can't be taken in now."""
        while self._phone.outbox:
            taken: list[bank_files.Taken] = []
            content = self._phone.outbox[0]

            def step(store: Store) -> None:
                taken.append(bank_files.take_in(store, self._rail, content, ANN))  # noqa: B023

            if not self._treasury.decide("take_in", step):
                return
            if taken[0].known or taken[0].counts["known"]:
                self._watch.faults.took_effect("bank_told_twice")
            self._phone.outbox.pop(0)

    def take_in_torn(self, kept: int) -> None:
        """A file of the bank's arrives with its end torn off."""
        if self._phone.outbox:
            content = self._phone.outbox[0]
            torn = content[: kept % (len(content) - 10)]
            self._treasury.must_be_refused(
                "bank_file_torn",
                "take_in",
                lambda store: bank_files.take_in(store, self._rail, torn, ANN),
                BankFileError,
            )

    def take_in_contradiction(self) -> None:
        """The bank refuses what it has paid and has told of."""
        rows = self._treasury.rows("instruction", "id")
        told = [
            name
            for name in self._phone.executed()
            if name in rows and rows[name].state in ("done", "returned")
        ]
        if told:
            content = self._phone.contradicted(told[-1])
            self._treasury.must_be_refused(
                "bank_contradicted",
                "take_in",
                lambda store: bank_files.take_in(store, self._rail, content, ANN),
                BankFileError,
            )

    def record_early(self, account: str, amount: int, reference: str) -> None:
        """Record a deposit of so many cents by the bank's end-to-end id, before its file tells."""
        booked = any(
            row.end_to_end == reference for row in self._treasury.rows("booking", "id").values()
        )

        def step(store: Store) -> None:
            deposits.deposit(store, account, amount * ATOMIC, NAME, reference, ANN)

        if booked:
            self._treasury.must_be_refused("deposit_booked", "deposit", step, Conflict)
        elif self._treasury.decide("deposit", step):
            self._watch.faults.took_effect("deposit_told_early")

    def record_by_hand(self) -> None:
        """Record that the bank has paid what it was given, before its files tell."""
        rows = self._treasury.rows("instruction", "id")
        paid = [
            Outcome(name, "done", "by telephone")
            for name in self._phone.executed()
            if name in rows and rows[name].state == "submitted"
        ]
        if paid and self._treasury.decide(
            "record_by_hand", lambda store: settlement.record(store, paid)
        ):
            self._watch.faults.took_effect("recorded_by_hand")

    def assign(self) -> bool:
        """Say what the first booking in suspense was; whether there was one that could be."""
        rows = self._treasury.rows("booking", "id")
        waiting = [row for row in rows.values() if row.state == "suspense"]
        return any(self._assign(row, rows) for row in waiting)

    def _assign(self, row: Any, rows: Mapping[str, Any]) -> bool:
        known = [
            each.id
            for each in rows.values()
            if each.id != row.id
            and each.state in ("matched", "assigned")
            and (each.amount, each.end_to_end, each.text) == (row.amount, row.end_to_end, row.text)
        ]
        if known:
            return self._said(
                "as_duplicate",
                lambda store: bank_files.as_duplicate(store, row.id, known[0], ANN),
            )
        line = self._phone.line_of(row.amount, row.end_to_end, row.text)
        if not line.foreign:
            return self._said(
                "to_instruction",
                lambda store: bank_files.to_instruction(store, row.id, line.end_to_end, ANN),
            )
        early = self._early(row.end_to_end)
        if early is not None and early not in self._treasury.reversed():
            return self._treasury.reverse(early) or self._treasury.approve_reversal(alone=False)
        return self._said(
            "to_account", lambda store: bank_files.to_account(store, row.id, line.account, ANN)
        )

    def _early(self, reference: str) -> int | None:
        """The entry of a deposit that somebody recorded by this end-to-end id."""
        rows = self._treasury.rows("deposit", "entry_seq").values()
        return next((row.entry_seq for row in rows if row.reference == reference), None)

    def _said(self, name: str, step: Step) -> bool:
        done = self._treasury.decide(name, step)
        if done:
            self._watch.faults.took_effect("suspense_assigned")
        return done
