"""A person's hand on the switch stops a claim, a push and a merge; a dry run changes nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import github_dispatcher, pr_monitor, queue, supervisor, tick
from orchestrator.adapters import checkout
from orchestrator.records.task import State
from orchestrator.tick import Story, told
from tests.support import hostile, repos
from tests.support.crash import Killed, a_new_process
from tests.support.office import SLUG, Office, an_office, meanwhile, writes

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
STORIES: dict[str, Story] = {
    "github_dispatcher": github_dispatcher.story,
    "queue": queue.story,
    "pr_monitor": pr_monitor.story,
    "supervisor": supervisor.story,
}
# Caches, locks and stores: they may be made anew at any time and repeat nothing (DESIGN.md).
CACHES = {"cache", "state", "locks", "repos", "pycache"}


def everything(office: Office) -> dict[str, str]:
    """Every file of ours but the caches, every ref, and all that GitHub shows of the issues."""
    runtime = office.world.paths.runtime
    seen = {}
    for path in sorted(runtime.rglob("*")):
        if path.relative_to(runtime).parts[0] in CACHES or path.is_dir():
            continue
        regular = path.is_file() and not path.is_symlink()
        seen[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if regular else "special"
    seen["refs"] = repos.git(office.github.bare(SLUG), "for-each-ref")
    for what in ("issues?state=all", "pulls?state=all", "issues/1/comments"):
        seen[what] = office.api.get(f"/repos/{SLUG}/{what}").text
    return seen


def rehearse(office: Office) -> None:
    before, said = everything(office), len(office.said)
    bad = hostile.between(office.github)
    for name, story in STORIES.items():
        rooms = office.world.mailroom
        rooms.read_only = True  # as world.build sets it for a dry run
        told(replace(office.world, script=name, dry_run=True, troubles=[]), story)
        rooms.read_only = False
    sent = [(m, p) for m, p in bad.seen if m != "GET" and not p.endswith(("graphql", "-pack"))]
    assert sent == [] and not bad.count("POST", "git-receive-pack")
    assert everything(office) == before
    assert len(office.said) > said, "it tells what it would do"


def test_a_dry_run_at_every_stage_changes_nothing(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        office.ready("Add first.txt")
        inbox = office.world.mailroom.folder(State.INBOX)
        rehearse(office)
        assert "dispatched as" in office.told() and "[dry run]" in office.told()
        office.dispatch()
        broken = inbox / "broken.md"
        broken.write_text("no task at all")
        os.utime(broken, (1_700_000_000, 1_700_000_000))
        rehearse(office)
        broken.unlink()
        office.queue()
        office.pass_time(30)
        rehearse(office)
        assert "merge: " in office.told()
        office.work_until_quiet()
        assert len(office.folders()[State.DONE]) == 1, office.told()


def test_a_dry_run_of_the_real_scripts_opens_the_mailbox_for_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with an_office(tmp_path) as office, pytest.MonkeyPatch.context() as patch:
        for key, value in office.world.environment.items():
            patch.setenv(key, value)
        office.ready("Add first.txt")
        (office.world.mailroom.folder(State.INBOX) / "link.md").symlink_to("/etc/passwd")
        before = everything(office)
        for module in (github_dispatcher, queue, pr_monitor, supervisor):
            assert module.main(["--dry-run"]) == 0, capsys.readouterr().out
        assert everything(office) == before
        assert "dispatched as" in capsys.readouterr().out


def test_a_dry_run_makes_no_config_the_last_good_one(tmp_path: Path) -> None:
    with an_office(tmp_path) as office, pytest.MonkeyPatch.context() as patch:
        for key, value in office.world.environment.items():
            patch.setenv(key, value)
        copy = tick.last_good(office.world.paths.root)
        assert github_dispatcher.main(["--dry-run"]) == 0 and not copy.exists()
        assert github_dispatcher.main([]) == 0 and copy.exists()


# --- switches -------------------------------------------------------------------------------


def global_switch(office: Office) -> Path:
    return Path(office.world.paths.off)


def repository_switch(office: Office) -> Path:
    return Path(office.world.paths.switch(SLUG))


def script_switch(office: Office) -> Path:
    return Path(office.world.paths.switch("queue"))


def turn_off(switch: Path) -> None:
    switch.parent.mkdir(exist_ok=True)
    switch.write_text("back on Monday\n")


@pytest.mark.parametrize("which", [global_switch, repository_switch, script_switch])
def test_a_switch_that_is_set_during_the_preparations_starts_no_agent(
    tmp_path: Path, which: Callable[[Office], Path]
) -> None:
    """They may take long, and what the agent makes could not be pushed."""
    with an_office(tmp_path, repository={**QUICK, "setup_command": "make ready"}) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()

        def sets_up(folder: Path) -> int:
            turn_off(which(office))
            return 0

        office.executor.tests = sets_up
        office.queue()
        assert not office.executor.agent_runs, office.told()
        assert office.state_of(issue) is State.INBOX and "back on Monday" in office.told()
        assert office.task(issue).attempts == ()
        office.executor.tests = lambda folder: 0
        which(office).unlink()
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


@pytest.mark.parametrize("which", [global_switch, repository_switch, script_switch])
def test_a_switch_stops_the_claim_and_the_push_and_work_is_kept(
    tmp_path: Path, which: Callable[[Office], Path]
) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        switch = which(office)
        turn_off(switch)
        office.queue()
        assert office.state_of(issue) is State.INBOX and not office.executor.agent_runs
        switch.unlink()

        def agent(folder: Path, prompt: str) -> object:
            turn_off(switch)
            return writes("first.txt", "done\n")(folder, prompt)

        office.executor.scripts["first"] = agent  # type: ignore[assignment]
        office.queue()
        assert office.pulls() == [] and "back on Monday" in office.told(), office.told()
        heads = repos.git(office.github.bare(SLUG), "for-each-ref", "refs/heads").splitlines()
        assert len(heads) == 1, "nothing was pushed"
        switch.unlink()
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs == ["first"], "the work was kept"


@pytest.mark.parametrize("which", [global_switch, repository_switch])
def test_a_switch_of_the_last_moment_stops_the_merge(
    tmp_path: Path, which: Callable[[Office], Path]
) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        office.pass_time(10)
        switch, bad = which(office), hostile.between(office.github)
        bad.on("GET", r"/rules/branches/", hostile.overtaken_by(lambda: turn_off(switch)))
        office.monitor()
        assert "back on Monday" in office.told() and not bad.count("PUT", "/merge$")
        switch.unlink()
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


def test_a_switched_off_repository_gets_no_new_tasks(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        office.ready("Add first.txt")
        turn_off(repository_switch(office))
        office.dispatch()
        assert not any(office.folders().values()), office.told()
        name = repository_switch(office).name
        assert f"{SLUG}: switched off: back on Monday (runtime/off.d/{name})" in office.told()
        repository_switch(office).unlink()
        office.dispatch()
        assert len(office.folders()[State.INBOX]) == 1


def test_a_crash_in_a_switched_off_repository_calls_nobody_before_it_is_on(tmp_path: Path) -> None:
    """Its last attempt dies: the call for a person would be a write in what is switched off."""

    def dies(folder: Path, prompt: str) -> str:
        turn_off(repository_switch(office))
        raise Killed

    with an_office(tmp_path, agent=dies, repository={"max_attempts": 1}) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        with pytest.raises(Killed):
            office.queue()
        a_new_process(office)
        before = office.comments(issue)
        for _ in range(3):
            office.queue()
        assert office.state_of(issue) is State.PROCESSING and office.comments(issue) == before
        assert "it counts as a crash" not in office.told()
        repository_switch(office).unlink()
        office.queue()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert len(office.comments(issue)) == len(before) + 1


def test_a_switch_names_its_file_and_one_that_stops_nothing_is_known(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        for switch in (repository_switch(office), script_switch(office)):
            turn_off(switch)
        assert office.world.idle_switches() == ()
        for name in ("maria_library", "dispatcher", ".swp"):
            (office.world.paths.off_d / name).touch()
        assert office.world.idle_switches() == ("dispatcher", "maria_library")
        global_switch(office).touch()
        assert office.world.stopped("pr_monitor") == "runtime/off exists"


def test_a_worker_whose_code_was_exchanged_ends_after_its_task(tmp_path: Path) -> None:
    """C10: one that goes on would load the rest of its modules from another version."""
    with an_office(tmp_path) as office:
        module = tmp_path / "checkout" / "orchestrator" / "queue.py"
        module.parent.mkdir(parents=True)
        module.write_text("old")
        usual = office.world
        office.world = replace(usual, code=lambda: checkout.modules(tmp_path / "checkout"))
        office.executor.scripts = {
            **office.executor.scripts,
            "first": meanwhile(lambda: os.utime(module, (0, 0)), writes("x.txt", "x\n")),
        }
        issues = [office.ready("Add x"), office.ready("Add y")]
        office.dispatch()
        office.queue()
        assert "the code or the config was changed" in office.told()
        assert sorted(map(office.state_of, issues)) == [State.INBOX, State.REVIEW]


def test_a_worker_whose_config_was_edited_ends_after_its_task(tmp_path: Path) -> None:
    """The next one knows which agents, repositories and commands hold now."""
    with an_office(tmp_path) as office:
        path = Path(office.world.config.source)

        def edited() -> None:
            path.write_text(path.read_text() + "# the first agent leaves us tomorrow\n")

        office.executor.scripts = {
            **office.executor.scripts,
            "first": meanwhile(edited, writes("x.txt", "x\n")),
        }
        issues = [office.ready("Add x"), office.ready("Add y")]
        office.dispatch()
        office.queue()
        assert "the code or the config was changed" in office.told()
        assert sorted(map(office.state_of, issues)) == [State.INBOX, State.REVIEW]
        office.queue()
        assert {office.state_of(issue) for issue in issues} == {State.REVIEW}, office.told()
