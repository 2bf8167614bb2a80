"""The escrow under any order of what anybody may do: what is held is what is owed, nobody takes
more than theirs, and from wherever it has come to, everybody gets out."""

import contextlib
from functools import partial
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from gateway.settlement.rails.evm.word import Settlement
from tests.chain.node import Node
from tests.chain.town import PERIOD, Refused, Town
from tests.machines.setting import MACHINE
from tests.sizes import size

EXAMPLES = size("escrow_examples", 6, 500)
WHO = st.integers(0, 3)
UNITS = st.integers(0, 60)
CHANGES = st.dictionaries(WHO, st.integers(-50, 50), min_size=1)


class EscrowMachine(RuleBasedStateMachine):
    """A town, and what its people have had in and out."""

    def __init__(
        self,
        there: Node,
        escrow: dict[str, Any],
        token: dict[str, Any],
        town: type[Town] = Town,
    ) -> None:
        super().__init__()
        self._snapshot = there.ask("evm_snapshot")
        self.town = town(there, escrow, token)
        self.put_in = dict.fromkeys(self.town.people, 0)
        self.taken = dict.fromkeys(self.town.people, 0)
        self.words: list[tuple[Settlement, bytes]] = []

    def owner(self, number: int) -> str:
        return self.town.people[number]

    @rule(who=WHO, units=UNITS)
    def deposit(self, who: int, units: int) -> None:
        with contextlib.suppress(Refused):
            self.town.deposit(self.owner(who), units)
            self.put_in[self.owner(who)] += units

    @rule(units=UNITS)
    def add_bond(self, units: int) -> None:
        with contextlib.suppress(Refused):
            self.town.add_bond(units)

    @rule(changes=CHANGES, ahead=st.integers(0, 2))
    def sign(self, changes: dict[int, int], ahead: int) -> None:
        """The gateway's word on some; it may never be posted, or another instead of it."""
        settled = {
            self.owner(who): self.town.settled(self.owner(who)) + change
            for who, change in changes.items()
        }
        last = self.town.said(settled).sequence
        self.words.append((self.town.said(settled, last + ahead), self.town.key))

    @rule(number=st.integers(0, 20))
    def settle(self, number: int) -> None:
        if self.words:
            said, key = self.words[-1 - number % len(self.words)]
            with contextlib.suppress(Refused):
                self.town.settle(said, key=key)

    @rule(number=st.integers(0, 20), place=WHO)
    def claim(self, number: int, place: int) -> None:
        if self.words:
            said, key = self.words[-1 - number % len(self.words)]
            owner = said.entries[place % len(said.entries)].owner
            with contextlib.suppress(Refused):
                self.town.claim(said, owner, key=key)

    @rule(who=WHO, units=UNITS)
    def withdraw(self, who: int, units: int) -> None:
        free = self.town.free(self.owner(who))
        try:
            self.town.withdraw(self.owner(who), units)
        except Refused:
            assert units > free
        else:
            self.taken[self.owner(who)] += units

    @rule(who=WHO, what=st.sampled_from(["giveNotice", "stay", "exit"]))
    def leave(self, who: int, what: str) -> None:
        with contextlib.suppress(Refused):
            self.town.do(self.town.escrow.functions[what](), self.owner(who))

    @rule(seconds=st.sampled_from([60, PERIOD // 2, PERIOD]))
    def pass_time(self, seconds: int) -> None:
        self.town.node.pass_time(seconds)

    @rule(on=st.booleans())
    def pause(self, on: bool) -> None:
        self.town.do(self.town.escrow.functions.pause(on), self.town.operator)

    @rule()
    def rotate(self) -> None:
        self.town.rotate(bytes([self.town.key[0] % 250 + 1]) * 32)

    @rule(who=WHO, units=UNITS)
    def release(self, who: int, units: int) -> None:
        with contextlib.suppress(Refused):
            self.town.do(
                self.town.escrow.functions.release(self.owner(who), units), self.town.operator
            )

    @rule(units=UNITS, take=st.booleans())
    def bond(self, units: int, take: bool) -> None:
        functions = self.town.escrow.functions
        call = functions.takeBond(self.town.operator) if take else functions.askBond(units)
        with contextlib.suppress(Refused):
            self.town.do(call, self.town.operator)

    @invariant()
    def adds_up(self) -> None:
        for owner, (locked, free, settled) in self.town.sums_up().items():
            assert locked + free + self.taken[owner] == self.put_in[owner] + settled

    def teardown(self) -> None:
        """Everybody gets out, whatever the operator and the gateway do."""
        town = self.town
        try:
            for owner in town.people:
                town.give_notice(owner)
            town.node.pass_time(PERIOD)
            for owner in town.people:
                town.exit(owner)
                town.withdraw(owner, town.free(owner))
                assert (town.locked(owner), town.free(owner)) == (0, 0)
                due = 10**30 + town.settled(owner)
                assert town.tokens(owner) == due
            assert town.held() == town.bond()
        finally:
            town.node.ask("evm_revert", self._snapshot)


def test_any_order_leaves_everybody_theirs(
    one_node: Node, escrow: dict[str, Any], tokens: dict[str, Any]
) -> None:
    make = partial(EscrowMachine, one_node, escrow, tokens["Plain"])
    run_state_machine_as_test(make, settings=settings(MACHINE, max_examples=EXAMPLES))
