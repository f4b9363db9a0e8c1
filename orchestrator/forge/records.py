"""What the forge remembers: one frozen Struct for each table, one field for each column."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

Json = dict[str, Any]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A stored row; its id is given by the store when it is added."""

    TABLE: ClassVar[str] = ""
    INDEXES: ClassVar[tuple[str, ...]] = ()
    UNIQUE: ClassVar[tuple[str, ...]] = ()
    id: int = 0


class Meta(Row, frozen=True, kw_only=True):
    TABLE = "meta"
    UNIQUE = ("key",)
    key: str
    value: str


class User(Row, frozen=True, kw_only=True):
    TABLE = "users"
    UNIQUE = ("login collate nocase",)
    login: str
    kind: str = "User"
    name: str | None = None
    email: str
    created_at: str


class Token(Row, frozen=True, kw_only=True):
    TABLE = "tokens"
    UNIQUE = ("secret",)
    secret: str
    user_id: int
    scopes: str = "repo, workflow, project, read:org"


class App(Row, frozen=True, kw_only=True):
    """A GitHub App; `user_id` is its bot."""

    TABLE = "apps"
    UNIQUE = ("app_id",)
    app_id: int
    slug: str
    public_key: str
    user_id: int


class Installation(Row, frozen=True, kw_only=True):
    TABLE = "installations"
    UNIQUE = ("app_row, account_id",)
    app_row: int
    account_id: int
    repo_ids: str = "[]"
    created_at: str
    suspended_at: str | None = None


class InstallationToken(Row, frozen=True, kw_only=True):
    TABLE = "installation_tokens"
    UNIQUE = ("secret",)
    secret: str
    installation_id: int
    expires_at: str


class Member(Row, frozen=True, kw_only=True):
    """Somebody's place in an organization: admin or member."""

    TABLE = "members"
    UNIQUE = ("organization_id, user_id",)
    organization_id: int
    user_id: int
    role: str


class Repo(Row, frozen=True, kw_only=True):
    TABLE = "repos"
    UNIQUE = ("owner collate nocase, name collate nocase",)
    owner_id: int
    owner: str
    name: str
    description: str | None = None
    private: bool = False
    archived: bool = False
    default_branch: str = "main"
    allow_merge: bool = True
    allow_squash: bool = True
    allow_rebase: bool = True
    delete_branch_on_merge: bool = False
    has_issues: bool = True
    created_at: str
    updated_at: str
    pushed_at: str
    last_number: int = 0

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


class Collaborator(Row, frozen=True, kw_only=True):
    TABLE = "collaborators"
    UNIQUE = ("repo_id, user_id",)
    repo_id: int
    user_id: int
    permission: str


class Protection(Row, frozen=True, kw_only=True):
    """Rules of one branch; `ruleset` says whether they are told by /rules/branches instead."""

    TABLE = "protections"
    UNIQUE = ("repo_id, branch",)
    repo_id: int
    branch: str
    contexts: str = "[]"
    checks_required: bool = False
    strict: bool = False
    enforce_admins: bool = False
    reviews: int | None = None
    allow_force_pushes: bool = False
    allow_deletions: bool = False
    linear: bool = False
    signatures: bool = False
    ruleset: bool = False


class Label(Row, frozen=True, kw_only=True):
    TABLE = "labels"
    UNIQUE = ("repo_id, name collate nocase",)
    repo_id: int
    name: str
    color: str = "ededed"
    description: str | None = None
    created_at: str


class Issue(Row, frozen=True, kw_only=True):
    """An issue, or a pull request, which is an issue with a head and a base."""

    TABLE = "issues"
    UNIQUE = ("repo_id, number",)
    INDEXES = ("repo_id, is_pull, state", "repo_id, head_ref", "due")
    repo_id: int
    number: int
    is_pull: bool = False
    title: str
    body: str | None = None
    state: str = "open"
    state_reason: str | None = None
    author_id: int
    created_at: str
    updated_at: str
    closed_at: str | None = None
    closed_by_id: int | None = None
    edited_at: str | None = None
    editor_id: int | None = None
    head_ref: str = ""
    head_sha: str = ""
    base_ref: str = ""
    base_sha: str = ""
    draft: bool = False
    merged_at: str | None = None
    merged_by_id: int | None = None
    merge_sha: str | None = None
    intended_merge: str | None = None
    intended_by_id: int | None = None
    mergeable: bool | None = None
    behind: bool = False
    commit_count: int = 0
    additions: int = 0
    deletions: int = 0
    changed_files: int = 0
    due: float | None = None


class IssueLabel(Row, frozen=True, kw_only=True):
    TABLE = "issue_labels"
    UNIQUE = ("issue_id, label_id",)
    issue_id: int
    label_id: int


class SubIssue(Row, frozen=True, kw_only=True):
    """An issue that is a part of another one; it has no second parent."""

    TABLE = "sub_issues"
    UNIQUE = ("child_id",)
    INDEXES = ("parent_id",)
    parent_id: int
    child_id: int


class Comment(Row, frozen=True, kw_only=True):
    TABLE = "comments"
    INDEXES = ("issue_id",)
    issue_id: int
    author_id: int
    body: str
    created_at: str
    updated_at: str
    edited_at: str | None = None
    editor_id: int | None = None


class Event(Row, frozen=True, kw_only=True):
    TABLE = "events"
    INDEXES = ("issue_id",)
    issue_id: int
    event: str
    actor_id: int
    created_at: str
    label: str | None = None
    color: str | None = None
    sha: str | None = None
    state_reason: str | None = None
    before: str | None = None
    after: str | None = None


class Review(Row, frozen=True, kw_only=True):
    TABLE = "reviews"
    INDEXES = ("issue_id",)
    issue_id: int
    author_id: int
    state: str
    body: str
    sha: str
    submitted_at: str


class ReviewRequest(Row, frozen=True, kw_only=True):
    TABLE = "review_requests"
    UNIQUE = ("issue_id, user_id",)
    issue_id: int
    user_id: int


class Thread(Row, frozen=True, kw_only=True):
    """A conversation about one place of a diff, begun on the commit `sha`."""

    TABLE = "threads"
    INDEXES = ("issue_id",)
    issue_id: int
    path: str
    line: int | None = None
    sha: str
    resolved_by_id: int | None = None


class Remark(Row, frozen=True, kw_only=True):
    """One comment of a thread."""

    TABLE = "remarks"
    INDEXES = ("thread_id", "issue_id")
    issue_id: int
    thread_id: int
    review_id: int
    author_id: int
    body: str
    sha: str
    created_at: str
    updated_at: str


class Ref(Row, frozen=True, kw_only=True):
    TABLE = "refs"
    UNIQUE = ("repo_id, name",)
    repo_id: int
    name: str
    sha: str


class Commit(Row, frozen=True, kw_only=True):
    TABLE = "commits"
    UNIQUE = ("repo_id, sha",)
    repo_id: int
    sha: str
    tree: str
    parents: str
    author_name: str
    author_email: str
    author_date: str
    committer_name: str
    committer_email: str
    committer_date: str
    message: str


class Status(Row, frozen=True, kw_only=True):
    TABLE = "statuses"
    INDEXES = ("repo_id, sha",)
    repo_id: int
    sha: str
    context: str
    state: str
    description: str | None = None
    target_url: str | None = None
    creator_id: int
    created_at: str


class Suite(Row, frozen=True, kw_only=True):
    """The checks one app made for one commit; a workflow run is a suite with a path."""

    TABLE = "suites"
    INDEXES = ("repo_id, sha", "status")
    repo_id: int
    sha: str
    branch: str | None = None
    app: str
    status: str = "queued"
    conclusion: str | None = None
    created_at: str
    updated_at: str
    path: str | None = None
    name: str = ""
    event: str = ""
    number: int = 0
    actor_id: int = 0


class Flow(Row, frozen=True, kw_only=True):
    """A workflow file that was on the default branch, or that ran; its suites are its runs."""

    TABLE = "flows"
    UNIQUE = ("repo_id, path",)
    repo_id: int
    path: str
    name: str
    created_at: str
    updated_at: str


class CheckRun(Row, frozen=True, kw_only=True):
    """One check; a CI job keeps its definition in `job` so that it can be started again."""

    TABLE = "check_runs"
    INDEXES = ("suite_id", "repo_id, sha", "status")
    suite_id: int
    repo_id: int
    sha: str
    name: str
    status: str = "queued"
    conclusion: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    details_url: str | None = None
    external_id: str = ""
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    key: str = ""
    job: str | None = None


TABLES: tuple[type[Row], ...] = (
    Meta, User, Token, App, Installation, InstallationToken, Member, Repo, Collaborator,
    Protection, Label, Issue, IssueLabel, SubIssue, Comment, Event, Review, ReviewRequest, Thread,
    Remark, Ref, Commit, Status, Suite, Flow, CheckRun,
)
