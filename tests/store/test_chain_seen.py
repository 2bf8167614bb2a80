"""What was last seen of a chain, on each database."""

from dataclasses import replace

from gateway.settlement.rails.onchain import Deposit, Facts, Look, NodeSeen, Sight, Transaction
from gateway.store import chain
from gateway.store.engine import Store

FACTS = Facts(1, "0xC", "EUR", 6, 3)
NODE = NodeSeen("node.example", 20, "")
WEI = 2**70
"""More than a column of a database holds as a number."""
SIGHT = Sight(
    head=20,
    head_at=1_000,
    confirmed=18,
    token="0xT",
    signer="0xS",
    balance=WEI,
    settlements=1,
    recorded=1,
    bond=5,
    held=2**63 - 1,
    paused=False,
    first=0,
    last=20,
    deposits=tuple(
        Deposit(block, position, 900 + block, f"0x{block}", "0xA" if position else "0xB", 7)
        for block, position in ((17, 0), (17, 1), (19, 0))
    ),
    transactions=(
        Transaction(1, 0, "run-1", "0x1", 0, "replaced", None, None, None, True),
        Transaction(1, 1, "run-1", "0x2", 0, "final", 18, 21_000, WEI, True),
    ),
)


def _keep(store: Store, sight: Sight | None, trouble: str = "", facts: Facts = FACTS) -> None:
    with store.write() as conn:
        chain.keep(conn, "evm", facts, Look((NODE,), trouble, sight), 50)


def test_what_was_seen_is_read_again_the_newest_first(store: Store) -> None:
    _keep(store, SIGHT)
    with store.read() as conn:
        row = chain.get(conn, "evm", FACTS)
        assert row is not None
        assert (row.scanned, row.balance, row.held, row.paused) == (18, str(WEI), 2**63 - 1, False)
        places = [(each.block, each.position) for each in chain.deposits(conn, "evm")]
        assert places == [(19, 0), (17, 1), (17, 0)]
        assert len(chain.deposits(conn, "evm", before=(17, 1))) == 1
        assert [each.block for each in chain.deposits(conn, "evm", owners=["0xA"])] == [17]
        assert chain.deposits(conn, "evm", owners=[]) == []
        newest, _older = chain.transactions(conn, "evm", batch="run-1")
        assert (newest.hash, newest.fee) == ("0x2", str(WEI))
        assert [each.hash for each in chain.transactions(conn, "evm", before=(1, 1))] == ["0x1"]
        assert chain.decided(conn, "evm") == {1}


def test_blocks_that_are_not_final_are_taken_anew_and_others_stay(store: Store) -> None:
    _keep(store, SIGHT)
    undecided = replace(SIGHT.transactions[1], settlement=2, decided=False)
    _keep(store, replace(SIGHT, first=19, deposits=(), transactions=(undecided,)))
    with store.read() as conn:
        assert [each.block for each in chain.deposits(conn, "evm")] == [17, 17]
        assert chain.decided(conn, "evm") == {1}
        assert len(chain.transactions(conn, "evm")) == 3


def test_trouble_leaves_what_was_seen_and_another_contract_forgets_it(store: Store) -> None:
    _keep(store, None, "node.example: is away")
    _keep(store, SIGHT)
    _keep(store, None, "node.example: is away")
    with store.read() as conn:
        row = chain.get(conn, "evm", FACTS)
        assert row is not None and (row.head, row.trouble) == (20, "node.example: is away")
        assert len(chain.deposits(conn, "evm")) == 3
    other = replace(FACTS, contract="0xD")
    _keep(store, None, "", other)
    with store.read() as conn:
        assert chain.get(conn, "evm", FACTS) is None
        assert chain.deposits(conn, "evm") == chain.transactions(conn, "evm") == []
