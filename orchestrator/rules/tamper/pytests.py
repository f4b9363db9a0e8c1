"""The tests of a Python file, each with what it checks, when it is skipped, and its cases."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from msgspec import Struct

from orchestrator.rules.tamper import asserts
from orchestrator.rules.tamper.asserts import Assertion
from orchestrator.rules.tamper.diff import words

LARGEST = 1_000_000  # characters of one file that are read as a syntax tree
TOLERANCES = frozenset({"rel", "abs", "rtol", "atol", "delta", "rel_tol", "abs_tol", "tolerance"})
DIGITS = frozenset({"places", "decimal", "significant"})
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Skip(Struct, frozen=True):
    """A way in which a test does not count; `always` where no condition decides."""

    kind: str
    always: bool
    line: int


class Test(Struct, frozen=True, kw_only=True):
    """One test, or a helper that checks: qualified name, live assertions and the rest.

    `cases` is the number of its written parameters, None where they are not written out.
    """

    path: str
    name: str
    line: int
    node: Function
    helper: bool
    checks: tuple[Assertion, ...]
    skips: tuple[Skip, ...]
    cases: int | None
    words: frozenset[str]
    shape: str

    @property
    def bare(self) -> str:
        return self.name.rpartition(".")[2]


class Suite(Struct, frozen=True, kw_only=True):
    """One file: its tests by name (the last of a name counts), and the names given twice."""

    module: ast.Module
    tests: dict[str, Test]
    doubled: tuple[str, ...]
    skips: tuple[Skip, ...]


def parse(text: str | None) -> ast.Module | None:
    """The tree, or None for what is no Python of this version or too large to be looked at."""
    if text is None or len(text) > LARGEST:
        return None
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def suite(path: str, text: str | None) -> Suite | None:
    """All tests of a file; an absent file has none, None for one that cannot be parsed."""
    module = parse(text if text is not None else "")
    if module is None:
        return None
    found: dict[str, Test] = {}
    doubled: list[str] = []
    helpers = _helpers(module)
    file_skips = tuple(_file_skips(module))
    for name, node, inherited in functions(module):
        test = _test(path, name, node, helpers, inherited)
        if test.helper and not test.checks:
            continue
        if name in found and not test.helper and not _dispatched(node):
            doubled.append(name)
        found[name] = test
    return Suite(module=module, tests=found, doubled=tuple(doubled), skips=file_skips)


def functions(
    module: ast.Module,
) -> Iterator[tuple[str, Function, tuple[ast.expr, ...]]]:
    """Every function of the module and its classes, with the decorators of its classes."""

    def walk(
        body: list[ast.stmt], prefix: str, inherited: tuple[ast.expr, ...]
    ) -> Iterator[tuple[str, Function, tuple[ast.expr, ...]]]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield prefix + node.name, node, inherited
            elif isinstance(node, ast.ClassDef):
                more = (*inherited, *node.decorator_list)
                yield from walk(node.body, f"{prefix}{node.name}.", more)
            elif isinstance(node, ast.If | ast.Try):
                yield from walk(node.body, prefix, inherited)
                yield from walk(node.orelse, prefix, inherited)

    return walk(module.body, "", ())


def _test(
    path: str, name: str, node: Function, helpers: frozenset[str], inherited: tuple[ast.expr, ...]
) -> Test:
    checks = asserts.of(node.body, helpers - {node.name})
    text = ast.unparse(node)
    return Test(
        path=path, name=name, line=node.lineno, node=node,
        helper=not is_test_name(name),
        checks=tuple(checks),
        skips=tuple(_skips(node, inherited)),
        cases=_cases((*node.decorator_list, *inherited)),
        words=words(text) - {node.name},
        shape=text.partition("(")[2],
    )  # fmt: skip


def is_test_name(name: str) -> bool:
    return name.rpartition(".")[2].lower().startswith("test")


def _dispatched(node: Function) -> bool:
    """Whether several functions of one name are meant: properties, overloads."""
    return any(
        asserts.called(one) in {"setter", "getter", "overload", "register", "deleter"}
        for one in node.decorator_list
    )


def _helpers(module: ast.Module) -> frozenset[str]:
    """The functions of a file that check something without being tests."""
    return frozenset(
        node.name
        for _, node, _ in functions(module)
        if not is_test_name(node.name) and asserts.of(node.body)
    )


def _file_skips(module: ast.Module) -> Iterator[Skip]:
    """`pytestmark`, `__test__ = False` and a skip of the whole file."""
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            target = node.targets[0].id
            if target == "__test__" and asserts.constant(node.value) is False:
                yield Skip("__test__ = False", True, node.lineno)
            marks = getattr(node.value, "elts", [node.value])
            if target == "pytestmark":
                yield from filter(None, map(_mark, marks))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            if asserts.called(node.value) == "skip":
                yield Skip("skip", True, node.lineno)
        elif isinstance(node, ast.Raise) and "Skip" in ast.unparse(node):
            yield Skip("skip", True, node.lineno)


def _skips(node: Function, inherited: tuple[ast.expr, ...]) -> Iterator[Skip]:
    for decorator in (*node.decorator_list, *inherited):
        mark = _mark(decorator)
        if mark is not None:
            yield mark
    top = set(map(id, node.body))
    for statement in asserts.live(node.body):
        if asserts.skips_here(statement):
            call = getattr(statement, "value", None)
            yield Skip(asserts.called(call) if call else "", id(statement) in top, statement.lineno)
        elif isinstance(statement, ast.Raise) and "SkipTest" in ast.unparse(statement):
            yield Skip("skip", id(statement) in top, statement.lineno)


def _mark(decorator: ast.expr) -> Skip | None:
    """A decorator or mark that skips; a condition that is always true is none."""
    name = asserts.called(decorator)
    if name in {"skip", "xfail", "expectedFailure"}:
        given = decorator.args if isinstance(decorator, ast.Call) else []
        condition = bool(given) and not isinstance(given[0], ast.Constant)
        return Skip(name, not condition or name != "xfail", decorator.lineno)
    if name in {"skipif", "skipIf", "skipUnless"} and isinstance(decorator, ast.Call):
        truth = asserts.constant(decorator.args[0]) if decorator.args else None
        always = truth is (name != "skipUnless")
        return Skip(name, always, decorator.lineno)
    return None


def _cases(decorators: tuple[ast.expr, ...]) -> int | None:
    """The product of all written parametrisations; None where one is not written out."""
    total, seen = 1, False
    for decorator in decorators:
        name = asserts.called(decorator)
        if not isinstance(decorator, ast.Call) or name not in {"parametrize", "expand", "data"}:
            continue
        values: list[ast.expr] | None = None
        if name == "data":
            values = decorator.args
        else:
            place = 1 if name == "parametrize" else 0
            given = [k.value for k in decorator.keywords if k.arg == "argvalues"]
            given = given or decorator.args[place : place + 1]
            if given and isinstance(given[0], ast.List | ast.Tuple | ast.Set):
                values = given[0].elts
        if values is None or any(isinstance(value, ast.Starred) for value in values):
            return None
        total, seen = total * len(values), True
    return total if seen else None


def tolerances(node: Function) -> dict[str, list[float]]:
    """Each tolerance by its word, in the order of the text; more digits count as less."""
    found: dict[str, list[float]] = {}
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            for keyword in one.keywords:
                value = number(keyword.value)
                if keyword.arg in TOLERANCES and value is not None:
                    found.setdefault(keyword.arg, []).append(value)
                elif keyword.arg in DIGITS and value is not None:
                    found.setdefault(keyword.arg, []).append(10.0 ** -min(value, 300))
        elif isinstance(one, ast.Compare) and isinstance(one.ops[0], ast.Lt | ast.LtE):
            value = number(one.comparators[0])
            if value is not None and not isinstance(one.left, ast.Constant):
                found.setdefault(f"< of {ast.unparse(one.left)}", []).append(value)
    return found


def number(node: ast.expr) -> float | None:
    if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        try:
            return float(node.value)  # type: ignore[arg-type]
        except OverflowError:
            return None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        base, power = number(node.left), number(node.right)
        if base is not None and power is not None and abs(power) < 20 and 0 < abs(base) < 1000:
            return float(base**power)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number(node.operand)
        return None if inner is None else -inner
    return None
