"""The chain rail's record, lost and made again from the chain and the books: nothing is paid twice,
and nothing is forgotten."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from gateway.settlement.rails import PAY, Instruction, RailError
from gateway.settlement.rails.evm import escrow as escrow_
from gateway.settlement.rails.evm import posting, recovery
from gateway.settlement.rails.evm.rail import EvmRail
from gateway.settlement.rails.evm.recovery import Given, Recovered, recover
from tests.chain.harbour import DEEP, Harbour, carry, instruction, pay_day

pytestmark = pytest.mark.threat("C2", "G6")


def done(batch: list[Instruction]) -> Given:
    return Given(batch, frozenset())


def waiting(batch: list[Instruction]) -> Given:
    return Given(batch, frozenset(each.id for each in batch))


def lose(rail: EvmRail) -> None:
    shutil.rmtree(rail.record_folder)


def test_what_was_settled_is_not_paid_again_and_what_waits_is_paid_once(
    harbour: Harbour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (escrow_, posting, recovery):
        monkeypatch.setattr(module, "LOGS_AT_ONCE", 4)  # the search goes over several requests
    rail = harbour.rail(tmp_path)
    for run in (1, 2):
        rail.submit(f"run-{run}", pay_day(run))
        assert set(carry(harbour, rail, pay_day(run)).values()) == {"done"}
    rail.submit("run-3", pay_day(3))
    words = {number: rail.record.word(number, f"run-{number}") for number in (1, 2)}
    lose(rail)
    books = {"run-1": done(pay_day()), "run-2": waiting(pay_day(2)), "run-3": waiting(pay_day(3))}
    assert recover(rail, books) == Recovered([1, 2], ["run-2", "run-3"])
    assert {number: rail.record.word(number, f"run-{number}") for number in (1, 2)} == words
    assert recover(rail, books) == Recovered([], [])
    assert set(carry(harbour, rail, pay_day(2)).values()) == {"done"}
    assert set(carry(harbour, rail, pay_day(3)).values()) == {"done"}
    assert harbour.last() == 3
    assert [harbour.settled(each) for each in ("ant", "cat", "dog")] == [-210, 120, 90]


def test_of_a_run_in_parts_the_parts_that_are_missing_are_sent_and_no_other(
    harbour: Harbour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "MOST_OWNERS", 1)
    rail = harbour.rail(tmp_path)
    rail.submit("run-1", pay_day())
    rail.status(pay_day())
    harbour.node.drain()
    harbour.node.mine(DEEP)
    assert harbour.last() == 1
    lose(rail)
    told = Given(pay_day(), frozenset({"run-1-cat", "run-1-dog"}))
    assert recover(rail, {"run-1": told}) == Recovered([1], ["run-1"])
    for _ in range(3):
        outcomes = carry(harbour, rail, pay_day())
    assert set(outcomes.values()) == {"done"} and len(outcomes) == 3
    assert [harbour.settled(each) for each in ("ant", "cat", "dog")] == [-70, 40, 30]


def test_who_was_left_out_is_told_from_the_chain_again(harbour: Harbour, tmp_path: Path) -> None:
    rail = harbour.rail(tmp_path)
    harbour.bond(10_000)
    batch = [instruction("ant", "collect", 5_000), instruction("cat", PAY, 40)]
    rail.submit("run-1", batch)
    rail.status(batch)
    harbour.node.drain()
    harbour.node.mine(DEEP)
    lose(rail)
    recover(rail, {"run-1": waiting(batch)})
    assert carry(harbour, rail, batch) == {"run-1-ant": "failed", "run-1-cat": "done"}


def test_while_anything_is_under_way_nothing_is_written(harbour: Harbour, tmp_path: Path) -> None:
    rail, books = harbour.rail(tmp_path), {"run-1": waiting(pay_day())}
    rail.submit("run-1", pay_day())
    harbour.node.ask("evm_setAutomine", False)
    rail.status(pay_day())
    lose(rail)
    for _ in range(DEEP):  # in the pool, and then in blocks that may be replaced
        with pytest.raises(RailError, match="under way and not final"):
            recover(rail, books)
        assert rail.record.said() == {} and rail.record.batches() == []
        harbour.node.mine()
    harbour.node.ask("evm_setAutomine", True)
    assert recover(rail, books) == Recovered([1], ["run-1"])


def test_what_the_books_do_not_know_or_people_have_ended_is_refused_before_anything_is_written(
    harbour: Harbour, tmp_path: Path
) -> None:
    rail = harbour.rail(tmp_path)
    rail.submit("run-1", pay_day())
    assert carry(harbour, rail, pay_day())
    lose(rail)
    with pytest.raises(RailError, match="which the books do not have: restore the newest books"):
        recover(rail, {"run-2": waiting(pay_day(2))})
    by_hand = Given(pay_day(2), frozenset({"run-2-cat"}))
    with pytest.raises(RailError, match="what waits of run-2 must be concluded by people"):
        recover(rail, {"run-1": done(pay_day()), "run-2": by_hand})
    assert rail.record.said() == {}


def test_entries_that_are_not_the_ones_that_were_signed_are_refused(
    harbour: Harbour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that shows another transaction than the one that settled is found out by the root."""
    rail = harbour.rail(tmp_path)
    for run in (1, 2):
        rail.submit(f"run-{run}", pay_day(run))
        assert carry(harbour, rail, pay_day(run))
    other = rail.record.sent(2)[-1].hash
    lose(rail)
    agreed = rail.nodes.agreed

    def lying(method: str, *given: Any, **more: Any) -> Any:
        asked = (other,) if method == "eth_getTransactionByHash" else given
        return agreed(method, *asked, **more)

    monkeypatch.setattr(rail.nodes, "agreed", lying)
    with pytest.raises(RailError, match="is not what settlement 1 is"):
        recover(rail, {"run-1": done(pay_day()), "run-2": done(pay_day(2))})
