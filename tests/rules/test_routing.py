"""Which agent makes the next attempt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.records.task import TaskType
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
