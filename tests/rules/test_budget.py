"""What was used of a budget, and when it ends; an unknown cost is never 0."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from orchestrator.records.config import Budget, Period
from orchestrator.records.event import AttemptStat
from orchestrator.rules import budget
from orchestrator.rules.budget import Account, Spent

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LINE = AttemptStat(
    timestamp=NOON, task_id="t", repo="a/b", agent="codex", status="complete", blocker_code="none",
    attempt_count=1, duration_seconds=1, task_type="docs", verdict="deliver", head_sha="f" * 40,
    input_tokens=100, output_tokens=10, cost_usd=0.5,
)  # fmt: skip


def line(**changes):
    return structs.replace(LINE, **changes)


UNTOLD = {"input_tokens": None, "output_tokens": None, "cost_usd": None}


@pytest.mark.parametrize(
    ("lines", "under_way", "spent"),
    [
        ([], 0, Spent()),
        ([], 2, Spent(attempts=2)),
        ([line(), line()], 0, Spent(attempts=2, tokens=220, usd=1.0)),
        ([line(), line(**UNTOLD)], 0, Spent(
            attempts=2, tokens=110, unknown_tokens=1, usd=0.5, unknown_costs=1)),
        ([line(cost_usd=0.0)], 0, Spent(attempts=1, tokens=110)),
        # Refused before it did anything, or cut short: no attempt, and no unknown cost.
        ([line(blocker_code="quota_limited", head_sha="", **UNTOLD)], 0, Spent()),
        ([line(blocker_code="missing_credentials", head_sha="", **UNTOLD)], 0, Spent()),
        ([line(verdict="interrupted", head_sha="", **UNTOLD)], 0, Spent()),
        # Refused in the middle: what it used was used.
        ([line(blocker_code="quota_limited", head_sha="")], 0, Spent(
            attempts=1, tokens=110, usd=0.5)),
        ([line(blocker_code="worker_crash", verdict="crashed", **UNTOLD)], 0, Spent(
            attempts=1, unknown_tokens=1, unknown_costs=1)),
    ],
)  # fmt: skip
def test_what_attempts_used_together(lines, under_way, spent):
    assert budget.spent(lines, under_way) == spent


USED = Spent(attempts=4, tokens=1_500, usd=2.5, unknown_costs=2, unknown_tokens=1)


@pytest.mark.parametrize(
    ("limit", "hard", "soft"),
    [
        ({}, "", ()),
        ({"hard_stop_usd": 2.51}, "", ()),
        ({"hard_stop_usd": 2.5}, "2.50 of 2.50 USD are spent for x, and 2 attempts without a known "
         "cost", ()),
        ({"hard_stop_tokens": 1_500}, "1,500 of 1,500 tokens are used for x, and 1 attempt of "
         "unknown size", ()),
        ({"hard_stop_attempts": 4}, "4 of 4 attempts are made for x", ()),
        ({"hard_stop_attempts": 0}, "4 of 0 attempts are made for x", ()),
        ({"soft_warn_usd": 1, "hard_stop_usd": 5}, "", (
            "2.50 of 1.00 USD are spent for x, and 2 attempts without a known cost",)),
        ({"soft_warn_tokens": 1_000, "soft_warn_attempts": 3}, "", (
            "1,500 of 1,000 tokens are used for x, and 1 attempt of unknown size",
            "4 of 3 attempts are made for x")),
    ],
)  # fmt: skip
def test_a_limit_is_reached_with_words_of_what_is_unknown(limit, hard, soft):
    account = Account(name="x", budget=Budget(**limit), spent=USED)
    assert (budget.over(account), budget.warned(account)) == (hard, soft)


def test_a_limit_in_money_that_sees_no_cost_says_so():
    limit = Budget(hard_stop_usd=5)
    blind = Account(name="x", budget=limit, spent=Spent(attempts=3, unknown_costs=3))
    assert budget.over(blind) == ""
    assert "of 3 attempts the cost is not known" in budget.blind(blind)
    assert "model_overrides" in budget.blind(blind)
    for spent in (USED, Spent(), Spent(attempts=1)):
        assert budget.blind(structs.replace(blind, spent=spent)) == ""


@pytest.mark.parametrize(
    ("now", "period", "begin", "end"),
    [
        ("2026-05-04 12:00", Period.DAY, "2026-05-03 22:00", "2026-05-04 22:00"),
        ("2026-05-04 00:00", Period.DAY, "2026-05-03 22:00", "2026-05-04 22:00"),
        # The days on which the clock is changed have 23 and 25 hours.
        ("2026-03-29 12:00", Period.DAY, "2026-03-28 23:00", "2026-03-29 22:00"),
        ("2026-10-25 01:00", Period.DAY, "2026-10-24 22:00", "2026-10-25 23:00"),
        ("2026-12-31 12:00", Period.MONTH, "2026-11-30 23:00", "2026-12-31 23:00"),
        ("2026-01-31 12:00", Period.MONTH, "2025-12-31 23:00", "2026-01-31 23:00"),
    ],
)
def test_days_and_months_are_those_of_the_zone(now, period, begin, end):
    here = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    told = [f"{moment:%Y-%m-%d %H:%M}" for moment in budget.bounds(here, period)]
    assert told == [begin, end]


def test_a_window_is_free_when_enough_has_left_it():
    hours = timedelta(hours=5)
    lines = [line(timestamp=NOON + timedelta(hours=n)) for n in range(4)]
    assert budget.frees_at(lines, Budget(hard_stop_attempts=4), hours) == NOON + hours
    assert budget.frees_at(lines, Budget(hard_stop_attempts=2), hours) == (
        NOON + timedelta(hours=2) + hours
    )
    assert budget.frees_at(lines, Budget(hard_stop_usd=1.1), hours) == (
        NOON + timedelta(hours=1) + hours
    )
    assert budget.frees_at(lines, Budget(hard_stop_attempts=0), hours) is None
