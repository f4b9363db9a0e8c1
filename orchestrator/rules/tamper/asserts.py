"""What a Python test really checks: its live assertions and how much each of them says."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from msgspec import Struct

NOTHING, WEAK, SOME, EXACT = 0, 1, 2, 3
EVERYTHING = frozenset({"Exception", "BaseException", "AssertionError"})
FAILS = frozenset({"fail", "raises", "warns", "deprecated_call", "fnmatch_lines", "re_match_lines"})
HELPERS = ("assert", "_assert", "check", "_check", "verify", "expect", "ensure", "compare")
# Attributes of a mock that every mock has and that are always true.
MISSPELT = frozenset({"called_once", "called_once_with", "called_with", "has_calls"})
TELLS_LITTLE = frozenset({
    "assertIsNotNone", "assertIsInstance", "assertNotEqual", "assertNotIsInstance", "assertIsNot",
    "assert_called",
})  # fmt: skip
COMPARES = frozenset({
    "assertEqual", "assertEquals", "assertIs", "assertListEqual", "assertDictEqual",
    "assertSetEqual", "assertTupleEqual", "assertSequenceEqual", "assertCountEqual",
    "assertMultiLineEqual", "assertAlmostEqual", "assert_equal", "assert_array_equal",
    "assert_allclose", "assert_almost_equal", "assert_frame_equal",
})  # fmt: skip


class Assertion(Struct, frozen=True):
    """One check: its text as Python would print it, what it is about, and how much it says."""

    line: int
    text: str
    subject: str
    strength: int


def of(body: Iterable[ast.stmt], helpers: frozenset[str] = frozenset()) -> list[Assertion]:
    """The assertions that run and can fail; `helpers` are functions that hold some themselves."""
    return [one for statement in live(body) for one in _own(statement, helpers)]


def live(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that can be reached and whose failure is not swallowed, however deep."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If):
            truth = constant(statement.test)
            yield from live([] if truth is False else statement.body)
            yield from live([] if truth is True else statement.orelse)
        elif isinstance(statement, ast.While):
            yield from live([] if constant(statement.test) is False else statement.body)
        elif isinstance(statement, ast.For | ast.AsyncFor):
            yield from live([] if is_empty(statement.iter) else statement.body)
            yield from live(statement.orelse)
        elif isinstance(statement, ast.With | ast.AsyncWith):
            yield from live([] if suppresses(statement) else statement.body)
        elif isinstance(statement, ast.Try | ast.TryStar):
            yield from live([] if swallows(statement) else statement.body)
            for handler in statement.handlers:
                yield from live(handler.body)
            yield from live(statement.orelse)
            yield from live(statement.finalbody)
        elif isinstance(statement, ast.Match):
            for case in statement.cases:
                yield from live(case.body)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from live(statement.body)
        if isinstance(statement, ast.Return | ast.Raise) or skips_here(statement):
            return


def constant(test: ast.expr) -> bool | None:
    """What a condition always is, None where that depends."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = constant(test.operand)
        return None if inner is None else not inner
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        sides = test.left, test.comparators[0]
        if all(isinstance(side, ast.Constant) for side in sides):
            return ast.dump(sides[0]) == ast.dump(sides[1])
    if isinstance(test, ast.BoolOp):
        parts = [constant(value) for value in test.values]
        if isinstance(test.op, ast.And):
            return False if False in parts else True if set(parts) == {True} else None
        return True if True in parts else False if set(parts) == {False} else None
    return None


def is_empty(node: ast.expr) -> bool:
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return not node.elts
    if isinstance(node, ast.Call) and called(node) == "range" and len(node.args) == 1:
        return isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
    return isinstance(node, ast.Dict) and not node.keys


def called(node: ast.AST) -> str:
    """The last name of what is called, "" for anything else."""
    func = node.func if isinstance(node, ast.Call) else node
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def skips_here(statement: ast.stmt) -> bool:
    """Whether a statement ends its test without a word of failure."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and called(call) in {"skip", "skipTest", "xfail"}


def swallows(statement: ast.Try | ast.TryStar) -> bool:
    """Whether a failed assertion in the body would end in one of the handlers, unheard."""
    for handler in statement.handlers:
        caught = getattr(handler.type, "elts", [handler.type])
        broad = any(one is None or called(one) in EVERYTHING for one in caught)
        if broad and not speaks(handler.body):
            return True
    return False


def speaks(body: Iterable[ast.stmt]) -> bool:
    """Whether a handler raises, asserts, or fails by itself."""
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Raise | ast.Assert):
                return True
            if isinstance(node, ast.Call) and (
                called(node) in FAILS | {"exit"} or called(node).startswith(HELPERS)
            ):
                return True
    return False


def suppresses(statement: ast.With | ast.AsyncWith) -> bool:
    for item in statement.items:
        call = item.context_expr
        if isinstance(call, ast.Call) and called(call) == "suppress":
            return any(called(argument) in EVERYTHING for argument in call.args)
    return False


def _own(statement: ast.stmt, helpers: frozenset[str]) -> Iterator[Assertion]:
    """The assertions of one statement, without those of the statements inside it."""
    if isinstance(statement, ast.Assert):
        yield Assertion(
            statement.lineno, ast.unparse(statement.test), subject(statement.test),
            strength(statement.test),
        )
        return
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for expression in expressions(statement):
        for node in ast.walk(expression):
            if isinstance(node, ast.Call):
                name = called(node)
                if name in FAILS | helpers or name.startswith(HELPERS):
                    text = ast.unparse(node)
                    yield Assertion(node.lineno, text, _about(node), _by_call(node, name))


def expressions(statement: ast.stmt) -> Iterator[ast.expr]:
    """The expressions that stand directly in a statement, not in one inside it."""
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.withitem):
            yield child.context_expr


def strength(test: ast.expr) -> int:
    """From 0 for what is always true to 3 for an exact comparison."""
    if constant(test) is True or isinstance(test, ast.Lambda | ast.GeneratorExp | ast.JoinedStr):
        return NOTHING
    if isinstance(test, ast.Tuple):
        return NOTHING if test.elts else EXACT
    if isinstance(test, ast.Await | ast.NamedExpr):
        return strength(test.value)
    if isinstance(test, ast.BoolOp):
        parts = [strength(value) for value in test.values]
        if isinstance(test.op, ast.And):
            return max(parts)
        return NOTHING if _is_excluded_middle(test) else min(SOME, *parts)
    if isinstance(test, ast.Compare):
        return _comparison(test)
    if isinstance(test, ast.Call):
        return _truth_of_call(test)
    if isinstance(test, ast.UnaryOp) or constant(test) is False:
        return SOME
    return WEAK


def _is_excluded_middle(test: ast.BoolOp) -> bool:
    said = {ast.dump(value) for value in test.values}
    return any(
        isinstance(value, ast.UnaryOp)
        and isinstance(value.op, ast.Not)
        and ast.dump(value.operand) in said
        for value in test.values
    )


def _comparison(test: ast.Compare) -> int:
    left, op, right = test.left, test.ops[0], test.comparators[0]
    if "ANY" in {called(left), called(right)}:
        return NOTHING
    same = ast.dump(left) == ast.dump(right)
    if same and has_call(left) and isinstance(op, ast.Eq):
        return WEAK  # that it is the same twice, and not what it is
    same = same and not has_call(left)
    if len(test.ops) == 1:
        if same and isinstance(op, ast.Eq | ast.Is | ast.LtE | ast.GtE):
            return NOTHING
        length = isinstance(left, ast.Call) and called(left) == "len"
        if length and isinstance(op, ast.GtE) and isinstance(right, ast.Constant):
            return NOTHING if right.value == 0 else SOME
    if all(isinstance(one, ast.Constant) for one in (left, *test.comparators)):
        return NOTHING
    if isinstance(op, ast.IsNot | ast.NotEq):
        return WEAK
    return EXACT if isinstance(op, ast.Eq | ast.Is) else SOME


def has_call(node: ast.AST) -> bool:
    return any(isinstance(one, ast.Call | ast.Await) for one in ast.walk(node))


def _truth_of_call(test: ast.Call) -> int:
    name = called(test)
    if name in MISSPELT:
        return NOTHING
    if name in {"isinstance", "issubclass"} and len(test.args) == 2:
        return NOTHING if called(test.args[1]) == "object" else WEAK
    if name in {"hasattr", "callable", "len", "bool", "str", "repr"}:
        return WEAK
    return SOME


def _by_call(call: ast.Call, name: str) -> int:
    arguments = call.args
    if name in {"assertTrue", "assert_", "assert_true"} and arguments:
        return strength(arguments[0])
    if name in {"assertFalse", "assert_false"} and arguments:
        return NOTHING if constant(arguments[0]) is False else SOME
    if name in COMPARES and len(arguments) >= 2:
        one, other = arguments[:2]
        both = isinstance(one, ast.Constant) and isinstance(other, ast.Constant)
        alike = ast.dump(one) == ast.dump(other) and not has_call(one)
        return NOTHING if both or alike else EXACT
    return WEAK if name in TELLS_LITTLE else SOME


def subject(test: ast.expr) -> str:
    """What an assertion is about, as text: the first side that is no literal."""
    if isinstance(test, ast.Compare):
        for side in (test.left, *test.comparators):
            if not _literal(side):
                return _core(side)
    if isinstance(test, ast.UnaryOp):
        return subject(test.operand)
    if isinstance(test, ast.BoolOp):
        return subject(test.values[0])
    return _about(test) if isinstance(test, ast.Call) else _core(test)


def _about(call: ast.Call) -> str:
    for argument in call.args:
        if not _literal(argument):
            return subject(argument) if isinstance(argument, ast.Compare) else _core(argument)
    return ast.unparse(call.func)


def _core(node: ast.expr) -> str:
    """Without the wrapping that keeps the same subject: len(x), str(x), x.strip()."""
    if isinstance(node, ast.Call) and called(node) in {
        "len", "str", "repr", "bool", "list", "sorted", "set", "type", "int", "dict"
    } and node.args:  # fmt: skip
        return _core(node.args[0])
    return ast.unparse(node)


def _literal(node: ast.expr) -> bool:
    allowed = (
        ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.UnaryOp, ast.USub, ast.Load
    )  # fmt: skip
    return all(isinstance(one, allowed) for one in ast.walk(node))
