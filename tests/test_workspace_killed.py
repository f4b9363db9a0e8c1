"""kill -9 at every git of a task's way, before, during and after it: the next run goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.git import GitError
from orchestrator.adapters.wire import Refused
from orchestrator.records.errors import GitHubTrouble
from orchestrator.workspace import CannotPrepare
from tests.support import repos, way
from tests.support.repos import Origin

CODE = Path(__file__).resolve().parents[1]
GITS = 13  # of the way below; a new one belongs here
# Counts its calls; at the wanted one it and the program that called it die. `during` is a limit of
# no bytes for what git may write: the kernel kills it in the middle, and its locks stay behind.
SHIM = """\
#!/bin/sh
count=$(($(cat {count}) + 1))
echo $count > {count}
PATH={path}
if [ $count = {at} ]; then
    case {moment} in
        before) ;;
        during) (ulimit -f 0; git "$@") ;;
        after) git "$@" ;;
    esac
    kill -9 $PPID $$
fi
exec git "$@"
"""


def go(folder: Path, path: str) -> int:
    words = f"from tests.support import way; way.whole(way.Path({str(folder)!r}))"
    environment = {"PATH": path, "PYTHONPATH": str(CODE), "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", words], env=environment, capture_output=True, check=False, cwd="/"
    ).returncode


def shimmed(folder: Path, at: int, moment: str) -> tuple[str, Path]:
    shim, count = folder / "shim", folder / "count"
    shim.mkdir()
    count.write_text("0\n")
    real = os.environ["PATH"]
    script = SHIM.format(count=count, path=real, at=at, moment=moment)
    (shim / "git").write_text(script)
    (shim / "git").chmod(0o755)
    return f"{shim}:{real}", count


def time_passes(folder: Path) -> None:
    """More than the ten minutes for which a lock in the store is left to its owner (G5)."""
    for lock in (folder / "machine" / "repos").rglob("*.lock"):
        os.utime(lock, (0, 0))


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return repos.origin(tmp_path)


@pytest.mark.parametrize("moment", ["before", "during", "after"])
@pytest.mark.parametrize("at", range(1, GITS + 1))
def test_whatever_git_dies_in_the_next_run_ends_it(
    origin: Origin, tmp_path: Path, at: int, moment: str
) -> None:
    path, _ = shimmed(tmp_path, at, moment)
    assert go(tmp_path, path) == -9
    try:
        sha = way.whole(tmp_path)
    except (GitError, CannotPrepare, GitHubTrouble, NotReadable):
        assert moment == "during", "only a lock that git left may hold the next try up"
        time_passes(tmp_path)
        sha = way.whole(tmp_path)
    assert origin.tip(repos.task().branch) == sha
    assert origin.read("new.txt", repos.task().branch) == "new"
    assert sorted(origin.branches()) == sorted(["main", repos.task().branch])
    space = repos.workspace(tmp_path)
    store = space.ensure_store(origin.slug).folder
    assert list(store.glob("worktrees/*")) == []
    time_passes(tmp_path)
    space.refresh(origin.slug, "main")
    assert [lock for lock in store.rglob("*.lock") if "agent-os" not in lock.parts] == []
    repos.git(store, "fsck", "--no-dangling")


def test_the_way_has_as_many_gits_as_are_killed(origin: Origin, tmp_path: Path) -> None:
    path, count = shimmed(tmp_path, 0, "before")
    assert go(tmp_path, path) == 0
    assert int(count.read_text()) == GITS


def test_another_installation_is_not_overwritten(origin: Origin, tmp_path: Path) -> None:
    origin.commit({"theirs.txt": "x\n"}, branch=repos.task().branch)
    space = repos.workspace(tmp_path)
    base = space.refresh(origin.slug, "main")
    outcome = space.push(origin.slug, repos.task().branch, base, expected="")
    assert isinstance(outcome, Refused)
