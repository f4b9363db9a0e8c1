"""A repair goes on in the conversation that made the head, where its program still has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from orchestrator import sessions
from orchestrator.agents import roster
from orchestrator.agents.base import Launch
from orchestrator.records.config import AgentConfig, AgentKind
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.task import Attempt, Task
from orchestrator.records.usage import Usage
from orchestrator.records.verdicts import AttemptVerdict
from tests.agents import recorded
from tests.support.office import Office, an_office

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
USED = Usage(input_tokens=100, output_tokens=10, cached_tokens=50, session_id="s-1")
NAMED = (AgentKind.CLAUDE, AgentKind.CODEX, AgentKind.GEMINI, AgentKind.DEEPSEEK)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as made:
        yield made


def delivered(n: int, agent: str = "claude", usage: Usage | None = USED) -> Attempt:
    return Attempt(n=n, agent=agent, started=NOW, verdict=AttemptVerdict.DELIVER, usage=usage)


def a_task(office: Office, *attempts: Attempt, repair: str = "A reviewer asked.") -> Task:
    task = Task(task_id="task-1", repo="maria/library", created=NOW, repair=repair)
    for made in attempts:
        (office.world.paths.attempt(task.task_id, made.n) / "home").mkdir(parents=True)
    return structs.replace(task, attempts=attempts)


def test_the_conversation_is_taken_up_in_the_home_where_it_began(office: Office) -> None:
    task = a_task(office, delivered(1), delivered(2))
    found = sessions.earlier(office.world, task, "claude")
    assert found is not None and found.name == "s-1"
    assert found.home == str(office.world.paths.attempt("task-1", 1) / "home")
    assert found.used == structs.replace(
        USED, input_tokens=200, output_tokens=20, cached_tokens=100
    )


def test_no_other_agent_takes_it_up_nor_a_task_that_is_no_repair(office: Office) -> None:
    task = a_task(office, delivered(1))
    assert sessions.earlier(office.world, task, "codex") is None
    assert sessions.earlier(office.world, structs.replace(task, repair=""), "claude") is None
    assert sessions.earlier(office.world, structs.replace(task, round=2), "claude") is None


def test_what_was_cleared_away_or_never_named_is_begun_anew(office: Office) -> None:
    task = a_task(office, delivered(1))
    (office.world.paths.attempt("task-1", 1) / "home").rmdir()
    assert sessions.earlier(office.world, task, "claude") is None
    unnamed = a_task(office, delivered(3, usage=None))
    assert sessions.earlier(office.world, unnamed, "claude") is None


@pytest.mark.parametrize("kind", NAMED)
def test_a_program_that_lost_it_runs_once_more_without(kind: AgentKind, tmp_path: Path) -> None:
    name = {AgentKind.DEEPSEEK: "opencode", AgentKind.CLAUDE: "claude-stream"}.get(kind, kind)
    agent = roster.build({"mine": AgentConfig(name="mine", kind=kind)})["mine"]
    session = sessions.Session(name="s-1", home=str(tmp_path / "first"), used=USED)
    fresh = Launch(
        prompt="do", prompt_path="", folder=str(tmp_path), home=str(tmp_path / "home"),
        log_path=str(tmp_path / "agent.log"), timeout_seconds=9,
    )  # fmt: skip
    orders: list[AttemptOrder] = []

    def execute(order: AttemptOrder) -> AttemptReport:
        orders.append(order)
        return recorded.report(f"{name}-gone" if len(orders) == 1 else f"{name}-ok")

    report = sessions.run(agent, fresh, session, execute, NOW)
    assert report.exit_code == 0
    assert ["s-1" in order.argv for order in orders] == [True, False]
    assert [Path(order.home).name for order in orders] == ["first", "home"]
    assert orders[0].log_path != orders[1].log_path


@pytest.mark.parametrize("kind", NAMED)
def test_any_other_failure_of_it_is_not_repeated(kind: AgentKind, tmp_path: Path) -> None:
    agent = roster.build({"mine": AgentConfig(name="mine", kind=kind)})["mine"]
    session = sessions.Session(name="s-1", home=str(tmp_path), used=USED)
    fresh = Launch(
        prompt="do", prompt_path="", folder="", home="", log_path="a.log", timeout_seconds=9
    )
    runs: list[AttemptOrder] = []

    def execute(order: AttemptOrder) -> AttemptReport:
        runs.append(order)
        return AttemptReport(exit_code=1, seconds=1, output_tail="no\n")

    sessions.run(agent, fresh, session, execute, NOW)
    assert len(runs) == 1
