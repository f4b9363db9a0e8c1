"""Builders of real repositories: bare origins to push to, and the values that point at them."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from orchestrator.adapters.git import Identity
from orchestrator.adapters.locks import Locks
from orchestrator.adapters.wire import Wire
from orchestrator.records.task import Task
from orchestrator.workspace import Workspace

MOMENT = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
WHO = Identity(name="Agent OS", email="agent-os@localhost", moment=MOMENT)
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.com",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.com",
}
CALCULATOR = {
    "README.md": "# calculator\n\nAdds numbers.\n",
    "calculator.py": "def add(a, b):\n    return a + b\n",
    "CODEBASE.md": "# Codebase\n",
}


def git(folder: Path, *args: str, stdin: str | None = None) -> str:
    """A person's git in a folder; raises CalledProcessError."""
    done = subprocess.run(
        ["git", *args],
        cwd=folder,
        env=ENVIRONMENT,
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


@dataclass(frozen=True)
class Origin:
    """A bare repository that plays GitHub's part, with a person's clone to change it from."""

    slug: str
    bare: Path
    clone: Path

    def tip(self, branch: str = "main") -> str | None:
        found = git(self.bare, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        return found or None

    def branches(self) -> list[str]:
        return git(self.bare, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    def read(self, path: str, branch: str = "main") -> str:
        return git(self.bare, "show", f"{branch}:{path}")

    def commit(
        self, files: Mapping[str, str | None], *, branch: str = "main", message: str = "A change"
    ) -> str:
        """A person's commit on a branch (None deletes a file), pushed; returns its SHA."""
        if self.tip(branch):
            git(self.clone, "fetch", "-q", "origin", branch)
            git(self.clone, "checkout", "-q", "-B", branch, "FETCH_HEAD")
        else:
            git(self.clone, "checkout", "-q", "-B", branch)
        for name, text in files.items():
            path = self.clone / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        git(self.clone, "add", "--all")
        git(self.clone, "commit", "-q", "--allow-empty", "-m", message)
        git(self.clone, "push", "-q", "origin", f"HEAD:refs/heads/{branch}")
        return git(self.clone, "rev-parse", "HEAD")


def origin(
    folder: Path, slug: str = "acme/calculator", files: Mapping[str, str] | None = None
) -> Origin:
    """A bare origin under `folder/origins` with one commit on main."""
    made = Origin(slug, folder / "origins" / f"{slug}.git", folder / "people" / slug)
    there = begun(tuple((CALCULATOR if files is None else files).items()))
    shutil.copytree(there.bare, made.bare)
    shutil.copytree(there.clone, made.clone)
    config = made.clone / ".git" / "config"
    config.write_text(config.read_text().replace(str(there.bare), str(made.bare)))
    return made


@cache
def begun(files: tuple[tuple[str, str], ...]) -> Origin:
    """One that is copied for each test: a dozen processes are started for it once."""
    folder = Path(tempfile.mkdtemp(prefix="agent-os-origin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = Origin("any", folder / "bare", folder / "clone")
    git(folder, "init", "-q", "--bare", "--template=", "--initial-branch=main", str(made.bare))
    git(folder, "clone", "-q", "--template=", str(made.bare), str(made.clone))
    made.commit(dict(files), message="Begin")
    return made


def workspace(folder: Path, *, name: str = "machine") -> Workspace:
    """A workspace whose web is `folder/origins`; another name is another machine."""
    here = folder / name
    return Workspace(
        stores=here / "repos",
        worktrees=here / "worktrees",
        web_base=(folder / "origins").as_uri(),
        wire=Wire(),
        locks=Locks(here / "locks"),
    )


def task(slug: str = "acme/calculator", number: int = 1) -> Task:
    task_id = f"task-20261122-210000-{slug.partition('/')[2]}-{number}-a-change"
    return Task(
        task_id=task_id,
        repo=slug,
        issue=number,
        branch=f"agent/{task_id}",
        base="main",
        created=MOMENT,
    )
