"""What one look at a pull request of ours knows, and the shapes of what is made of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from orchestrator.records.config import RepositoryConfig
from orchestrator.records.result import BlockerCode
from orchestrator.records.sighting import Sighting
from orchestrator.records.suspicion import Suspicion
from orchestrator.records.task import Task
from orchestrator.records.tracker import PullRequest
from orchestrator.records.verdicts import Escalate, PullRequestVerdict, Rework, Wait
from orchestrator.rules.redness import Base

UNREAD = timedelta(hours=6)  # until a person is told what stays unreadable
REWORKS = 3  # repairs of one pull request (M16)


class Facts(Struct, frozen=True, kw_only=True):
    """One look at one pull request; what is None was not asked or not answered (M1, M4).

    `required` are GitHub's own required checks, `expected` the names seen on recent pull requests
    or commits of the base. From git, after a fetch: `behind` (the base tip is no ancestor of the
    head), `empty_diff` (head against base tip), `commits_ours`, and `in_base`, the commit of the
    base that carries our marker ("" when there is none). `carried` are the earlier heads that
    differ from this one only by our own Updates; `linear` says that none of its commits is a merge;
    `work_at` is since when the last of them that is no Update was there to be seen, by GitHub's
    clock. `label_by_writer` says whether whoever set `approved` may write. `held_since` is the time
    since which `key` has given the same answer, `head_since` since when we have seen this head,
    `read_at` when GitHub was asked. `front` comes from `order`, and `gives_way` from `turns`: for
    whom it waits, and why.
    For red checks `sightings` are what was seen of the repository's checks lately, and `base` what
    the base says of them (None: it was not asked). `suspicions` are what a person must look at.
    """

    pull: PullRequest
    task: Task
    repository: RepositoryConfig
    required: tuple[str, ...] | None = None
    expected: tuple[str, ...] = ()
    marker_ok: bool = False
    behind: bool | None = None
    empty_diff: bool | None = None
    commits_ours: bool | None = None
    in_base: str | None = None
    carried: tuple[str, ...] = ()
    linear: bool | None = None
    work_at: datetime | None = None
    label_by_writer: bool | None = None
    held_since: datetime | None = None
    head_since: datetime | None = None
    read_at: datetime | None = None
    front: bool | None = None
    gives_way: str = ""
    sightings: tuple[Sighting, ...] = ()
    base: Base | None = None
    suspicions: tuple[Suspicion, ...] | None = None


class Obstacle(StrEnum):
    """What a verdict rests on: a stable word, while the reason beside it may name names."""

    OVER = "over"
    ORDERED = "ordered"
    LANE = "lane"
    UNREAD = "unread"
    ISSUE_CLOSED = "issue_closed"
    IDENTITY = "identity"
    BRAKE = "brake"
    REVIEW = "review"
    COMMITS = "commits"
    RED = "red"
    RED_AND_RUNNING = "red_and_running"
    RUN_AGAIN = "run_again"
    BASE_RED = "base_red"
    BASE_OPEN = "base_open"
    RUNNING = "running"
    CANCELLED_CHECK = "cancelled_check"
    SILENT_CHECK = "silent_check"
    NO_CI = "no_ci"
    TOO_FAST = "too_fast"
    APPROVAL = "approval"
    SUSPICION = "suspicion"
    MERGEABLE = "mergeable"
    LOOK = "look"
    BEHIND = "behind"
    NOTHING = "nothing"


class View(Struct, frozen=True, kw_only=True):
    """What is seen without a clock; after `patience` the verdict becomes `then`."""

    obstacle: Obstacle
    verdict: PullRequestVerdict
    patience: timedelta | None = None
    then: PullRequestVerdict | None = None


def bounded(reworks: int, reason: str, code: BlockerCode = BlockerCode.NONE) -> Rework | Escalate:
    """A repair of the pull request while fewer than three were made; then a person's turn (M16)."""
    if reworks < REWORKS:
        return Rework(reason, code)
    return Escalate(f"{reason}, after {reworks} repairs", code)


def wait(
    obstacle: Obstacle, reason: str, patience: timedelta | None = None, then: str = ""
) -> View:
    """A Wait that becomes an Escalate when `patience` is over."""
    said = then or f"{reason}, for {hours(patience)} now" if patience else ""
    return View(
        obstacle=obstacle, verdict=Wait(reason), patience=patience,
        then=Escalate(said) if said else None,
    )


def unread(reason: str) -> View:
    """A Wait for what could not be read: never green (M4), and not for ever in silence."""
    return wait(Obstacle.UNREAD, reason, UNREAD)


def hours(patience: timedelta) -> str:
    minutes = round(patience.total_seconds() / 60)
    return f"{minutes} minutes" if minutes % 60 else f"{minutes // 60} h"
