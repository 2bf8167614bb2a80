"""Tests' Python, said in the grammar that MicroPython has: the same tests, not others.

It lacks displays with `*` and `**` in them, and dataclasses, since it keeps no annotations.
"""

import ast


class _Translator(ast.NodeTransformer):
    def visit_List(self, node: ast.List) -> ast.expr:
        self.generic_visit(node)
        return _joined(node) if isinstance(node.ctx, ast.Load) else node

    def visit_Tuple(self, node: ast.Tuple) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            return node
        joined = _joined(node)
        return joined if joined is node else _call("tuple", joined)

    def visit_Dict(self, node: ast.Dict) -> ast.expr:
        """`{**a, k: v}` as `dict(list(a.items()) + [(k, v)])`."""
        self.generic_visit(node)
        if None not in node.keys:
            return node
        pairs: list[ast.expr] = []
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                items = ast.Call(ast.Attribute(value, "items", ast.Load()), [], [])
                pairs.append(ast.Starred(items, ast.Load()))
            else:
                pairs.append(ast.Tuple([key, value], ast.Load()))
        return _call("dict", _joined(ast.List(pairs, ast.Load())))

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        """A dataclass gets the `__init__` that it would be given."""
        self.generic_visit(node)
        kept = [each for each in node.decorator_list if "dataclass" not in ast.unparse(each)]
        if len(kept) == len(node.decorator_list):
            return node
        node.decorator_list = kept
        fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
        arguments = ", ".join(
            ast.unparse(each.target) + (f"={ast.unparse(each.value)}" if each.value else "")
            for each in fields
        )
        body = "; ".join(f"self.{ast.unparse(e.target)} = {ast.unparse(e.target)}" for e in fields)
        made = ast.parse(f"def __init__(self, {arguments}): {body}").body
        node.body = [*made, *(each for each in node.body if each not in fields)]
        return node


def _joined(node: ast.List | ast.Tuple) -> ast.expr:
    """A display as the sum of lists, if it has stars."""
    if not any(isinstance(each, ast.Starred) for each in node.elts):
        return node
    parts: list[ast.expr] = []
    for each in node.elts:
        if isinstance(each, ast.Starred):
            parts.append(_call("list", each.value))
        elif parts and isinstance(parts[-1], ast.List):
            parts[-1].elts.append(each)
        else:
            parts.append(ast.List([each], ast.Load()))
    total = parts[0]
    for part in parts[1:]:
        total = ast.BinOp(total, ast.Add(), part)
    return total


def _call(name: str, argument: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), [argument], [])


def translated(source: str) -> str:
    """The same program; as it stands, with its lines, if nothing is to be said otherwise."""
    before = ast.parse(source)
    after = ast.fix_missing_locations(_Translator().visit(ast.parse(source)))
    return source if ast.dump(before) == ast.dump(after) else ast.unparse(after)
