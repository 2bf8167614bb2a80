"""Which branches of a contract were taken, told by the node step by step.

A branch is an `if`, a loop, a `require`, or one side of `&&`, `||` and `?:` in the source. It
compiles to conditional jumps, and is covered when between them they have jumped and have not.
Compiled without the optimiser, which would make one jump of several.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

_PUSH1, _PUSH32, _JUMPI = 0x60, 0x7F, 0x57

Place = tuple[int, int]
"""Offset and length in the source."""


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        if "nodeType" in tree:
            yield tree
        for each in tree.values():
            yield from _nodes(each)
    elif isinstance(tree, list):
        for each in tree:
            yield from _nodes(each)


def _place(node: dict[str, Any]) -> Place:
    start, length, _file = node["src"].split(":")
    return int(start), int(length)


def branches(ast: dict[str, Any]) -> set[Place]:
    """Where the source branches."""
    found = set()
    for node in _nodes(ast):
        kind = node["nodeType"]
        if (
            kind in ("IfStatement", "ForStatement", "WhileStatement", "Conditional")
            or (kind == "BinaryOperation" and node["operator"] in ("&&", "||"))
            or (kind == "FunctionCall" and node["expression"].get("name") == "require")
        ):
            found.add(_place(node))
    return found


def jumps(deployed: dict[str, Any]) -> dict[int, Place]:
    """The source of each conditional jump, by its place in the bytecode."""
    code = bytes.fromhex(deployed["object"])
    places = list(_source_map(deployed["sourceMap"]))
    found = {}
    at = number = 0
    while at < len(code) and number < len(places):
        if code[at] == _JUMPI:
            found[at] = places[number]
        at += 1 + (code[at] - _PUSH1 + 1 if _PUSH1 <= code[at] <= _PUSH32 else 0)
        number += 1
    return found


def _source_map(text: str) -> Iterator[Place]:
    """Entries that leave out what is as in the one before (solc's own form)."""
    fields = ["0", "0"]
    for each in text.split(";"):
        for index, value in enumerate(each.split(":")[:2]):
            if value:
                fields[index] = value
        yield int(fields[0]), int(fields[1])


def taken(steps: Iterator[dict[str, Any]], of: dict[int, Place]) -> dict[Place, set[bool]]:
    """Which ways a transaction's steps (of the contract itself alone) went at each jump."""
    ways: dict[Place, set[bool]] = defaultdict(set)
    at: int | None = None
    for step in steps:
        if at is not None:
            ways[of[at]].add(step["pc"] != at + 1)
        at = step["pc"] if step["op"] == "JUMPI" and step["pc"] in of else None
    return ways
