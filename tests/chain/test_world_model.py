"""The escrow of the deterministic world is a model; the real contract on a real node does the same
by every call, or the world's findings would be about something else."""

from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from gateway.settlement.rails.evm.word import Entry, Settlement
from simulator.world.chain import wire
from simulator.world.chain.contract import Contract, Log, Reverted, Terms
from tests.chain.node import CHAIN, Node
from tests.chain.test_escrow_machine import EscrowMachine
from tests.chain.town import PERIOD, Refused, Town
from tests.machines.setting import MACHINE
from tests.sizes import size

EXAMPLES = size("escrow_model_examples", 3, 500)


class Twin(Town):
    """A town in which each call of the escrow is made to the model too, and must come to the same:
    what everybody has, the bond and what is held, or the same refusal."""

    def __init__(self, *given: Any, **more: Any) -> None:
        self.model: Contract | None = None
        super().__init__(*given, **more)
        terms = Terms(
            CHAIN, self.escrow.address.lower(), self.token.address.lower(), self.unit, PERIOD
        )
        tokens = {each.lower(): self.tokens(each) for each in (self.operator, *self.people)}
        self.model = Contract(terms, self.operator.lower(), self.signer.lower(), tokens)

    def do(self, call: Any, by: str) -> dict[str, Any]:
        before = self.model
        if before is None or call.address != self.escrow.address:
            return super().do(call, by)
        name, arguments = wire.call_of(bytes.fromhex(call._encode_transaction_data()[2:]))
        refused: Refused | None = None
        receipt: dict[str, Any] = {"logs": []}
        try:
            receipt = super().do(call, by)
        except Refused as error:
            refused = error
        at = int(self.node.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        logs: list[Log] = []
        why = "None"
        try:
            self.model, logs = before.called(by.lower(), at, name, arguments)
        except Reverted as error:
            why = error.name
        assert (name, str(refused)) == (name, why)
        expected = [wire.log(each) for each in logs]
        names = {topics[0] for topics, _data in expected}
        told = [(each["topics"], each["data"]) for each in receipt["logs"]]
        assert [each for each in told if each[0][0] in names] == expected
        self.compare()
        if refused is not None:
            raise refused
        return receipt

    def compare(self) -> None:
        """What the two hold is the same."""
        assert self.model is not None
        for owner in (*self.people, self.operator):
            mine = self.model.of(owner.lower())
            found = self.read(self.escrow.functions.accounts(owner))
            settled = mine.settled % 2**256
            assert found == [mine.locked, mine.free, settled, mine.sequence, mine.leaving]
            assert self.tokens(owner) == self.model.tokens[owner.lower()]
        assert (self.bond(), self.held()) == (self.model.bond, self.model.held)
        assert self.read(self.escrow.functions.last())[0] == self.model.last
        assert self.model.adds_up()


def test_the_model_does_what_the_contract_does_in_any_order(
    one_node: Node, escrow: dict[str, Any], tokens: dict[str, Any]
) -> None:
    make = partial(EscrowMachine, one_node, escrow, tokens["Plain"], Twin)
    run_state_machine_as_test(make, settings=settings(MACHINE, max_examples=EXAMPLES))


@pytest.fixture
def twin(chain: Node, escrow: dict[str, Any], tokens: dict[str, Any]) -> Twin:
    return Twin(chain, escrow, tokens["Plain"], unit=1_000, decimals=6)


def test_the_model_refuses_what_the_contract_refuses(twin: Twin) -> None:
    """What no random order comes by: each of its errors, by entries, paths and senders."""
    ant, bee = twin.ant, twin.bee
    twin.deposit(ant, 50)
    twin.add_bond(100)
    said = twin.said({ant: -20, bee: 20, twin.cat: 5})
    twin.claim(said, bee)
    twin.settle(said)
    functions = twin.escrow.functions
    unsigned = functions.settle(2, said.batch_hash, said.words, twin.sign(said))
    none = functions.settle(2, said.batch_hash, [], twin.sign(said))
    bits = functions.settle(2, said.batch_hash, [said.words[0] | 1 << 64], twin.sign(said))
    next_ = twin.said({ant: -20, bee: 90})
    for call, by, why in (
        (unsigned, ant, "NotSigned"),
        (none, ant, "BadEntries"),
        (bits, ant, "BadEntries"),
        (functions.release(ant, 1), ant, "NotOperator"),
        (functions.withdraw(21, bee), bee, "TooMuch"),
        (functions.exit(), ant, "NotYet"),
        (functions.takeBond(ant), twin.operator, "NotYet"),
        (functions.rotate(twin.signer), twin.operator, "BadSetting"),
        (functions.deposit(ant, 0), ant, "TooMuch"),
        (functions.deposit(ant, 2**63 - 1), ant, "TooMuch"),
    ):
        with pytest.raises(Refused, match=why):
            twin.do(call, by)
    for how, why in (
        ({"index": 2}, "BadEntries"),
        ({"path": []}, "BadEntries"),
        ({"count": 1}, "BadEntries"),
        ({"key": bytes([9]) * 32}, "NotSigned"),
        ({"contract": ant}, "NotSigned"),
    ):
        with pytest.raises(Refused, match=why):
            twin.claim(next_, bee, **how)
    with pytest.raises(Refused, match="NothingToClaim"):
        twin.claim(next_, ant)
    with pytest.raises(Refused, match="BondTooSmall"):
        twin.settle(Settlement(2, "run", (Entry(bee, 20 + 200),)))
    twin.claim(twin.said({bee: 20 + 200}), bee)
    assert twin.bond() == 0
