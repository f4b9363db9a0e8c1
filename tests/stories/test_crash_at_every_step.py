"""kill -9 at every boundary of the happy path: the same end, nothing lost, nothing twice (T2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.records.task import State
from tests.support.crash import Reaper, crash, with_reaper
from tests.support.office import SLUG, an_office, writes

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
HONEST = {name: writes("first.txt", "done\n") for name in ("first", "second", "third")}
# How many steps the happy path has; the last test keeps the number true.
BOUNDARIES = 39


@pytest.mark.parametrize("at", range(1, BOUNDARIES + 1))
def test_a_killed_process_is_taken_up_where_it_died(tmp_path: Path, at: int) -> None:
    """Death before step k + 1 is death after step k: between two steps nothing is changed."""
    with an_office(tmp_path, repository=QUICK, agents=HONEST) as office:
        issue = office.ready("Add first.txt")
        reaper = crash(office, at)
        assert reaper.dead, "the happy path has fewer steps: lower BOUNDARIES"
        office.pass_time(60)
        office.work_until_quiet(8)
        office.pass_time(3600)
        office.work_until_quiet(8)
        told = f"died before {reaper.names[-1]}\n{office.told()}"
        assert office.state_of(issue) is State.DONE, told
        merged = [pull for pull in office.pulls() if pull["merged_at"]]
        assert len(office.pulls()) == len(merged) == 1, told
        assert len(office.comments(issue)) == 1, told
        runs = len(office.executor.agent_runs)
        attempts = office.task(issue).attempts
        assert runs <= len(attempts) <= 2, told
        assert sum(len(names) for names in office.folders().values()) == 1, told
        assert office.file("first.txt") == "done\n", told
        branches = [b["name"] for b in office.api.get(f"/repos/{SLUG}/branches").json()]
        assert branches == ["main"], told


def test_every_boundary_of_the_happy_path_is_tried(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        office.ready("Add first.txt")
        reaper = Reaper()
        office.world = with_reaper(office.world, reaper)
        office.work_until_quiet(6)
        assert len(reaper.names) == BOUNDARIES, reaper.names
