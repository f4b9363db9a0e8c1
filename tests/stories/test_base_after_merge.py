"""After a merge its base is watched: what breaks it stops the repository, and is offered back."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from orchestrator.adapters import files, history
from orchestrator.records.config import BrokenRepository
from orchestrator.records.task import BaseAfter, State
from tests.commands.test_task import reverts
from tests.stories.test_merge_safety import MERGE, pushes
from tests.support import hostile
from tests.support.crash import Killed, Reaper, a_new_process, fresh, with_reaper
from tests.support.office import SEED, SLUG, Office, an_office, writes

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}


class Base:
    """How the base's CI ends, run by run: the last word stays."""

    def __init__(self, *words: str) -> None:
        self.words = list(words)
        self.runs = 0

    def __call__(self, order: Any) -> str:
        if order.branch != "main" or not self.words:
            return "success"
        self.runs += 1
        return self.words[min(self.runs, len(self.words)) - 1]


@contextmanager
def merged(tmp_path: Path, base: Base, **more: Any) -> Iterator[tuple[Office, int]]:
    """An office that has just merged first.txt; the base's own checks run after that."""
    words, base.words = base.words, []
    with an_office(tmp_path, repository=QUICK, verdict=base, **more) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        office.pass_time(30)
        base.words = words
        office.monitor()
        assert office.state_of(issue) is State.DONE, office.told()
        yield office, issue


def looks(office: Office, times: int = 4) -> None:
    for _ in range(times):
        office.pass_time(30)
        office.monitor()


def switch(office: Office) -> Path:
    return office.world.paths.off_d / "maria__library"


def after(office: Office, issue: int) -> BaseAfter | None:
    mark = office.task(issue).merge
    return mark.after if mark else None


def told_once(office: Office, issue: int) -> None:
    assert switch(office).exists(), office.told()
    assert office.told().count("ALERT") == 1, office.told()
    assert sum("fails its checks since #2" in said for said in office.comments(issue)) == 1
    assert len(reverts(office)) == 1
    assert after(office, issue) is BaseAfter.RED


def test_a_base_that_stays_green_is_looked_at_until_it_says_so_and_no_longer(
    tmp_path: Path,
) -> None:
    with merged(tmp_path, Base("success")) as (office, issue):
        looks(office, 2)
        assert after(office, issue) is BaseAfter.GREEN, office.told()
        bad = hostile.between(office.github)
        looks(office, 2)
        assert bad.count("POST", r"/graphql$") == 0  # nothing in review, nothing watched
        assert not switch(office).exists()


def test_a_base_that_breaks_stops_the_repository_and_is_offered_back(tmp_path: Path) -> None:
    with merged(tmp_path, Base("failure")) as (office, issue):
        looks(office)
        told_once(office, issue)
        reason = switch(office).read_text()
        assert "fails test since #2 was merged" in reason and "Remove this file" in reason
        [pull] = reverts(office)
        assert f"#{pull['number']} takes it back" in "".join(office.comments(issue))
        office.ready("Something else")
        office.work_until_quiet(3)
        assert len(office.executor.agent_runs) == 1, office.told()
        told_once(office, issue)
        assert office.file("first.txt") == "done\n" and pull["state"] == "open"


def test_a_first_look_of_the_next_morning_freezes_as_an_early_one_does(tmp_path: Path) -> None:
    with merged(tmp_path, Base("failure")) as (office, issue):
        office.pass_time(10 * 3600)  # this machine was off
        looks(office)
        told_once(office, issue)


def test_one_red_run_is_run_again_and_chance_freezes_nothing(tmp_path: Path) -> None:
    base = Base("failure", "success")
    with merged(tmp_path, base) as (office, issue):
        looks(office)
        assert base.runs == 2 and "runagain:" in office.told()
        assert after(office, issue) is BaseAfter.GREEN, office.told()
        assert not switch(office).exists() and not reverts(office)


def test_a_base_that_was_red_before_is_not_this_merge_s_doing(tmp_path: Path) -> None:
    base = Base("failure")
    broken = {**SEED["repos"][0]["files"], "broken": "yes\n"}
    seed = {**SEED, "repos": [{**SEED["repos"][0], "files": broken}]}
    with an_office(tmp_path, repository=QUICK, verdict=base, seed=seed) as office:
        pushes(office, tmp_path, "main", {"hand.txt": "red\n"})
        office.pass_time(30)
        office.executor.scripts["first"] = writes("first.txt", "done\n")
        issue = office.ready("Add first.txt")
        office.work_until_quiet()
        looks(office)
        assert office.state_of(issue) is State.DONE, office.told()
        assert after(office, issue) is BaseAfter.UNKNOWN, office.told()
        assert not switch(office).exists() and not reverts(office)


def test_a_base_that_heals_is_told_and_a_person_lifts_the_freeze(tmp_path: Path) -> None:
    base = Base("failure", "failure", "success")
    with merged(tmp_path, base) as (office, issue):
        looks(office)
        told_once(office, issue)
        [pull] = reverts(office)
        answer = office.api.put(f"/repos/{SLUG}/pulls/{pull['number']}/merge", json={})
        assert answer.status_code == 200
        looks(office)
        assert office.told().count("recovered: ") == 1, office.told()
        assert switch(office).exists()
        switch(office).unlink()
        other = office.ready("Add second.txt")
        office.executor.scripts["first"] = writes("second.txt", "2\n")
        office.work_until_quiet()
        assert office.state_of(other) is State.DONE, office.told()


def test_a_persons_switch_stops_the_looking_too(tmp_path: Path) -> None:
    with merged(tmp_path, Base("failure")) as (office, issue):
        switch(office).parent.mkdir(exist_ok=True)
        switch(office).write_text("holiday\n")
        looks(office)
        assert switch(office).read_text() == "holiday\n" and not reverts(office)
        switch(office).unlink()
        looks(office)
        told_once(office, issue)


def test_a_config_that_is_wrong_for_a_tick_forgets_no_merge(tmp_path: Path) -> None:
    with merged(tmp_path, Base("failure")) as (office, issue):
        whole = office.world
        torn = BrokenRepository(name=SLUG, problems=("test_command: must be text",))
        config = structs.replace(whole.config, repositories=(), broken=(torn,))
        office.world = replace(whole, config=config)
        looks(office)
        assert not switch(office).exists() and after(office, issue) is BaseAfter.WATCHED
        office.world = whole
        looks(office)
        told_once(office, issue)


def test_a_repository_that_left_the_config_is_watched_no_longer(tmp_path: Path) -> None:
    with merged(tmp_path, Base("failure")) as (office, _):
        whole = office.world
        office.world = replace(whole, config=structs.replace(whole.config, repositories=()))
        looks(office, 1)
        assert (whole.paths.state / "aftermath.json").read_text() == "[]"


@pytest.mark.parametrize("when", ["at once", "in between", "after"])
def test_a_deleted_runtime_loses_no_watch_and_tells_nothing_twice(
    tmp_path: Path, when: str
) -> None:
    def forgets(office: Office) -> None:
        for name in ("state", "effects", "cache", "repos"):
            shutil.rmtree(office.world.paths.runtime / name, ignore_errors=True)
            (office.world.paths.runtime / name).mkdir()

    with merged(tmp_path, Base("failure")) as (office, issue):
        if when == "at once":
            forgets(office)
        looks(office, 1 if when == "in between" else 4)
        if when != "at once":
            forgets(office)
        looks(office, 4)
        told_once(office, issue)


def test_killed_at_any_step_it_ends_the_same_and_makes_nothing_twice(tmp_path: Path) -> None:
    with merged(tmp_path, Base("failure")) as (office, issue):
        for at in range(1, 14):
            office.world = with_reaper(fresh(office), Reaper(1 + at % 4))
            with contextlib.suppress(Killed):
                office.monitor()
            office.world.locks.release_all()
            office.pass_time(20)
        office.world = fresh(office)
        looks(office)
        told_once(office, issue)


def test_a_merge_is_watched_though_the_tick_died_before_its_file_was_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(source: Path, target: Path, **more: Any) -> Any:
        if target.parent.name == "done":
            raise Killed("between the mark and the rename")
        return plain(source, target, **more)

    base, plain = Base(), files.move_durably
    with an_office(tmp_path, repository=QUICK, verdict=base) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        office.pass_time(30)
        base.words = ["failure"]
        with monkeypatch.context() as patched:
            patched.setattr(files, "move_durably", dies)
            with contextlib.suppress(Killed):
                office.monitor()
        a_new_process(office)
        assert office.folders()[State.REVIEW] and not office.folders()[State.DONE]
        bad = hostile.between(office.github)
        bad.on("POST", r"/graphql$", hostile.answers(502), times=99)
        office.monitor()  # the machine is up again, and GitHub not to be reached for a moment
        bad.calm()
        a_new_process(office)
        office.queue()  # the reaper finishes the move
        assert office.state_of(issue) is State.DONE, office.told()
        looks(office, 6)
        told_once(office, issue)


@pytest.mark.parametrize("trouble", ["a git too old to revert", "no comment goes through"])
def test_a_freeze_that_a_person_lifted_stays_lifted_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    def refuses(*ignored: object) -> object:
        raise history.GitTooOld("git 2.34.1 is too old to update branches.")

    with merged(tmp_path, Base("failure")) as (office, issue):
        bad = hostile.between(office.github)
        if trouble.startswith("no comment"):
            bad.on("POST", rf"/issues/{issue}/comments$", hostile.answers(502), times=1000)
        else:
            monkeypatch.setattr(history, "trial", refuses)
        looks(office, 6)
        switch(office).unlink()  # by a person, who read the alert
        looks(office, 2)
        assert not switch(office).exists(), office.told()
        bad.calm()
        office.pass_time(200)
        looks(office)
        assert not switch(office).exists(), office.told()
        [told] = [said for said in office.comments(issue) if "fails its checks since #2" in said]
        assert ("is too old" in told) is trouble.startswith("a git"), told


def test_a_dry_run_tells_and_does_nothing(tmp_path: Path) -> None:
    with merged(tmp_path, Base("failure")) as (office, issue):
        office.pass_time(30)
        object.__setattr__(office.world, "dry_run", True)
        office.monitor()
        assert "runagain: failed on the base: test [dry run]" in office.told()
        assert after(office, issue) is BaseAfter.WATCHED


def test_a_base_that_breaks_after_its_tree_was_compared_is_stopped_again(tmp_path: Path) -> None:
    """The first freeze of this merge was for another trouble, and a person has lifted it."""
    base = Base()
    with an_office(tmp_path, repository=QUICK, verdict=base) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        office.pass_time(30)
        base.words = ["failure"]
        bad = hostile.between(office.github)
        moves = hostile.overtaken_by(lambda: pushes(office, tmp_path, "main", {"new.txt": "n"}))
        bad.on("PUT", MERGE, moves)
        office.monitor()
        switch = office.world.paths.switch(SLUG)
        assert "does not hold the tree" in switch.read_text(), office.told()
        switch.unlink()
        looks(office, 6)
        assert office.state_of(issue) is State.DONE
        assert f"of {SLUG} fails" in switch.read_text(), office.told()
