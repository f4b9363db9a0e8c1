"""What must not leave the machine (G10)."""

from __future__ import annotations

import pytest
from msgspec import structs

from orchestrator.rules import gate
from orchestrator.rules.gate import Change, Facts, Pass, Refused

GOOD = Facts(changes=(Change(path="src/a.py"),), commits_ours=True, base_is_ancestor=True)


def judged(*changes, **fields):
    return gate.judge(structs.replace(GOOD, changes=changes or GOOD.changes, **fields))


@pytest.mark.parametrize(
    "change",
    [
        Change(path="src/a.py", mode="100755", size=gate.LARGEST),
        Change(path="a.py", mode="000000", old_mode="100644"),
        Change(path=".agent_result.md", mode="000000", old_mode="100644"),
        Change(path=".github/workflows/ci.yml"),
        Change(path=".gitignore"),
        Change(path="a/..b/c...d"),
        Change(path="docs/latest", mode="120000", target="v1"),
        Change(path="docs/latest", mode="120000", target="../src/./a.py"),
        Change(path="a/b/c", mode="120000", target="../../x"),
        Change(path="umläut/文.txt"),
    ],
)
def test_ordinary_changes_pass(change):
    assert judged(change) == Pass()


def test_a_new_path_that_differs_from_another_only_by_case_is_refused():
    there = ("README.md", "docs/a", "docs/A", "src/a.py")
    changes = (Change(path="Readme.md"), Change(path="docs/A", old_mode="100644"))
    said = judged(*changes, names=(*there, "Readme.md"))
    assert isinstance(said, Refused) and len(said.reasons) == 1
    assert "'Readme.md' differs from 'README.md' only by case" in said.reasons[0]
    renamed = (Change(path="README.md", mode="000000", old_mode="100644"), changes[0])
    assert judged(*renamed, names=("Readme.md",)) == Pass()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(path="../a"), "no path inside"),
        (Change(path="/etc/passwd"), "no path inside"),
        (Change(path="a/../../b"), "no path inside"),
        (Change(path="a//b"), "no path inside"),
        (Change(path=""), "no path inside"),
        (Change(path="a\\b"), "backslash"),
        (Change(path="a\nb"), "control character"),
        (Change(path=".git/hooks/pre-commit"), "git keeps"),
        (Change(path="sub/.GIT/config"), "git keeps"),
        (Change(path="git~1/config"), "git keeps"),
        (Change(path=".git. /config"), "git keeps"),
        (Change(path=".g\u200cit/config"), "git keeps"),
        (Change(path=".git::$INDEX_ALLOCATION/config"), "git keeps"),
        (Change(path="lib", mode="160000"), "submodule"),
        (Change(path="lib", mode="000000", old_mode="160000"), "submodule"),
        (Change(path=".gitmodules"), "submodule"),
        (Change(path=".gitmodules", mode="000000", old_mode="100644"), "submodule"),
        (Change(path="GITMOD~1"), "submodule"),
        (Change(path=".gitmod\u200cules. "), "submodule"),
        (Change(path=".agent_result.md"), "note to us"),
        (Change(path="sub/.agent_result.md"), "note to us"),
        (Change(path="big.bin", size=gate.LARGEST + 1), "more than 10 MB"),
        (Change(path="link", mode="120000", target="/etc/passwd"), "outside"),
        (Change(path="link", mode="120000", target=".."), "outside"),
        (Change(path="a/link", mode="120000", target="../../b"), "outside"),
        (Change(path="a/link", mode="120000", target="b/../../.."), "outside"),
        (Change(path="a/b/link", mode="120000", target="c/../d"), "outside"),
        (Change(path="link", mode="120000", target=""), "outside"),
        (Change(path="link", mode="120000", target="a\x00b"), "outside"),
        (Change(path="link", mode="120000", target=".git/config"), "git keeps"),
    ],
)
def test_each_kind_of_change_that_is_refused(change, words):
    verdict = judged(change)
    assert isinstance(verdict, Refused)
    assert len(verdict.reasons) == 1 and words in verdict.reasons[0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (dict(commits_ours=False), "not ours"),
        (dict(base_is_ancestor=False), "does not begin"),
        (dict(secrets=("GitHub token",)), "a secret: GitHub token"),
    ],
)
def test_each_other_fact_that_is_refused(fields, words):
    assert words in judged(**fields).reasons[0]


def test_an_empty_diff_is_refused():
    assert gate.judge(structs.replace(GOOD, changes=())) == Refused(("the diff is empty",))


def test_all_findings_are_told_at_once_and_bounded():
    verdict = judged(*(Change(path=f"../{n}") for n in range(50)), commits_ours=False)
    assert len(verdict.reasons) == gate.TOLD + 1
    assert verdict.reasons[-1] == "and 31 more"
