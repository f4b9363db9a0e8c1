"""Which agent makes the next attempt: by type and evidence, never by the task's priority."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from orchestrator.records.result import BlockerCode
from orchestrator.records.task import Attempt, TaskType
from orchestrator.records.verdicts import AttemptVerdict

# What says nothing of the task, and that the agent should rest: it could not work at all.
REFUSALS = frozenset({BlockerCode.QUOTA_LIMITED, BlockerCode.MISSING_CREDENTIALS})
NOBODY = frozenset({"", "auto", "any", "none"})
AND_THEN = ", then: "


class Unavailable(Struct, frozen=True):
    """Why an agent cannot run now; `until` when it is only cooling down; `mend` is the cure, of
    one command or of two with AND_THEN between them, each with words behind a comma or none."""

    reason: str
    until: datetime | None = None
    mend: str = ""

    @property
    def told(self) -> str:
        """With the cure as code, so that it can be copied from a comment too."""
        if not self.mend:
            return self.reason
        parts = (part.partition(", ") for part in self.mend.split(AND_THEN))
        cure = AND_THEN.join(f"`{command}`{comma}{words}" for command, comma, words in parts)
        return f"{self.reason} ({cure})"


class Start(Struct, frozen=True, tag=True):
    """This one runs; `skipped` says in sentences who was passed over and why."""

    agent: str
    skipped: tuple[str, ...] = ()


class AllCooling(Struct, frozen=True, tag=True):
    """Nobody can run before `until`; waiting costs no attempt. `reason` where it is no rest."""

    until: datetime
    skipped: tuple[str, ...] = ()
    reason: str = ""


class Exhausted(Struct, frozen=True, tag=True):
    """No agent is left that could ever take it, or by its `code` none may."""

    reason: str
    code: BlockerCode = BlockerCode.FALLBACK_EXHAUSTED


def chain(
    requested: str,
    task_type: TaskType,
    fallbacks: Mapping[str, Sequence[str]],
    known: Collection[str],
) -> tuple[str, ...]:
    """The agents for a task, the requested one first, each once, only those that exist here."""
    return tuple(name for name in _named(requested, task_type, fallbacks) if name in known)


def strangers(
    requested: str,
    task_type: TaskType,
    fallbacks: Mapping[str, Sequence[str]],
    known: Collection[str],
) -> tuple[str, ...]:
    """The agents that the chain would name and that do not exist here."""
    return tuple(name for name in _named(requested, task_type, fallbacks) if name not in known)


def next_agent(
    agents: Sequence[str], tried: Collection[str], unavailable: Mapping[str, Unavailable]
) -> Start | AllCooling | Exhausted:
    """The first of the chain that has not tried this round and can run now."""
    if not agents:
        return Exhausted("no agent is configured for this type of task")
    skipped: list[str] = []
    cooling: list[datetime] = []
    for name in agents:
        if name in tried:
            continue
        obstacle = unavailable.get(name)
        if obstacle is None:
            return Start(name, tuple(skipped))
        skipped.append(f"{name} skipped: {obstacle.told}")
        if obstacle.until is not None:
            cooling.append(obstacle.until)
    if cooling:
        return AllCooling(min(cooling), tuple(skipped))
    have_tried = [name for name in agents if name in tried]
    told = [f"{', '.join(have_tried)} tried"] if have_tried else []
    return Exhausted(f"no agent is left: {'; '.join(told + skipped)}")


def had_its_turn(made: Attempt) -> bool:
    """Whether the attempt ended by what its agent did, and not by a crash or by its provider.

    Who is cut off in the middle of the work goes on when it is served again.
    """
    refused = made.code in REFUSALS and not made.claimed
    return made.verdict is not AttemptVerdict.CRASHED and not refused


def _named(
    requested: str, task_type: TaskType, fallbacks: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    following = fallbacks.get(task_type, ())
    first = () if requested in NOBODY else (requested,)
    return tuple(dict.fromkeys(name for name in (*first, *following) if name not in NOBODY))
