"""What cron asks of GitHub stays small: `python -m tests.bench.budget` tells it at full size."""

from __future__ import annotations

from pathlib import Path

from tests.bench import budget
from tests.support.office import an_office


def test_a_repository_with_ten_pull_requests_costs_few_requests(tmp_path: Path) -> None:
    """At most 80 an hour: one a minute for boards and labels, one in five for pull requests."""
    with budget.an_office(tmp_path, repositories=1, pulls=10) as office:
        office.run(5)  # one of them has a review, which is read and sent to an agent once
        office.meter.spent.clear()
        office.run(20)
        assert len(office.meter.spent) <= 80 / 3, [one.what for one in office.meter.spent]
        assert sum(one.points for one in office.meter.spent) <= 80 / 3


def test_points_grow_with_pages_and_not_with_repositories(tmp_path: Path) -> None:
    with budget.an_office(tmp_path, repositories=5, pulls=4, closed=100) as office:
        office.run(5)
        office.meter.spent.clear()
        office.run(5)
        assert [one.what for one in office.meter.spent] == ["POST /graphql"] * 6
        assert sum(one.points for one in office.meter.spent) == 6


def test_an_idle_week_asks_no_model_anything(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        office.issue("Nobody set this Ready")
        assert office.github.clock is not None
        for _ in range(7 * 4):
            assert (office.dispatch(), office.queue(), office.monitor()) == (0, 0, 0)
            office.github.clock.advance(6 * budget.HOUR)
        assert office.executor.orders == [] and office.executor.agent_runs == []
