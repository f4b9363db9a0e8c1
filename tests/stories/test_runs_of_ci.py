"""What a queue of pull requests costs in runs of CI beyond the one that each has of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.records.task import State
from tests.support import repos
from tests.support.office import COMPLETE, Office, an_office

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
PULLS = 5


def by_title(folder: Path, prompt: str) -> str:
    """Writes the file that the title names; "badly" breaks the checks until it comes back."""
    found = re.search(r"Add part(\d)( badly)?", prompt)
    assert found
    (folder / f"part{found[1]}.txt").write_text("x\n")
    bad = folder / "broken"
    if found[2] and not bad.exists():
        bad.write_text("yes\n")
    elif bad.exists():
        bad.unlink()
    return COMPLETE.format(summary=f"Part {found[1]}.")


def runs(office: Office) -> list[Any]:
    """Every run of CI on a branch of ours; the base's own, one for each merge, are its own."""
    return [o for o in office.github.forge.state.runner.orders if o.branch.startswith("agent/")]


def verdict(order: Any) -> str:
    listed = repos.git(Path(order.repository), "ls-tree", "--name-only", order.sha)
    return "failure" if "broken" in listed.split() else "success"


def test_each_merge_costs_one_run_where_a_run_takes_longer_than_a_tick(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=by_title, repository=QUICK) as office:
        issues = [office.ready(f"Add part{n}") for n in range(1, PULLS + 1)]
        office.dispatch()
        office.queue()
        office.pass_time(20)
        own = len(runs(office))
        office.github.forge.state.runner.seconds = 700
        for _ in range(PULLS * 4):
            office.monitor()
            office.pass_time(300)
        assert [office.state_of(i) for i in issues] == [State.DONE] * PULLS, office.told()
        assert len(runs(office)) - own == PULLS - 1, office.told()


@pytest.mark.parametrize("bad", [0, 1, 3, 5])
def test_each_merge_costs_one_run_and_a_red_one_only_its_own(tmp_path: Path, bad: int) -> None:
    """N green ones: N - 1 runs after their own, as the first is up to date.

    With one red among them at most N + 1: its red run is repeated before an agent is sent, and
    its repair has a run, which takes the place of an Update's where the base had moved.
    """
    with an_office(tmp_path, agent=by_title, repository=QUICK, verdict=verdict) as office:
        titles = [f"Add part{n}{' badly' if n == bad else ''}" for n in range(1, PULLS + 1)]
        issues = [office.ready(title) for title in titles]
        office.dispatch()
        office.queue()
        office.pass_time(20)
        own = len(runs(office))
        assert own == PULLS
        office.work_until_quiet(40)
        assert [office.state_of(i) for i in issues] == [State.DONE] * PULLS, office.told()
        later = len(runs(office)) - own
        print(f"{PULLS} pull requests, number {bad or 'none'} red: {later} runs after their own")
        most = PULLS + 1 if bad else PULLS - 1
        assert PULLS - 1 <= later <= most, office.told()
