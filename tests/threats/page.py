"""Makes docs/threats.md from the tests: which of them guards which case.

`python -m tests.threats.page` writes the page; `make threats` does the same.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.threats.cases import CASES, GROUPS, Case

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "threats.md"
_HEAD = """# Threats, and where each is tested

Attacks and faults that Tallystick is built against. Each test that guards a case names it
(`@pytest.mark.threat("D1")`), and this page is made from the tests by `make threats`: {tested} of
{all} cases have at least one. What gateway, device, broker and operator may do to each other is
said in [security.md](security.md); figures of the long campaigns are in
[reliability.md](reliability.md).
"""
_COLUMNS = "| | case | expected | tested by |\n| --- | --- | --- | --- |\n"


def markers() -> dict[str, list[str]]:
    """The tests of each case, as `file::test`, sorted."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(), str(path))
        name = path.relative_to(ROOT / "tests").as_posix()
        whole = [case for node in tree.body for case in _in_module(node)]
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                for case in [case for mark in node.decorator_list for case in _cases(mark)]:
                    found[case].add(f"{name}::{node.name}")
        for case in whole:
            found[case].add(name)
    return {case: sorted(tests) for case, tests in found.items()}


def _in_module(node: ast.stmt) -> Iterator[str]:
    """The cases of `pytestmark = ...`, which holds for a whole file."""
    if isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
    ):
        for inner in ast.walk(node.value):
            yield from _cases(inner)


def _cases(node: ast.AST) -> Iterator[str]:
    """The cases that a `pytest.mark.threat(...)` names."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "threat"
    ):
        for argument in node.args:
            if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
                raise TypeError(f"line {node.lineno}: a threat is named by a plain text")
            yield argument.value


def page() -> str:
    """The whole page."""
    tested = markers()
    counted = sum(case.id in tested for case in CASES)
    parts = [_HEAD.format(tested=counted, all=len(CASES))]
    for letter, title in GROUPS.items():
        parts.append(
            f"\n## {title}\n| | case | expected | tested by |\n| --- | --- | --- | --- |\n"
        )
        parts += [_row(case, tested) for case in CASES if case.id.startswith(letter)]
    return "".join(parts)


def _row(case: Case, tested: dict[str, list[str]]) -> str:
    by_file: dict[str, list[str]] = defaultdict(list)
    for test in tested.get(case.id, ()):
        name, _, function = test.partition("::")
        by_file[name].append(function)
    where = []
    for name, functions in by_file.items():
        named = ", ".join(each.removeprefix("test_") for each in functions if each)
        where.append(f"`{name}`" + (f": {named}" if named else ""))
    if case.waits_for:
        where.append(f"*open: waits for {case.waits_for}*")
    return f"| {case.id} | {case.what} | {case.expected} | {'<br>'.join(where)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
