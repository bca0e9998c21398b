# SPDX-License-Identifier: GPL-2.0-only
"""How a module's text can be wrong in one place.

The well-kept tools for this replace operators and constants. In code that is mostly calls in an
order, the faults that matter are others: a statement that is missing, a condition that is not
looked at, arguments exchanged, another errno, one device too few. So the operators are ours. A
mutant has as many lines as the original, so that tracebacks and listings still fit. The words of an
error are left as they are.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

COMPARISONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.GtE: (">", "<", "=="),
    ast.Gt: (">=", "<"),
    ast.Lt: ("<=", ">"),
    ast.LtE: ("<", ">"),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
NAMES = {"old": "None", "domain": "None", "RESERVED": "entry", "pasid": "0"}
"""A value that is there, and one that is passed instead."""
NO_LOCK = '__import__("contextlib").nullcontext()'
DELETED = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Raise, ast.Return, ast.Assert)


class Mutant(NamedTuple):
    """One wrong text."""

    function: str
    line: int
    what: str
    """What is different, in a few words; together with the function it names the mutant."""
    text: str

    @property
    def key(self) -> str:
        """By what it is known."""
        return f"{self.function}: {self.what}"


class _Text:
    """A module's text, and pieces of it by their nodes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0]
        for line in text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line.encode()))
        self.raw = text.encode()

    def of(self, node: ast.AST) -> str:
        found = ast.get_source_segment(self.text, node)
        assert found is not None
        return found

    def put(self, node: ast.expr | ast.stmt, new: str) -> str | None:
        """The text with something else in a node's place; None if that is no Python."""
        first = self.starts[node.lineno - 1] + node.col_offset
        last = self.starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        lines = self.of(node).count("\n") - new.count("\n")
        filler = ("\n" if isinstance(node, ast.stmt) else "\\\n") * lines
        made = (self.raw[:first] + (new + filler).encode() + self.raw[last:]).decode()
        try:
            ast.parse(made)
        except SyntaxError:
            return None
        return made


def mutants(text: str) -> list[Mutant]:
    """Every mutant of a module's functions, in the order of the text, each once."""
    whole = _Text(text)
    found: dict[str, Mutant] = {}
    for function, node in _functions(ast.parse(text)):
        for each in _inside(node):
            for where, new, what in _changes(each, whole):
                made = whole.put(where, new)
                if made is not None and made not in found:
                    found[made] = Mutant(function, where.lineno, " ".join(what.split())[:90], made)
    return _numbered(sorted(found.values(), key=lambda m: m.line))


def _numbered(found: list[Mutant]) -> list[Mutant]:
    """The same, with a number where one is known like another."""
    seen: dict[str, int] = {}
    made = []
    for each in found:
        seen[each.key] = seen.get(each.key, 0) + 1
        again = f" ({seen[each.key]})" if seen[each.key] > 1 else ""
        made.append(each._replace(what=each.what + again))
    return made


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and inner.name != "__repr__":
                    yield f"{node.name}.{inner.name}", inner


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """All below a node but what does nothing, and the sentences: the kernel has only errnos."""
    nothing = (getattr(node, "annotation", None), getattr(node, "returns", None))
    for each in ast.iter_child_nodes(node):
        if not isinstance(each, ast.JoinedStr) and each not in nothing:
            yield each
            yield from _inside(each)


Change = tuple[ast.expr | ast.stmt, str, str]


def _changes(node: ast.AST, whole: _Text) -> Iterator[Change]:
    of = whole.of
    if isinstance(node, DELETED) and not _does_nothing(node):
        yield node, "pass", f"without `{of(node)}`"
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield node.test, f"(not ({of(node.test)}))", f"not `{of(node.test)}`"
        for value in ("True", "False"):
            yield node.test, value, f"{value} for `{of(node.test)}`"
    elif isinstance(node, ast.With):
        manager = node.items[0].context_expr
        yield manager, NO_LOCK, f"without taking `{of(manager)}`"
    elif isinstance(node, ast.BoolOp):
        join, neutral = (" and ", "False") if isinstance(node.op, ast.Or) else (" or ", "True")
        for part in node.values:
            yield part, neutral, f"without the condition `{of(part)}`"
        either = join.join(f"({of(part)})" for part in node.values)
        yield node, f"({either})", f"`{join.strip()}` in `{of(node)}`"
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = of(node.left), of(node.comparators[0])
        for other in COMPARISONS.get(type(node.ops[0]), ()):
            yield node, f"{left} {other} {right}", f"`{other}` in `{of(node)}`"
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield node, str(node.value + 1), f"{node.value + 1} for {node.value}"
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        if node.id[0] == "E" and node.id.isupper():
            other = "EBUSY" if node.id == "EINVAL" else "EINVAL"
            yield node, other, f"{other} for {node.id}"
        elif node.id in NAMES:
            yield node, NAMES[node.id], f"{NAMES[node.id]} for {node.id}"
    elif isinstance(node, ast.Call):
        yield from _calls(node, whole)
    if isinstance(node, ast.For):
        yield node.iter, f"list({of(node.iter)})[1:]", f"all but the first of `{of(node.iter)}`"
        yield node.iter, f"list({of(node.iter)})[:-1]", f"all but the last of `{of(node.iter)}`"
        yield node.iter, f"list({of(node.iter)})[::-1]", f"`{of(node.iter)}` backwards"


def _calls(node: ast.Call, whole: _Text) -> Iterator[Change]:
    of = whole.of
    simple = all(isinstance(each, ast.Name | ast.Constant) for each in node.args)
    if simple and not _says_something(node):
        for i in range(len(node.args) - 1):
            words = [of(each) for each in node.args]
            words[i], words[i + 1] = words[i + 1], words[i]
            words += [f"{each.arg}={of(each.value)}" for each in node.keywords]
            yield node, f"{of(node.func)}({', '.join(words)})", f"exchanged in `{of(node)}`"
    if isinstance(node.func, ast.Attribute) and node.func.attr == "capable":
        yield node, f"{of(node.func.value)}.devices", f"every device for `{of(node)}`"


def _says_something(node: ast.Call) -> bool:
    return any(isinstance(a, ast.Constant) and isinstance(a.value, str) for a in node.args)


def _does_nothing(node: ast.AST) -> bool:
    """A docstring, or an annotation without a value."""
    return (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) or (
        isinstance(node, ast.AnnAssign) and node.value is None
    )
