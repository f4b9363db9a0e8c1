"""Python tests before and after a change: what was deleted, weakened, skipped or bent."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from orchestrator.records.suspicion import Suspicion
from orchestrator.rules.tamper import asserts, subjects
from orchestrator.rules.tamper.asserts import EXACT, NOTHING, SOME, WEAK, Assertion
from orchestrator.rules.tamper.diff import Facts, File, alike, mend, reason
from orchestrator.rules.tamper.pytests import Suite, Test, suite, tolerances

SAME_TEST = 0.5  # share of words from which a new test counts as the renamed old one
MOST_SAID = 80  # characters of a quoted assertion
Pair = tuple[Test, Test]


class Both(Struct, frozen=True):
    """One file with its tests before and after."""

    file: File
    before: Suite
    after: Suite


def read(facts: Facts) -> list[Both]:
    """Every test file in Python of which both sides could be parsed."""
    found = []
    for file in facts.files:
        if file.is_test and file.language == "python":
            before, after = suite(file.path, file.before), suite(file.path, file.after)
            if before is not None and after is not None:
                found.append(Both(file, before, after))
    return found


def suspicions(facts: Facts, suites: list[Both]) -> Iterator[Suspicion]:
    """Everything that makes the tests of the diff say less than before."""
    pairs, gone, new = matched(suites)
    left = subjects.left(facts)
    fewer = balance(pairs, gone, new) < 0
    for before, after in pairs:
        yield from weakened(before, after, fewer=fewer)
        yield from skipped(before, after)
        yield from loosened(before, after)
        yield from mocked(before, after, left)
        yield from bent(after, before)
    for test in gone:
        if not test.helper and not subjects.is_gone(test.words, left):
            yield from deleted(test, suites, new)
    for test in new:
        yield from added(test)
        yield from mocked(None, test, left)
        yield from bent(test, None)
    for both in suites:
        yield from hidden(both)


def matched(suites: Iterable[Both]) -> tuple[list[Pair], list[Test], list[Test]]:
    """Tests of the same name and file, then renamed and moved ones; what is gone, what is new."""
    pairs: list[Pair] = []
    gone: list[Test] = []
    new: list[Test] = []
    for both in suites:
        before, after = both.before.tests, both.after.tests
        pairs += [(before[name], after[name]) for name in before if name in after]
        gone += [test for name, test in before.items() if name not in after]
        new += [test for name, test in after.items() if name not in before]
    for test in list(gone):
        likeness = {
            id(other): (other.bare == test.bare and other.helper == test.helper)
            + alike(test.words, other.words)
            for other in new
        }
        best = max(new, key=lambda other: likeness[id(other)], default=None)
        if best is not None and likeness[id(best)] >= SAME_TEST and not best.helper:
            pairs.append((test, best))
            gone.remove(test)
            new.remove(best)
    return pairs, gone, new


def balance(pairs: list[Pair], gone: list[Test], new: list[Test]) -> int:
    """How many assertions the tests of the diff gained, cases counted."""

    def worth(tests: Iterable[Test]) -> int:
        return sum(len(test.checks) * (test.cases or 1) for test in tests)

    came = worth(after for _, after in pairs) + worth(new)
    return came - worth(before for before, _ in pairs) - worth(gone)


def weakened(before: Test, after: Test, *, fewer: bool) -> Iterator[Suspicion]:
    """Assertions that went, or that say less than those they replace."""
    had, has = Counter(one.text for one in before.checks), Counter(one.text for one in after.checks)
    lost = [one for one in before.checks if had[one.text] > has[one.text]]
    came = [one for one in after.checks if has[one.text] > had[one.text]]
    if before.checks and not after.checks and not after.skips:
        yield mend(after.path, after.line, "assertions_removed",
                   f"{after.name} checks nothing any more; it had {len(before.checks)} assertions")
        return
    for one in came:
        if one.strength == NOTHING:
            yield mend(after.path, one.line, "tautology", f"{quoted(one)} can never fail")
    weak = list(weaker(lost, came))
    for old, now in weak:
        # An exact value that became a part of it, or an order, may be what was wanted.
        truth = now.text.endswith((f"({old.subject})", old.subject)) and "==" not in now.text
        find = mend if now.strength <= WEAK or truth else reason
        yield find(after.path, now.line, "assertion_weakened",
                   f"{quoted(old)} became {quoted(now)}, which says less")
    dropped = len(before.checks) - len(after.checks)
    if dropped > 0 and fewer and not weak:
        yield reason(after.path, after.line, "assertions_removed",
                     f"{after.name} has {dropped} assertions less: {quoted(lost[0])}"
                     if lost else f"{after.name} has {dropped} assertions less")


def weaker(lost: list[Assertion], came: list[Assertion]) -> Iterator[tuple[Assertion, Assertion]]:
    """Pairs on the same subject, or in the same place where all new ones say little."""
    left = list(came)
    for old in lost:
        same = [one for one in left if one.subject == old.subject]
        if not same:
            continue
        now = max(same, key=lambda one: one.strength)
        left.remove(now)
        if NOTHING < now.strength < old.strength:
            yield old, now
    strong = [old for old in lost if old.strength == EXACT]
    little = all(one.strength == WEAK for one in came)
    if strong and came and left == came and little and len(came) <= len(lost):
        yield strong[0], came[0]


def skipped(before: Test, after: Test) -> Iterator[Suspicion]:
    known = {skip.kind for skip in before.skips}
    for skip in after.skips:
        if skip.kind in known:
            continue
        said = f"{after.name} is now skipped or expected to fail ({skip.kind})"
        find = mend if skip.always else reason
        yield find(after.path, skip.line, "skip_added", said)


def loosened(before: Test, after: Test) -> Iterator[Suspicion]:
    """Wider tolerances, broader exceptions, fewer cases."""
    was, now = tolerances(before.node), tolerances(after.node)
    for word in was.keys() & now.keys():
        pairs = zip(was[word], now[word], strict=False)
        wider = [(one, other) for one, other in pairs if other > one]
        if wider and len(was[word]) == len(now[word]):
            one, other = wider[0]
            yield mend(after.path, after.line, "tolerance_widened",
                       f"{after.name} allows more: {word} went from {one:g} to {other:g}")
    for name in ("approx", "isclose", "allclose", "assert_allclose", "assertAlmostEqual"):
        if count(after.node, name) > count(before.node, name) and not new_exact(before, after):
            yield reason(after.path, after.line, "tolerance_widened",
                         f"{after.name} compares about ({name}) what it compared exactly")
    yield from broadened(before, after)
    if before.cases and after.cases and after.cases < before.cases:
        find = mend if after.cases * 2 <= before.cases else reason
        yield find(after.path, after.line, "cases_dropped",
                   f"{after.name} has {after.cases} cases; it had {before.cases}")


def count(node: ast.AST, name: str) -> int:
    calls = (one for one in ast.walk(node) if isinstance(one, ast.Call))
    return sum(asserts.called(call) == name for call in calls)


def new_exact(before: Test, after: Test) -> bool:
    """Whether the exact comparisons of before are all still there."""
    exact = Counter(one.text for one in before.checks if one.strength >= SOME)
    exact.subtract(one.text for one in after.checks)
    return all(left <= 0 for left in exact.values())


def broadened(before: Test, after: Test) -> Iterator[Suspicion]:
    was, now = raised(before.node), raised(after.node)
    if not was or not now:
        return
    for kinds, match, line in now:
        if kinds & {"Exception", "BaseException"} and not any(
            one & {"Exception", "BaseException"} for one, _, _ in was
        ) and len(now) <= len(was):
            yield mend(after.path, line, "raises_broadened",
                       f"{after.name} is content with any exception now")
            return
        del match
    lost = sum(match for _, match, _ in was) - sum(match for _, match, _ in now)
    if lost > 0 and len(now) >= len(was) and not new_exact(before, after):
        grew = len([one for one in after.checks if one.strength >= SOME]) - len(before.checks)
        if grew <= 0:
            yield reason(after.path, now[0][2], "raises_broadened",
                         f"{after.name} does not look at the exception's text any more")


def raised(node: ast.AST) -> list[tuple[frozenset[str], bool, int]]:
    """What each `raises` expects: the names of the exceptions, and whether it matches a text."""
    found = []
    for one in ast.walk(node):
        if isinstance(one, ast.Call) and one.args and asserts.called(one) in {
            "raises", "assertRaises", "assertRaisesRegex", "warns"
        }:  # fmt: skip
            kinds = frozenset(map(asserts.called, getattr(one.args[0], "elts", [one.args[0]])))
            match = any(k.arg == "match" for k in one.keywords)
            found.append((kinds, match or "Regex" in asserts.called(one), one.lineno))
    return found


def mocked(before: Test | None, after: Test, left: subjects.Left) -> Iterator[Suspicion]:
    """The very function that a test calls, replaced by the test itself."""
    known = {name for name, _ in replaced(before.node)} if before else set()
    for name, node in replaced(after.node):
        if name in known or not name or name.startswith("__"):
            continue
        calls = {
            asserts.called(one)
            for one in ast.walk(after.node)
            if isinstance(one, ast.Call) and one is not node
        }
        if name in calls and (name in left.changed or before is not None):
            yield mend(after.path, node.lineno, "unit_mocked",
                       f"{after.name} replaces {name}, which it is there to test")


def replaced(node: ast.AST) -> Iterator[tuple[str, ast.Call | ast.Assign]]:
    """The last names that a test patches, sets or assigns on something else."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            name, given = asserts.called(one), one.args
            texts = [str(a.value) for a in given[:2] if isinstance(a, ast.Constant)]
            if name in {"patch", "setattr", "object"} and texts:
                of = ast.unparse(one.func)
                if name != "object" or "patch" in of:
                    yield texts[-1 if name != "patch" else 0].rpartition(".")[2], one
        elif isinstance(one, ast.Assign):
            target = one.targets[0]
            mock = isinstance(one.value, ast.Lambda) or asserts.called(one.value) in {
                "Mock", "MagicMock", "AsyncMock"
            }  # fmt: skip
            owner = ast.unparse(target.value) if isinstance(target, ast.Attribute) else "self"
            if mock and isinstance(target, ast.Attribute) and owner != "self":
                yield target.attr, one


def deleted(test: Test, suites: Iterable[Both], new: list[Test]) -> Iterator[Suspicion]:
    """A test that is nowhere any more; one whose checks went into another is not deleted."""
    mine = {one.text for one in test.checks if one.strength >= SOME}
    used = frozenset[str]().union(
        *(other.words for both in suites for other in both.after.tests.values())
    )
    for both in suites:
        for name, other in both.after.tests.items():
            if other.helper and other.bare not in used:
                continue
            theirs = {one.text for one in other.checks}
            if mine and len(mine & theirs) * 2 >= len(mine) and name not in both.before.tests:
                return
        if mine and same_literals(test, both):
            return
    hidden_now = [
        one for one in new if one.helper and alike(one.words, test.words) >= SAME_TEST
    ]
    how = f"is now {hidden_now[0].name}, which no runner collects" if hidden_now else "was deleted"
    yield mend(test.path, 0, "test_deleted", f"{test.name} {how}")


def same_literals(test: Test, both: Both) -> bool:
    """Whether the values that a test used stand in what was added to another one."""
    mine = literals(test.node)
    if len(mine) < 2:
        return False
    before = [literals(one.node) for one in both.before.tests.values() if one.name != test.name]
    earlier = set().union(*before) if before else set()
    now = set().union(*(literals(one.node) for one in both.after.tests.values()), set())
    fresh = mine - earlier
    return len(fresh) >= 2 and len(fresh & now) * 3 >= len(fresh) * 2


def literals(node: ast.AST) -> set[str]:
    return {
        repr(one.value)
        for one in ast.walk(node)
        if isinstance(one, ast.Constant) and len(repr(one.value)) > 2
    }


def added(test: Test) -> Iterator[Suspicion]:
    """A new test that checks nothing, or that never runs."""
    if test.helper:
        return
    if all(is_idle(one) for one in test.node.body):
        yield mend(test.path, test.line, "empty_test", f"{test.name} has no body")
    for one in test.checks:
        if one.strength == NOTHING:
            yield mend(test.path, one.line, "tautology", f"{quoted(one)} can never fail")
    for skip in test.skips:
        if skip.always:
            yield reason(test.path, skip.line, "skip_added",
                         f"the new {test.name} is skipped or expected to fail ({skip.kind})")


def is_idle(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def bent(test: Test, before: Test | None) -> Iterator[Suspicion]:
    """Assertions that are there and cannot fail: swallowed, unreachable, behind an early return."""
    every = unheard(test.node)
    known = unheard(before.node) if before is not None else {}
    for how, line in every.items():
        if how not in known:
            yield mend(test.path, line, "assertion_unheard", f"{test.name}: {how}")


def unheard(node: ast.AST) -> dict[str, int]:
    """How assertions of a function are kept from failing, each with the line where that is."""
    found: dict[str, int] = {}
    for one in ast.walk(node):
        how = silenced(one)
        if how and asserts.of(getattr(one, "body", ())):
            found[how] = getattr(one, "lineno", 0)
        for name in ("body", "orelse"):
            body: list[ast.stmt] = getattr(one, name, [])
            for place, statement in enumerate(body if isinstance(body, list) else ()):
                ends = isinstance(statement, ast.Return | ast.Continue | ast.Break)
                if ends and asserts.of(body[place + 1 :]):
                    found["it returns before its assertions"] = statement.lineno
    body = getattr(node, "body", [])
    for place, statement in enumerate(body):
        guarded = isinstance(statement, ast.If) and not statement.orelse and any(
            isinstance(inner, ast.Return) for inner in statement.body
        )
        if guarded and not asserts.of(statement.body) and asserts.of(body[place + 1 :]):
            found["it may return before its assertions"] = statement.lineno
    return found


def silenced(one: ast.AST) -> str:
    """In words how a block keeps what stands in it from failing, "" for any other."""
    if isinstance(one, ast.Try | ast.TryStar) and asserts.swallows(one):
        return "a failed assertion is caught and forgotten"
    if isinstance(one, ast.With | ast.AsyncWith) and asserts.suppresses(one):
        return "a failed assertion is suppressed"
    if isinstance(one, ast.If) and asserts.constant(one.test) is False:
        return "its assertions stand under a condition that is never true"
    if isinstance(one, ast.For | ast.AsyncFor) and asserts.is_empty(one.iter):
        return "its assertions stand in a loop over nothing"
    return ""


def hidden(both: Both) -> Iterator[Suspicion]:
    """Tests that a second definition hides, and files that are skipped as a whole."""
    for name in set(both.after.doubled) - set(both.before.doubled):
        yield mend(both.file.path, both.after.tests[name].line, "test_hidden",
                   f"{name} is defined twice; the first one never runs")
    known = {skip.kind for skip in both.before.skips}
    for skip in both.after.skips:
        if skip.kind not in known and both.file.before is not None:
            find = mend if skip.always else reason
            yield find(both.file.path, skip.line, "skip_added",
                       f"all tests of this file are skipped ({skip.kind})")


def quoted(one: Assertion) -> str:
    text = " ".join(one.text.split())
    return f"`{text[:MOST_SAID]}{'…' if len(text) > MOST_SAID else ''}`"
