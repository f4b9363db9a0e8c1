"""A diff as the rules of tampering see it: both texts of each path, and what else is known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.records.suspicion import Suspicion, Weight
from orchestrator.records.task import TaskType

GONE = "000000"
SYMLINK, SUBMODULE = "120000", "160000"
LANGUAGES = {
    "py": "python", "pyi": "python", "js": "javascript", "jsx": "javascript", "mjs": "javascript",
    "cjs": "javascript", "ts": "javascript", "tsx": "javascript", "mts": "javascript",
    "cts": "javascript", "vue": "javascript", "svelte": "javascript", "go": "go", "rs": "rust",
}  # fmt: skip
TEST_FOLDERS = frozenset({"test", "tests", "testing", "__tests__", "spec", "specs", "e2e"})
TEST_NAME = regex.late(
    r"test_.*\.pyi?|.*_test\.(?:py|go)|tests?\.(?:py|rs|[cm]?[jt]sx?)|conftest\.py|"
    r".*[._-](?:test|spec)\.[cm]?[jt]sx?|.*_tests?\.rs"
)
RECORDED = regex.late(r".*\.(?:snap|golden|approved\.\w+|expected|stdout|stderr|out)")
RECORDED_FOLDERS = frozenset({"__snapshots__", "snapshots", "golden", "cassettes", "testdata"})
WORD = regex.late(r"[A-Za-z_][A-Za-z0-9_]+")


class File(Struct, frozen=True, kw_only=True):
    """One path of the diff with both texts; None where there is no file, or no text to read.

    Modes are git's, "000000" where there is no file; `unread` is a text that was too large.
    """

    path: str
    before: str | None = None
    after: str | None = None
    mode: str = "100644"
    old_mode: str = "100644"
    unread: bool = False

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def language(self) -> str:
        return LANGUAGES.get(self.name.rpartition(".")[2].lower(), "")

    @property
    def is_test(self) -> bool:
        """Whether its name or folder says that it tests something."""
        *folders, name = self.path.lower().split("/")
        in_tests = not TEST_FOLDERS.isdisjoint(folders)
        return bool(self.language) and (in_tests or TEST_NAME.fullmatch(name) is not None)

    @property
    def is_recorded(self) -> bool:
        """Whether it holds output that a test compares with."""
        *folders, name = self.path.lower().split("/")
        inside = not (RECORDED_FOLDERS | TEST_FOLDERS).isdisjoint(folders)
        return inside and (
            RECORDED.fullmatch(name) is not None or not RECORDED_FOLDERS.isdisjoint(folders)
        )

    @property
    def is_source(self) -> bool:
        return bool(self.language) and not self.is_test


class Facts(Struct, frozen=True, kw_only=True):
    """The whole diff of a branch, and what stands behind it.

    `issue` is the text of the task as trusted people wrote it; `red` what the red checks say that
    this attempt repairs; `reasons` are the agent's own words, a bullet each; `asked` says that it
    was asked once already; `itself` that the repository is the orchestrator's own.
    """

    files: tuple[File, ...]
    task_type: TaskType = TaskType.IMPLEMENTATION
    issue: str = ""
    red: str = ""
    reasons: tuple[str, ...] = ()
    asked: bool = False
    itself: bool = False


def mend(path: str, line: int, rule: str, said: str) -> Suspicion:
    """A finding that no reason excuses, and that an honest fix takes away."""
    return Suspicion(path=path, line=line, rule=rule, said=said, weight=Weight.MEND)


def reason(path: str, line: int, rule: str, said: str) -> Suspicion:
    return Suspicion(path=path, line=line, rule=rule, said=said, weight=Weight.REASON)


def person(path: str, rule: str, said: str, line: int = 0) -> Suspicion:
    return Suspicion(path=path, line=line, rule=rule, said=said, weight=Weight.PERSON)


def added(file: File) -> Iterator[tuple[int, str]]:
    """The lines of the file now, by number, that it did not have before."""
    had = Counter(line.strip() for line in (file.before or "").splitlines())
    for number, line in enumerate((file.after or "").splitlines(), 1):
        if had[line.strip()] > 0:
            had[line.strip()] -= 1
        else:
            yield number, line


def removed(file: File) -> Iterator[str]:
    """The lines that the file had and has no more."""
    has = Counter(line.strip() for line in (file.after or "").splitlines())
    for line in (file.before or "").splitlines():
        if has[line.strip()] > 0:
            has[line.strip()] -= 1
        else:
            yield line


def words(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(text))


def alike(one: frozenset[str], other: frozenset[str]) -> float:
    """How much two bags of words share, from 0 to 1."""
    both = len(one | other)
    return len(one & other) / both if both else 1.0


def names(word: str, text: str) -> bool:
    """Whether a text speaks of something by its name."""
    return bool(word) and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
