"""What git says of a branch: its changed paths, its commits, its conflicts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from orchestrator.records.task import Priority


class PathKind(StrEnum):
    """What stands at a changed path now."""

    FILE = "file"
    EXECUTABLE = "executable"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"
    FOLDER = "folder"
    DELETED = "deleted"


class ChangedPath(Struct, frozen=True, kw_only=True):
    """One path of a branch that differs from the base: what the gate judges (G10).

    `mode` is git's, "000000" for a deleted path; `was` the mode in the base, "000000" for a new
    path; `size` is in bytes, `target` where a link points.
    """

    path: str
    kind: PathKind
    mode: str
    was: str
    size: int = 0
    target: str = ""


class ChangedText(Struct, frozen=True, kw_only=True):
    """One path of a branch with both texts; None where there is no file, or no text.

    Modes are git's, "000000" where there is no file. `unread` says that a side was too large.
    """

    path: str
    mode: str
    was: str
    before: str | None = None
    after: str | None = None
    unread: bool = False


class Print(Struct, frozen=True, kw_only=True):
    """What stands at a path: what it holds, and what becomes another with every change to it."""

    held: str
    touched: str


class Commit(Struct, frozen=True, kw_only=True):
    """A commit with the tree it holds; e-mail addresses as git has them."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author_email: str
    committer_email: str
    committed: datetime
    message: str

    @property
    def subject(self) -> str:
        return self.message.partition("\n")[0]


class Comparison(Struct, frozen=True, kw_only=True):
    """How a head stands to a base: how many commits it lacks, and those it adds, newest first.

    `behind` 0 means that the base is an ancestor of the head (M8).
    """

    behind: int
    commits: tuple[Commit, ...]


class ConflictedPath(Struct, frozen=True, kw_only=True):
    """A path that both sides changed; None where a side has no file there.

    Of a link the text is its target, of a submodule its commit.
    """

    path: str
    branch: str | None
    base: str | None
    branch_kind: PathKind = PathKind.FILE
    base_kind: PathKind = PathKind.FILE


class Updated(Struct, frozen=True, tag=True):
    """The base went into the branch, as this commit of two parents."""

    sha: str


class Conflict(Struct, frozen=True, tag=True):
    """The base does not go into the branch by itself; nothing was changed."""

    paths: tuple[ConflictedPath, ...]


class Reversal(Struct, frozen=True, kw_only=True):
    """A commit that takes a merge back; "" where nothing of it is left, or where it conflicts."""

    sha: str = ""
    conflicts: tuple[str, ...] = ()


class OpenBranch(Struct, frozen=True, kw_only=True):
    """A branch of ours whose pull request is open, and what it changes since it left its base.

    `tip` is the commit of the base that it was compared with.
    """

    task_id: str
    repo: str
    base: str
    number: int
    head: str
    tip: str
    paths: tuple[str, ...] = ()


class Clash(Struct, frozen=True, kw_only=True):
    """Two commits, in order, and the paths in which git cannot merge them: none, they fit."""

    heads: tuple[str, str]
    paths: tuple[str, ...] = ()


class Mending(Struct, frozen=True, kw_only=True):
    """A pull request that went back to an agent because it conflicts with its base in `paths`.

    `repaired` counts this time too.
    """

    task_id: str
    repo: str
    base: str
    number: int
    priority: Priority
    paths: tuple[str, ...]
    repaired: int
    since: datetime


class Forecast(Struct, frozen=True, kw_only=True):
    """What is known of all open branches; `unread` are heads that our store did not hold."""

    branches: tuple[OpenBranch, ...] = ()
    clashes: tuple[Clash, ...] = ()
    unread: tuple[str, ...] = ()
    mending: tuple[Mending, ...] = ()


class PastCommit(Struct, frozen=True, kw_only=True):
    """A commit as history tells it: when it was made (UTC), its first line, what it changed."""

    sha: str
    at: datetime
    subject: str
    paths: tuple[str, ...] = ()
