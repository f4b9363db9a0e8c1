"""Agents and test runs as functions: the executor of a simulated worker."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Protocol

from orchestrator.executors import local
from orchestrator.records.order import AttemptOrder, AttemptReport
from tests.sim.doors import Kind
from tests.sim.interface import AgentRun, Content, Job, Outcome, Plan
from tests.sim.processes import Process

PASSED = Outcome(seconds=5, output_tail="1 passed\n")


class Floor(Protocol):
    """What the executor needs of the engine."""

    plan: Plan
    content: Content
    agent_rng: random.Random
    runs: list[AgentRun]
    facts: dict[tuple[str, str], dict[str, Any]]

    def door(self, process: Process, kind: Kind, what: str, where: str = "") -> None: ...
    def crash(self, process: Process, why: str) -> None: ...
    def next_order(self) -> int: ...
    def changed_work(self) -> None: ...
    def tell(self, who: str, what: str) -> None: ...


class SimExecutor:
    """Runs a personality in the worktree, and lets its time pass in the world."""

    def __init__(self, floor: Floor, process: Process) -> None:
        self.floor = floor
        self.process = process

    def run(self, order: AttemptOrder) -> AttemptReport:
        floor, process = self.floor, self.process
        test = order.argv[0] == "/bin/sh"
        name = "tests" if test else order.argv[0]
        floor.door(process, Kind.EXECUTOR, f"run {name}")
        personality = floor.plan.tests if test else floor.plan.agents[name]
        task_id, attempt = named(order)
        run = AgentRun(
            process=process.name, agent=name, personality=personality, task_id=task_id,
            slug=Path(order.folder).parent.name.replace("__", "/", 1), attempt=attempt,
            started=process.time.moment, is_test=test, order=floor.next_order(),
            prompt="" if test else order.stdin.decode("utf-8", "replace"),
        )  # fmt: skip
        floor.runs.append(run)
        with process.elsewhere():
            outcome = self._played(order, run)
        floor.changed_work()
        if not test:
            ends = "dies with its worker" if outcome.crash else f"ends with {outcome.exit_code}"
            floor.tell(
                process.name,
                f"{name} ({personality}) works on {task_id}, attempt {attempt}: "
                f"{ends} after {outcome.seconds:g} s",
            )
        process.wait(max(outcome.seconds, 0.0))
        if outcome.crash:
            floor.crash(process, f"while {name} worked")
        run.ended, run.outcome = process.time.moment, outcome
        result, problem = outcome.result, ""
        if result is None:
            with process.elsewhere():
                result, problem = local._result(order)
        return AttemptReport(
            exit_code=outcome.exit_code, seconds=outcome.seconds, timed_out=outcome.timed_out,
            output_tail=outcome.output_tail, problem=outcome.problem, result=result,
            result_problem=problem,
        )  # fmt: skip

    def _played(self, order: AttemptOrder, run: AgentRun) -> Outcome:
        floor = self.floor
        if not run.personality:
            return PASSED
        facts = floor.facts.setdefault((run.personality, run.task_id), {})
        job = Job(
            folder=Path(order.folder), prompt=order.stdin.decode("utf-8", "replace"),
            agent=run.agent, task_id=run.task_id, slug=run.slug, attempt=run.attempt,
            rng=floor.agent_rng, facts=facts, environment=order.environment,
            command=order.argv[-1] if run.is_test else "",
        )  # fmt: skip
        local._clear_result(order)
        return floor.content.personalities[run.personality](job)


def named(order: AttemptOrder) -> tuple[str, int]:
    """The task and its attempt, as the private home's place says: attempts/<task>/<n>/home."""
    parts = Path(order.home).parts
    return parts[-3], int(parts[-2])
