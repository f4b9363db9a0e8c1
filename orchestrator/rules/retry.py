"""What becomes of a task after an attempt: delivered, tried again, put off, or a person's turn."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from orchestrator.records.result import BlockerCode, Result, Status
from orchestrator.records.task import Attempt, Deliverable
from orchestrator.records.verdicts import (
    AttemptJudgement,
    Cancelled,
    Defer,
    Deliver,
    Escalate,
    Interrupt,
    Rework,
)
from orchestrator.rules import stuck

# Claims of an agent that every other agent would have to repeat.
INCURABLE = {
    BlockerCode.MISSING_CREDENTIALS: "the repository's credentials are missing",
    BlockerCode.MANUAL_INTERVENTION_REQUIRED: "it needs a step that only a person can do",
    BlockerCode.MISSING_CONTEXT: "the issue does not say enough",
}
UNREADY = "setup_command fails in a clean checkout, on the base too, so our tests cannot run"
UNREADY_MOST = 3  # interruptions for it in a round; then a person looks
REPORT_LEAST = 40  # characters below which a text answers nothing


class OwnTests(StrEnum):
    """Our own run of the repository's test command on the very tree that would be pushed."""

    PASSED = "passed"
    FAILED = "failed"
    NONE = "none"
    HOLLOW = "hollow"  # they passed, and what they test was changed while they ran
    UNREADY = "unready"  # no place could be made to run it, with or without this work


class Facts(Struct, frozen=True, kw_only=True):
    """One attempt, as far as it can be known without asking the agent again.

    `result` is None when the agent wrote none. `has_diff` compares the whole branch with its base,
    not only this run. `gate_refused` also holds a git store that the agent tampered with (G8).
    `fault` is what went wrong with the run itself (a timeout, a quota message, the agent's own
    login), and `fault_reason` says it in words. `agents_left` counts those of the chain that may
    go on now: untried, asked for a reason, or so far only crashed or refused; `retry_at` is
    when the first cooling one may run again, for a chain that has only such left, `wait_reason`
    says it where that is no rest, and `spent` by which budget no agent may start on this task any
    more. `attempts` counts this round's, this one and crashes included, since the last Deliver;
    `history` are those of the round before this one, which is by `agent`, and of these
    `refused_work` is the last that changed something; `idle` says that this one did not.
    `deaf` is an agent that no question reaches.
    `unready_before` of those were interrupted because our tests had no place to run; `try_again`
    is when this one would be repeated for that. `idle_repair` is a repair of red checks that
    changed nothing and disputes nothing, `idle_merge` a run that put nothing of the branch into
    what conflicts with the base. `unexplained` are changes to tests and the like that the agent is
    asked about, once. `cancelled` says what a person did meanwhile.
    """

    result: Result | None
    deliverable: Deliverable
    has_diff: bool
    tests: OwnTests = OwnTests.NONE
    test_tail: str = ""
    gate_refused: tuple[str, ...] = ()
    fault: BlockerCode = BlockerCode.NONE
    fault_reason: str = ""
    agents_left: int = 0
    retry_at: datetime | None = None
    wait_reason: str = ""
    spent: str = ""
    attempts: int
    max_attempts: int
    agent: str = ""
    history: tuple[Attempt, ...] = ()
    refused_work: Attempt | None = None
    idle: bool = False
    deaf: bool = False
    unready_before: int = 0
    try_again: datetime | None = None
    idle_repair: bool = False
    idle_merge: bool = False
    unexplained: tuple[str, ...] = ()
    cancelled: str = ""


def judge(facts: Facts) -> AttemptJudgement:
    """Proof, not claims: only a complete result with its deliverable in hand is delivered.

    A complete change without a diff, with failing tests or refused by the gate is not complete;
    partial and blocked work is never delivered. What no other agent can cure goes to a person at
    once, everything else to the next agent while there is one and attempts remain. Where none
    does, the reason is that of the last work, whatever changed nothing after it.
    """
    if facts.cancelled:
        return Cancelled(facts.cancelled)
    obstacle = _obstacle(facts)
    if obstacle is None:
        answerable = not facts.deaf or facts.agents_left > 0
        if facts.unexplained and answerable and facts.attempts < facts.max_attempts:
            reason = f"it owes a reason or an honest fix: {'; '.join(facts.unexplained)}"
            return Rework(reason, BlockerCode.UNEXPLAINED_CHANGE)
        return Deliver(_delivered(facts))
    if not isinstance(obstacle, Rework):
        return obstacle
    why, code = obstacle.reason, obstacle.code
    if times := stuck.loop(facts.history, facts.agent, code, why):
        said = f"{why}; {facts.agent} has ended so {times} times in a row, and goes in circles"
        return Escalate(said, code)
    exhausted = stuck.common(facts.history, code)
    if exhausted is BlockerCode.NONE:
        exhausted = BlockerCode.FALLBACK_EXHAUSTED
    cause = code
    if facts.idle and facts.refused_work is not None:
        # What a person has to look at is the work, and not that nothing came after it.
        cause = facts.refused_work.code
        why = f"{facts.refused_work.reason}; {facts.agent} then changed nothing ({why})"
    if facts.attempts >= facts.max_attempts:
        reason = f"{why}; {facts.attempts} of {facts.max_attempts} attempts are used"
        return Escalate(reason, exhausted, cause=cause)
    if facts.spent:
        return Escalate(f"{why}; {facts.spent}", BlockerCode.BUDGET_SPENT, cause=cause)
    if facts.agents_left > 0:
        return obstacle
    if facts.retry_at is not None:
        until = facts.wait_reason or "whoever is left is cooling down"
        # Its own code: by that is told whether it had its turn, and no other's refusal is its own.
        return Defer(f"{why}; {until}", facts.retry_at, code)
    return Escalate(f"{why}; no agent of the chain is left", exhausted, cause=cause)


def _obstacle(facts: Facts) -> Rework | Interrupt | Escalate | None:
    """Why the attempt cannot be delivered; None when it can."""
    result = facts.result
    # A security finding comes first: whatever is claimed, this tree must not leave the machine.
    if facts.gate_refused:
        reason = f"the gate refused it: {'; '.join(facts.gate_refused)}"
        return Rework(reason, BlockerCode.GATE_REFUSED)
    if result is None or result.blocker_code is BlockerCode.INVALID_RESULT_CONTRACT:
        return _without_contract(facts)
    if result.status is not Status.COMPLETE:
        return _unfinished(result)
    if facts.deliverable is Deliverable.CHANGE and not facts.has_diff:
        reason = "it says complete, and the branch does not differ from its base"
        return Rework(reason, BlockerCode.NO_DIFF_PRODUCED)
    if facts.idle_repair:
        reason = "it says complete, and changed nothing of what was red"
        return Rework(reason, BlockerCode.NO_DIFF_PRODUCED)
    if facts.idle_merge:
        reason = "it says complete, and put nothing of this branch into what conflicts"
        return Rework(reason, BlockerCode.NO_DIFF_PRODUCED)
    if facts.has_diff and facts.tests is OwnTests.FAILED:
        return Rework("it says complete, and our own test run fails", BlockerCode.TEST_FAILURE)
    if facts.has_diff and facts.tests is OwnTests.HOLLOW:
        reason = "it says complete, and our own test run changes what it tests: it proves nothing"
        return Rework(reason, BlockerCode.TEST_FAILURE)
    if facts.has_diff and facts.tests is OwnTests.UNREADY:
        return _unready(facts)
    if not facts.has_diff and len(report_of(result)) < REPORT_LEAST:
        reason = "it says complete, and its report answers nothing"
        return Rework(reason, BlockerCode.INVALID_RESULT_CONTRACT)
    return None


def _without_contract(facts: Facts) -> Rework:
    """A run that failed is known by its failure; else the missing contract is the failure."""
    if facts.fault is not BlockerCode.NONE:
        return Rework(facts.fault_reason or f"the run ended with {facts.fault}", facts.fault)
    problem = facts.result.problem if facts.result else "the agent left no result file"
    return Rework(problem or "its result file cannot be read", BlockerCode.INVALID_RESULT_CONTRACT)


def _unready(facts: Facts) -> Interrupt | Escalate:
    """The work may be right; it is not tried for ever, because a network comes back."""
    if facts.try_again is None or facts.unready_before >= UNREADY_MOST:
        reason = f"{UNREADY}, {facts.unready_before + 1} times"
        return Escalate(reason, BlockerCode.ENVIRONMENT_FAILURE)
    return Interrupt(f"{UNREADY}; its work is kept", facts.try_again)


def _unfinished(result: Result) -> Rework | Escalate:
    said = " ".join((result.blockers[0] if result.blockers else result.summary).split())
    incurable = INCURABLE.get(result.blocker_code)
    because = incurable or f"{result.status} with {result.blocker_code}"
    reason = f"{because}: {said[:300]}" if said else because
    return (Escalate if incurable else Rework)(reason, result.blocker_code)


def report_of(result: Result) -> str:
    """The text that answers the issue: the report, else the summary with what was done."""
    return (result.report or "\n".join((result.summary, *result.done))).strip()


def _delivered(facts: Facts) -> str:
    if not facts.has_diff:
        return "a report that answers the issue"
    tested = {
        OwnTests.PASSED: "our own test run passes",
        OwnTests.NONE: "the repository has no test command",
        OwnTests.FAILED: "",
        OwnTests.HOLLOW: "",
        OwnTests.UNREADY: "",
    }
    return f"a diff, and {tested[facts.tests]}"
