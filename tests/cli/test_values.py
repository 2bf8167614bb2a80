"""Wrong values on the command line: one line that names what is wrong, and exit status 2."""

from pathlib import Path

import pytest

from tests.cli.tallystick import Cli

BEYOND = str(2**63)


@pytest.mark.parametrize(
    "call",
    [
        ("books", "entry", BEYOND),
        ("books", "reverse", BEYOND, "--reason", "x"),
        ("books", "approve", BEYOND),
        ("books", "reject", BEYOND),
        ("settle", "show", BEYOND),
        ("settle", "files", BEYOND),
        ("settle", "statement", BEYOND, "operator"),
        ("account", "withdrawal", "approve", "operator", BEYOND),
        ("account", "withdrawal", "reject", "operator", BEYOND),
    ],
)
def test_a_number_that_no_row_can_have_is_refused(cli: Cli, call: tuple[str, ...]) -> None:
    refused = cli(*call)
    assert refused.status == 2
    assert "Traceback" not in refused.err
    assert "less than or equal to 9223372036854775807" in refused.err


def test_a_restore_that_is_told_of_files_that_are_none_says_so(cli: Cli, tmp_path: Path) -> None:
    for call in (
        ("--rail", tmp_path),
        ("--rail", tmp_path / "none.csv"),
        ("--rail", "none", "--instructions", tmp_path),
        ("--rail", "none", "--instructions", tmp_path / "none.csv"),
    ):
        refused = cli("restore", *call)
        assert refused.status == 2
        assert "Errno" not in refused.err
