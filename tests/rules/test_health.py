"""What attempts say of agents, and when that changes who goes first."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from orchestrator.records.event import AttemptStat
from orchestrator.records.result import BlockerCode
from orchestrator.rules import health
from orchestrator.rules.health import Tally

LINE = AttemptStat(
    timestamp=datetime(2026, 5, 4, 12, tzinfo=UTC), task_id="t", repo="a/b", agent="codex",
    status="blocked", blocker_code="test_failure", attempt_count=1, duration_seconds=1,
    task_type="docs", verdict="rework",
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "failure"),
        ({"verdict": "deliver", "blocker_code": "none", "status": "complete"}, "success"),
        ({"verdict": "", "blocker_code": "none", "status": "complete"}, "success"),
        ({"verdict": "", "status": "partial"}, "failure"),
        # A claim is no success: what we judged counts.
        ({"verdict": "rework", "blocker_code": "no_diff_produced", "status": "complete"},
         "failure"),
        ({"blocker_code": "timeout"}, "failure"),
        ({"verdict": "escalate", "blocker_code": "gate_refused"}, "failure"),
        ({"blocker_code": "quota_limited"}, "quota"),
        ({"blocker_code": "missing_credentials"}, "quota"),
        ({"blocker_code": "worker_crash", "verdict": "crashed"}, "infrastructure"),
        ({"blocker_code": "none", "verdict": "interrupted"}, "infrastructure"),
        ({"blocker_code": "runner_failure"}, "infrastructure"),
        ({"blocker_code": "environment_failure"}, "infrastructure"),
        ({"blocker_code": "prompt_too_large"}, "infrastructure"),
        ({"verdict": "escalate", "blocker_code": "fallback_exhausted"}, "nothing"),
        ({"verdict": "escalate", "blocker_code": "budget_spent"}, "nothing"),
        ({"verdict": "escalate", "blocker_code": "missing_context"}, "nothing"),
        ({"verdict": "cancelled", "blocker_code": "none"}, "nothing"),
        ({"agent": "none", "blocker_code": "fallback_exhausted"}, "nothing"),
    ],
)
def test_what_an_attempt_says_of_its_agent(changes, outcome):
    assert health.outcome(structs.replace(LINE, **changes)) == outcome


def test_a_chain_that_is_exhausted_lowers_nobody():
    line = structs.replace(LINE, blocker_code=BlockerCode.FALLBACK_EXHAUSTED, verdict="escalate")
    assert health.tallied([line] * 50) == ()


def test_each_agent_is_counted_by_type_of_task_with_refusals_apart():
    lines = [
        LINE, structs.replace(LINE, verdict="deliver"),
        structs.replace(LINE, blocker_code="quota_limited"),
        structs.replace(LINE, task_type="debugging", blocker_code="runner_failure"),
        structs.replace(LINE, agent="claude"),
    ]  # fmt: skip
    assert health.tallied(lines) == (
        Tally(agent="claude", task_type="docs", failures=1),
        Tally(agent="codex", task_type="debugging", infrastructure=1),
        Tally(agent="codex", task_type="docs", successes=1, failures=1, quota=1),
    )
    told = [health.told(one) for one in health.tallied(lines)]
    assert told[1] == "codex, debugging: not judged yet, 1 machine's fault"
    assert told[2] == "codex, docs: 1 of 2, 1 refused"
    many = Tally(agent="codex", task_type="docs", successes=8, failures=2)
    assert health.told(many) == "codex, docs: 8 of 10 (80%, likely 49% to 94%)"


@pytest.mark.parametrize(
    ("successes", "judged", "low", "high"),
    [(0, 0, 0.0, 1.0), (10, 10, 0.722, 1.0), (0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763),
     (80, 100, 0.711, 0.867)],
)  # fmt: skip
def test_the_interval_is_wilsons(successes, judged, low, high):
    assert health.wilson(successes, judged) == pytest.approx((low, high), abs=0.001)


GOOD, BAD = {"successes": 18, "failures": 2}, {"successes": 2, "failures": 18}
FEW = {"successes": 0, "failures": 7}
CHAIN = ("a", "b", "c")


@pytest.mark.parametrize(
    ("known", "first", "order"),
    [
        ({}, "", "abc"),
        ({"a": BAD, "b": GOOD}, "", "bac"),
        ({"a": BAD, "b": GOOD, "c": GOOD}, "", "bca"),
        ({"a": BAD, "c": GOOD}, "", "bca"),
        ({"a": GOOD, "b": BAD, "c": GOOD}, "", "acb"),
        ({"a": BAD, "b": GOOD}, "a", "abc"),
        # Too few to tell, and intervals that touch: the order is the config's.
        ({"a": FEW, "b": GOOD}, "", "abc"),
        ({"a": {"successes": 6, "failures": 4}, "b": {"successes": 9, "failures": 1}}, "", "abc"),
    ],
)  # fmt: skip
def test_who_is_certainly_better_goes_first(known, first, order):
    tallies = {name: Tally(agent=name, task_type="docs", **n) for name, n in known.items()}
    assert "".join(health.ordered(CHAIN, tallies, first=first, task_id="task-1")) == order


def test_one_task_in_ten_follows_the_chain_as_it_is_written():
    tallies = {"a": Tally(agent="a", task_type="d", **BAD), "b": Tally(agent="b", task_type="d",
                                                                       **GOOD)}  # fmt: skip
    orders = [health.ordered(CHAIN, tallies, task_id=f"task-{n}") for n in range(1000)]
    assert 50 < orders.count(CHAIN) < 200


COUNTS = st.fixed_dictionaries({"successes": st.integers(0, 60), "failures": st.integers(0, 60)})


@given(
    st.dictionaries(st.sampled_from("abcd"), COUNTS), st.sampled_from(list(permutations("abcd"))),
    st.sampled_from(["", "c"]), st.text(max_size=5),
)  # fmt: skip
def test_no_evidence_ever_loses_an_agent(known, chain, first, task_id):
    tallies = {name: Tally(agent=name, task_type="docs", **n) for name, n in known.items()}
    order = health.ordered(chain, tallies, first=first, task_id=task_id)
    assert sorted(order) == sorted(chain)
