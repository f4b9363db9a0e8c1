"""The quota ledger: accounts that agents share, plans that are kept to, what is known of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator import ledger
from orchestrator.records.order import AttemptReport
from orchestrator.records.quota import Learnt, Window
from orchestrator.records.task import State
from tests.support.office import AgentScript, Office, an_office, writes_anew

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
LIMIT = "You've hit your weekly limit \u00b7 resets 11:30am (UTC)"  # the clock says 9:00


def refused(words: str = LIMIT) -> AgentScript:
    return lambda folder, prompt: AttemptReport(
        exit_code=1, seconds=2, output_tail=f"Working...\n\n{words}\n"
    )


def agents(**more: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"command": [name], "sandbox": "none", **more.get(name, {})}
        for name in ("first", "second", "third")
    }


def later(office: Office, hours: float) -> None:
    hand = office.github.clock
    assert hand is not None
    hand.advance(hours * 3600)


def test_agents_that_share_an_account_cost_it_one_failed_start(tmp_path: Path) -> None:
    shared = {"account": "one-plan"}
    config = {"agents": agents(first=shared, second=shared)}
    scripts = {"first": refused(), "second": refused(), "third": writes_anew("x.txt")}
    with an_office(tmp_path, agents=scripts, repository=QUICK, config=config) as office:
        for number in range(3):
            issue = office.ready(f"Add {number}")
            office.work_until_quiet()
            assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs == ["first", "third", "third", "third"]
        [line] = ledger.lines(office.world)
        assert (line.account, line.agents) == ("one-plan", ("first", "second"))
        assert (line.window, line.reset_from) == (Window.WEEK, Learnt.MESSAGE)
        said = "one-plan, week, used up until 11:30 UTC (message)"
        assert ledger.told(office.world, line) == said
        # Its window ends, and it is refused once more: one start, whichever agent makes it.
        later(office, 2.6)
        office.ready("Add more")
        office.work_until_quiet()
        assert office.executor.agent_runs[4:] == ["first", "third"], office.told()


def test_the_plan_that_the_config_tells_is_kept_to_until_its_window_frees(tmp_path: Path) -> None:
    config = {"agents": agents(first={"quota": {"five_hours": {"attempts": 1, "usd": 5}}})}
    scripts = {name: writes_anew(f"{name}.txt") for name in ("first", "second")}
    with an_office(tmp_path, agents=scripts, repository=QUICK, config=config) as office:
        for number in range(2):
            office.ready(f"Add {number}")
            office.work_until_quiet()
        assert office.executor.agent_runs == ["first", "second"], office.told()
        assert "1 of 1 attempts are made for the plan of first in five hours" in office.told()
        usd, attempts = ledger.lines(office.world)
        assert (usd.measure, usd.used, usd.limit) == ("usd", 0.0, 5.0)
        assert (attempts.measure, attempts.used, attempts.limit) == ("attempts", 1, 1)
        assert (attempts.used_from, attempts.limit_from) == (Learnt.METRICS, Learnt.CONFIG)
        assert ledger.told(office.world, attempts).startswith(
            "first, five_hours: 1 of 1 attempts (metrics, config), used up until 14:0"
        )
        later(office, 5)
        office.ready("Add more")
        office.work_until_quiet()
        assert office.executor.agent_runs[2:] == ["first"], office.told()


def test_a_person_hears_at_once_of_credit_that_is_used_up(tmp_path: Path) -> None:
    scripts = {"first": refused("Credit balance is too low"), "second": writes_anew("x.txt")}
    with an_office(tmp_path, agents=scripts, repository=QUICK) as office:
        office.ready("Add it")
        office.work_until_quiet()
        told = [line for line in office.said if line.startswith("ALERT first: the credit")]
        assert len(told) == 1, office.told()
        [line] = ledger.lines(office.world)
        assert (line.window, line.reset_from) == (Window.CREDIT, Learnt.ASSUMED)
