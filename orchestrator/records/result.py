"""What an agent says of its work in `.agent_result.md`: a claim, never a proof."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Status(StrEnum):
    COMPLETE = "complete"
    PARTIAL = "partial"
    BLOCKED = "blocked"


class BlockerCode(StrEnum):
    """The words of the original contract, and those that the orchestrator adds by itself."""

    NONE = "none"
    MISSING_CONTEXT = "missing_context"
    MISSING_CREDENTIALS = "missing_credentials"
    ENVIRONMENT_FAILURE = "environment_failure"
    DEPENDENCY_BLOCKED = "dependency_blocked"
    QUOTA_LIMITED = "quota_limited"
    RUNNER_FAILURE = "runner_failure"
    TIMEOUT = "timeout"
    TEST_FAILURE = "test_failure"
    WORKFLOW_VALIDATION_FAILED = "workflow_validation_failed"
    MANUAL_INTERVENTION_REQUIRED = "manual_intervention_required"
    FALLBACK_EXHAUSTED = "fallback_exhausted"
    INVALID_RESULT_CONTRACT = "invalid_result_contract"
    NO_DIFF_PRODUCED = "no_diff_produced"
    PROMPT_TOO_LARGE = "prompt_too_large"
    PUSH_NOT_READY = "push_not_ready"
    GATE_REFUSED = "gate_refused"
    UNEXPLAINED_CHANGE = "unexplained_change"
    WORKER_CRASH = "worker_crash"
    BUDGET_SPENT = "budget_spent"


# What an agent may write; the rest are verdicts of ours.
AGENT_CODES = frozenset(BlockerCode) - {
    BlockerCode.NO_DIFF_PRODUCED,
    BlockerCode.PROMPT_TOO_LARGE,
    BlockerCode.PUSH_NOT_READY,
    BlockerCode.GATE_REFUSED,
    BlockerCode.UNEXPLAINED_CHANGE,
    BlockerCode.WORKER_CRASH,
    BlockerCode.BUDGET_SPENT,
}


class AnswerKind(StrEnum):
    """What an agent may say of one numbered item of a repair."""

    FIXED = "fixed"
    DISAGREE = "disagree"
    NEEDS_PERSON = "needs_person"


class Answer(Struct, frozen=True, kw_only=True):
    """The agent's word on item `item` of the repair it was given; a claim like the others."""

    item: int
    kind: AnswerKind
    said: str = ""


class Result(Struct, frozen=True, kw_only=True):
    """The contract's fields, in its order; lists hold one bullet each."""

    status: Status
    blocker_code: BlockerCode = BlockerCode.NONE
    summary: str = ""
    done: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    next_step: str = ""
    files_changed: tuple[str, ...] = ()
    tests_run: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    attempted_approaches: tuple[str, ...] = ()
    manual_steps: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    report: str = ""
    problem: str = ""
