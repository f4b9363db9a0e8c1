"""Objects read as files: what git says of them, and nothing where only git can say it."""

from __future__ import annotations

import os
import subprocess
from itertools import product
from pathlib import Path

import pytest

from orchestrator.adapters import history, loose
from orchestrator.adapters.git import Git, environment

ABSENT = "0123456789" * 4


def git(store: Path, *words: str, stdin: bytes = b"") -> str:
    done = subprocess.run(
        ["git", f"--git-dir={store}", *words], input=stdin, capture_output=True, check=True,
        env={**environment(), "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
             "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"},
    )  # fmt: skip
    return done.stdout.decode().strip()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store.git"
    subprocess.run(["git", "init", "-q", "--bare", str(folder)], check=True, env=environment())
    return folder


@pytest.fixture
def commit(store: Path) -> str:
    blob = git(store, "hash-object", "-w", "--stdin", stdin=b"words\0and more\n")
    entries = f"100755 blob {blob}\trun\n120000 blob {blob}\tlink\n"
    inner = git(store, "mktree", stdin=entries.encode())
    entries = f"040000 tree {inner}\tsrc\n100644 blob {blob}\ta b\n"
    tree = git(store, "mktree", stdin=entries.encode())
    return git(store, "commit-tree", tree, stdin=b"One\n")


def test_a_commit_its_tree_and_its_files_are_as_git_says(store: Path, commit: str) -> None:
    assert loose.is_commit(store, commit)
    tree = git(store, "rev-parse", f"{commit}^{{tree}}")
    assert loose.tree_of(store, commit) == loose.tree_of(store, tree) == tree
    for path in ("a b", "src/run"):
        assert loose.file(store, commit, path) == b"words\0and more\n"
    for path in ("a", "src/walk", "nowhere/a b"):
        assert loose.file(store, commit, path) is None
    assert not loose.is_commit(store, loose.tree_of(store, commit))


@pytest.mark.parametrize("path", ["src/link", "src", "a b/run"])
def test_what_is_no_plain_file_is_left_to_git(store: Path, commit: str, path: str) -> None:
    with pytest.raises(loose.Elsewhere):
        loose.file(store, commit, path)


@pytest.mark.parametrize("name", [ABSENT, "HEAD", "../../config", "", "abcdef"])
def test_what_is_not_there_or_no_name_is_left_to_git(store: Path, commit: str, name: str) -> None:
    assert not loose.is_commit(store, name)
    with pytest.raises(loose.Elsewhere):
        loose.tree_of(store, name)
    assert not Git(store).has_commit(ABSENT)


def test_packed_objects_are_answered_by_git(store: Path, commit: str) -> None:
    tree = loose.tree_of(store, commit)
    git(store, "update-ref", "refs/heads/one", commit)
    git(store, "gc", "--quiet", "--prune=now")
    with pytest.raises(loose.Elsewhere):
        loose.tree_of(store, commit)
    asked = Git(store)
    assert asked.has_commit(commit)
    assert history.tree_of(asked, commit) == tree
    assert history.read_file(asked, commit, "a b") == "words\0and more\n"
    assert history.same_tree(asked, commit, commit)


@pytest.mark.parametrize("damage", [b"", b"not zlib", None])
def test_a_damaged_object_is_left_to_git(store: Path, commit: str, damage: bytes | None) -> None:
    path = store / "objects" / commit[:2] / commit[2:]
    held = path.read_bytes()
    os.chmod(path, 0o600)
    path.write_bytes(held[: len(held) // 2] if damage is None else damage)
    assert not loose.is_commit(store, commit)
    with pytest.raises(loose.Elsewhere):
        loose.tree_of(store, commit)


def tree(store: Path, *entries: str) -> str:
    return git(store, "mktree", stdin="".join(f"{entry}\n" for entry in entries).encode())


def test_trees_differ_where_git_says(store: Path, commit: str) -> None:
    blobs = [git(store, "hash-object", "-w", "--stdin", stdin=word) for word in (b"a", b"b")]
    one, two = (f"blob {blob}" for blob in blobs)
    inner = tree(store, f"100644 {one}\tx", f"100755 {one}\ty")
    other = tree(store, f"100644 {two}\tx", f"100644 {one}\ty", f"120000 {one}\tz")
    trees = [
        tree(store),
        tree(store, f"040000 tree {inner}\ta", f"100644 {one}\ta.b", f"100644 {one}\tgone"),
        tree(store, f"040000 tree {other}\ta", f"100644 {two}\ta.b", f"040000 tree {inner}\tg"),
        tree(store, f"100644 {one}\ta", f"160000 commit {commit}\tsub", f"100644 {one}\tä"),
    ]
    for left, right in product(trees, trees):
        raw = git(store, "diff-tree", "-r", "--raw", "-z", "--no-renames", left, right).split("\0")
        said = [
            (path, *fields[1:].split(" ")[:2])
            for fields, path in zip(raw[0:-1:2], raw[1::2], strict=True)
        ]
        assert loose.differing(store, left, right) == said


def test_a_tree_with_a_mode_of_old_is_left_to_git(store: Path) -> None:
    blob = git(store, "hash-object", "-w", "--stdin", stdin=b"a")
    odd = b"100664 a\0" + bytes.fromhex(blob)
    sha = git(store, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=odd)
    with pytest.raises(loose.Elsewhere):
        loose.differing(store, tree(store), sha)
