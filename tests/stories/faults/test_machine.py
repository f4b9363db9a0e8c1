"""F39 and F40: clocks and overlaps, and a program of ours that is broken itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from orchestrator import pr_monitor, reaper, tick
from orchestrator.adapters.clock import zone
from orchestrator.adapters.locks import Locks
from orchestrator.records.task import State
from orchestrator.rules import cadence
from orchestrator.world import World
from tests.support import forge
from tests.support.office import Office, an_office, writes

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}


def hand(office: Office) -> forge.Clock:
    assert office.github.clock is not None
    return office.github.clock


def test_f39_overlaps_and_clocks_that_jump(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """cron overlaps, the clock goes back two hours, a double hour, the box is off for three days =>
    one instance; a live worker keeps its task whatever the clock says; what is due is done once;
    the weekly job, that packs the stores, runs once in each ISO week, by
    tests/stories/test_clock_jumps.py:
    test_a_store_is_packed_once_in_each_week_whatever_the_clock_does,
    test_the_hour_that_comes_twice_holds_one_weekly_job and
    test_a_week_that_is_still_to_come_is_told_and_counted_from_now."""

    def jumps(folder: Path, prompt: str) -> object:
        hand(office).moment -= timedelta(hours=2)
        reaper.reap(office.world)
        assert office.state_of(issue) is State.PROCESSING, "a live worker's task was taken"
        return writes("first.txt", "done\n")(folder, prompt)

    with an_office(tmp_path, repository=QUICK) as office:
        with Locks(office.world.paths.locks, what="pr_monitor").try_script("pr_monitor") as lock:  # type: ignore[union-attr]
            assert lock
            assert tick.run("pr_monitor", pr_monitor.story, [], about="",
                            environment=office.world.environment) == 0  # fmt: skip
            assert "the one before still runs" in capsys.readouterr().out
        office.executor.scripts["first"] = jumps  # type: ignore[assignment]
        issue = office.ready("Add first.txt")
        office.dispatch()
        until = office.world.clock.now() + timedelta(hours=1)
        room = office.world.mailroom
        room.move(structs.replace(office.task(issue), not_before=until), State.BLOCKED, by="test")
        office.queue()
        assert office.executor.agent_runs == []
        hand(office).moment += timedelta(days=3)
        office.queue()
        hand(office).moment += timedelta(hours=2)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs == ["first"], "three days late, and once"
    berlin, ran = zone("Europe/Berlin"), list[str]()
    for minutes in range(0, 14 * 24 * 60, 5):  # two weeks, and in them the hour that comes twice
        moment = datetime(2026, 10, 19, tzinfo=UTC) + timedelta(minutes=minutes)
        if cadence.weekly(ran[-1] if ran else "", moment, berlin, weekday=7, hour=2):
            ran.append(cadence.week(moment, berlin))
    assert ran == ["2026-W43", "2026-W44"]


def test_f40_our_own_code_is_broken(tmp_path: Path) -> None:
    """A merged change breaks our own program =>
    each tick ends with one sentence and its details in a log, nothing is lost or moved, the off
    switch works, and the mended code goes on. Where it updates itself, what does not run here is
    not taken, one command goes back, and such a change waits for a person, by
    tests/stories/test_autopull.py: test_a_version_that_does_not_run_here_is_not_taken,
    test_it_goes_on_when_green_and_back_by_one_command and
    test_changes_of_this_program_itself_wait_for_a_person."""

    def broken(world: World) -> None:
        raise ImportError("cannot import name 'merge'")

    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        before = office.folders()
        for script in ("queue", "pr_monitor", "github_dispatcher"):
            assert office._tick(script, broken) == tick.BUG
        assert office.folders() == before
        assert "stopped by a fault of ours (ImportError" in office.told()
        assert "cannot import name" in (office.world.paths.logs / "trouble.log").read_text()
        office.world.paths.off.write_text("broken since noon")
        office.queue()
        assert office.executor.agent_runs == []
        office.world.paths.off.unlink()
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
