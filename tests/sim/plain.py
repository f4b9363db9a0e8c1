"""Two tiny plans and the few parts they need, for the tests of the engine itself."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from orchestrator.forge import workflows
from orchestrator.records.task import State
from tests.sim.interface import (
    CiOutcome,
    Content,
    IssuePlan,
    Job,
    Outcome,
    Plan,
    Seen,
    StepKind,
)

COMPLETE = b"STATUS: complete\nBLOCKER_CODE: none\nSUMMARY: Wrote the file.\nDONE:\n- It.\n"
PARTIAL = b"STATUS: partial\nBLOCKER_CODE: test_failure\nSUMMARY: Half.\nNEXT_STEP: More.\n"
OVER = {State.DONE, State.ESCALATED, State.CANCELLED, State.FAILED}


def honest(job: Job) -> Outcome:
    (job.folder / f"{job.task_id[-12:]}.txt").write_text("done\n")
    return Outcome(seconds=job.rng.randint(30, 900), result=COMPLETE)


def fails_first(job: Job) -> Outcome:
    if job.attempt == 1:
        return Outcome(seconds=60, result=PARTIAL, exit_code=1)
    return honest(job)


def green(order: workflows.JobOrder, rng: random.Random) -> CiOutcome:
    return CiOutcome(seconds=rng.randint(20, 300))


def everything_ends(seen: Seen) -> list[str]:
    """At the end no task is under way."""
    if seen.step.kind is not StepKind.END:
        return []
    return [f"{task.task_id} is left in {s}" for s, task in seen.tasks() if s not in OVER]


def one_task(seed: int) -> Plan:
    return Plan(seed=seed, issues=(IssuePlan(at=10.0, title="Add a file"),), horizon=3600.0)


def two_tasks(seed: int) -> Plan:
    return Plan(
        seed=seed,
        issues=(
            IssuePlan(at=10.0, title="Add a file"),
            IssuePlan(at=90.0, title="Add another file", on_board=True),
        ),
        agents={"first": "fails first", "second": "honest", "third": "honest"},
        crash_chance=0.003,
    )


def content(**more: Any) -> Content:
    """As small as can be; `more` are fields to have otherwise."""
    plain = Content(
        draw=two_tasks,
        personalities={"honest": honest, "fails first": fails_first},
        deeds={},
        weather={"green": green},
        invariants=(everything_ends,),
    )
    return replace(plain, **more)
