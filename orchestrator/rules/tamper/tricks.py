"""Small tricks of a line by which a test or its run says yes: in JavaScript, Go, Rust, settings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.records import regex
from orchestrator.records.suspicion import Suspicion
from orchestrator.rules.tamper.diff import Facts, File, added, mend

LONGEST = 500  # characters of a line that is looked at
SHOWN = 60
EMPTY_LOOP = r"\bof\s+\[\s*\]|(?<![\w)\]])\[\s*\]\.forEach\(|\.each\(\s*\[\s*\]\s*\)"
LINES = {
    "javascript": {
        "it is run for nothing": EMPTY_LOOP,
        "it compares a thing with itself": r"expect\((.+)\)\.to(?:Be|Equal|StrictEqual)\(\1\)",
        "everything fits": r"\.to\w+\(\s*expect\.anything\(\)\s*\)|toBe(?:Greater|Less)Than"
                           r"(?:OrEqual)?\(\s*-?Infinity|toBeCloseTo\([^)]*,\s*-\d",
        "another value takes its place": r"expect\([^;]*\)\s*(?:\|\||\?\?)\s*[\w'\"]+\s*\)\.to",
        "a matcher is made anew": r"expect\.extend\(.*\bto(?:Be|Equal|StrictEqual|Throw|Match)\b",
        "it fails when nobody listens": r"^(?!.*(?:\bawait\b|\breturn\b|\bdone\b)).*"
                                        r"(?:setTimeout|setImmediate|\.then)\(.*\bexpect\(",
    },
    "go": {
        "it can never be true": r"\bif\b.*&&\s*false\b",
        "it is built under another tag": r"^//go:build (?!.*\b(?:linux|windows|darwin|unix|amd64|"
                                         r"arm64|go1|cgo|race|js|wasm|plan9|\w*bsd)\b)",
    },
    "rust": {
        "it compares a thing with itself": r"\bassert_eq!\((.+),\s*\1\)",
        "a check is made anew": r"macro_rules!\s*(?:assert|assert_eq|assert_ne|panic)\b",
        "it is compiled for few only": r"^#!\[cfg\(feature",
    },
}  # fmt: skip
TABLE = {
    language: {said: regex.late(shape) for said, shape in shapes.items()}
    for language, shapes in LINES.items()
}
EQUAL = regex.late(r"\bfn eq\([^)]*\)\s*->\s*bool\s*\{\s*true\s*\}")
UNTESTED = regex.late(r"^\s*(?:autotests|test)\s*=\s*false\b")
HARNESS = regex.late(r"^\s*harness\s*=\s*false\b")
SECTION = regex.late(r"^\s*\[+([\w.-]+)")
PLACES = regex.late(r"\b(?:testMatch|testRegex|roots)\b[\"']?\s*[:=](?!.*(?:test|spec))")
JEST = regex.late(r"(?:jest|vitest)\.config\..*|package\.json")
ONLY_TOLD = regex.late(
    r"\b(?:pytest|jest|vitest|mocha|cargo\s+(?:next)?test|go\s+test)\b.*\s--?(?:version|help|no-run|"
    r"list|listTests|collect-only|co)\b"
)
RUNS = regex.late(
    r"makefile|tox\.ini|noxfile\.py|package\.json|justfile|.*\.(?:sh|mk)", re.IGNORECASE
)
RETURNS = regex.late(r"^\s+return;?\s*$")
CLOSES = regex.late(r"^\s*[})\]]|^\s*(?:case|default)\b|^\s*$")
GO_FUNC = regex.late(r"^func (\w+)\(\w+ \*testing\.[TBF]\)", re.MULTILINE)
RUST_FUNC = regex.late(
    r"(#\[test\]\s*(?:#\[[^\]]*\]\s*)*)?(?:pub\s+)?(?:async\s+)?fn\s+(\w+)\s*\(\s*\)"
)


def suspicions(facts: Facts) -> Iterator[Suspicion]:
    for file in facts.files:
        if file.after is None:
            continue
        lines = [(at, line) for at, line in added(file) if len(line) <= LONGEST]
        yield from _settings(file, lines)
        if file.language == "rust":
            yield from _each(file, lines, EQUAL, "always_equal", "everything is equal to it")
        if not (file.is_test or (file.language == "rust" and "#[test]" in file.after)):
            continue
        for said, shape in TABLE.get(file.language, {}).items():
            if file.before is not None or not said.startswith("it is "):
                yield from _each(file, lines, shape, "assertion_unheard", said)
        if file.language in TABLE and file.before is not None:
            yield from _returns(file, lines)
        yield from _unmarked(file)


def _each(
    file: File, lines: list[tuple[int, str]], shape: re.Pattern[str], rule: str, said: str
) -> Iterator[Suspicion]:
    for at, line in lines:
        if shape.search(line):
            yield mend(file.path, at, rule, f"{said}: `{' '.join(line.split())[:SHOWN]}`")


def _settings(file: File, lines: list[tuple[int, str]]) -> Iterator[Suspicion]:
    if file.name == "Cargo.toml":
        yield from _each(file, lines, UNTESTED, "tests_deselected", "its tests are not run")
        every = (file.after or "").splitlines()
        for at, line in lines:
            above = (SECTION.match(one) for one in reversed(every[:at]))
            section = next((found[1] for found in above if found), "")
            if HARNESS.search(line) and section in {"test", "lib"}:
                yield mend(file.path, at, "tests_deselected", "tests run without their harness")
    if JEST.fullmatch(file.name):
        yield from _each(file, lines, PLACES, "tests_deselected", "tests are looked for elsewhere")
    if RUNS.fullmatch(file.name):
        yield from _each(file, lines, ONLY_TOLD, "tests_deselected", "they are not run")


def _returns(file: File, lines: list[tuple[int, str]]) -> Iterator[Suspicion]:
    """A return in the middle of a block, before what stands at the same depth."""
    every = (file.after or "").splitlines()
    for at, line in lines:
        follows = every[at] if at < len(every) else ""
        deep = len(line) - len(line.lstrip())
        level = len(follows) - len(follows.lstrip()) == deep
        if RETURNS.match(line) and level and not CLOSES.match(follows):
            yield mend(file.path, at, "assertion_unheard", "it returns before what follows")


def _unmarked(file: File) -> Iterator[Suspicion]:
    """Tests that are still there, under a name or without the mark by which they are run."""
    before, after = file.before or "", file.after or ""
    if file.language == "go":
        had = {name for name in GO_FUNC.findall(before) if name.startswith("Test")}
        for name in set(GO_FUNC.findall(after)) - set(GO_FUNC.findall(before)):
            wanted = name[:1].upper() + name[1:]
            ours = name.startswith(("Test", "Fuzz", "Benchmark")) or wanted not in had
            if not ours and len(re.findall(rf"\b{name}\b", after)) == 1:
                yield mend(file.path, 0, "test_not_run", f"{name} is no name of a test")
    if file.language == "rust":
        marked = {name for mark, name in RUST_FUNC.findall(before) if mark}
        for mark, name in RUST_FUNC.findall(after):
            if not mark and name in marked and len(re.findall(rf"\b{name}\b", after)) == 1:
                yield mend(file.path, 0, "test_not_run", f"{name} is not marked as a test now")
