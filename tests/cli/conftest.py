"""An installation for the command line's tests."""

from pathlib import Path

import pytest

from tests.cli.tallystick import Cli


@pytest.fixture
def cli(data_folder: Path) -> Cli:
    """The command line on an initialised data folder."""
    made = Cli(data_folder)
    made.ok("init")
    return made
