"""The chain rail where the chain, its nodes or its own process fail: nothing is paid twice, and
nothing is forgotten."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.settlement.rails import COLLECT, PAY, RailError
from gateway.settlement.rails.evm import escrow as escrow_
from gateway.settlement.rails.evm import posting, rpc
from gateway.settlement.rails.evm.rail import EvmRail
from gateway.settlement.rails.evm.rpc import NodeError
from tests.chain.harbour import (
    DEEP,
    Harbour,
    carry,
    instruction,
    outcomes,
    owner_of,
    pay_day,
)
from tests.chain.liar import lying
from tests.chain.node import CHAIN
from tests.chain.town import PERIOD

pytestmark = pytest.mark.threat("C2", "G6")


def locked(rail: EvmRail, account: str) -> int:
    return rail.locked({account: {"address": owner_of(account)}}, 6).amounts[account]


DONE = {"run-1-ant": "done", "run-1-cat": "done", "run-1-dog": "done"}


def is_paid_once(harbour: Harbour) -> None:
    assert [harbour.settled(each) for each in ("ant", "cat", "dog")] == [-70, 40, 30]
    harbour.town.sums_up_of([owner_of(each) for each in ("ant", "cat", "dog")])


def test_a_run_is_final_when_it_is_deep_enough_and_not_before(
    harbour: Harbour, tmp_path: Path
) -> None:
    rail = harbour.rail(tmp_path)
    rail.submit("run-1", pay_day())
    assert outcomes(rail, pay_day()) == {}
    harbour.node.drain()
    assert harbour.last() == 1
    for _ in range(DEEP - 1):
        rail.status(pay_day())
        assert outcomes(rail, pay_day()) == {}
        harbour.node.mine()
    rail.status(pay_day())
    assert outcomes(rail, pay_day()) == DONE
    is_paid_once(harbour)


def test_a_run_of_100_accounts_is_one_transaction(harbour: Harbour, tmp_path: Path) -> None:
    names = [f"n{number:03}" * 3 for number in range(100)]
    batch = [
        instruction(name, COLLECT if number < 50 else PAY, 10 + number)
        for number, name in enumerate(names)
    ]
    harbour.bond(100_000)
    for name in names[:49]:  # and one who has locked nothing
        harbour.lock(name, 1_000)
    rail = harbour.rail(tmp_path)
    rail.submit("run-1", batch)
    told = carry(harbour, rail, batch)
    assert told.pop(batch[49].id) == "failed"
    assert set(told.values()) == {"done"} and len(told) == 99
    assert len(rail.record.sent(1)) == 1
    assert harbour.settled(names[99]) == 109 and harbour.settled(names[49]) == 0


def test_a_run_beyond_one_transaction_goes_in_parts(
    harbour: Harbour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "MOST_OWNERS", 1)
    rail = harbour.rail(tmp_path)
    rail.submit("run-1", pay_day())
    for _ in range(3):
        carry(harbour, rail, pay_day())
    assert outcomes(rail, pay_day()) == DONE
    assert harbour.last() == 3
    is_paid_once(harbour)


def test_what_two_accounts_of_one_owner_owe_each_other_is_one_sum(
    harbour: Harbour, tmp_path: Path
) -> None:
    rail = harbour.rail(tmp_path)
    both = [
        instruction("ant", COLLECT, 70),
        replace(instruction("tan", PAY, 30), destination={"address": owner_of("ant")}),
    ]
    rail.submit("run-1", both)
    assert carry(harbour, rail, both) == {"run-1-ant": "done", "run-1-tan": "done"}
    assert (harbour.settled("ant"), harbour.town.bond()) == (-40, 40)


# The chain


def test_a_settlement_that_a_reorganisation_took_is_sent_again(
    harbour: Harbour, tmp_path: Path
) -> None:
    rail = harbour.rail(tmp_path)
    rail.submit("run-1", pay_day())
    rail.status(pay_day())
    harbour.node.drain()
    harbour.node.ask("anvil_reorg", 1, [])
    assert harbour.last() == 0
    assert outcomes(rail, pay_day()) == {}
    harbour.node.drain()
    assert harbour.last() == 1 and len(rail.record.sent(1)) == 1
    assert carry(harbour, rail, pay_day()) == DONE
    is_paid_once(harbour)


def test_a_settlement_that_was_final_and_is_gone_is_sent_again_before_any_other(
    harbour: Harbour, tmp_path: Path
) -> None:
    rail = harbour.rail(tmp_path)
    rail.submit("run-1", pay_day())
    assert carry(harbour, rail, pay_day()) == DONE
    harbour.node.ask("anvil_reorg", DEEP + 1, [])
    assert harbour.last() == 0
    rail.submit("run-2", pay_day(2))
    rail.status(pay_day(2))
    harbour.node.drain()
    assert harbour.last() == 1
    is_paid_once(harbour)
    harbour.node.mine(DEEP)
    assert carry(harbour, rail, pay_day(2)).keys() == {each.id for each in pay_day(2)}
    assert harbour.last() == 2 and harbour.settled("cat") == 80


def test_what_is_stuck_is_replaced_by_a_dearer_one_of_the_same_nonce(
    harbour: Harbour, tmp_path: Path
) -> None:
    rail = harbour.rail(tmp_path)
    rail.submit("run-1", pay_day())
    node = harbour.node
    node.ask("evm_setAutomine", False)
    rail.status(pay_day())
    (first,) = rail.record.sent(1)
    for _ in range(posting.PATIENCE):
        node.ask("anvil_setNextBlockBaseFeePerGas", hex(first.fee * 2))
        node.mine()
        assert harbour.last() == 0
    rail.status(pay_day())
    old, new = rail.record.sent(1)
    assert old == first and new.nonce == old.nonce and new.fee >= first.fee * 2
    assert node.ask("eth_getTransactionByHash", old.hash) is None
    node.mine(DEEP)
    node.ask("evm_setAutomine", True)
    rail.status(pay_day())
    assert outcomes(rail, pay_day()) == DONE
    is_paid_once(harbour)


def test_dear_gas_is_waited_out_and_said(harbour: Harbour, tmp_path: Path) -> None:
    rail = harbour.rail(tmp_path)
    rail.submit("run-1", pay_day())
    harbour.node.ask("anvil_setNextBlockBaseFeePerGas", hex(200 * 10**9))
    harbour.node.mine()
    with pytest.raises(RailError, match=r"gas costs \d+ gwei, above rails.evm.max_fee_gwei = 100"):
        rail.status(pay_day())
    assert rail.record.sent(1) == []
    harbour.node.ask("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    harbour.node.mine()
    assert carry(harbour, rail, pay_day()) == DONE


def test_a_transaction_that_ran_into_a_refusal_is_followed_by_another(
    harbour: Harbour, tmp_path: Path
) -> None:
    rail, node = harbour.rail(tmp_path), harbour.node
    rail.submit("run-1", pay_day())
    node.ask("evm_setAutomine", False)
    rail.status(pay_day())
    pause = harbour.town.escrow.functions
    harbour.town.send(pause.pause(True), harbour.town.operator, tip=10**12)
    node.mine()
    assert harbour.last() == 0
    with pytest.raises(RailError, match="the contract would refuse it: IsPaused"):
        rail.status(pay_day())
    harbour.town.send(pause.pause(False), harbour.town.operator, tip=10**12)
    node.mine()
    node.ask("evm_setAutomine", True)
    assert carry(harbour, rail, pay_day()) == DONE
    first, second = rail.record.sent(1)
    assert second.nonce == first.nonce + 1
    is_paid_once(harbour)


def test_a_run_waits_for_a_bond_that_is_too_small(harbour: Harbour, tmp_path: Path) -> None:
    rail = harbour.rail(tmp_path)
    batch = [instruction("cat", PAY, 40)]
    rail.submit("run-1", batch)
    with pytest.raises(RailError, match="the contract would refuse it: BondTooSmall 40"):
        rail.status(batch)
    harbour.bond(40)
    assert carry(harbour, rail, batch) == {"run-1-cat": "done"}


def test_a_settlement_that_somebody_else_brought_is_as_good(
    harbour: Harbour, tmp_path: Path
) -> None:
    rail = harbour.rail(tmp_path)
    rail.submit("run-1", pay_day())
    harbour.node.ask("evm_setAutomine", False)
    rail.status(pay_day())
    said, _signature = rail.record.word(1, "run-1")
    call = harbour.town.escrow.functions.settle(
        1, said.batch_hash, said.words, harbour.town.sign(said)
    )
    harbour.town.send(call, harbour.town.dog, tip=10**12)
    harbour.node.mine(DEEP + 1)
    harbour.node.ask("evm_setAutomine", True)
    rail.status(pay_day())
    assert outcomes(rail, pay_day()) == DONE
    is_paid_once(harbour)


def test_of_a_settlement_that_others_brought_late_no_more_than_its_blocks_are_searched(
    harbour: Harbour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    agreed = rpc.Nodes.agreed

    def noting(self: rpc.Nodes, method: str, *given: Any, **more: Any) -> Any:
        searched.append(method)
        return agreed(self, method, *given, **more)

    monkeypatch.setattr(rpc.Nodes, "agreed", noting)
    for module in (escrow_, posting):
        monkeypatch.setattr(module, "LOGS_AT_ONCE", 20)
    harbour.node.mine(200)
    rail = harbour.rail(tmp_path)
    rail.submit("run-1", pay_day())
    harbour.node.ask("evm_setAutomine", False)
    rail.status(pay_day())
    harbour.node.ask("anvil_dropAllTransactions")
    harbour.node.ask("evm_setAutomine", True)
    (rail.record_folder / "sent.1.json").unlink()
    said, _signature = rail.record.word(1, "run-1")
    harbour.town.settle(said, by=harbour.town.dog)
    harbour.node.mine(DEEP)
    rail.status(pay_day())
    assert outcomes(rail, pay_day()) == DONE
    assert searched.count("eth_getLogs") == 2


def test_who_left_is_not_collected_from(harbour: Harbour, tmp_path: Path) -> None:
    rail, town, ant = harbour.rail(tmp_path), harbour.town, owner_of("ant")
    assert locked(rail, "ant") == 1_000
    harbour.node.ask("anvil_impersonateAccount", ant)
    harbour.node.ask("anvil_setBalance", ant, hex(10**20))
    town.give_notice(ant)
    assert locked(rail, "ant") == 0
    harbour.node.pass_time(PERIOD)
    harbour.bond(100)
    rail.submit("run-1", pay_day())
    assert carry(harbour, rail, pay_day()) == DONE | {"run-1-ant": "failed"}
    town.exit(ant)
    assert town.free(ant) == 1_000


def test_a_deposit_counts_when_it_is_deep_enough_and_no_longer_than_it_is_there(
    harbour: Harbour, tmp_path: Path
) -> None:
    rail = harbour.rail(tmp_path)
    harbour.lock("bee", 500)
    for _ in range(DEEP - 1):
        assert locked(rail, "bee") == 0
        harbour.node.mine()
    assert locked(rail, "bee") == 500
    harbour.node.ask("anvil_reorg", DEEP, [])
    assert locked(rail, "bee") == 0


def test_who_takes_a_notice_back_backs_channels_again_when_that_is_final(
    harbour: Harbour, tmp_path: Path
) -> None:
    rail, town, ant = harbour.rail(tmp_path), harbour.town, owner_of("ant")
    harbour.node.ask("anvil_impersonateAccount", ant)
    harbour.node.ask("anvil_setBalance", ant, hex(10**20))
    town.give_notice(ant)
    harbour.node.mine(DEEP)
    town.do(town.escrow.functions.stay(), ant)
    for _ in range(DEEP - 1):
        assert locked(rail, "ant") == 0
        harbour.node.mine()
    assert locked(rail, "ant") == 1_000


def test_what_two_accounts_call_theirs_backs_neither(harbour: Harbour, tmp_path: Path) -> None:
    both = {"ant": {"address": owner_of("ant")}, "bee": {"address": owner_of("ant")}}
    assert harbour.rail(tmp_path).locked(both, 6).amounts == {"ant": 0, "bee": 0}


# Its nodes


def test_nodes_that_differ_are_not_believed(harbour: Harbour, tmp_path: Path) -> None:
    with lying(harbour.node) as (liar, url):
        rail = harbour.rail(tmp_path, rpc=[harbour.node.url, url])
        rail.submit("run-1", pay_day())
        rail.status(pay_day())
        harbour.node.drain()
        harbour.node.mine(DEEP)
        liar.twist = lambda method, said: [] if method == "eth_getLogs" else said
        with pytest.raises(NodeError, match="do not agree on eth_getLogs"):
            rail.status(pay_day())
        liar.twist = lambda method, said: "0x" + "00" * 32 if method == "eth_call" else said
        with pytest.raises(NodeError, match="do not agree on eth_call"):
            rail.status(pay_day())
        liar.twist = lambda method, said: (
            said | {"hash": "0x" + "11" * 32} if method == "eth_getBlockByNumber" else said
        )
        with pytest.raises(NodeError, match="do not agree on eth_getBlockByNumber"):
            rail.status(pay_day())
        assert rail.record.outcome(1) is None
        liar.twist = lambda _method, said: said
        rail.status(pay_day())
        assert outcomes(rail, pay_day()) == DONE
    is_paid_once(harbour)


def test_a_node_that_runs_ahead_makes_nothing_final(harbour: Harbour, tmp_path: Path) -> None:
    with lying(harbour.node) as (liar, url):
        rail = harbour.rail(tmp_path, rpc=[harbour.node.url, url])
        rail.submit("run-1", pay_day())
        rail.status(pay_day())
        harbour.node.drain()
        liar.twist = lambda method, said: "0xffff" if method == "eth_blockNumber" else said
        rail.status(pay_day())
        assert outcomes(rail, pay_day()) == {}


@pytest.mark.parametrize(
    ("method", "lie"),
    [
        ("eth_getLogs", []),
        ("eth_getLogs", [{"topics": 7}]),
        ("eth_blockNumber", "much"),
        ("eth_getBlockByNumber", None),
        ("eth_call", "0x12"),
    ],
)
def test_an_only_node_that_leaves_something_out_is_found_out(
    harbour: Harbour, tmp_path: Path, method: str, lie: object
) -> None:
    with lying(harbour.node) as (liar, url):
        rail = harbour.rail(tmp_path, rpc=url)
        rail.submit("run-1", pay_day())
        rail.status(pay_day())
        harbour.node.drain()
        harbour.node.mine(DEEP)
        liar.twist = lambda asked, said: lie if asked == method else said
        with pytest.raises(NodeError):
            rail.status(pay_day())
        assert rail.record.outcome(1) is None


def test_a_node_that_stalls_or_is_gone_is_asked_again_and_nothing_happens_twice(
    harbour: Harbour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lying(harbour.node) as (liar, url):
        rail = harbour.rail(tmp_path, rpc=url)
        rail.submit("run-1", pay_day())
        liar.gone = True
        with pytest.raises(NodeError, match=r"node 127\.0\.0\.1: does not answer"):
            rail.status(pay_day())
        liar.gone = False
        liar.mute.clear()
        monkeypatch.setattr(rail.nodes, "_timeout", 0.2)
        with pytest.raises(NodeError, match="ReadTimeout"):
            rail.status(pay_day())
        liar.mute.set()
        monkeypatch.setattr(rail.nodes, "_timeout", rpc.TIMEOUT)
        liar.lose_answers_to = "eth_sendRawTransaction"
        with pytest.raises(NodeError, match="RemoteProtocolError"):
            rail.status(pay_day())
        liar.lose_answers_to = ""
        assert carry(harbour, rail, pay_day()) == DONE
    is_paid_once(harbour)


def test_a_node_of_another_chain_is_refused_before_anything_is_signed(
    harbour: Harbour, tmp_path: Path
) -> None:
    rail = harbour.rail(tmp_path, chain_id=1)
    rail.submit("run-1", pay_day())
    with pytest.raises(RailError, match=f"a node is of chain {CHAIN}, not of 1"):
        rail.status(pay_day())
    assert rail.record.said() == {}


def test_a_contract_that_is_not_as_the_settings_say_is_refused(
    harbour: Harbour, tmp_path: Path
) -> None:
    for changes, why in (
        ({"contract": harbour.town.dog}, "there is no contract at this address"),
        ({"decimals": 2}, "a unit of this contract is 1 base units of a token with 6 decimals"),
        ({"key_file": _another_key(tmp_path)}, "the contract believes"),
    ):
        with pytest.raises(RailError, match=why):
            locked(harbour.rail(tmp_path, **changes), "ant")


def _another_key(folder: Path) -> str:
    path = folder / "other.key"
    path.touch(mode=0o600)
    path.write_bytes(bytes([9]) * 32)
    return str(path)


# Its own process


DYING = """
import json, os, signal, sys
from pathlib import Path
from gateway.settlement.rails.evm import rail, record, rpc
from tests.chain.harbour import pay_day

def die(*_given):
    os.kill(os.getpid(), signal.SIGKILL)

moment, folder = sys.argv[1], Path(sys.argv[2])
broadcast, keep = rpc.Nodes.broadcast, record.Record.keep_sent
if moment == "before it is kept":
    record.Record.keep_sent = die
elif moment == "before it is sent":
    rpc.Nodes.broadcast = die
elif moment == "after it is sent":
    rpc.Nodes.broadcast = lambda self, raw: (broadcast(self, raw), die())
elif moment == "before it is concluded":
    record.Record.keep_outcome = die
mine = rail.make(folder, json.loads((folder / "settings.json").read_text()))
mine.submit("run-1", pay_day())
mine.status(pay_day())
"""


@pytest.mark.parametrize(
    "moment",
    ["before it is kept", "before it is sent", "after it is sent", "before it is concluded"],
)
def test_killed_at_any_step_it_pays_once(harbour: Harbour, tmp_path: Path, moment: str) -> None:
    (tmp_path / "settings.json").write_text(json.dumps(harbour.settings(tmp_path)))
    rail = harbour.rail(tmp_path)
    if moment == "before it is concluded":
        rail.submit("run-1", pay_day())
        rail.status(pay_day())
        harbour.node.drain()
        harbour.node.mine(DEEP)
    command = [sys.executable, "-c", DYING, moment, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, timeout=60, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    rail.submit("run-1", pay_day())
    for _ in range(2):
        carry(harbour, rail, pay_day())
    assert outcomes(rail, pay_day()) == DONE
    assert harbour.last() == 1
    is_paid_once(harbour)


def test_two_processes_do_not_go_on_at_once(harbour: Harbour, tmp_path: Path) -> None:
    rail, other = harbour.rail(tmp_path), harbour.rail(tmp_path)
    rail.submit("run-1", pay_day())
    with rail.record.alone() as nobody_else:
        assert nobody_else
        other.status(pay_day())
        assert other.record.said() == {}
    other.status(pay_day())
    assert other.record.said() == {1: "run-1"}


def test_without_its_record_it_signs_nothing(harbour: Harbour, tmp_path: Path) -> None:
    rail = harbour.rail(tmp_path)
    rail.submit("run-1", pay_day())
    carry(harbour, rail, pay_day())
    for path in rail.record_folder.glob("said.*"):
        path.unlink()
    with pytest.raises(RailError, match="put the record back from a backup"):
        rail.status(pay_day())
