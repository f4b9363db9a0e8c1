"""All of runtime/ but the mailbox is cache or log: deleted between two ticks, nothing is twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator import reaper
from orchestrator.records.task import State
from tests.stories.test_merge_safety import MERGE, QUICK, monitor, pushes
from tests.support import hostile, repos
from tests.support.crash import fresh
from tests.support.office import SLUG, Office, an_office, says, writes


def forgets(office: Office) -> None:
    """A person deletes all that may be deleted, and the scripts start again."""
    for path in office.world.paths.runtime.iterdir():
        if path.name not in {"mailbox", "off", "off.d"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    office.world = fresh(office)


STAGES = ("dispatched", "review", "updated", "ambiguous")


@pytest.mark.parametrize("stage", STAGES)
def test_it_is_merged_once_and_told_once(tmp_path: Path, stage: str) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)
        issue = office.ready("Add first.txt")
        office.dispatch()
        if stage != "dispatched":
            office.queue()
            office.pass_time(10)
        if stage == "updated":
            pushes(office, tmp_path, "main", {"new.txt": "n"})
            office.pass_time(5)
            office.monitor()
            assert len(office.task(issue).pushed) == 2, office.told()
        if stage == "ambiguous":
            bad.on("PUT", MERGE, hostile.applied_then(500))
            office.monitor()
            assert bad.count("PUT", MERGE) == 1
        forgets(office)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert [bool(pull["merged_at"]) for pull in office.pulls()] == [True]
        assert len(office.comments(issue)) == 1
        assert office.executor.agent_runs == ["first"]
        assert bad.count("PUT", MERGE) == 1
        on_main = repos.git(office.github.bare(SLUG), "log", "--format=%s", "main").splitlines()
        assert sum("(#2)" in line for line in on_main) == 1


def test_what_was_escalated_is_not_told_again(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=says(None), config={"default_max_attempts": 1}) as office:
        issue = office.ready("Impossible")
        office.dispatch()
        office.queue()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        forgets(office)
        for _ in range(2):
            office.round()
        monitor(office)
        assert office.state_of(issue) is State.ESCALATED
        assert len(office.comments(issue)) == 2


# --- a power loss spared the task's file and spoilt what it names ---------------------------------


def spoil(office: Office, issue: int, what: str) -> None:
    """Empty one object of the newest work, as a file system does that was not asked to sync."""
    git_dir = office.world.paths.store(SLUG)
    head = office.task(issue).attempts[-1].head_sha
    sha = repos.git(git_dir, "rev-parse", head + what)
    place = git_dir / "objects" / sha[:2] / sha[2:]
    place.chmod(0o600)
    place.write_bytes(b"")


@pytest.mark.parametrize("what", [":first.txt", "^{tree}", ""])
def test_work_that_was_spoilt_before_its_push_is_made_again(tmp_path: Path, what: str) -> None:
    again = {"second": writes("first.txt", "done\n")}
    with an_office(tmp_path, repository=QUICK, agents=again) as office:
        bad = hostile.between(office.github)
        issue = office.ready("Add first.txt")
        office.dispatch()
        bad.on("POST", r"git-receive-pack$", hostile.answers(502), times=3)
        office.queue()
        assert office.state_of(issue) is State.BLOCKED, office.told()
        spoil(office, issue, what)
        bad.calm()
        office.world = fresh(office)
        office.pass_time(reaper.UNFINISHED_WAIT.total_seconds())
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs == ["first", "second"]
        assert office.file("first.txt") == "done\n"


@pytest.mark.parametrize("what", [":first.txt", "^{tree}"])
def test_an_update_from_a_spoilt_store_is_made_from_a_new_one(tmp_path: Path, what: str) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        office.pass_time(10)
        spoil(office, issue, what)
        pushes(office, tmp_path, "main", {"new.txt": "n"})
        monitor(office, 6)
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs == ["first"]
