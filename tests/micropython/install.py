"""Real MicroPython (its WebAssembly build) and the Node that runs it, as tests need them."""

from pathlib import Path

from tests import node_packages

HERE = Path(__file__).parent
REPOSITORY = node_packages.REPOSITORY
CACHE = REPOSITORY / "build" / HERE.name


def installed() -> tuple[list[str], Path]:
    """The command of Node, and the `node_modules` with MicroPython. Skips the test or fails it as
    `node_packages.installed` does."""
    return node_packages.installed(HERE)
