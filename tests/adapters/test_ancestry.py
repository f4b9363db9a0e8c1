"""How commits stand to each other: always as git says, and left to git where it could differ."""

from __future__ import annotations

import random
import subprocess
from itertools import product
from pathlib import Path

import pytest

from orchestrator.adapters import ancestry, history, loose
from orchestrator.adapters.git import Git, environment

EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store.git"
    subprocess.run(["git", "init", "-q", "--bare", str(folder)], check=True, env=environment())
    git(folder, "mktree")
    return folder


def git(store: Path, *words: str, stdin: bytes = b"") -> str:
    done = subprocess.run(
        ["git", f"--git-dir={store}", *words], input=stdin, capture_output=True, check=True,
        env=environment(),
    )  # fmt: skip
    return done.stdout.decode().strip()


def made(
    store: Path, *parents: str, at: int, message: str = "Work\n\nWhy.\n", more: str = "",
    author: str = "A <a@example.org>",
) -> str:
    head = "".join(f"parent {parent}\n" for parent in parents)
    text = (
        f"tree {EMPTY}\n{head}author {author} 1000000000 +0200\n"
        f"committer C <c@example.org> {at} +0000\n{more}\n{message}"
    )
    return git(store, "hash-object", "-t", "commit", "-w", "--stdin", stdin=text.encode())


def history_of(store: Path, seed: int) -> list[str]:
    """Twelve commits with merges, forks, a second root, and many of the same second."""
    rng = random.Random(seed)
    found = [made(store, at=1_000_000_000, message="First\n")]
    moment = 1_000_000_000
    for number in range(11):
        moment += rng.choice((0, 0, 1))
        parents = rng.sample(found, k=min(len(found), rng.choice((0, 1, 1, 1, 1, 2, 2))))
        found.append(made(store, *parents, at=moment, message=f"Change {number}\n"))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_every_pair_of_a_tangled_history_is_told_as_git_tells_it(store: Path, seed: int) -> None:
    found = history_of(store, seed)
    answered = 0
    for one, other in product(found, found):
        said = git(store, "log", "--left-right", "--format=%m%H", f"{one}...{other}").split()
        compared = ancestry.compare(store, one, other)
        assert [commit.sha for commit in compared.commits] == [w[1:] for w in said if w[0] == ">"]
        assert compared.behind == sum(word[0] == "<" for word in said)
        bases = all_merge_bases(store, one, other)
        assert ancestry.is_ancestor(store, one, other) == (one in bases)
        try:
            assert [ancestry.merge_base(store, one, other)] == (bases or [None])
            answered += 1
        except loose.Elsewhere:
            assert bases
    assert answered > 100


def all_merge_bases(store: Path, one: str, other: str) -> list[str]:
    done = Git(store).run("merge-base", "--all", one, other, ok=(0, 1))
    return done.stdout.decode().split()


def test_a_commit_is_told_as_git_tells_it(store: Path) -> None:
    root = made(store, at=1_000_000_000)
    signed = "gpgsig -----BEGIN\n abc\n -----END\n"
    odd = made(store, root, root, at=1_000_000_005, more=signed, message="\nä\n\n\nb\n\n")
    packed = Git(store).text("show", "--no-patch", f"--format={history.COMMIT}", root, odd)
    told = [history._commit(line)[1] for line in packed.split("\0\x01") if line.strip()]
    assert [ancestry.commit(store, sha) for sha in (root, odd)] == told


@pytest.mark.parametrize(
    "more, message, author",
    [
        ("encoding ISO-8859-1\n", "x\n", "A <a@example.org>"),
        ("", "x\0y\n", "A <a@example.org>"),
        ("", "x\n", "A <a <b@example.org>"),
        ("", "x\n", "A < a@example.org>"),
    ],
)
def test_what_git_may_read_in_another_way_is_left_to_git(
    store: Path, more: str, message: str, author: str
) -> None:
    text = (
        f"tree {EMPTY}\nauthor {author} 1000000000 +0200\n"
        f"committer C <c@example.org> 1000000000 +0000\n{more}\n{message}"
    )
    words = ("hash-object", "-t", "commit", "-w", "--stdin", "--literally")
    sha = git(store, *words, stdin=text.encode())
    with pytest.raises(loose.Elsewhere):
        ancestry.commit(store, sha)


def test_a_child_older_than_its_parent_is_left_to_git(store: Path) -> None:
    root = made(store, at=1_000_000_000)
    late = made(store, root, at=1_000_000_900)
    early = made(store, late, at=1_000_000_100)
    with pytest.raises(loose.Elsewhere):
        ancestry.compare(store, root, early)
    assert [one.sha for one in history.compare(Git(store), root, early).commits] == [early, late]


def test_a_long_walk_is_left_to_git(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tip = root = made(store, at=1_000_000_000)
    monkeypatch.setattr(ancestry, "WALK", 5)
    for number in range(5):
        tip = made(store, tip, at=1_000_000_001 + number)
    with pytest.raises(loose.Elsewhere):
        ancestry.compare(store, root, tip)
    assert len(history.compare(Git(store), root, tip).commits) == 5


NAMES = ("a", "b", "dir/a", "dir/b", "dir/deep/c", "d")


def drawn(store: Path, rng: random.Random, before: dict[str, str]) -> tuple[dict[str, str], str]:
    """Some files changed, added or gone, and their tree."""
    files = dict(before)
    for name in rng.sample(NAMES, rng.randint(0, 2)):
        if rng.random() < 0.2:
            files.pop(name, None)
        else:
            files[name] = git(store, "hash-object", "-w", "--stdin", stdin=rng.randbytes(4))
    return files, tree_of(store, files)


def tree_of(store: Path, files: dict[str, str]) -> str:
    rows = [f"100644 blob {blob}\t{name}" for name, blob in files.items() if "/" not in name]
    for folder in sorted({name.partition("/")[0] for name in files if "/" in name}):
        inside = {n.partition("/")[2]: b for n, b in files.items() if n.startswith(f"{folder}/")}
        rows.append(f"040000 tree {tree_of(store, inside)}\t{folder}")
    return git(store, "mktree", stdin="\n".join(rows).encode())


def test_what_fits_for_sure_is_merged_by_git_without_a_conflict(store: Path) -> None:
    rng, sure = random.Random(7), 0
    one = git(store, "hash-object", "-w", "--stdin", stdin=b"one")
    for number in range(12):
        files = {name: one for name in rng.sample(NAMES, 4)}
        base = commit_of(store, tree_of(store, files), number)
        sides = [commit_of(store, drawn(store, rng, files)[1], number, base) for _ in "ab"]
        fit = ancestry.fit(store, *sides)
        sure += fit
        done = subprocess.run(
            ["git", f"--git-dir={store}", "merge-tree", "--write-tree", *sides],
            capture_output=True, env=environment(), check=False,
        )  # fmt: skip
        assert not fit or done.returncode == 0, (sides, done.stdout)
        assert ancestry.fit(store, base, sides[0]) and ancestry.fit(store, sides[1], base)
    assert 3 <= sure < 12


@pytest.mark.parametrize(
    ("mine", "theirs", "fits"),
    [
        ({"a": "1"}, {"a": "2"}, True),
        ({"a": "1", "b": "1"}, {"a": "2", "b": "2"}, False),
        ({"new": "1"}, {"new": "2"}, True),
        ({"new": "1"}, {"new/in it": "2"}, False),
        ({"a": None}, {"a": "2"}, False),
    ],
)
def test_what_both_do_to_a_file_that_does_not_count_spoils_nothing(
    store: Path, mine: dict[str, str | None], theirs: dict[str, str | None], fits: bool
) -> None:
    def blob(text: str) -> str:
        return git(store, "hash-object", "-w", "--stdin", stdin=text.encode())

    files = {"a": blob("0"), "b": blob("0")}
    base = commit_of(store, tree_of(store, files), 1)
    sides = []
    for changes in (mine, theirs):
        held = files | {name: blob(text) for name, text in changes.items() if text is not None}
        kept = {name: held[name] for name in held if changes.get(name, "") is not None}
        sides.append(commit_of(store, tree_of(store, kept), 1, base))
    assert ancestry.fit(store, *sides, besides={"a", "new"}) is fits
    assert not ancestry.fit(store, *sides)


def commit_of(store: Path, tree: str, number: int, *parents: str) -> str:
    above = "".join(f"parent {parent}\n" for parent in parents)
    who = f"A <a@example.org> {1_000_000_000 + number + len(parents)} +0000"
    text = f"tree {tree}\n{above}author {who}\ncommitter {who}\n\n{number}\n"
    return git(store, "hash-object", "-t", "commit", "-w", "--stdin", stdin=text.encode())
