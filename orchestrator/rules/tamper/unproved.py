"""Whether a bug is shown to be gone: a test of the work that fails on the base, and passes now."""

from __future__ import annotations

import re

from orchestrator.records import regex
from orchestrator.records.suspicion import Suspicion
from orchestrator.rules.tamper.diff import RECORDED_FOLDERS, TEST_FOLDERS, TEST_NAME, mend

RULE = "bug_unproved"
# Of languages that the rules of tampering do not read, too.
NAMED_TEST = regex.late(
    r"(?:tests?|specs?)[_.-].*|.*[_.-](?:tests?|specs?)\.\w+|.*\.(?:bats|feature)", re.IGNORECASE
)
CAMEL_TEST = regex.late(
    r"(?:Test[A-Z]\w*|\w*(?:Tests?|TestCase|Spec|IT))\.(?:java|kts?|scala|groovy|cs|fs|vb|swift|"
    r"php|mm?|cpp|cc|cxx|hs|dart)"
)
# What no test runs: a slip in it is a bug to people and not to a program.
NOT_RUN = regex.late(
    r".*\.(?:md|markdown|rst|adoc|svg|png|jpe?g|gif|webp|avif|ico|pdf|woff2?|ttf|otf|mp4)|"
    r"(?!requirements|constraints|cmakelists).*\.txt|"
    r"(?:license|licence|notice|authors|contributors|changelog|changes|readme|copying)(?:\.\w+)?",
    re.IGNORECASE,
)
# Rust's unit tests stand in the file that they test, and no other language's do as a habit.
INLINE = regex.late(r"^\s*#\[(?:\w+::)*(?:test|rstest|proptest|test_case)\b", re.MULTILINE)
MOST = 200  # paths that are put on the base


def tests_among(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The paths that are tests, or lie among them as their data do."""
    return tuple(path for path in paths if of_tests(path))[:MOST]


def of_tests(path: str) -> bool:
    *folders, name = path.split("/")
    if not (TEST_FOLDERS | RECORDED_FOLDERS).isdisjoint(folder.lower() for folder in folders):
        return True
    return any(
        pattern.fullmatch(name) is not None for pattern in (TEST_NAME, NAMED_TEST, CAMEL_TEST)
    )


def exempt(paths: tuple[str, ...], inline: tuple[str, ...]) -> str:
    """Why nothing can be shown on the base, in a sentence; else "".

    `inline` are the texts of the changed sources that may hold their own tests.
    """
    if all(NOT_RUN.fullmatch(path.rpartition("/")[2]) for path in paths):
        return "The change is in texts and pictures, which no test runs."
    if not tests_among(paths) and any(INLINE.search(text) for text in inline):
        return "The tests stand in the very files that they test, so they cannot run on the base."
    return ""


def finding(paths: tuple[str, ...], tests: tuple[str, ...]) -> Suspicion:
    """What is missing, for the agent and then for a person; no words of the agent excuse it.

    `tests` are those that ran on the base, and passed; none where there are none.
    """
    if tests:
        said = (
            "passes on the base as well, so it does not show the bug: a fix comes with a test "
            "that fails without it and passes with it"
        )
        return mend(tests[0], 0, RULE, said)
    said = (
        "is changed to mend a bug, and no test comes with it: add one that fails without the "
        "change and passes with it"
    )
    code = [path for path in paths if not NOT_RUN.fullmatch(path.rpartition("/")[2])]
    return mend((code or list(paths))[0], 0, RULE, said)
