"""Tests that stand in the file and are not run, or cannot fail: how each is told by its shape."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from orchestrator.records import regex
from orchestrator.records.suspicion import Suspicion
from orchestrator.rules.tamper import asserts
from orchestrator.rules.tamper.diff import Facts, File, added, mend, reason
from orchestrator.rules.tamper.pytests import Function, functions, is_test_name, number, parse

LONGEST = 500  # characters of a line that is looked at closely
BROAD = 0.2  # of a value, from which a tolerance that was not there says little
SHARED = regex.late(r"(?i)mixin|base|shared|abstract|common")
WHERE = regex.late(r"\b(?:sys\.platform|os\.name|os\.environ|getenv|platform\.\w+|version_info)\b")
BARE_EXPECT = regex.late(
    r"^.*(?<![.\w])expect\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\s*(?:;|\}|\)|$)"
)
UNAWAITED = regex.late(
    r"^(?!.*(?:\bawait\b|\breturn\b|=>\s*expect|Promise\.)).*\bexpect\(.*\)\.(?:resolves|rejects)\b"
)
LOGS = regex.late(r"\b\w+\.Log(?:f)?\(")
FAILS = regex.late(r"\b\w+\.(?:Error|Fatal)(?:f)?\(")
PANICS = regex.late(r"#\[should_panic")
COMPILED = regex.late(r"#\[cfg\(test\)\]")
RUST_TEST = regex.late(r"#\[test\]")


def suspicions(facts: Facts) -> Iterator[Suspicion]:
    sources = {file.path for file in facts.files if file.is_source}
    for file in facts.files:
        if file.after is None:
            continue
        if file.language == "python" and file.is_test:
            before, after = parse(file.before or ""), parse(file.after)
            if before is not None and after is not None:
                yield from _python(file, before, after, sources)
        elif file.language == "javascript" and file.is_test:
            yield from _javascript(file)
        elif file.language == "go" and file.is_test:
            yield from _go(file)
        elif file.language == "rust":
            yield from _rust(file)


def _python(
    file: File, before: ast.Module, after: ast.Module, sources: set[str]
) -> Iterator[Suspicion]:
    known = Counter(how for how, _, _ in _dodges(before, sources))
    for how, line, excusable in _dodges(after, sources):
        if known[how] > 0:
            known[how] -= 1
            continue
        find = reason if excusable else mend
        yield find(file.path, line, "test_not_run", how)
    had = {bound for bound, imported in _names(before).items() if imported}
    for name, imported in _names(after).items():
        if name in had and not imported:
            yield mend(file.path, 0, "subject_mocked",
                       f"{name} was imported, and is a stand-in of the test's own now")


Dodge = tuple[str, int, bool]  # in words, where, and whether a reason excuses it


def _dodges(module: ast.Module, sources: set[str]) -> Iterator[Dodge]:
    yield from _unbound(module, sources)
    yield from _uncollected(module)
    for name, node, _ in functions(module):
        if is_test_name(name):
            yield from _of_test(name, node)
        elif name == "load_tests" and not _uses(node, "tests"):
            yield "load_tests leaves out the tests that were found", node.lineno, False
        yield from _patched(name, node, sources)


def _unbound(module: ast.Module, sources: set[str]) -> Iterator[Dodge]:
    """Tests that are taken out of their module after they were defined."""
    tests = {node.name for _, node, _ in functions(module) if is_test_name(node.name)}
    tests |= {node.name for node in module.body if isinstance(node, ast.ClassDef)}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            place = ast.unparse(node.targets[0].value).replace(".", "/")
            if any(f"/{path}".endswith(f"/{place}.py") for path in sources):
                yield f"{ast.unparse(node.targets[0])} is replaced", node.lineno, False
        empty = isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.Lambda)
        gone = node.targets if isinstance(node, ast.Delete | ast.Assign) else []
        for one in gone if empty or isinstance(node, ast.Delete) else ():
            if isinstance(one, ast.Name) and one.id in tests:
                yield f"{one.id} is defined, and taken away again", node.lineno, False
        if isinstance(node, ast.Expr) and asserts.called(node.value) == "importorskip":
            yield f"they run only where {_first(node.value)} is installed", node.lineno, True
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            text = ast.unparse(node)
            if "globals()" in text and "test" in text.lower() and re.search(r"pop|del ", text):
                yield "tests are taken out of their module", node.lineno, False


def _uncollected(module: ast.Module) -> Iterator[Dodge]:
    """Classes with tests that no runner takes for such."""
    bases = {asserts.called(base) for node in ast.walk(module) if isinstance(node, ast.ClassDef)
             for base in node.bases}  # fmt: skip
    for node in module.body:
        if not isinstance(node, ast.ClassDef) or node.bases or node.name in bases:
            continue
        holds = any(
            isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name.startswith("test")
            for one in node.body
        )
        if holds and not node.name.startswith("Test") and not SHARED.search(node.name):
            yield f"{node.name} holds tests, and its name is no test's", node.lineno, False


def _of_test(name: str, node: Function) -> Iterator[Dodge]:
    inner = [one for one in ast.walk(node) if one is not node]
    yield from _never_run(name, node, inner)
    for one in inner:
        if isinstance(one, ast.Call):
            yield from _broad(name, one)
            if _ends_all(one):
                yield f"{name} ends the whole run", one.lineno, False
        elif isinstance(one, ast.With) and asserts.of(one.body) and _expects_failure(one):
            yield f"{name}: a failed assertion is what it expects", one.lineno, False
        elif isinstance(one, ast.If) and _somewhere_only(one):
            yield f"{name} checks on some machines only", one.lineno, True


def _never_run(name: str, node: Function, inner: list[ast.AST]) -> Iterator[Dodge]:
    used = {one.id for one in inner if isinstance(one, ast.Name)}
    methods = {id(each) for one in inner if isinstance(one, ast.ClassDef) for each in one.body}
    for one in inner:
        if not isinstance(one, ast.FunctionDef) or id(one) in methods or one.decorator_list:
            continue
        if one.name not in used and asserts.of(one.body):
            yield f"{name}: {one.name} holds assertions, and nobody calls it", one.lineno, False
    for one in _outer(node):
        if isinstance(one, ast.Yield | ast.YieldFrom):
            yield f"{name} yields, so that it never runs", one.lineno, False
    if isinstance(node, ast.AsyncFunctionDef) and not any(map(_waits, inner)):
        yield f"{name} is a coroutine that waits for nothing: few run it", node.lineno, False
    for mark in node.decorator_list:
        cases = mark.args[1:2] if isinstance(mark, ast.Call) else []
        if asserts.called(mark) == "parametrize" and any(map(asserts.is_empty, cases)):
            yield f"{name} has no case to run with", mark.lineno, False


def _somewhere_only(statement: ast.If) -> bool:
    one_sided = asserts.of(statement.body) and not asserts.of(statement.orelse)
    return bool(one_sided) and WHERE.search(ast.unparse(statement.test)) is not None


def _waits(one: ast.AST) -> bool:
    if isinstance(one, ast.comprehension):
        return bool(one.is_async)
    return isinstance(one, ast.Await | ast.AsyncWith | ast.AsyncFor)


def _outer(node: Function) -> Iterator[ast.AST]:
    """What belongs to the function itself, and to none within it."""
    left: list[ast.AST] = list(node.body)
    while left:
        one = left.pop()
        yield one
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            left += ast.iter_child_nodes(one)


def _expects_failure(statement: ast.With) -> bool:
    return any(
        isinstance(call := item.context_expr, ast.Call)
        and asserts.called(call) in {"raises", "assertRaises"}
        and any(asserts.called(argument) in asserts.EVERYTHING for argument in call.args[:1])
        for item in statement.items
    )


def _ends_all(call: ast.Call) -> bool:
    return ast.unparse(call.func) in {"pytest.exit", "os._exit", "os.abort"}


def _broad(name: str, call: ast.Call) -> Iterator[Dodge]:
    for keyword in call.keywords:
        value = number(keyword.value)
        if keyword.arg in {"rel", "rtol", "rel_tol"} and value is not None and value >= BROAD:
            yield f"{name} allows {value:g} times the value and calls it equal", call.lineno, False


def _patched(name: str, node: Function, sources: set[str]) -> Iterator[Dodge]:
    """A fixture of every test that replaces what the same diff changes."""
    for one in ast.walk(node) if is_test_name(name) else ():
        if isinstance(one, ast.If) and any(
            isinstance(check, ast.Assert) and ast.dump(check.test) == ast.dump(one.test)
            for check in one.body
        ):
            yield f"{name} checks only what it has found to be so", one.lineno, False
    always = any("autouse=True" in ast.unparse(one) for one in node.decorator_list)
    if always and any(map(asserts.skips_here, node.body)):
        yield f"{name} skips every test", node.lineno, False
    for one in ast.walk(node) if always else ():
        called = asserts.called(one) if isinstance(one, ast.Call) else ""
        if called not in {"setattr", "patch", "object"} or not isinstance(one, ast.Call):
            continue
        target = _first(one)
        module = target.rpartition(".")[0].replace(".", "/")
        if module and any(f"/{path}".endswith(f"/{module}.py") for path in sources):
            yield f"{name} replaces {target} in every test", one.lineno, False


def _first(call: ast.AST) -> str:
    """The first argument of a call, where it is a text; else ""."""
    given = call.args[0] if isinstance(call, ast.Call) and call.args else None
    value = given.value if isinstance(given, ast.Constant) else None
    return value if isinstance(value, str) else ""


def _uses(node: Function, name: str) -> bool:
    return any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(node))


def _names(module: ast.Module) -> dict[str, bool]:
    """What the module binds at its top, and whether it is imported."""
    found: dict[str, bool] = {}
    for node in module.body:
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: True for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = False
        elif isinstance(node, ast.Assign):
            found |= {one.id: False for one in node.targets if isinstance(one, ast.Name)}
    return found


def _javascript(file: File) -> Iterator[Suspicion]:
    lines = (file.after or "").splitlines()
    for at, line in added(file):
        if len(line) > LONGEST:
            continue
        follows = lines[at].strip() if at < len(lines) else ""
        if UNAWAITED.search(line):
            yield mend(file.path, at, "assertion_unheard",
                       "a promise is expected, and nobody waits for it")
        elif BARE_EXPECT.search(line) and not follows.startswith("."):
            yield mend(file.path, at, "tautology", "it expects a value, and nothing of it")


def _go(file: File) -> Iterator[Suspicion]:
    before, after = file.before or "", file.after or ""
    logs = len(LOGS.findall(after)) - len(LOGS.findall(before))
    lost = len(FAILS.findall(before)) - len(FAILS.findall(after))
    if logs > 0 and lost > 0:
        line = next((at for at, text in added(file) if LOGS.search(text)), 0)
        yield mend(file.path, line, "assertion_weakened", "what was an error is only logged now")


def _rust(file: File) -> Iterator[Suspicion]:
    before, after = file.before or "", file.after or ""
    if not RUST_TEST.search(after) or not before:
        return
    if len(COMPILED.findall(after)) < len(COMPILED.findall(before)):
        yield mend(file.path, 0, "test_not_run", "its tests are not compiled with the others now")
    tests = len(RUST_TEST.findall(after)) - len(RUST_TEST.findall(before))
    for at, line in added(file):
        if PANICS.search(line) and tests <= 0:
            yield mend(file.path, at, "assertion_unheard", "a test that was there is to panic now")
            return
