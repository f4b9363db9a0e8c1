"""What a commit says of itself and of its past."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.adapters import retrospect
from orchestrator.adapters.git import Git, GitError
from tests.support import repos
from tests.support.repos import Origin


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = repos.origin(tmp_path)
    made.commit({"docs/a b.md": "x\u00e9\n", "empty.txt": ""}, message="docs: begin\n\nlonger")
    made.commit({"calculator.py": "1\n"}, message="count")
    return made


@pytest.mark.parametrize("packed", [False, True])
def test_only_the_files_that_are_there_are_read(origin: Origin, packed: bool) -> None:
    if packed:
        repos.git(origin.bare, "repack", "-a", "-d", "-q")
    git, tip = Git(origin.bare), str(origin.tip())
    asked = ("README.md", "no.md", "docs/a b.md", "docs", "empty.txt", "calculator.py")
    found = retrospect.read_files(git, tip, asked)
    assert found == {
        "README.md": "# calculator\n\nAdds numbers.\n", "docs/a b.md": "x\u00e9\n",
        "empty.txt": "", "calculator.py": "1\n",
    }  # fmt: skip
    assert retrospect.read_files(git, tip, ()) == {}


@pytest.mark.parametrize("packed", [False, True])
def test_every_path_is_named(origin: Origin, packed: bool) -> None:
    if packed:
        repos.git(origin.bare, "repack", "-a", "-d", "-q")
    commit = str(origin.tip())
    for sha in (commit, repos.git(origin.bare, "rev-parse", f"{commit}^{{tree}}")):
        names = retrospect.names(Git(origin.bare), sha)
        assert names == ("CODEBASE.md", "README.md", "calculator.py", "docs/a b.md", "empty.txt")


def test_the_newest_commits_come_with_their_paths(origin: Origin) -> None:
    newest, before = retrospect.recent(Git(origin.bare), str(origin.tip()), 2)
    assert (newest.subject, newest.paths) == ("count", ("calculator.py",))
    assert (before.subject, before.paths) == ("docs: begin", ("docs/a b.md", "empty.txt"))
    assert newest.sha == origin.tip() and newest.at.tzinfo is not None


def test_loose_and_packed_commits_tell_the_same_past(origin: Origin) -> None:
    first = origin.tip()
    origin.commit({"docs/a b.md": "y\n", "empty.txt": None}, message="docs: more \n and more\n\nx")
    text = "# calculator\n\nAdds numbers.\n"
    origin.commit({"README.md": None, "read.me": text}, message="moved")
    git, tip = Git(origin.bare), str(origin.tip())
    loose = [retrospect.recent(git, sha, most) for sha in (tip, str(first)) for most in (1, 2, 9)]
    repos.git(origin.bare, "repack", "-a", "-d", "-q")
    packed = [retrospect.recent(git, sha, most) for sha in (tip, str(first)) for most in (1, 2, 9)]
    assert loose == packed
    assert loose[0][0].paths == ("read.me",), "a file that was renamed counts once"
    assert loose[1][1].subject == "docs: more  and more"


def test_a_commit_that_is_not_there_is_an_error(origin: Origin) -> None:
    with pytest.raises(GitError):
        retrospect.recent(Git(origin.bare), "f" * 40, 2)
