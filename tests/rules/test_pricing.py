"""What a run cost, by table: never invented."""

from __future__ import annotations

import pytest

from orchestrator.records.config import Price, Pricing
from orchestrator.records.usage import Usage
from orchestrator.rules import pricing
from orchestrator.rules.pricing import UNKNOWN, Cost

PRICES = Pricing(
    models={
        "big": Price(input=10, output=100, cached=1),
        "small": Price(input=1, output=2),
    },
    agent_models={"codex": "small"},
    multipliers={"resold": 1.5},
)
USED = {"input_tokens": 1_000_000, "output_tokens": 100_000}
CACHED = {**USED, "cached_tokens": 400_000}


@pytest.mark.parametrize(
    ("usage", "agent", "cost"),
    [
        (None, "claude", UNKNOWN),
        (Usage(), "claude", UNKNOWN),
        (Usage(cost_usd=0.5, model="big", **USED), "claude", Cost(0.5, "program")),
        (Usage(cost_usd=0.0), "claude", Cost(0.0, "program")),
        (Usage(model="big", **USED), "claude", Cost(20.0, "table")),
        (Usage(model="big", **CACHED), "claude", Cost(16.4, "table")),
        (Usage(model="small", **CACHED), "claude", Cost(1.2, "table")),
        (Usage(model="vendor/small-2026-01-31", **USED), "claude", Cost(1.2, "table")),
        (Usage(model="small-20260131", **USED), "claude", Cost(1.2, "table")),
        (Usage(model="small-mini", **USED), "claude", UNKNOWN),
        (Usage(model="big", input_tokens=5), "claude", UNKNOWN),
        (Usage(**USED), "claude", UNKNOWN),
        (Usage(**USED), "codex", Cost(1.2, "table")),
        (Usage(model="small", **USED), "resold", Cost(1.8, "table")),
    ],
)
def test_a_cost_is_the_programs_own_else_by_the_table_else_unknown(usage, agent, cost):
    assert pricing.cost(usage, PRICES, agent) == cost
