"""What GitHub tells us, as values: issues, the board, pull requests, checks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Comment(Struct, frozen=True, kw_only=True):
    id: int
    body: str
    author: str
    created: datetime
    edited: datetime | None = None


class Heard(Struct, frozen=True, kw_only=True):
    """What people said last on an issue, oldest first, and its labels; None where not all are told.

    `since` is the oldest comment that was told, whoever wrote it, where there are older ones.
    """

    comments: tuple[Comment, ...] = ()
    since: Comment | None = None
    labels: tuple[str, ...] | None = None


class Issue(Struct, frozen=True, kw_only=True):
    """An issue as one request saw it; `labels` in GitHub's order, `author` "" for a ghost."""

    node_id: str
    repo: str
    number: int
    title: str
    body: str = ""
    open: bool = True
    not_planned: bool = False
    author: str = ""
    created: datetime
    updated: datetime
    edited: datetime | None = None
    editor: str = ""
    renamed: datetime | None = None
    renamer: str = ""
    labels: tuple[str, ...] = ()
    labels_complete: bool = True
    ready_label_at: datetime | None = None
    ready_label_by: str = ""


class BoardItem(Struct, frozen=True, kw_only=True):
    """A card: its status by name, and when that status was set."""

    id: str
    status: str
    status_at: datetime | None = None
    issue: Issue | None = None


class BoardOption(Struct, frozen=True, kw_only=True):
    id: str
    name: str


class Board(Struct, frozen=True, kw_only=True):
    """A Projects v2 board with the field that holds the status."""

    id: str
    field_id: str
    options: tuple[BoardOption, ...]
    items: tuple[BoardItem, ...] = ()


class CheckState(StrEnum):
    """The five meanings that rules give to GitHub's many words (M5)."""

    PASS = "pass"
    NEUTRAL = "neutral"
    RED = "red"
    HUMAN = "human"
    PENDING = "pending"


class Check(Struct, frozen=True, kw_only=True):
    """A check run or a commit status on one head; `conclusion` is GitHub's word, lower case.

    `group` is the app and the workflow for a check run (M6), and "status" for a commit status;
    `id` orders runs of the same name that started in the same second. `workflow_run` is the
    Actions run that a check run belongs to, and `said` what a commit status says in words.
    """

    name: str
    group: str
    status: str
    conclusion: str = ""
    id: int = 0
    started: datetime | None = None
    completed: datetime | None = None
    url: str = ""
    workflow_run: int = 0
    said: str = ""

    @property
    def run(self) -> str:
        """A name for this very outcome: another run, or the same one run again, has another."""
        ended = self.completed or self.started
        return f"{self.id}@{ended:%Y%m%dT%H%M%SZ}" if ended else str(self.id)


class Review(Struct, frozen=True, kw_only=True):
    """One review; `body` and `node_id` are known only where its text was asked for."""

    author: str
    state: str
    commit: str
    submitted: datetime | None = None
    by_writer: bool = False
    body: str = ""
    node_id: str = ""


class ThreadComment(Struct, frozen=True, kw_only=True):
    """One comment of a review thread; `author` "" for a ghost."""

    id: str
    body: str
    author: str
    created: datetime


class ReviewThread(Struct, frozen=True, kw_only=True):
    """A conversation about one place of a diff, whole, its comments oldest first."""

    id: str
    path: str
    line: int | None = None
    resolved: bool = False
    comments: tuple[ThreadComment, ...] = ()


class Closes(Struct, frozen=True, kw_only=True):
    """An issue that GitHub would close with the merge, as it stands now.

    `labels` is None where they were not told.
    """

    repo: str
    number: int
    open: bool
    labels: tuple[str, ...] | None = None

    def is_it(self, repo: str, number: int | None) -> bool:
        return self.number == number and self.repo.lower() == repo.lower()


class Permission(StrEnum):
    """A person's role in a repository, as far as we ask."""

    ADMIN = "admin"
    MAINTAIN = "maintain"
    WRITE = "write"
    TRIAGE = "triage"
    READ = "read"
    NONE = "none"


class Sight(Struct, frozen=True, kw_only=True):
    """What the token's account is in a repository that it sees; `role` None where untold.

    `called` is what the repository is called now, where that is not what was asked for.
    """

    role: Permission | None = None
    archived: bool = False
    issues: bool = True
    called: str = ""


class PullRequest(Struct, frozen=True, kw_only=True):
    """A pull request as one request saw it; `base_tip` is the ref's target, not `baseRefOid`."""

    node_id: str
    repo: str
    number: int
    url: str
    body: str = ""
    open: bool = True
    closed_at: datetime | None = None
    merged: bool = False
    merge_sha: str = ""
    draft: bool = False
    head: str
    head_sha: str
    head_committed: datetime | None = None
    base: str
    base_tip: str = ""
    cross_repository: bool = False
    mergeable: bool | None = None
    labels: tuple[str, ...] = ()
    labels_complete: bool = True
    approved_label_at: datetime | None = None
    approved_label_by: str = ""
    reviews: tuple[Review, ...] = ()
    reviews_complete: bool = True
    checks: tuple[Check, ...] | None = None
    closes: tuple[Closes, ...] = ()
    issue_open: bool | None = None
