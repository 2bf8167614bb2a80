"""What ships is what the source says, and costs what is recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.settlement.rails.evm import artefact
from tests.chain import costs, solc
from tests.chain.node import Node


@pytest.mark.parametrize("shipped", solc.ARTEFACTS, ids=lambda path: path.stem)
def test_the_source_compiles_to_the_bytecode_that_ships(shipped: Path) -> None:
    assert shipped.read_text(encoding="utf-8") == solc.artefact_text(shipped)


def test_the_bytecode_fits_on_a_chain() -> None:
    """EIP-170: at most 24,576 bytes."""
    assert len(artefact.bytecode()) // 2 <= 24_576


def test_no_call_costs_more_gas_than_is_recorded(chain: Node) -> None:
    """`python -m tests.chain.costs` writes the record anew where a change is meant."""
    recorded: dict[str, Any] = json.loads(costs.RECORD.read_text(encoding="utf-8"))
    found = costs.calls(costs.fresh(chain)) | costs.runs(costs.fresh(chain), 100)
    assert found == {what: gas for what, gas in recorded.items() if "1000" not in what}
    assert all(gas < 30_000 for what, gas in recorded.items() if what.startswith("run of"))
