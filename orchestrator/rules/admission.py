"""The choke point: whether one agent may start on one task now, by all that can forbid it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from orchestrator.records.result import BlockerCode
from orchestrator.rules import budget
from orchestrator.rules.budget import Account


class Admit(Struct, frozen=True, tag=True):
    """Nothing forbids it."""


class Refuse(Struct, frozen=True, tag=True, kw_only=True):
    """Why not, and until when; without `until` waiting cures nothing, and a person decides.

    `next_agent`: it is this agent that may not; another one of the chain may.
    """

    reason: str
    until: datetime | None = None
    next_agent: bool = False
    code: BlockerCode = BlockerCode.NONE


class Facts(Struct, frozen=True, kw_only=True):
    """What is known before a start: the budgets that everybody shares, the task's, the agent's.

    `rests_until` is when its provider serves the agent again, `rest` why it does not, in words.
    `plan` are the windows of its account's plan, as budgets that end when enough has left them.
    """

    shared: tuple[Account, ...] = ()
    task: Account | None = None
    agent: Account | None = None
    plan: tuple[Account, ...] = ()
    rests_until: datetime | None = None
    rest: str = ""


def admit(facts: Facts) -> Admit | Refuse:
    """What ends the task's turn comes first, then what lets nobody start, then the agent's own."""
    if facts.task is not None and (reason := budget.over(facts.task)):
        return Refuse(reason=reason, code=BlockerCode.BUDGET_SPENT)
    shut = [(account.until, reason) for account in facts.shared if (reason := budget.over(account))]
    if shut:
        return _latest(shut, next_agent=False, code=BlockerCode.BUDGET_SPENT)
    if facts.rests_until is not None:
        return Refuse(
            reason=facts.rest, until=facts.rests_until, next_agent=True,
            code=BlockerCode.QUOTA_LIMITED,
        )  # fmt: skip
    own = (*((facts.agent,) if facts.agent else ()), *facts.plan)
    shut = [(account.until, reason) for account in own if (reason := budget.over(account))]
    if shut:
        return _latest(shut, next_agent=True, code=BlockerCode.BUDGET_SPENT)
    return Admit()


def _latest(
    shut: list[tuple[datetime | None, str]], *, next_agent: bool, code: BlockerCode
) -> Refuse:
    """All that are spent together: nothing starts before the last of them begins anew."""
    ends = [until for until, _ in shut if until is not None]
    reasons = "; ".join(reason for _, reason in shut)
    return Refuse(
        reason=reasons, until=max(ends, default=None), next_agent=next_agent, code=code
    )
