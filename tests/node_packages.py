"""Packages of the npm registry, as tests need them."""

from pathlib import Path

from simulator import node_packages
from simulator.node_packages import PackagesError
from tests.services import unavailable

REPOSITORY = Path(__file__).parents[1]


def installed(pinned: Path) -> tuple[list[str], Path]:
    """As `simulator.node_packages.installed`. Without them the test is skipped, or fails where
    tests decide what is released."""
    try:
        return node_packages.installed(pinned)
    except PackagesError as error:
        unavailable(f"{pinned.name}: {error}")
