"""Money and patience: budgets that are reached, and what becomes of the tasks that wait."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from orchestrator.adapters import events
from orchestrator.records.event import AttemptStat
from orchestrator.records.order import AttemptReport
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State
from tests.support.crash import Killed, a_new_process
from tests.support.office import SLUG, Office, an_office, says, writes, writes_anew

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
BERLIN = "Europe/Berlin"  # 2026, in November: an hour ahead of UTC


def later(office: Office, hours: float) -> None:
    """Time passes at once: nothing of the forge is due."""
    hand = office.github.clock
    assert hand is not None
    hand.advance(hours * 3600)


def lines(office: Office) -> list[dict[str, Any]]:
    path = office.world.paths.agent_stats
    return [json.loads(line) for line in path.read_text().splitlines()]


def anew() -> dict[str, Any]:
    return {"first": writes_anew("first.txt")}


def test_a_days_budget_is_reached_and_the_next_day_goes_on(tmp_path: Path) -> None:
    config = {"budgets": {"day": {"hard_stop_attempts": 1}}, "timezone": BERLIN}
    with an_office(tmp_path, agents=anew(), repository=QUICK, config=config) as office:
        done = office.ready("Add one")
        office.work_until_quiet()
        assert office.state_of(done) is State.DONE, office.told()
        waiting = office.ready("Add two")
        office.work_until_quiet()
        task = office.task(waiting)
        assert office.state_of(waiting) is State.BLOCKED, office.told()
        assert task.attempts == () and task.not_before is not None
        local = task.not_before.astimezone(office.world.zone)
        tomorrow = office.world.clock.now().astimezone(office.world.zone).day + 1
        assert (local.day, local.hour, local.minute) == (tomorrow, 0, 0), local
        [status] = office.comments(waiting)
        assert "1 of 1 attempts are made for all repositories together on " in status
        assert "needs a person" not in status
        told = [line for line in office.said if line.startswith("ALERT 1 of 1 attempts")]
        assert len(told) == 1 and "nothing more is started for it before" in told[0], office.told()
        for _ in range(3):
            office.round()
        assert len(office.executor.agent_runs) == 1
        later(office, 24)
        office.work_until_quiet()
        assert office.state_of(waiting) is State.DONE, office.told()
        assert len(office.comments(waiting)) == 1


def test_a_repositorys_budget_holds_its_tasks_alone(tmp_path: Path) -> None:
    repository = {**QUICK, "budgets": {"repository": {"hard_stop_attempts": 0}}}
    with an_office(tmp_path, agents=anew(), repository=repository) as office:
        issue = office.ready("Add it")
        office.work_until_quiet(3)
        assert office.state_of(issue) is State.BLOCKED, office.told()
        assert f"0 of 0 attempts are made for {SLUG} on" in office.comments(issue)[0]
        assert office.executor.agent_runs == []


def test_an_agent_whose_budget_is_spent_is_passed_over(tmp_path: Path) -> None:
    config = {"budgets": {"per_agent": {"first": {"hard_stop_attempts": 1}}}}
    agents = {"first": says(None), "second": writes_anew("x.txt")}
    with an_office(tmp_path, agents=agents, repository=QUICK, config=config) as office:
        for number in range(2):
            issue = office.ready(f"Add {number}")
            office.work_until_quiet()
            assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs == ["first", "second", "second"]
        assert "first skipped: 1 of 1 attempts are made for first in " in office.told()


def test_a_task_whose_own_budget_is_spent_is_a_persons_turn(tmp_path: Path) -> None:
    repository = {**QUICK, "budgets": {"task": {"hard_stop_attempts": 2}}}
    with an_office(tmp_path, agent=says(None), repository=repository) as office:
        issue = office.ready("Add it")
        office.work_until_quiet()
        task = office.task(issue)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert [one.agent for one in task.attempts] == ["first", "second"]
        assert task.attempts[-1].code is BlockerCode.BUDGET_SPENT
        assert "2 of 2 attempts are made for this task" in task.note
        assert "Raise the budget" in task.note
        # A person who sets it Ready again gives it as much once more.
        office.executor.scripts["first"] = writes("x.txt", "x\n")
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


def test_a_soft_limit_warns_once_and_stops_nothing(tmp_path: Path) -> None:
    config = {"budgets": {"day": {"soft_warn_attempts": 1}}}
    with an_office(tmp_path, agents=anew(), repository=QUICK, config=config) as office:
        for number in range(3):
            office.ready(f"Add {number}")
        office.work_until_quiet()
        assert len(office.executor.agent_runs) >= 3
        told = [line for line in office.said if "the soft limit is reached" in line]
        assert len(told) == 1, office.told()


def test_a_limit_in_money_without_a_known_cost_is_said_and_not_taken_for_nothing(
    tmp_path: Path,
) -> None:
    config = {"budgets": {"day": {"hard_stop_usd": 1}}}
    with an_office(tmp_path, agents=anew(), repository=QUICK, config=config) as office:
        office.ready("Add it")
        office.work_until_quiet()
        told = [line for line in office.said if "of 1 attempt the cost is not known" in line]
        assert len(told) == 1, office.told()


def test_every_attempt_is_one_line_with_what_is_known_and_null_for_the_rest(
    tmp_path: Path,
) -> None:
    def heavy(folder: Path, prompt: str) -> AttemptReport:
        said = str(writes("x.txt", "x\n")(folder, prompt)).encode()
        return AttemptReport(
            exit_code=0, seconds=7, result=said, cpu_seconds=3.5, peak_memory_bytes=9,
            containment="none",
        )  # fmt: skip

    agents = {"first": says(None), "second": heavy}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        issue = office.ready("Add it")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        first, second = lines(office)
        assert (first["agent"], first["attempt"], first["cost_usd"]) == ("first", 1, None)
        assert first["blocker_code"] == "invalid_result_contract"
        known = {
            "agent": "second", "account": "second", "attempt": 2, "verdict": "deliver",
            "blocker_code": "none", "duration_seconds": 7, "cpu_seconds": 3.5,
            "peak_memory_bytes": 9, "containment": "none", "cost_usd": None, "cost_from": "",
            "input_tokens": None, "model": None,
        }  # fmt: skip
        assert {name: second[name] for name in known} == known
        since = office.task(issue).created
        read = list(events.attempts_since(office.world.paths.agent_stats, since))
        assert [one.attempt for one in read] == [2, 1]


def test_a_worker_that_dies_before_the_line_is_written_loses_it_not(tmp_path: Path) -> None:
    with an_office(tmp_path, agents=anew(), repository=QUICK) as office:
        issue = office.ready("Add it")
        office.dispatch()
        written = office.world.events.attempt_stat

        def dies(stat: AttemptStat) -> None:
            raise Killed("before the line")

        object.__setattr__(office.world.events, "attempt_stat", dies)
        with contextlib.suppress(Killed):
            office.queue()
        assert not office.world.paths.agent_stats.exists()
        object.__setattr__(office.world.events, "attempt_stat", written)
        a_new_process(office)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert [(one["attempt"], one["verdict"]) for one in lines(office)] == [(1, "deliver")]
