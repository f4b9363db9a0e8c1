"""Who may start: one rule for everything that can forbid it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.records.config import Budget
from orchestrator.records.result import BlockerCode
from orchestrator.rules.admission import Admit, Facts, Refuse, admit
from orchestrator.rules.budget import Account, Spent

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATE = NOON + timedelta(hours=12)
QUOTA, BUDGET = BlockerCode.QUOTA_LIMITED, BlockerCode.BUDGET_SPENT


def account(name, used, limit=3, until=LATE):
    return Account(
        name=name, budget=Budget(hard_stop_attempts=limit), spent=Spent(attempts=used), until=until
    )


DAY, DAY_OVER = account("day", 2), account("day", 3)
MONTH_OVER = account("month", 3, until=LATE + timedelta(days=9))
TASK, TASK_OVER = account("task", 2, until=None), account("task", 3, until=None)
AGENT, AGENT_OVER = account("claude", 2), account("claude", 3)
REST = {"rests_until": NOON, "rest": "cooling down until 12:00"}


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({}, Admit()),
        ({"shared": (DAY,), "task": TASK, "agent": AGENT, "plan": (AGENT,)}, Admit()),
        ({"task": TASK_OVER, "shared": (DAY_OVER,), **REST}, Refuse(
            reason="3 of 3 attempts are made for task", code=BUDGET)),
        ({"shared": (DAY_OVER,), **REST}, Refuse(
            reason="3 of 3 attempts are made for day", until=LATE, code=BUDGET)),
        ({"shared": (DAY_OVER, MONTH_OVER)}, Refuse(
            reason="3 of 3 attempts are made for day; 3 of 3 attempts are made for month",
            until=MONTH_OVER.until, code=BUDGET)),
        (REST, Refuse(
            reason="cooling down until 12:00", until=NOON, next_agent=True, code=QUOTA)),
        ({"agent": AGENT_OVER}, Refuse(
            reason="3 of 3 attempts are made for claude", until=LATE, next_agent=True,
            code=BUDGET)),
        ({"agent": AGENT, "plan": (AGENT, MONTH_OVER)}, Refuse(
            reason="3 of 3 attempts are made for month", until=MONTH_OVER.until,
            next_agent=True, code=BUDGET)),
    ],
)  # fmt: skip
def test_the_first_obstacle_decides_who_waits_and_for_how_long(facts, verdict):
    assert admit(Facts(**facts)) == verdict
