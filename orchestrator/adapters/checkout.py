"""This program's own checkout: where it came from, how it stands, and how it is moved (C10)."""

from __future__ import annotations

import os
import sys
from hashlib import sha256
from pathlib import Path

from orchestrator.adapters import files, git, process
from orchestrator.adapters.git import Git, GitError
from orchestrator.records import regex
from orchestrator.records.errors import AgentOSError

UPSTREAM = "refs/agent-os/upstream"
PREVIOUS = "refs/agent-os/previous"  # what a person goes back to
TARGET = "refs/agent-os/target"  # stands while the files are being exchanged
AVOID = "refs/agent-os/avoid"  # what a person went back from
MOST_CANDIDATES = 10
INSTALL_SECONDS = 1200.0
ORIGIN = regex.late(r'(?ms)^\[remote "origin"\]\s*$(.*?)(?=^\[|\Z)')
URL = regex.late(r"(?m)^\s*url\s*=\s*(.+?)\s*$")
STAMP = "requirements.installed"  # as bin/common.sh leaves it
LARGEST = 1_000_000


class Unmovable(AgentOSError):
    """The checkout stands in a way in which nothing of it is touched."""

    exit_code = 20


def remote(code: Path) -> str:
    """The address of `origin`, read without a process; "" where there is none."""
    try:
        folder = code / ".git"
        if folder.is_file():
            pointed = Path(folder.read_text(encoding="utf-8").removeprefix("gitdir:").strip())
            folder = pointed.parents[1]
        text = files.read_bounded(folder / "config", LARGEST).decode("utf-8", "replace")
    except (OSError, ValueError, IndexError, AgentOSError):
        return ""
    origin = ORIGIN.search(text)
    url = URL.search(origin[1]) if origin else None
    return url[1] if url else ""


def modules(code: Path) -> tuple[tuple[str, int], ...]:
    """Each module of the checkout with its age: a process compares whether it is still this code.

    No commit tells that, since a person may edit it in place or copy another over it.
    """
    found, folders = list[tuple[str, int]](), [str(code / "orchestrator")]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    found.append((entry.path, entry.stat().st_mtime_ns))
                elif "." not in entry.name and entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    return tuple(sorted(found))


def digest(path: str) -> str:
    """A name for what a file says now; "" while it cannot be read."""
    try:
        return sha256(files.read_bounded(Path(path), LARGEST)).hexdigest()
    except (OSError, AgentOSError):
        return ""


class Checkout:
    """The folder `code` with its own repository; only who holds every lock moves it."""

    def __init__(self, code: Path) -> None:
        self.code = code
        self.git = Git(code / ".git", code)
        self.venv = code / ".venv"
        self.next = code / ".venv.next"
        self.last = code / ".venv.previous"

    def branch(self) -> str:
        """The branch it is on; raises Unmovable for none, or for changes in no commit."""
        done = self.git.attempt("symbolic-ref", "--quiet", "--short", "HEAD")
        if done.exit_code:
            raise Unmovable(
                f"{self.code} is on no branch, so it is not kept up to date; run: git -C "
                f"{self.code} checkout main"
            )
        changed = self.git.text("status", "--porcelain", "--untracked-files=no")
        if changed:
            paths = ", ".join(line[3:] for line in changed.splitlines()[:5])
            raise Unmovable(
                f"{self.code} has changes of yours ({paths}), so it is not updated: commit them "
                "elsewhere, or take them back"
            )
        return done.stdout.decode().strip()

    def head(self) -> str:
        return self.git.text("rev-parse", "HEAD")

    def ahead(self) -> tuple[str, ...]:
        """The commits that UPSTREAM has and HEAD lacks, newest first; raises Unmovable."""
        if not self.git.is_ancestor(self.head(), self.git.text("rev-parse", UPSTREAM)):
            raise Unmovable(
                f"{self.code} has commits that its remote lacks, and only a fast-forward is made; "
                f"run: git -C {self.code} log {UPSTREAM}..HEAD"
            )
        found = self.git.text(
            "rev-list", "--first-parent", f"--max-count={MOST_CANDIDATES}", f"HEAD..{UPSTREAM}"
        )
        return tuple(found.split())

    def known(self, ref: str) -> str:
        return self.git.ref(ref) or ""

    def subjects(self, old: str, new: str) -> tuple[str, ...]:
        return tuple(self.git.text("log", "--format=%h %s", "-n20", f"{old}..{new}").splitlines())

    def lay_out(self, sha: str, folder: Path) -> None:
        """The files of a commit in a folder of their own, with no repository around them."""
        index = folder / ".index"
        there = Git(self.code / ".git", folder, index=index)
        there.run("read-tree", sha)
        there.run("checkout-index", "--all", "--force")
        files.remove_file(index)

    def venv_for(self, folder: Path) -> Path:
        """The environment that these files need: ours, or one made for them beside it.

        Raises Unmovable when it cannot be made; ours is not touched.
        """
        for there in (self.venv, self.next):
            if self.needs(folder, there):
                return there
        files.remove_tree(self.next, inside=self.code)
        self._ran((sys.executable, "-m", "venv", str(self.next)), folder)
        self._ran(
            (str(self.next / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input",
             "--disable-pip-version-check", "-r", "requirements.txt"), folder,
        )  # fmt: skip
        wanted = files.read_bounded(folder / "requirements.txt", LARGEST)
        files.write_cache(self.next / STAMP, wanted)
        return self.next

    def needs(self, folder: Path, venv: Path) -> bool:
        """Whether an environment holds just what the files in a folder ask for."""
        try:
            wanted = files.read_bounded(folder / "requirements.txt", LARGEST)
            return files.read_bounded(venv / STAMP, LARGEST) == wanted
        except (OSError, AgentOSError):
            return False

    def _ran(self, argv: tuple[str, ...], folder: Path) -> None:
        done = process.run(
            argv, cwd=folder, environment=plain(self.code), timeout_seconds=INSTALL_SECONDS
        )
        if done.exit_code:
            said = done.stderr.decode("utf-8", "replace").strip()[-500:]
            raise Unmovable(f"the new version's libraries could not be installed: {said}")

    def move(self, sha: str, *, venv: Path) -> None:
        """Let the files be those of `sha`, and the environment this one; what was stays beside it.

        Killed in the middle, bin/run_autopull.sh goes on from TARGET. Raises GitError.
        """
        before = self.head()
        self.git.run("update-ref", TARGET, sha)
        self.git.run("update-ref", PREVIOUS, before)
        if venv == self.next:
            files.remove_tree(self.last, inside=self.code)
            files.move_durably(self.venv, self.last)
            files.move_durably(self.next, self.venv)
        try:
            self.git.run("reset", "--quiet", "--keep", sha)
        except GitError:
            self.git.run("update-ref", "-d", TARGET)
            raise
        self.git.run("update-ref", "-d", TARGET)


def plain(code: Path) -> dict[str, str]:
    """What a program of a version that is only tried gets to see."""
    return {
        "PATH": git.environment()["PATH"], "LANG": "C.UTF-8", "PYTHONSAFEPATH": "1",
        "HOME": str(code / "runtime"),
    }  # fmt: skip
