"""Who goes first: the chain as it is written, and by evidence where that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import standing
from orchestrator.records.event import AttemptStat
from orchestrator.records.task import State
from tests.support.office import Office, an_office, writes_anew

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}


def history(office: Office, agent: str, good: int, bad: int) -> None:
    for number in range(good + bad):
        office.world.events.attempt_stat(
            AttemptStat(
                timestamp=office.world.clock.now(), task_id=f"old-{number}", repo="x", agent=agent,
                status="complete", blocker_code="none" if number < good else "test_failure",
                attempt_count=1, duration_seconds=1, task_type="implementation",
                verdict="deliver" if number < good else "rework",
            )
        )  # fmt: skip


@pytest.mark.parametrize(("routing", "most"), [("fixed", "first"), ("evidence", "second")])
def test_who_does_better_goes_first_where_the_config_says_so(
    tmp_path: Path, routing: str, most: str
) -> None:
    agents = {name: writes_anew(f"{name}.txt") for name in ("first", "second")}
    with an_office(tmp_path, agents=agents, repository={**QUICK, "routing": routing}) as office:
        history(office, "first", 1, 19)
        history(office, "second", 19, 1)
        for number in range(3):  # one in ten follows the fixed order: not all of three
            issue = office.ready(f"Add {number}")
            office.work_until_quiet()
            assert office.state_of(issue) is State.DONE, office.told()
        runs = office.executor.agent_runs
        assert runs.count(most) >= 2, runs
        told = standing.lines(office.world)
        assert any(line.startswith("first, implementation: ") for line in told), told
