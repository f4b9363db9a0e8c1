"""Python that pretends: stubs, answers copied from the tests, and hooks that bend a test run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from orchestrator.records.suspicion import Suspicion
from orchestrator.rules.tamper import asserts
from orchestrator.rules.tamper.diff import Facts, File, mend, reason
from orchestrator.rules.tamper.pytests import Function, functions, parse

ABSTRACT = frozenset({"abstractmethod", "overload", "abstractproperty", "final", "fixture"})
PROTOCOLS = frozenset({"Protocol", "ABC", "ABCMeta", "TypedDict", "NamedTuple", "Enum"})
# Hooks by which a conftest decides what runs, and what its outcome is called.
HOOKS = frozenset({
    "pytest_collection_modifyitems", "pytest_ignore_collect", "pytest_runtest_makereport",
    "pytest_sessionfinish", "pytest_runtest_protocol", "pytest_pyfunc_call", "pytest_collect_file",
    "pytest_report_teststatus", "pytest_runtest_call", "pytest_deselected", "pytest_itemcollected",
    "pytest_pycollect_makeitem", "pytest_runtestloop", "pytest_collection", "pytest_cmdline_main",
})  # fmt: skip
PLAIN = (0, 1, -1, None, True, False, "")
Answers = dict[tuple[str, ...], set[str]]


def suspicions(facts: Facts) -> Iterator[Suspicion]:
    """Every Python file but the tests' own comparison."""
    told = answers(facts)
    for file in facts.files:
        if file.language != "python":
            continue
        before, after = parse(file.before or ""), parse(file.after)
        if after is None:
            if file.after is not None and before is not None and file.before is not None:
                yield mend(file.path, 0, "unreadable", "cannot be parsed as Python any more")
            continue
        yield from always_equal(file, before, after)
        yield from leaves(file, before, after)
        if file.is_test:
            yield from hooks(file, before, after)
        elif not file.name.endswith(".pyi"):
            yield from stubs(file, before, after, told)


def stubs(
    file: File, before: ast.Module | None, after: ast.Module, told: dict[str, Answers]
) -> Iterator[Suspicion]:
    """Functions that do nothing, always say the same, or know the answers of the tests."""
    had = {name: node for name, node, _ in functions(before)} if before else {}
    formal = set(abstract(after))
    for name, node, _ in functions(after):
        old = had.get(name)
        if old is not None and ast.dump(old) == ast.dump(node):
            continue
        idle = idleness(node)
        if idle and name not in formal:
            if old is not None and not idleness(old) and statements(old) > 1:
                yield mend(file.path, node.lineno, "stub",
                           f"{name} did something before; now it {idle}")
            elif copied(node, told):
                yield mend(file.path, node.lineno, "stub", f"{name} {idle}, as a test expects")
            elif old is None and "." not in name and suspicious(node, idle):
                yield mend(file.path, node.lineno, "stub", f"the new {name} {idle}")
        yield from known_answers(file, name, node, old, told)
        yield from swallowed(file, name, node, old)


def abstract(module: ast.Module) -> Iterator[str]:
    """Functions that are meant to be empty: abstract ones, overloads, protocols' methods."""
    formal = {
        node.name
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
        and any(asserts.called(one) in PROTOCOLS for one in [
            *node.bases, *(keyword.value for keyword in node.keywords),
            *(getattr(one, "value", one) for one in node.bases),
        ])
    }
    for name, node, _ in functions(module):
        marks = {asserts.called(one) for one in node.decorator_list}
        owners = set(name.split(".")[:-1])
        if marks & ABSTRACT or owners & formal:
            yield name


def idleness(node: Function) -> str:
    """In words how a function does nothing, "" for one that does something."""
    body = [one for one in node.body if not _is_text(one)]
    if not body or all(isinstance(one, ast.Pass) for one in body):
        return "does nothing"
    if len(body) != 1:
        return ""
    only = body[0]
    if isinstance(only, ast.Raise) and only.exc is not None:
        raised = only.exc.func if isinstance(only.exc, ast.Call) else only.exc
        if asserts.called(raised) in {"NotImplementedError", "NotImplemented"}:
            return "only raises NotImplementedError"
    if isinstance(only, ast.Return) and (only.value is None or is_literal(only.value)):
        said = ast.unparse(only.value) if only.value is not None else "None"
        return f"only returns {said[:40]}"
    return ""


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def is_literal(node: ast.expr) -> bool:
    allowed = (
        ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.UnaryOp, ast.USub, ast.Load
    )  # fmt: skip
    return all(isinstance(one, allowed) for one in ast.walk(node))


def statements(node: Function) -> int:
    found = sum(isinstance(one, ast.stmt) for one in ast.walk(node)) - 1
    return found - sum(_is_text(one) for one in node.body)


def suspicious(node: Function, idle: str) -> bool:
    """A new function of a module that takes arguments, uses none and says one thing."""
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return bool(given) or "NotImplementedError" in idle


def copied(node: Function, told: dict[str, Answers]) -> bool:
    """Whether the one thing that a function returns is what a test expects of it."""
    body = [one for one in node.body if not _is_text(one)]
    value = body[0].value if body and isinstance(body[0], ast.Return) else None
    if value is None or node.name not in told:
        return False
    plain = isinstance(value, ast.Constant) and value.value in PLAIN[3:]
    expected = set().union(*told[node.name].values())
    return not plain and ast.unparse(value) in expected


def answers(facts: Facts) -> dict[str, Answers]:
    """What the tests of the diff expect of whom: function, arguments as text, value as text."""
    found: dict[str, Answers] = {}
    for file in facts.files:
        if not (file.is_test and file.language == "python"):
            continue
        module = parse(file.after)
        for node in ast.walk(module) if module else ():
            pair: list[ast.expr] = []
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.Is):
                pair = [node.left, node.comparators[0]]
            elif isinstance(node, ast.Call) and asserts.called(node) in asserts.COMPARES:
                pair = list(node.args[:2])
            for call, value in (pair, pair[::-1]) if len(pair) == 2 else ():
                asked = call.value if isinstance(call, ast.Await) else call
                if isinstance(asked, ast.Call) and is_literal(value):
                    given = tuple(ast.unparse(a) for a in asked.args)
                    of = found.setdefault(asserts.called(asked), {})
                    of.setdefault(given, set()).add(ast.unparse(value))
    return found


def known_answers(
    file: File, name: str, node: Function, old: Function | None, told: dict[str, Answers]
) -> Iterator[Suspicion]:
    """Branches and tables that map what a test gives to what that test expects."""
    pairs = list(branches(node))
    known = {(one, other) for one, other, _ in branches(old)} if old else set()
    pairs = [pair for pair in pairs if pair[:2] not in known]
    expected = {
        (given, value)
        for arguments, values in told.get(node.name, {}).items()
        for given in (*arguments, ", ".join(arguments), f"({', '.join(arguments)})")
        for value in values
    }
    hits = [pair for pair in pairs if pair[:2] in expected and not obvious(*pair[:2])]
    numbers = [pair for pair in pairs if not obvious(*pair[:2]) and numeric(*pair[:2])]
    if hits:
        given, value, line = hits[0]
        yield mend(file.path, line, "known_answer",
                   f"{name} answers {value} for {given}, as the test does")
    elif len(numbers) >= 2 or (len(numbers) == 1 and len(node.body) <= 2):
        given, value, line = numbers[0]
        yield reason(file.path, line, "known_answer",
                     f"{name} has the answer {value} for {given} written into it")


def numeric(given: str, value: str) -> bool:
    return all(text.lstrip("-").replace(".", "", 1).isdigit() for text in (given, value))


def obvious(given: str, value: str) -> bool:
    """Ends of a recursion and empty inputs are no copied answers."""
    plain = {repr(one) for one in PLAIN} | {"[]", "{}", "()"}
    return given in plain or (value in plain and not numeric(given, value))


def branches(node: Function) -> Iterator[tuple[str, str, int]]:
    """`if argument == literal: return literal`, and literal tables that are looked up."""
    for one in ast.walk(node):
        if isinstance(one, ast.If) and one.body and isinstance(one.body[0], ast.Return):
            value = one.body[0].value
            if value is not None and is_literal(value):
                for given in compared(one.test):
                    yield given, ast.unparse(value), one.lineno
        elif isinstance(one, ast.IfExp) and is_literal(one.body):
            for given in compared(one.test):
                yield given, ast.unparse(one.body), one.lineno
        elif isinstance(one, ast.Dict) and one.keys:
            for key, value in zip(one.keys, one.values, strict=True):
                if key is not None and is_literal(key) and is_literal(value):
                    yield ast.unparse(key), ast.unparse(value), one.lineno
        elif isinstance(one, ast.match_case) and isinstance(one.pattern, ast.MatchValue):
            first = one.body[0]
            if isinstance(first, ast.Return) and first.value and is_literal(first.value):
                yield ast.unparse(one.pattern.value), ast.unparse(first.value), first.lineno


def compared(test: ast.expr) -> Iterator[str]:
    """The literals with which a condition compares something for equality."""
    if isinstance(test, ast.BoolOp):
        parts = [given for value in test.values for given in compared(value)]
        yield from parts
        yield ", ".join(parts)
    elif isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq | ast.Is):
        for side in (test.left, test.comparators[0]):
            if is_literal(side):
                yield ast.unparse(side)
    elif isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.In):
        yield from (ast.unparse(one) for one in getattr(test.comparators[0], "elts", ()))


def swallowed(file: File, name: str, node: Function, old: Function | None) -> Iterator[Suspicion]:
    """Handlers that take every exception and say nothing, around most of a function."""
    known = {ast.dump(one) for one in silent(old)} if old else set()
    whole = [one for one in node.body if not _is_text(one)]
    for one in silent(node):
        if ast.dump(one) in known or len(known) >= len(list(silent(node))):
            continue
        around = len(whole) <= 2 and one in whole
        find = mend if around else reason
        yield find(file.path, one.lineno, "swallowed",
                   f"{name} now takes every exception and says nothing")


def silent(node: ast.AST) -> Iterator[ast.Try]:
    """`try` with a handler for everything that passes, or returns a literal."""
    for one in ast.walk(node):
        if not isinstance(one, ast.Try):
            continue
        for handler in one.handlers:
            broad = handler.type is None or asserts.called(handler.type) in {
                "Exception", "BaseException"
            }  # fmt: skip
            only = handler.body[0] if len(handler.body) == 1 else None
            quiet = isinstance(only, ast.Pass | ast.Continue) or (
                isinstance(only, ast.Return) and (only.value is None or is_literal(only.value))
            ) or (only is not None and _is_text(only))
            if broad and quiet:
                yield one


def always_equal(file: File, before: ast.Module | None, after: ast.Module) -> Iterator[Suspicion]:
    """Objects that are equal to everything: an assertion with one of them cannot fail."""
    had = {name for name, node, _ in functions(before) if _equal(node)} if before else set()
    for name, node, _ in functions(after):
        if _equal(node) and name not in had:
            said = f"{name} says the same of everything"
            yield mend(file.path, node.lineno, "always_equal", said)


def _equal(node: Function) -> bool:
    return node.name in {"__eq__", "__ne__", "__contains__"} and "only returns" in idleness(node) \
        and "NotImplemented" not in idleness(node)  # fmt: skip


def leaves(file: File, before: ast.Module | None, after: ast.Module) -> Iterator[Suspicion]:
    """`os._exit(0)` and `sys.exit(0)` where a test run would pass by them."""
    had = sum(1 for _ in exits(file, before)) if before else 0
    found = list(exits(file, after))
    for line in found[had:]:
        yield mend(file.path, line, "leaves_early", "ends the whole process as a success")


def exits(file: File, module: ast.Module) -> Iterator[int]:
    for one in ast.walk(module):
        if isinstance(one, ast.Call) and one.args and isinstance(one.args[0], ast.Constant):
            name = ast.unparse(one.func)
            plain = name in {"sys.exit", "exit", "pytest.exit"} and file.is_test
            if one.args[0].value == 0 and (name == "os._exit" or plain):
                yield one.lineno


def hooks(file: File, before: ast.Module | None, after: ast.Module) -> Iterator[Suspicion]:
    """What a conftest or plugin changes in how tests are collected and reported."""
    had = {name: ast.dump(node) for name, node, _ in functions(before)} if before else {}
    for name, node, _ in functions(after):
        if name in HOOKS and had.get(name) != ast.dump(node):
            yield mend(file.path, node.lineno, "test_run_bent",
                       f"{name} decides which tests run, or what their outcome is called")
    known = {ast.dump(one) for one in ignored(before)} if before else set()
    for one in ignored(after):
        if ast.dump(one) not in known:
            yield mend(file.path, one.lineno, "test_run_bent", "keeps files from being collected")


def ignored(module: ast.Module) -> Iterator[ast.stmt]:
    for one in module.body:
        plain = isinstance(one, ast.Assign | ast.AugAssign | ast.Expr)
        if plain and "collect_ignore" in ast.unparse(one):
            yield one
