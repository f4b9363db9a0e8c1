"""Conflicts that are no two texts: renames, modes, kinds of thing, submodules (never a marker)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from orchestrator.adapters import history
from orchestrator.adapters.git import Git, Inline
from orchestrator.records.change import Conflict, ConflictedPath, PathKind
from tests.support import repos
from tests.support.repos import Origin

BRANCH = "agent/task-1"
ONE, TWO, THREE = ("1" * 40, "2" * 40, "3" * 40)
LINES = "".join(f"{n}\n" for n in range(20))
Deed = Callable[[Path], None]


def write(path: str, text: str) -> Deed:
    def deed(folder: Path) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)

    return deed


def move(path: str, to: str, text: str = LINES) -> Deed:
    def deed(folder: Path) -> None:
        (folder / to).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).rename(folder / to)
        (folder / to).write_text(text)

    return deed


def executable(path: str, text: str) -> Deed:
    def deed(folder: Path) -> None:
        (folder / path).write_text(text)
        (folder / path).chmod(0o755)

    return deed


def link(path: str, target: str) -> Deed:
    def deed(folder: Path) -> None:
        (folder / path).unlink(missing_ok=True)
        (folder / path).symlink_to(target)

    return deed


def submodule(path: str, commit: str) -> Deed:
    def deed(folder: Path) -> None:
        (folder / path).mkdir(exist_ok=True)
        repos.git(folder, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")

    return deed


def gone(path: str) -> Deed:
    return lambda folder: (folder / path).unlink()


class Case(NamedTuple):
    """What was there, what branch and base do, what is told, and what the worktree then holds."""

    start: Deed
    branch: Deed
    base: Deed
    told: tuple[ConflictedPath, ...]
    held: dict[str, str | None]


def both(
    path: str, branch: str | None, base: str | None,
    of_branch: PathKind = PathKind.FILE, of_base: PathKind = PathKind.FILE,
) -> ConflictedPath:  # fmt: skip
    return ConflictedPath(
        path=path, branch=branch, base=base, branch_kind=of_branch, base_kind=of_base
    )


OURS, THEIRS = LINES.replace("5\n", "ours\n", 1), LINES.replace("5\n", "theirs\n", 1)
NONE = PathKind.DELETED
CASES = {
    "renamed by one, changed by both": Case(
        write("a", LINES), write("a", OURS), move("a", "b", THEIRS),
        (both("b", OURS, THEIRS),), {"b": THEIRS, "a": None},
    ),
    "renamed to two names": Case(
        write("a", LINES), move("a", "b"), move("a", "c"),
        (both("a", None, None, NONE, NONE), both("b", LINES, None, of_base=NONE),
         both("c", None, LINES, NONE)),
        {"a": None, "b": None, "c": LINES},
    ),
    "renamed on the branch, deleted on the base": Case(
        write("a", LINES), move("a", "b", OURS), gone("a"),
        (both("b", OURS, None, of_base=NONE),), {"a": None, "b": None},
    ),
    "added where the base renamed the folder": Case(
        write("old/a", LINES), write("old/c", "new\n"), move("old/a", "new/a"),
        (both("new/c", "new\n", None, of_base=NONE),), {"new/a": LINES, "new/c": None},
    ),
    "a file on the base, a folder on the branch": Case(
        write("k", "k\n"), write("x/y", "below\n"), write("x", "file\n"),
        (both("x", None, "file\n", PathKind.FOLDER), both("x/y", "below\n", None, of_base=NONE)),
        {"x": "file\n", f"x~{ONE}": None},
    ),
    "a folder on the base, a file on the branch": Case(
        write("k", "k\n"), write("x", "file\n"), write("x/y", "below\n"),
        (both("x", "file\n", None, of_base=PathKind.FOLDER),), {"x/y": "below\n"},
    ),
    "a link on the branch, a changed file on the base": Case(
        write("a", LINES), link("a", "k"), write("a", THEIRS),
        (both("a", "k", THEIRS, PathKind.SYMLINK),), {"a": THEIRS},
    ),
    "a changed file on the branch, a link on the base": Case(
        write("a", LINES), write("a", OURS), link("a", "README.md"),
        (both("a", OURS, "README.md", of_base=PathKind.SYMLINK),), {"a": "-> README.md"},
    ),
    "two modes of one new text": Case(
        write("k", "k\n"), executable("run", "#!/bin/sh\n"), write("run", "#!/bin/sh\n"),
        (both("run", "#!/bin/sh\n", "#!/bin/sh\n", PathKind.EXECUTABLE),), {"run": "#!/bin/sh\n"},
    ),
    "a submodule that both moved": Case(
        submodule("sub", ONE), submodule("sub", TWO), submodule("sub", THREE),
        (both("sub", TWO, THREE, PathKind.SUBMODULE, PathKind.SUBMODULE),), {"sub": "@" + THREE},
    ),
    "a submodule on the branch, a file on the base": Case(
        write("k", "k\n"), submodule("sub", TWO), write("sub", "file\n"),
        (both("sub", TWO, "file\n", PathKind.SUBMODULE),), {"sub": "file\n"},
    ),
}  # fmt: skip


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return repos.origin(tmp_path)


def parted(origin: Origin, case: Case) -> tuple[str, str]:
    """A branch and a base that each made one commit since they parted, by hand."""
    here = origin.clone
    case.start(here)
    commit(here, "start")
    repos.git(here, "checkout", "-q", "-b", BRANCH)
    case.branch(here)
    head = commit(here, "branch")
    repos.git(here, "checkout", "-q", "-f", "main")
    repos.git(here, "clean", "-qfdx")
    case.base(here)
    return head, commit(here, "base")


def commit(folder: Path, message: str) -> str:
    repos.git(folder, "add", "--all")
    repos.git(folder, "commit", "-q", "-m", message)
    return repos.git(folder, "rev-parse", "HEAD")


def holding(git: Git, sha: str) -> Iterator[tuple[str, str]]:
    for line in git.text("ls-tree", "-r", sha).splitlines():
        fields, _, path = line.partition("\t")
        mode, _, blob = fields.split(" ")
        text = blob if mode == "160000" else git.run("cat-file", "blob", blob).stdout.decode()
        yield path, {"160000": "@", "120000": "-> "}.get(mode, "") + text


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_both_sides_are_told_and_the_start_holds_the_bases(origin: Origin, case: Case) -> None:
    head, tip = parted(origin, case)
    git = Git(origin.clone / ".git")
    outcome = history.update(
        git, head=head, base_tip=tip, ref="refs/test/update", message="m",
        memory=Inline(path="CODEBASE.md", text=None), identity=repos.WHO,
    )  # fmt: skip
    assert outcome == Conflict(case.told)
    made = history.half_merged(
        git, head=head, base_tip=tip, ref="refs/test/start",
        memory=Inline(path="CODEBASE.md", text=None), identity=repos.WHO,
    )  # fmt: skip
    held = dict(holding(git, made))
    assert {path: held.get(path) for path in case.held} == case.held
    assert not [path for path, text in held.items() if "~" in path or "<<<<" in text]
    (foreseen,) = history.clashes(git, ((head, tip),))
    assert set(foreseen) <= {one.path for one in case.told} and foreseen
