"""One line of `runtime/events.jsonl`, and one of the metrics file."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a task or of a script, with the reason in words."""

    at: datetime
    script: str
    kind: str
    task_id: str = ""
    repo: str = ""
    issue: int | None = None
    reason: str = ""
    details: dict[str, str | int | float | bool | None] = {}


class AttemptStat(Struct, frozen=True, kw_only=True):
    """A line of `agent_stats.jsonl`: the earlier system's fields, and `github_repo`."""

    timestamp: datetime
    task_id: str
    repo: str
    github_repo: str
    agent: str
    status: str
    blocker_code: str
    attempt_count: int
    duration_seconds: float
    task_type: str
    verdict: str = ""
    head_sha: str = ""
