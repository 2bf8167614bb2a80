"""The mutator makes the faults that it promises, and the money core's tests notice a sample of
them; `make mutation` tries all."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.core import CORE, UNIT
from tests.mutation.mutate import mutants
from tests.mutation.run import explained
from tests.sizes import size

ROOT = Path(__file__).parents[2]

SAMPLE = '''
"""A docstring, which is left alone."""
LIMIT = 5

def rule(a: int, b: int) -> int:
    if a < b and not b:
        raise ValueError("what it says is for people")
    total = a + b
    note(a, b)
    return max(a, total)
'''


def test_each_sort_of_fault_is_made_once_and_only_it() -> None:
    made = list(mutants(SAMPLE))
    assert [mutant.name for mutant in made] == [
        "module: 5 -> 6",
        "module: 5 -> 4",
        "rule: a < b and (not b) -> a < b or not b",
        "rule: a < b -> a <= b",
        "rule: a < b -> a >= b",
        "rule: not b -> b",
        "rule: raise ValueError('what it says is for people') -> pass",
        "rule: a + b -> a - b",
        "rule: note(a, b) -> pass",
        "rule: note(a, b) -> note(b, a)",
        "rule: return max(a, total) -> return None",
    ]
    original = ast.unparse(ast.parse(SAMPLE))
    for mutant in made:
        changed = mutant.source.splitlines()
        same = original.splitlines()
        assert sum(one != other for one, other in zip(changed, same, strict=True)) == 1


def test_texts_of_sql_are_mutated_by_their_operators() -> None:
    source = 'Q = "SELECT 1 FROM t WHERE a > b AND c = d"'
    assert [mutant.name.split(" -> ")[1] for mutant in mutants(source)] == [
        "'SELECT 1 FROM t WHERE a >= b AND c = d'",
        "'SELECT 1 FROM t WHERE a > b AND c <> d'",
        "'SELECT 1 FROM t WHERE a > b OR c = d'",
    ]


@pytest.mark.parametrize("file", CORE)
def test_every_mutant_compiles_and_has_a_name_of_its_own(file: str) -> None:
    made = list(mutants((ROOT / file).read_text(encoding="utf-8")))
    assert len({mutant.name for mutant in made}) == len(made) > 5
    for mutant in made:
        compile(mutant.source, file, "exec")
    for tests in (*CORE[file], *UNIT):
        assert (ROOT / tests).exists()


def test_each_explained_survivor_is_a_mutant_of_today() -> None:
    names = {
        f"{file}: {mutant.name}"
        for file in CORE
        for mutant in mutants((ROOT / file).read_text(encoding="utf-8"))
    }
    assert explained().keys() <= names


@pytest.mark.timeout(0)
def test_a_sample_of_mutants_is_noticed() -> None:
    count = size("mutants", 2, 100_000)
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutation.run", "--sample", str(count)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300 + 120 * count,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
