"""Small faults that a programmer might make, one at a time, in the source of a module.

`mutants(source)` gives every one that these operators can make. It knows nothing of tests: who runs
them against a mutant is `tests.mutation.run`.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARES: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_SQL = (
    (" > ", " >= "), (" = ", " <> "), (" < ", " <= "), (" <> ", " = "), (" AND ", " OR "),
    (" - ", " + "), ("min(", "max("), (" IS NULL", " IS NOT NULL"),
)  # fmt: skip
_SQL_STARTS = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ")


@dataclass(frozen=True)
class Mutant:
    """A module with one fault. `name` says which, by function and text, and not by line, so that it
    stays the same while other things in the file change."""

    name: str
    line: int
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module's source, each with a name of its own."""
    tree = ast.parse(source)
    seen: dict[str, int] = {}
    for place, path in _places(tree):
        for changed, node in _changes(place):
            label = f"{path}: {_text(place)} -> {_text(node) if node else 'pass'}"
            seen[label] = seen.get(label, 0) + 1
            name = label if seen[label] == 1 else f"{label} #{seen[label]}"
            yield Mutant(name, place.lineno, _with(tree, place, changed))  # type: ignore[attr-defined]


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _with(tree: ast.Module, place: ast.AST, new: ast.AST) -> str:
    """The module's source with one node replaced."""

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            if node is place:
                return ast.copy_location(new, node)
            found: ast.AST = super().generic_visit(node)
            return found

    # Nodes are told apart by identity, so the copy is made of what comes out.
    original = copy.copy(tree)
    original.body = [Replace().visit(_Copier(place, new).visit(each)) for each in tree.body]
    return ast.unparse(ast.fix_missing_locations(original))


class _Copier(ast.NodeTransformer):
    """Copies every node but the one to be replaced, so that the tree itself is never changed."""

    def __init__(self, place: ast.AST, new: ast.AST) -> None:
        self._place = place

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._place:
            return node
        made = copy.copy(node)
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(made, name, [self._one(item) for item in value])
            else:
                setattr(made, name, self._one(value))
        return made

    def _one(self, value: object) -> object:
        return self.visit(value) if isinstance(value, ast.AST) else value


def _places(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Nodes that may be changed, with the name of what they stand in."""

    def walk(node: ast.AST, path: str) -> Iterator[tuple[ast.AST, str]]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            path = f"{path}.{node.name}" if path else node.name
        for name, value in ast.iter_fields(node):
            # Types are not run, a decorator's options are another sort of thing.
            if name in ("annotation", "returns", "decorator_list", "type_params"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if not isinstance(child, ast.AST) or _is_text(child):
                    continue
                if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                    continue
                yield child, path or "module"
                if not isinstance(child, ast.Raise):
                    # What an error says is for people: only that it is raised is for tests.
                    yield from walk(child, path)

    yield from walk(tree, "")


def _is_text(node: ast.AST) -> bool:
    """A docstring, or a text that documents a name."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return False
    return isinstance(node.value.value, str)


def _changes(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST | None]]:
    """What may stand in a node's place, and what of it to show."""
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            for compare in _COMPARES[type(operator)]:
                ops = [*node.ops[:at], compare(), *node.ops[at + 1 :]]
                yield _both(ast.Compare(node.left, ops, node.comparators))
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        yield _both(ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right))
    elif isinstance(node, ast.AugAssign) and type(node.op) in _OPERATORS:
        yield _both(ast.AugAssign(node.target, _OPERATORS[type(node.op)](), node.value))
    elif isinstance(node, ast.BoolOp):
        yield _both(
            ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        )
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield _both(node.operand)
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        if not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            made = copy.copy(node)
            made.test = ast.UnaryOp(ast.Not(), node.test)
            yield made, made.test
    elif isinstance(node, ast.Constant):
        for value in _constants(node.value):
            yield _both(ast.Constant(value))
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield _both(ast.Return(ast.Constant(None)))
    elif isinstance(node, ast.Raise | ast.Expr | ast.Continue | ast.Break):
        yield ast.Pass(), None
    if isinstance(node, ast.Call) and ast.unparse(node.func) not in ("min", "max"):
        for at in range(len(node.args) - 1):
            args = [*node.args]
            args[at], args[at + 1] = args[at + 1], args[at]
            if not any(isinstance(each, ast.Starred) for each in args):
                yield _both(ast.Call(node.func, args, node.keywords))


def _both(node: ast.AST) -> tuple[ast.AST, ast.AST]:
    return node, node


def _constants(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
        if value > 0:
            yield value - 1
    elif isinstance(value, bytes):
        yield value + b"\0"
    elif isinstance(value, str):
        if any(word in value for word in (*_SQL_STARTS, " WHERE ", " FROM ")):
            for old, new in _SQL:
                start = value.find(old)
                while start >= 0:
                    yield value[:start] + new + value[start + len(old) :]
                    start = value.find(old, start + 1)
        elif " " not in value and "." not in value:
            # With a point it names a field, for people.
            yield value + "x"
