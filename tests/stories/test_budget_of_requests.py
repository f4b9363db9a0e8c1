"""What cron asks of GitHub stays small: `python -m tests.bench.budget` tells it at full size."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.bench import budget, month
from tests.support.office import an_office


def test_a_repository_with_ten_pull_requests_costs_few_requests(tmp_path: Path) -> None:
    """At most 80 an hour: one a minute for boards and labels, one in five for pull requests."""
    with budget.an_office(tmp_path, budget.Scene(repositories=1, pulls=10)) as office:
        office.run(5)  # one of them has a review, which is read and sent to an agent once
        office.meter.spent.clear()
        office.run(20)
        assert len(office.meter.spent) <= 80 / 3, [one.what for one in office.meter.spent]
        assert sum(one.points for one in office.meter.spent) <= 80 / 3


def test_points_grow_with_pages_and_not_with_repositories(tmp_path: Path) -> None:
    scene = budget.Scene(repositories=5, pulls=4, closed=100)
    with budget.an_office(tmp_path, scene) as office:
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


def test_an_hour_of_merges_stays_within_a_few_requests_a_minute(tmp_path: Path) -> None:
    scene = budget.Scene(repositories=1, pulls=2, merging=True)
    with budget.an_office(tmp_path, scene) as office:
        office.run(30)
        assert budget.merged(office) == 2
        assert office.meter.most_requests <= 80, [one.what for one in office.meter.spent]


def test_ticks_that_are_only_counted_ask_for_what_they_would_have_asked_for(tmp_path: Path) -> None:
    """The month of `tests.bench.month`, an hour of it, against one in which every tick is run."""
    scene = budget.Scene(repositories=2, pulls=2, inside=True)
    (tmp_path / "whole").mkdir()
    with budget.an_office(tmp_path / "whole", scene) as office:
        office.run(75)
        whole = Counter((one.hour, one.what, one.points) for one in office.meter.spent)
    with month.a_month(scene) as played:
        for minute in range(75):
            played.minute(minute)
        spent = played.office.meter.spent
        assert Counter((one.hour, one.what, one.points) for one in spent) == whole
        assert not played.strange and played.counted > played.run > played.samples > 0
