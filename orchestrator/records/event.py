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
    """A line of `agent_stats.jsonl`: the earlier system's fields first, those of ours after them.

    `timestamp` is when the attempt was judged (UTC; the earlier system's had no zone), and
    `duration_seconds` its wall time. What nobody told is None, never 0: `cost_from` says whether
    the cost is the `program`'s own or by the config's prices (`table`). `containment` is the
    layer of the sandbox that was active, `account` whose quota the run used.
    """

    timestamp: datetime
    task_id: str
    repo: str
    github_repo: str = ""
    agent: str
    status: str
    blocker_code: str
    attempt_count: int
    duration_seconds: float
    task_type: str
    verdict: str = ""
    head_sha: str = ""
    attempt: int = 0
    account: str = ""
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: float | None = None
    cost_from: str = ""
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    containment: str = ""
