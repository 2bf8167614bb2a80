"""The tests that run under MicroPython as they stand: which files, and what MicroPython can't tell
of its functions, their arguments' names."""

import ast
from pathlib import Path
from typing import TypedDict

TESTS = Path(__file__).parents[1]

FILES = (
    "firmware/test_boards.py",
    "firmware/test_journal.py",
    "firmware/test_mqtt.py",
    "protocol/test_accepting.py",
    "protocol/test_chain.py",
    "protocol/test_hashchain.py",
    "protocol/test_merkle.py",
    "protocol/test_money_rules.py",
    "protocol/test_paying.py",
    "protocol/test_run_proofs.py",
    "protocol/test_statement_totals.py",
)

_ORDER = "MicroPython's dictionaries keep no order, which the test reads"

NOT_HERE = {
    "test_the_seed_is_made_once_and_is_its_owners_alone": "no owners of files",
    "test_two_boards_have_two_seeds": "no tmp_path_factory",
    "test_the_clock_of_a_computer_ignores_the_time_of_day": "no such clock",
    "test_a_folder_that_is_missing_is_an_error_and_no_fresh_start": "errors name no file",
    "test_a_statement_is_written_and_read_in_this_order": _ORDER,
    "test_a_statement_holds_to_its_lines": _ORDER,
    "test_a_run_is_written_and_read_in_this_order": _ORDER,
    "test_a_statement_and_its_run_say_the_same_of_the_run": _ORDER,
    "test_whatever_the_totals_they_come_back": _ORDER,
}
"""Tests in these files that don't, and why."""


class Test(TypedDict):
    """One test function."""

    name: str
    arguments: list[str]


def tests_of(file: str) -> list[Test]:
    """The tests of a file, in its order."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return [
        Test(name=node.name, arguments=[each.arg for each in node.args.args])
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and node.name not in NOT_HERE
    ]
