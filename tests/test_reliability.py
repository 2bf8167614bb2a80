"""The page of reliability says what each run does: its numbers are those of the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS
from tests.planted.bugs import BUGS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reliability.md"
SPOKEN = {"len(BUGS)": len(BUGS)}
"""Sizes that the code does not give as a number."""


def _number(node: ast.expr) -> int:
    return int(SPOKEN.get(ast.unparse(node)) or ast.literal_eval(node))


def _sizes() -> Iterator[tuple[str, int, int]]:
    """Each size that a test asks for by its name, with what it usually is and in a campaign."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) != "size":
                continue
            name, usual, campaign = node.args
            if isinstance(name, ast.Constant):
                yield name.value, _number(usual), _number(campaign)
    for target in TARGETS.values():
        name = "fuzz_inputs" if target.name == "decoder" else f"fuzz_{target.name}_inputs"
        yield name, target.usual, target.campaign


def _rows() -> dict[str, tuple[int, int]]:
    """The page's table of sizes."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        row = re.fullmatch(r"\| `CAMPAIGN_(\w+)` \| .+ \| ([0-9,]+) \| ([0-9,]+) \|", line)
        if row:
            usual, campaign = (int(row[at].replace(",", "")) for at in (2, 3))
            found[row[1].lower()] = (usual, campaign)
    return found


def test_the_page_has_every_size_as_it_is_in_the_code() -> None:
    assert _rows() == {name: (usual, campaign) for name, usual, campaign in _sizes()}


@pytest.mark.parametrize(
    ("names", "least"),
    [
        (("seeds", "scenarios"), 300),
        (("kill_loops",), 15),
        (("fuzz_inputs",), 200_000),
        (("planted",), 8),
    ],
)
def test_each_run_does_at_least_what_was_promised(names: tuple[str, ...], least: int) -> None:
    usual = {each: usual for each, usual, _ in _sizes()}
    assert sum(usual[name] for name in names) >= least
