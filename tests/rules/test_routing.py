"""Which agent makes the next attempt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.records.result import BlockerCode, Result, Status
from orchestrator.records.task import Attempt, TaskType
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.rules import routing
from orchestrator.rules.routing import AllCooling, Exhausted, Start, Unavailable

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
FALLBACKS = {"implementation": ("codex", "claude", "gone", "none"), "docs": ("claude",)}
KNOWN = {"codex", "claude", "patch"}


@pytest.mark.parametrize(
    ("requested", "task_type", "agents", "strange"),
    [
        ("auto", TaskType.IMPLEMENTATION, ("codex", "claude"), ("gone",)),
        ("claude", TaskType.IMPLEMENTATION, ("claude", "codex"), ("gone",)),
        ("patch", TaskType.DOCS, ("patch", "claude"), ()),
        ("none", TaskType.DOCS, ("claude",), ()),
        ("hal", TaskType.DOCS, ("claude",), ("hal",)),
        ("auto", TaskType.RESEARCH, (), ()),
        ("patch", TaskType.RESEARCH, ("patch",), ()),
    ],
)
def test_the_chain_is_the_requested_agent_then_the_fallbacks(
    requested, task_type, agents, strange
):
    assert routing.chain(requested, task_type, FALLBACKS, KNOWN) == agents
    assert routing.strangers(requested, task_type, FALLBACKS, KNOWN) == strange


COOLING = Unavailable("cooling down until 12:00", NOON)
COOLING_LONG = Unavailable("cooling down until 13:00", NOON + timedelta(hours=1))
MISSING = Unavailable("not installed")


@pytest.mark.parametrize(
    ("agents", "tried", "unavailable", "answer"),
    [
        (("a", "b"), (), {}, Start("a")),
        (("a", "b"), ("a",), {}, Start("b")),
        (("a", "b"), (), {"a": MISSING}, Start("b", ("a skipped: not installed",))),
        (("a", "b"), (), {"a": COOLING_LONG, "b": COOLING}, AllCooling(NOON, (
            "a skipped: cooling down until 13:00", "b skipped: cooling down until 12:00"))),
        (("a", "b"), ("a",), {"b": COOLING}, AllCooling(NOON, (
            "b skipped: cooling down until 12:00",))),
        (("a", "b"), (), {"a": COOLING, "b": MISSING}, AllCooling(NOON, (
            "a skipped: cooling down until 12:00", "b skipped: not installed"))),
        (("a", "b"), ("a", "b"), {}, Exhausted("no agent is left: a, b tried")),
        (("a", "b"), ("a",), {"b": MISSING}, Exhausted(
            "no agent is left: a tried; b skipped: not installed")),
        (("a",), (), {"a": MISSING}, Exhausted("no agent is left: a skipped: not installed")),
        ((), (), {}, Exhausted("no agent is configured for this type of task")),
    ],
)
def test_who_is_next(agents, tried, unavailable, answer):
    assert routing.next_agent(agents, tried, unavailable) == answer


LIMITED = BlockerCode.QUOTA_LIMITED
CLAIM = Result(status=Status.BLOCKED, blocker_code=LIMITED)


@pytest.mark.parametrize(
    ("verdict", "code", "result", "had"),
    [
        (AttemptVerdict.REWORK, BlockerCode.TEST_FAILURE, None, True),
        (AttemptVerdict.CRASHED, BlockerCode.WORKER_CRASH, None, False),
        (AttemptVerdict.DEFER, LIMITED, None, False),
        (AttemptVerdict.REWORK, LIMITED, Result(status=Status.PARTIAL), False),
        (AttemptVerdict.REWORK, LIMITED, CLAIM, True),
        (AttemptVerdict.REWORK, BlockerCode.MISSING_CREDENTIALS, None, False),
    ],
)
def test_who_crashed_or_was_refused_by_its_provider_had_no_turn(verdict, code, result, had):
    made = Attempt(n=1, agent="a", started=NOON, verdict=verdict, code=code, result=result)
    assert routing.had_its_turn(made) is had
