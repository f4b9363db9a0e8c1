"""Forges and working copies for the tests of the forge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import forge as forge_support


@pytest.fixture
def github(tmp_path: Path) -> Iterator[forge_support.Github]:
    with forge_support.inside(tmp_path / "forge") as found:
        yield found


@pytest.fixture
def maria(github: forge_support.Github) -> forge_support.Session:
    return github.session("maria-token")


@pytest.fixture
def robot(github: forge_support.Github) -> forge_support.Session:
    return github.session("robot-token")


@pytest.fixture
def work(github: forge_support.Github, tmp_path: Path) -> forge_support.Clone:
    """A clone of maria/library that pushes past HTTP; tell the forge by `pushed`."""
    return forge_support.clone(github.bare("maria/library"), tmp_path / "work")


@pytest.fixture
def push(
    github: forge_support.Github, work: forge_support.Clone
) -> Callable[..., str]:
    """Commit files on a branch, push it, and give the new head."""
    def pushed(branch: str, files: dict[str, str] | None = None, message: str = "Change") -> str:
        known = work.git("rev-parse", "--verify", "-q", branch, check=False).returncode == 0
        if known:
            work.git("checkout", "-q", branch)
        else:
            work.git("fetch", "-q")
            work.branch(branch)
        sha = work.commit(files or {f"{branch}.txt": f"{branch}\n"}, message)
        work.git("push", "-q", "-f", "origin", branch)
        github.forge.pushed("maria/library", "robot")
        return sha

    return pushed


@pytest.fixture
def open_pull(
    push: Callable[..., str], robot: forge_support.Session
) -> Callable[..., dict[str, Any]]:
    def opened(branch: str = "feature", **more: Any) -> dict[str, Any]:
        files = more.pop("files", None)
        push(branch, files)
        told = {"title": f"The {branch}", "head": branch, "base": "main", "body": "Why."} | more
        answer = robot.post("/repos/maria/library/pulls", json=told)
        assert answer.status_code == 201, answer.text
        pull: dict[str, Any] = answer.json()
        return pull

    return opened
