"""Merges without a checkout, and questions to a store."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.adapters import history, sides
from orchestrator.adapters.git import Git, GitError, Inline
from orchestrator.adapters.history import GitTooOld
from orchestrator.adapters.wire import Wire
from orchestrator.records.change import Conflict, ConflictedPath, PathKind, Updated
from tests.support import repos
from tests.support.repos import Origin

BRANCH = "agent/task-1"
MEMORY = Inline(path="CODEBASE.md", text="# Codebase\n\nrebuilt\n")


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return repos.origin(tmp_path)


@pytest.fixture
def store(tmp_path: Path, origin: Origin) -> Git:
    folder = tmp_path / "store.git"
    folder.mkdir()
    made = Git(folder)
    made.run("init", "--bare", "--quiet", str(folder))
    fetch(made, origin)
    return made


def fetch(store: Git, origin: Origin) -> None:
    Wire().fetch(store.git_dir, origin.bare.as_uri(), ("+refs/heads/*:refs/remotes/origin/*",))


def update(store: Git, head: str, tip: str) -> Updated | Conflict:
    return history.update(
        store,
        head=head,
        base_tip=tip,
        ref=f"refs/heads/{BRANCH}",
        memory=MEMORY,
        message="Bring main into the branch",
        identity=repos.WHO,
    )


def parted(
    origin: Origin, store: Git, branch: dict[str, str | None], base: dict[str, str | None]
) -> tuple[str, str]:
    """A branch and a base that each made one commit since they parted."""
    repos.git(origin.bare, "update-ref", f"refs/heads/{BRANCH}", str(origin.tip()))
    head = origin.commit(branch, branch=BRANCH)
    tip = origin.commit(base)
    fetch(store, origin)
    return head, tip


def test_an_update_has_two_parents_both_sides_and_the_rebuilt_memory(
    origin: Origin, store: Git
) -> None:
    head, tip = parted(
        origin,
        store,
        {"ours.txt": "ours\n", "CODEBASE.md": "# Codebase\n\nours\n"},
        {"theirs.txt": "theirs\n", "CODEBASE.md": "# Codebase\n\ntheirs\n"},
    )
    updated = update(store, head, tip)
    assert isinstance(updated, Updated)
    (commit,) = history.commits(store, (updated.sha,))
    assert commit.parents == (head, tip)
    assert history.read_file(store, updated.sha, "CODEBASE.md") == MEMORY.text
    assert history.read_file(store, updated.sha, "ours.txt") == "ours\n"
    assert history.read_file(store, updated.sha, "theirs.txt") == "theirs\n"
    assert store.ref(f"refs/heads/{BRANCH}") == updated.sha
    assert update(store, head, tip) == updated


def test_a_conflict_tells_both_sides_and_changes_nothing(origin: Origin, store: Git) -> None:
    head, tip = parted(
        origin,
        store,
        {"calculator.py": "ours\n", "README.md": None, "CODEBASE.md": "a\n", "fine": "x"},
        {"calculator.py": "theirs\n", "README.md": "theirs\n", "CODEBASE.md": "b\n"},
    )
    outcome = update(store, head, tip)
    assert outcome == Conflict(
        (
            ConflictedPath(
                path="README.md", branch=None, base="theirs\n", branch_kind=PathKind.DELETED
            ),
            ConflictedPath(path="calculator.py", branch="ours\n", base="theirs\n"),
        )
    )
    assert store.ref(f"refs/heads/{BRANCH}") is None


def test_attributes_of_the_tree_choose_no_merge(origin: Origin, store: Git) -> None:
    """A union merge keeps both sides of everything and calls that clean."""
    head, tip = parted(
        origin,
        store,
        {"calculator.py": "ours\n", ".gitattributes": "* merge=union\n"},
        {"calculator.py": "theirs\n", ".gitattributes": "* merge=union\n"},
    )
    assert isinstance(update(store, head, tip), Conflict)


def test_an_old_git_is_told_by_its_version(
    origin: Origin, store: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, tip = parted(origin, store, {"a": "a"}, {"b": "b"})
    shim, real = tmp_path / "shim", shutil.which("git")
    shim.mkdir()
    (shim / "git").write_text(
        "#!/bin/sh\n"
        'for word in "$@"; do\n'
        "  [ $word = merge-tree ] && echo 'usage: git merge-tree' >&2 && exit 129\n"
        "  [ $word = version ] && echo 'git version 2.34.1' && exit 0\n"
        f'done\nexec {real} "$@"\n'
    )
    (shim / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(shim), prepend=":")
    with pytest.raises(GitTooOld, match=r"git 2\.34\.1 is too old"):
        update(Git(store.git_dir), head, tip)


def test_a_comparison_counts_what_is_missing_and_names_what_is_added(
    origin: Origin, store: Git
) -> None:
    start = str(origin.tip())
    head, tip = parted(origin, store, {"a": "a"}, {"b": "b"})
    apart = history.compare(store, tip, head)
    assert (apart.behind, [c.sha for c in apart.commits]) == (1, [head])
    assert apart.commits[0].author_email == "person@example.com"
    assert history.compare(store, start, head).behind == 0
    assert history.compare(store, head, head) == history.Comparison(behind=0, commits=())
    assert history.merge_base(store, head, tip) == start
    assert store.is_ancestor(start, head)
    assert not store.is_ancestor(tip, head)


def test_a_missing_object_is_an_error_and_not_a_no(origin: Origin, store: Git) -> None:
    gone = "1" * 40
    assert not store.has_commit(gone)
    assert store.has_commit(str(origin.tip()))
    for question in (
        lambda: store.is_ancestor(gone, str(origin.tip())),
        lambda: history.compare(store, gone, str(origin.tip())),
        lambda: history.commits(store, (gone,)),
    ):
        with pytest.raises(GitError, match=gone):
            question()


def test_the_paths_of_a_branch_are_its_own_and_not_those_that_the_base_changed(
    origin: Origin, store: Git
) -> None:
    head, tip = parted(origin, store, {"a b\n.txt": "a", "ä": "x"}, {"c": "c"})
    assert history.paths_between(store, tip, head) == ("a b\n.txt", "ä")


def test_a_file_that_is_not_there_is_none(origin: Origin, store: Git) -> None:
    assert history.read_file(store, str(origin.tip()), "nothing") is None
    assert history.read_file(store, str(origin.tip()), "README.md") == repos.CALCULATOR["README.md"]


def test_pairs_are_compared_without_a_trace_in_the_store(origin: Origin, store: Git) -> None:
    start = str(origin.tip())
    heads = {}
    for name, files in {
        "one": {"README.md": "# one\n"},
        "two": {"README.md": "# two\n", "two words é.txt": "2\n"},
        "three": {"calculator.py": "three = 3\n"},
        "four": {"calculator.py": None, "README.md": "# four\n"},
    }.items():
        repos.git(origin.bare, "update-ref", f"refs/heads/{name}", start)
        heads[name] = origin.commit(files, branch=name)
    fetch(store, origin)
    before = sorted(store.git_dir.rglob("*"))
    pairs = [("one", "two"), ("one", "three"), ("three", "four"), ("two", "four"), ("one", "one")]
    found = history.clashes(store, tuple((heads[a], heads[b]) for a, b in pairs))
    assert found == (("README.md",), (), ("calculator.py",), ("README.md",), ())
    those = tuple((heads[a], heads[b]) for a, b in pairs)
    left = history.clashes(store, those, besides={"README.md"})
    assert left == ((), (), ("calculator.py",), (), ())
    assert sorted(store.git_dir.rglob("*")) == before


def test_a_pair_with_a_missing_commit_is_an_error_and_not_a_peace(
    origin: Origin, store: Git
) -> None:
    with pytest.raises(GitError):
        history.clashes(store, ((str(origin.tip()), "0" * 39 + "1"),))


def test_a_conflict_of_files_that_are_not_text_is_told_without_their_bytes(
    origin: Origin, store: Git
) -> None:
    head, tip = parted(origin, store, {"README.md": "a\0b\n"}, {"README.md": None})
    outcome = update(store, head, tip)
    assert isinstance(outcome, Conflict)
    assert outcome.paths == (
        ConflictedPath(
            path="README.md", branch=sides.NOT_TEXT, base=None, base_kind=PathKind.DELETED
        ),
    )


@pytest.mark.parametrize("packed", [False, True])
def test_both_texts_of_each_changed_path_loose_or_packed(
    origin: Origin, store: Git, packed: bool
) -> None:
    base = origin.commit({"a b.txt": "one\n", "gone.txt": "old\n", "raw.bin": "x\0y"})
    origin.commit({"a b.txt": "two\n", "gone.txt": None, "raw.bin": "z\0", "n/é.py": "1\n"})
    origin.commit({"large.txt": "l" * (history.TEXT_LIMIT + 1)})
    top = origin.tip()
    fetch(store, origin)
    if packed:
        store.run("repack", "-adq")
    found = {one.path: one for one in history.texts(store, base, history.tree_of(store, str(top)))}
    assert (found["a b.txt"].before, found["a b.txt"].after) == ("one\n", "two\n")
    assert (found["gone.txt"].before, found["gone.txt"].after) == ("old\n", None)
    assert found["gone.txt"].mode == "000000" and found["n/é.py"].was == "000000"
    assert found["n/é.py"].after == "1\n" and found["raw.bin"].after is None
    assert found["large.txt"].unread and not found["raw.bin"].unread
