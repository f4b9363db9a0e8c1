"""What is compared, joined and written without git is what git itself says and writes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from orchestrator.forge import host, joining, making, objects

NAMES = ("a", "b.txt", "dir/a", "dir/c", "dir/deep/x", "dir.txt", "other/y", "other/z")
TEXTS = (b"", b"one\n", b"one\ntwo\n", b"one\ntwo", b"zero\none\ntwo\n", b"\0bin", b"else\n")
MARIA = making.Identity("Maria", "maria@example.org", datetime(2026, 1, 5, 9, 0, tzinfo=UTC))
Files = dict[str, tuple[bytes, bool]]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("git") / "library.git"
    host.create(made, "main")
    return made


def tree_by_git(bare: Path, files: Files) -> str:
    index = {"GIT_INDEX_FILE": str(bare / "index")}
    for path, (content, executable) in files.items():
        blob = host.git(bare, "hash-object", "-w", "--stdin", stdin=content).strip()
        line = f"{'100755' if executable else '100644'} {blob}\t{path}"
        host.git(bare, "update-index", "--add", "--index-info", stdin=line.encode(), extra=index)
    return host.git(bare, "write-tree", extra=index).strip()


def drawn(rng: Random, files: Files) -> Files:
    """Some of the files changed, some gone, some new."""
    made = dict(files)
    for name in rng.sample(NAMES, rng.randint(0, 3)):
        if rng.random() < 0.25:
            made.pop(name, None)
        else:
            made[name] = (rng.choice(TEXTS), rng.random() < 0.2)
    return made or {"kept": (b"", False)}


def commit(bare: Path, files: Files, *parents: str, text: str = "text") -> str:
    return host.commit_tree(bare, making.tree(bare, files), parents, f"{text}\n", MARIA, MARIA)


def test_a_commit_and_a_tree_are_those_that_git_writes(bare: Path) -> None:
    files: Files = {name: (name.encode(), name == "a") for name in NAMES}
    assert host.write_tree(bare, files) == tree_by_git(bare, files)
    for odd_path in ("../a", "dir//a", ".git/config", "a/below/a/file"):
        with pytest.raises(host.GitError, match="no file can be named"):
            host.write_tree(bare, {**files, odd_path: (b"", False)})
    made = commit(bare, files)
    assert host.git(bare, "fsck", "--strict", "--no-dangling") == ""
    odd = making.Identity("Maria <3", "maria@example.org", MARIA.moment)
    assert making.commit(bare, making.tree(bare, files), [], "text\n", odd, MARIA) is None
    assert making.commit(bare, making.tree(bare, files), ["0" * 40], "text\n", MARIA, MARIA) is None
    row = host.commits(bare, "-1", made)[0]
    assert objects.facts(bare, made)[:5] + objects.facts(bare, made)[9:] == row[:5] + row[9:]


@pytest.mark.parametrize("seed", range(60))
def test_merges_histories_and_sizes_are_those_of_git(bare: Path, seed: int) -> None:
    rng = Random(seed)
    before = drawn(rng, {name: (rng.choice(TEXTS), False) for name in rng.sample(NAMES, 5)})
    ours_files, theirs_files = drawn(rng, before), drawn(rng, before)
    base = commit(bare, before)
    middle = commit(bare, drawn(rng, before), base)
    ours, theirs = commit(bare, ours_files, middle), commit(bare, theirs_files, base, text="theirs")
    assert objects.common(bare, ours, theirs) == base
    assert objects.own(bare, theirs, ours) == [middle, ours]
    assert host.count_own(bare, theirs, ours) == 2
    told = host.git(bare, "diff", "--numstat", "--no-renames", ours, theirs).splitlines()
    by_git = [(0, 0) if line[0] == "-" else tuple(map(int, line.split("\t")[:2])) for line in told]
    assert sorted(host.sizes(bare, ours, theirs)) == sorted(by_git)
    done = host.run(bare, "merge-tree", "--write-tree", "--no-messages", ours, theirs)
    try:
        made = joining.merged(bare, ours, theirs)
    except objects.Packed:
        return
    assert (done.returncode, done.stdout.decode().strip()) == (0, made)
    rows = objects.history(bare, [ours, theirs], lambda sha: sha == base)
    assert {row[0] for row in rows} == {ours, middle, theirs}


def test_a_merge_of_merges_is_left_to_git(bare: Path) -> None:
    base = commit(bare, {"a": (b"base\n", False)})
    one, two = (commit(bare, {"a": (b"base\n", False), n: (b"", False)}, base) for n in "xy")
    both = {"a": (b"base\n", False), "x": (b"", False), "y": (b"", False)}
    left, right = commit(bare, both, one, two), commit(bare, both | {"z": (b"", False)}, two, one)
    for judged in (objects.common, joining.merged):
        with pytest.raises(objects.Packed):
            judged(bare, left, right)
    assert host.merge_tree(bare, left, right) == making.tree(bare, both | {"z": (b"", False)})
    assert [row[0] for row in host.own_commits(bare, base, left)][-1] == left


def test_a_ref_moves_only_from_where_it_stands_and_never_past_a_lock(bare: Path) -> None:
    one = commit(bare, {"a": (b"one\n", False)})
    two = commit(bare, {"a": (b"two\n", False)}, one)
    name, zero = "refs/heads/agent/one", making.ZERO
    assert making.move_ref(bare, name, one, zero) is True
    assert making.move_ref(bare, name, two, zero) is False
    assert host.refs(bare)[name] == one
    assert making.move_ref(bare, name, two, one) is True
    lock = bare / f"{name}.lock"
    lock.touch()
    assert making.move_ref(bare, name, one, two) is None
    assert not host.update_ref(bare, name, one, two)
    lock.unlink()
    for strange in ("refs/heads/agent", f"{name}/below", "refs/heads/a.lock", "HEAD", "refs/../x"):
        assert making.move_ref(bare, strange, one, zero) is None
    assert making.move_ref(bare, name, "1" * 40, two) is None
    assert making.move_ref(bare, name, zero, two) is True
    assert name not in host.refs(bare)
    assert host.update_ref(bare, name, one, zero)
    host.git(bare, "pack-refs", "--all")
    assert making.move_ref(bare, name, zero, one) is None
    assert host.update_ref(bare, name, zero, one)
    assert name not in host.refs(bare)
