"""What operators and owners are told of the chain, on a real one: as it is, and never from a
request's own look."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.operations import accounts
from gateway.operations import chain as use_cases
from gateway.operations.paging import Page
from gateway.settlement.rails.evm import posting
from gateway.settlement.rails.registry import Rails
from tests.api.house import house_in
from tests.api.visitors import visitor
from tests.chain.harbour import DEEP, Harbour, owner_of
from tests.chain.liar import lying
from tests.chain.lookout import Lookout, lookout
from tests.chain.node import CHAIN, Node


@pytest.fixture(scope="module")
def built(one_node: Node, escrow: dict[str, Any], tokens: dict[str, Any]) -> Iterator[Harbour]:
    before = one_node.ask("evm_snapshot")
    yield Harbour(one_node, escrow, tokens["Plain"])
    one_node.ask("evm_revert", before)


@pytest.fixture
def harbour(built: Harbour) -> Iterator[Harbour]:
    """The same harbour each time, which is left as it was found."""
    before = built.node.ask("evm_snapshot")
    yield built
    built.node.ask("anvil_dropAllTransactions")
    built.node.ask("evm_setAutomine", True)
    built.node.ask("evm_revert", before)


@pytest.fixture
def here(harbour: Harbour, tmp_path: Path) -> Iterator[Lookout]:
    with lookout(tmp_path / "data", harbour) as built:
        yield built


@pytest.fixture
def owing(here: Lookout) -> Lookout:
    """`fleet` has deposited, and owes 30; a run of that waits to be brought to the chain."""
    here.harbour.lock("fleet", 1_000)
    here.harbour.bond(400)
    here.harbour.node.mine(DEEP)
    here.house.paid(here.house.device(), 10)
    here.harbour.node.ask("evm_setAutomine", False)
    assert here.house.client("operator").post("/v1/settlements", json={}).status_code == 200
    return here


def test_a_deposit_is_shown_block_by_block_until_it_is_credited(here: Lookout) -> None:
    assert here.deposits() == []
    here.harbour.lock("fleet", 5_000_000)
    seen = []
    for _ in range(DEEP + 1):
        assert here.look() == (len(seen) < DEEP - 1), "it looks more often while something moves"
        (one,) = here.deposits()
        seen.append((one["confirmations"], one["state"]))
        here.harbour.node.mine()
    assert seen == [(each, "confirming") for each in (1, 2, 3, 3)]
    here.credit()
    (one,) = here.deposits()
    receipt = here.harbour.node.ask("eth_getTransactionReceipt", one["transaction"])
    assert int(receipt["blockNumber"], 16) == one["block"]
    assert one["state"] == "credited" and one["confirmations_needed"] == DEEP
    assert (one["account_id"], one["owner"]) == ("fleet", owner_of("fleet"))
    assert one["amount"] == {"amount": "5000000", "currency": "EUR", "scale": 6}


def test_an_accounts_export_has_its_deposits_and_no_others(here: Lookout) -> None:
    for account in ("fleet", "operator", "stranger"):
        here.harbour.lock(account, 5)
    here.look()
    export = here.house.client("finance").get("/v1/accounts/fleet/export").json()
    assert [each["owner"] for each in export["chain_deposit"]] == [owner_of("fleet")]


def test_a_deposit_that_a_reorganisation_takes_is_no_longer_there(here: Lookout) -> None:
    here.harbour.lock("fleet", 7)
    here.look()
    assert len(here.deposits()) == 1
    here.harbour.node.ask("anvil_reorg", 1, [])
    here.look()
    assert here.deposits() == []


def test_what_no_account_names_or_two_do_is_nobodys(here: Lookout) -> None:
    here.harbour.lock("stranger", 3)
    here.harbour.node.mine(DEEP)
    here.look()
    here.credit()
    (one,) = here.deposits()
    assert (one["owner"], one["account_id"]) == (owner_of("stranger"), None)
    assert one["state"] == "unassigned"
    assert here.deposits(account="fleet") == here.deposits(account="nobody") == []
    for account in ("one", "two"):
        accounts.add(here.store, account, account, "EUR")
        here.settle_there(account, at="stranger")
        here.credit()
        (one,) = here.deposits(account=account)
        assert one["state"] == ("credited" if account == "one" else "unassigned")


@pytest.mark.threat("O2")
def test_an_owner_sees_their_own_deposits_and_nothing_else_of_the_chain(here: Lookout) -> None:
    for account in ("fleet", "operator", "stranger"):
        here.harbour.lock(account, 5)
    here.look()
    ann = visitor(here.house, "ann", "owner", ["fleet"]).client
    (own,) = ann.get("/v1/chain/deposits?account=fleet").json()["items"]
    assert own["account_id"] == "fleet"
    for path, status in (
        ("/v1/chain/deposits", 422),
        ("/v1/chain/deposits?account=operator", 404),
        ("/v1/chain", 403),
        ("/v1/chain/transactions", 403),
    ):
        assert ann.get(path).status_code == status, path


def test_lists_go_on_page_by_page(here: Lookout) -> None:
    for units in (1, 2, 3):
        here.harbour.lock("fleet", units)
    here.look()
    first = here.ask("/deposits", limit=2)
    rest = here.ask("/deposits", limit=2, cursor=first["next"])
    amounts = [each["amount"]["amount"] for each in (*first["items"], *rest["items"])]
    assert (amounts, rest["next"]) == (["3", "2", "1"], None)
    for path in ("deposits", "transactions"):
        answer = here.house.client("viewer").get(f"/v1/chain/{path}?cursor=MTEuMi4z")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


def test_a_transaction_is_followed_from_sending_to_final(owing: Lookout) -> None:
    node = owing.harbour.node
    assert owing.states() == ["sent"]
    (one,) = owing.transactions()
    assert (one["run"], one["batch"], one["settlement"], one["block"]) == (1, "run-1", 1, None)
    node.ask("anvil_dropAllTransactions")
    assert owing.states() == ["dropped"]
    owing.bring_on()
    assert owing.states() == ["sent"]
    node.mine()
    assert owing.states() == ["mined"]
    node.mine(DEEP - 1)
    assert owing.states() == ["final"]
    (one,) = owing.transactions(run=1)
    receipt = node.ask("eth_getTransactionReceipt", one["hash"])
    gas, price = (int(receipt[each], 16) for each in ("gasUsed", "effectiveGasPrice"))
    assert (one["gas"], one["fee"]) == (gas, str(gas * price))
    assert one["block"] == int(receipt["blockNumber"], 16)
    assert owing.transactions(run=2) == []
    node.ask("anvil_reorg", DEEP + 1, [])
    assert owing.states() in (["sent"], ["dropped"]), "what was final is looked at again"


def test_a_dearer_one_replaces_what_is_stuck(owing: Lookout) -> None:
    node = owing.harbour.node
    fee = int(node.ask("eth_getTransactionByHash", _first(owing))["maxFeePerGas"], 16)
    for _ in range(posting.PATIENCE):
        node.ask("anvil_setNextBlockBaseFeePerGas", hex(fee * 2))
        node.mine()
    owing.bring_on()
    assert owing.states() == ["sent", "replaced"]
    node.mine(DEEP)
    assert owing.states() == ["final", "replaced"]
    newer, older = owing.transactions()
    assert newer["nonce"] == older["nonce"] and newer["hash"] != older["hash"]


def test_one_that_the_contract_refused_is_told_as_that(owing: Lookout) -> None:
    town = owing.harbour.town
    town.send(town.escrow.functions.pause(True), town.operator, tip=10**12)
    owing.harbour.node.mine()
    assert owing.states() == ["reverted"]
    assert owing.ask()["items"][0]["seen"]["paused"] is True


def _first(owing: Lookout) -> str:
    owing.look()
    return str(owing.transactions()[0]["hash"])


def test_the_chain_as_a_whole(owing: Lookout) -> None:
    before = owing.ask()["items"][0]
    assert (before["looked_at"], before["seen"], before["nodes"]) == (None, None, [])
    owing.look()
    (found,) = owing.ask()["items"]
    head = owing.harbour.node.ask("eth_getBlockByNumber", "latest", False)
    number = int(head["number"], 16)
    assert found["trouble"] == "" and found["confirmations"] == DEEP
    assert found["nodes"] == [{"host": "127.0.0.1", "head": number, "trouble": ""}]
    assert (found["chain_id"], found["contract"]) == (CHAIN, owing.harbour.town.escrow.address)
    seen = found["seen"]
    assert seen["head"] == {"number": number, "at": int(head["timestamp"], 16)}
    assert seen["confirmed"] == number - DEEP + 1
    signer = owing.harbour.town.signer
    assert (seen["signer"], seen["token"]) == (signer, owing.harbour.town.token.address)
    assert int(seen["gas_balance"]) == int(
        owing.harbour.node.ask("eth_getBalance", signer, "latest"), 16
    )
    assert (seen["settlements"], seen["recorded"]) == (0, 1)
    assert (seen["bond"]["amount"], seen["held"]["amount"]) == ("400", "1400")


def test_what_a_nodes_address_holds_is_told_to_nobody(
    harbour: Harbour, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with lying(harbour.node) as (liar, url):
        secret = url.replace("http://", "http://user:geheim@") + "/v3/geheim"
        with lookout(tmp_path / "data", harbour, rpc=[secret]) as here:
            here.look()
            good = here.ask()
            liar.gone = True
            here.look()
            bad = here.ask()
    assert good["items"][0]["trouble"] == ""
    assert bad["items"][0]["trouble"].startswith("127.0.0.1: ")
    assert "geheim" not in f"{good}{bad}{caplog.text}" and str(tmp_path) not in f"{good}{bad}"


def test_nobody_waits_for_a_node_that_does_not_answer_and_what_was_seen_stays(
    harbour: Harbour, tmp_path: Path
) -> None:
    with (
        lying(harbour.node) as (liar, url),
        lookout(tmp_path / "data", harbour, rpc=url) as here,
    ):
        here.harbour.lock("fleet", 5)
        here.look()
        seen = here.ask()["items"][0]["seen"]
        liar.mute.clear()
        looking = threading.Thread(target=here.look)
        looking.start()
        try:
            assert len(here.deposits()) == 1 and here.transactions() == []
            assert here.ask()["items"][0]["seen"] == seen
            assert here.house.client("viewer").get("/v1/accounts").status_code == 200
            assert looking.is_alive(), "the node has not answered meanwhile"
        finally:
            liar.gone = True
            liar.mute.set()
            looking.join()
        (found,) = here.ask()["items"]
        assert found["trouble"] == "127.0.0.1: does not answer (RemoteProtocolError)"
        assert found["nodes"][0]["head"] is None and found["seen"] == seen
        assert len(here.deposits()) == 1
        liar.gone = False
        here.look()
        assert here.ask()["items"][0]["trouble"] == ""


_LOG = {"blockNumber": "0x1", "logIndex": "0x0", "transactionHash": "0x" + "0" * 64, "data": "0x5"}
NONSENSE = [
    ("eth_blockNumber", "0x" + "f" * 40),
    ("eth_blockNumber", "soon"),
    ("eth_call", "0x" + "f" * 64),
    ("eth_getLogs", [{"topics": []}]),
    ("eth_getLogs", [_LOG | {"transactionHash": "<b>"}]),
    ("eth_getLogs", [_LOG | {"topics": ["0x", "0x" + "f" * 64]}]),
    ("eth_getLogs", [_LOG | {"topics": ["0x", "0x" + "0" * 64], "data": "0x0"}]),
    ("eth_getBlockByNumber", {"hash": "0x1", "timestamp": None}),
    ("eth_getTransactionReceipt", {"status": "0x1"}),
    ("eth_getTransactionReceipt", "mined"),
]


@pytest.mark.threat("G6")
def test_a_node_that_talks_nonsense_is_trouble_and_nothing_is_kept_of_it(owing: Lookout) -> None:
    def shown() -> tuple[object, ...]:
        return owing.deposits(), owing.transactions(), owing.ask()["items"][0]["seen"]

    owing.look()
    before = shown()
    rail: Any = owing.rails["evm"]
    with lying(owing.harbour.node) as (liar, url):
        rail.nodes._urls = (url,)
        for method, lie in NONSENSE:
            liar.twist = lambda asked, said, to=(method, lie): to[1] if asked == to[0] else said
            owing.look()
            assert owing.ask()["items"][0]["trouble"].startswith(("127.0.0.1: ", "a node ")), lie
            assert shown() == before


def test_another_contract_is_looked_at_from_its_beginning(
    here: Lookout, harbour: Harbour, tmp_path: Path, escrow: dict[str, Any]
) -> None:
    harbour.lock("fleet", 5)
    here.look()
    town = harbour.town
    other = town.deploy(escrow, town.token.address, town.unit, 86_400, town.signer)
    rails = Rails.of(harbour.rail(tmp_path / "other", contract=other.address))
    shown = use_cases.show(here.store, rails)
    assert shown is not None and shown.seen is None
    assert use_cases.deposits(here.store, rails) == (shown.facts, Page([], more=False))
    use_cases.look(here.store, rails)
    assert here.deposits() == [], "the other's are forgotten, and nobody is shown old ones for new"


def test_without_a_rail_on_a_chain_there_is_nothing_to_tell(tmp_path: Path) -> None:
    with house_in(tmp_path / "data", None) as house:
        client = house.client("viewer")
        assert client.get("/v1/chain").json() == {"items": []}
        for path in ("deposits", "transactions"):
            answer = client.get(f"/v1/chain/{path}")
            assert answer.json() == {"items": [], "next": None}


def test_a_rail_that_is_not_set_up_right_is_a_problem_that_names_no_file(tmp_path: Path) -> None:
    with house_in(tmp_path / "data", None, rails={"evm": {"rpc": "ftp://geheim"}}) as house:
        for path in ("", "/deposits", "/transactions"):
            answer = house.client("admin").get("/v1/chain" + path)
            assert (answer.status_code, answer.json()["type"][-5:]) == (503, ":rail")
            assert "geheim" not in answer.text
