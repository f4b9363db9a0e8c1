"""What may be decided about an attempt and about a pull request."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from orchestrator.records.result import BlockerCode
from orchestrator.records.tracker import Check


class AttemptVerdict(StrEnum):
    """The word for a verdict in the task file."""

    DELIVER = "deliver"
    REWORK = "rework"
    DEFER = "defer"
    ESCALATE = "escalate"
    CANCELLED = "cancelled"
    CRASHED = "crashed"
    INTERRUPTED = "interrupted"


class Deliver(Struct, frozen=True, tag=True):
    """The work is proved as far as this machine can: push it and open the pull request."""

    reason: str


class Rework(Struct, frozen=True, tag=True):
    """Another attempt: the next agent of the chain, or a repair of an open pull request."""

    reason: str
    code: BlockerCode = BlockerCode.NONE


class Defer(Struct, frozen=True, tag=True):
    """Nobody else can run now; again at `until` (UTC). `code` is what stopped the last attempt."""

    reason: str
    until: datetime
    code: BlockerCode = BlockerCode.NONE


class Interrupt(Struct, frozen=True, tag=True):
    """What is around the agent failed, and not its work, which is kept: again at `until` (UTC)."""

    reason: str
    until: datetime
    code: BlockerCode = BlockerCode.ENVIRONMENT_FAILURE


class Escalate(Struct, frozen=True, tag=True):
    """A person is needed. `cause` is what stopped the last attempt, where `code` says more."""

    reason: str
    code: BlockerCode = BlockerCode.NONE
    cause: BlockerCode = BlockerCode.NONE


class Cancelled(Struct, frozen=True, tag=True):
    """A person ended it; `at` is when they said so on GitHub, where that is known."""

    reason: str
    at: datetime | None = None


class Merge(Struct, frozen=True, tag=True):
    """Merge exactly this head onto exactly this base tip."""

    reason: str
    head_sha: str
    base_sha: str


class Update(Struct, frozen=True, tag=True):
    """Bring the base into the branch, in our store, and push with the expected head."""

    reason: str
    head_sha: str
    base_sha: str


class RunAgain(Struct, frozen=True, tag=True):
    """Have these checks of exactly this head run once more; they may have failed by chance."""

    reason: str
    head_sha: str
    checks: tuple[Check, ...]


class Wait(Struct, frozen=True, tag=True):
    """Look again at the next tick."""

    reason: str


class Merged(Struct, frozen=True, tag=True):
    """It is merged already: prove it, record it, close what hangs on it."""

    reason: str
    sha: str
    ours: bool


type_of_attempt = {
    Deliver: AttemptVerdict.DELIVER,
    Rework: AttemptVerdict.REWORK,
    Defer: AttemptVerdict.DEFER,
    Interrupt: AttemptVerdict.INTERRUPTED,
    Escalate: AttemptVerdict.ESCALATE,
    Cancelled: AttemptVerdict.CANCELLED,
}

AttemptJudgement = Deliver | Rework | Defer | Interrupt | Escalate | Cancelled
PullRequestVerdict = Merge | Update | RunAgain | Rework | Wait | Escalate | Cancelled | Merged
