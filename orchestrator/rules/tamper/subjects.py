"""What the sources of a diff define, changed and no longer define: what its tests are about."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.rules.tamper.diff import Facts, added, removed, words

# Names that a line of code gives to something: definitions, fields, parameters, flags.
DEFINED = regex.late(
    r"\b(?:def|class|fn|func|function|struct|enum|trait|type|const|let|var|static|interface|mod|"
    r"import|export|from)\s+(?:\([^)]*\)\s*)?([A-Za-z_]\w+)|"
    r"^\s*([A-Za-z_]\w+)\s*(?::[^=]+)?=|\b([A-Za-z_]\w+)\s*[:=(]"
)
COMMON = frozenset({
    "self", "None", "True", "False", "return", "test", "tests", "assert", "import", "from", "with",
    "expect", "name", "value", "data", "result", "args", "kwargs", "path", "text", "str", "int",
    "list", "dict", "len", "print", "open", "range", "raise", "raises", "pytest", "type", "func",
    "const", "let", "var", "function", "class", "def", "for", "if", "in", "is", "not", "and", "or",
    "this", "new", "async", "await", "super", "cls", "key", "keys", "items", "get", "set", "add",
    "append", "join", "format", "isinstance", "Exception", "ValueError", "TypeError", "error",
})  # fmt: skip


DUNDER = regex.late(r"def (__\w+__)\(")
SPOKEN = frozenset({"hash", "repr", "bool", "iter", "reversed", "bytes", "copy", "lt", "gt"})


class Left(Struct, frozen=True):
    """Names that the sources of the diff lost entirely, and names that they changed or define."""

    gone: frozenset[str]
    changed: frozenset[str]


def left(facts: Facts) -> Left:
    """By words: what stands nowhere any more in the sources that the diff touches is gone."""
    lost: set[str] = set()
    still: set[str] = set()
    changed: set[str] = set()
    for file in facts.files:
        if not file.is_source:
            continue
        still |= words(file.after or "")
        for line in removed(file):
            lost |= defined(line)
        for _, line in added(file):
            changed |= defined(line)
        changed |= around(file.before, file.after)
        had, has = dunders(file.before), dunders(file.after)
        lost |= {name.strip("_") for name in had if had[name] > has[name]}
    gone = frozenset(lost - still - COMMON) | frozenset(SPOKEN & lost)
    return Left(gone=gone, changed=frozenset(changed | lost) - COMMON)


def dunders(text: str | None) -> Counter[str]:
    """How often each special method is defined: `hash(x)` is gone with the last `__hash__`."""
    return Counter(DUNDER.findall(text or ""))


def defined(line: str) -> set[str]:
    return {name for found in DEFINED.findall(line) for name in found if name}


def around(before: str | None, after: str | None) -> set[str]:
    """The names of functions of which any line was changed, by the nearest definition above."""
    had = {line.strip() for line in (before or "").splitlines()}
    found: set[str] = set()
    name = ""
    for line in (after or "").splitlines():
        head = HEAD.match(line)
        if head:
            name = head.group(1)
        if name and line.strip() not in had:
            found.add(name)
    return found


HEAD = regex.late(
    r"^\s*(?:export\s+|default\s+|pub(?:\([^)]*\))?\s+|async\s+|static\s+|unsafe\s+)*"
    r"(?:def|class|fn|func(?:\s+\([^)]*\))?|function\*?)\s+([A-Za-z_]\w*)"
)


def is_gone(used: frozenset[str], left: Left) -> bool:
    """Whether a test uses something that the sources do not have any more."""
    return not used.isdisjoint(left.gone)
