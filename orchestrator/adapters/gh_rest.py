"""The fields that we read from GitHub's REST answers, as typed values."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from orchestrator.records.tracker import Comment


class UserRest(Struct, frozen=True):
    login: str = ""
    type: str = ""


class CommentRest(Struct, frozen=True):
    id: int
    created_at: datetime
    body: str | None = None
    user: UserRest | None = None

    def value(self) -> Comment:
        return Comment(
            id=self.id,
            body=self.body or "",
            author=self.user.login if self.user else "",
            created=self.created_at,
        )


class IssueRest(Struct, frozen=True):
    state: str
    labels: tuple[LabelRest, ...] = ()
    closed_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.state == "open"


class MadeRest(Struct, frozen=True):
    """An issue as far as we look for our own mark on it."""

    number: int
    body: str | None = None


class RefRest(Struct, frozen=True):
    ref: str
    sha: str


class LabelRest(Struct, frozen=True):
    name: str


class PullRest(Struct, frozen=True):
    """A pull request as REST tells it; `merged` stands only in the answer for a single one."""

    number: int
    node_id: str
    state: str
    head: RefRest
    base: RefRest
    body: str | None = None
    draft: bool = False
    merged_at: str | None = None
    closed_at: datetime | None = None
    merge_commit_sha: str | None = None
    mergeable: bool | None = None
    labels: tuple[LabelRest, ...] = ()


class ContextRest(Struct, frozen=True):
    context: str


class StatusChecksRest(Struct, frozen=True):
    contexts: tuple[str, ...] = ()
    checks: tuple[ContextRest, ...] = ()


class ProtectionRest(Struct, frozen=True):
    required_status_checks: StatusChecksRest | None = None


class CommitRest(Struct, frozen=True):
    sha: str


class BranchRest(Struct, frozen=True):
    commit: CommitRest
    protection: ProtectionRest | None = None

    def contexts(self) -> tuple[str, ...]:
        checks = self.protection.required_status_checks if self.protection else None
        return checks.contexts if checks else ()


class RuleParametersRest(Struct, frozen=True):
    required_status_checks: tuple[ContextRest, ...] = ()


class RuleRest(Struct, frozen=True):
    type: str
    parameters: RuleParametersRest | None = None

    def contexts(self) -> tuple[str, ...]:
        checks = self.parameters.required_status_checks if self.parameters else ()
        return tuple(check.context for check in checks)


class NameRest(Struct, frozen=True):
    name: str


class CheckRunsRest(Struct, frozen=True):
    check_runs: tuple[NameRest, ...] = ()


class CombinedRest(Struct, frozen=True):
    statuses: tuple[ContextRest, ...] = ()


class Shape(Struct, frozen=True, kw_only=True):
    """The fields that we read from REST answers; each route fills its own."""

    login: str = ""
    default_branch: str = ""
    archived: bool = False
    permissions: dict[str, bool] | None = None
    permission: str = ""
    role_name: str = ""
    node_id: str = ""


class MessageRest(Struct, frozen=True):
    message: str = ""
