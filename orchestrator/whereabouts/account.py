"""What is told of one issue or task: where it stands, why, who tried, and what a person can do."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Reason(StrEnum):
    """Why it is not further on; the word stays the same whatever the sentence beside it says."""

    NOTHING = "nothing"
    NEVER_READY = "never_ready"
    CLOSED = "closed"
    NOT_WANTED = "not_wanted"
    USED_UP = "used_up"
    OFF = "switched_off"
    READ_ONLY = "read_only"
    NOT_CONFIGURED = "not_configured"
    CONFIG = "config_broken"
    BOARD = "board_unread"
    TICK_LIMIT = "limit_per_tick"
    NOT_BEFORE = "not_before"
    NO_TIME = "blocked_without_time"
    SLOT_BUSY = "slot_busy"
    REPOSITORY_BUSY = "repository_busy"
    OTHERS_FIRST = "others_first"
    NO_AGENT = "no_agent"
    COOLING = "agents_cooling"
    SIDE_BY_SIDE = "conflicts_ahead"
    WORKING = "working"
    DEAD_WORKER = "dead_worker"
    PULL_REQUEST = "pull_request"
    SETTLING = "settling"
    NO_LINK = "no_pull_request"
    PERSON = "person_needed"
    STEPS = "manual_steps"
    FAILED = "never_started"
    CANCELLED = "cancelled"
    DONE = "done"
    TAKEN_BACK = "taken_back"
    QUARANTINE = "quarantine"
    ELSEWHERE = "another_folder"
    NOT_HERE = "no_task_here"
    MACHINE = "machine"
    UNREAD = "could_not_be_read"


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reason in words, until when it holds, and what a person can do about it."""

    reason: Reason
    text: str
    until: datetime | None = None
    step: str = ""


class Try(Struct, frozen=True, kw_only=True):
    """One attempt as a person asks about it."""

    n: int
    round: int
    agent: str
    began: datetime
    verdict: str
    code: str
    seconds: float
    reason: str
    times: int = 1
    since: datetime | None = None


class Account(Struct, frozen=True, kw_only=True):
    """The whole answer; `asked` names the issue as owner/name#N where there is one."""

    asked: str
    title: str = ""
    task_id: str = ""
    state: str = ""
    since: datetime | None = None
    file: str = ""
    pull_request: str = ""
    findings: tuple[Finding, ...] = ()
    machine: tuple[Finding, ...] = ()
    tried: tuple[Try, ...] = ()
    said: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class Unknown(Struct, frozen=True, kw_only=True):
    """Nothing of that name is known here; what may have been meant."""

    asked: str
    sentence: str
    suggestions: tuple[str, ...] = ()
