"""A node and an escrow for each test of the chain."""

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.settlement.rails.evm import artefact
from tests.chain import solc
from tests.chain.harbour import DEEP, Harbour
from tests.chain.node import Node, node
from tests.chain.town import Town


@pytest.fixture(scope="session")
def one_node() -> Iterator[Node]:
    """A node for tests that leave its chain as they found it."""
    with node() as started:
        yield started


@pytest.fixture
def chain(one_node: Node) -> Iterator[Node]:
    """A node with a new chain."""
    before = one_node.ask("evm_snapshot")
    yield one_node
    one_node.ask("evm_revert", before)


@pytest.fixture(scope="session")
def tokens() -> dict[str, Any]:
    """Tokens, by the contract's name."""
    return solc.deployable(solc.HERE / "contracts" / "Tokens.sol")


@pytest.fixture(scope="session")
def escrow() -> dict[str, Any]:
    """The escrow as it ships."""
    return {"abi": artefact.abi(), "bytecode": artefact.bytecode()}


@pytest.fixture
def harbour(chain: Node, escrow: dict[str, Any], tokens: dict[str, Any]) -> Harbour:
    """A chain whose escrow holds what ant has locked, for good."""
    made = Harbour(chain, escrow, tokens["Plain"])
    made.lock("ant", 1_000)
    made.node.mine(DEEP)
    return made


def _town_of(token: str) -> Any:
    """A fixture: an escrow of this token, one unit a base unit."""

    @pytest.fixture
    def made(chain: Node, escrow: dict[str, Any], tokens: dict[str, Any]) -> Town:
        return Town(chain, escrow, tokens[token], decimals=6 if token == "Plain" else None)

    return made


town = _town_of("Plain")
silent_town = _town_of("Silent")
fee_town = _town_of("Fee")
refusing_town = _town_of("Refusing")
calling_town = _town_of("Calling")
