"""Agents that do what no agent should: each is an attempt with a reason, and nothing more."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State
from orchestrator.records.verdicts import AttemptVerdict
from tests.support import hostile
from tests.support.crash import Killed
from tests.support.office import COMPLETE, SEED, SLUG, an_office, says, writes
from tests.support.programs import programs

SAYS = COMPLETE.format(summary="Done.")
RESULT = ".agent_result.md"
HONEST = writes("honest.txt", "work\n")


def test_a_secret_in_the_work_stays_here_and_the_next_agent_works(tmp_path: Path) -> None:
    """S18: our token in a file is no work; what the base held before is nobody's fault."""

    def leaks(folder: Path, prompt: str) -> str:
        (folder / "settings.env").write_text("TOKEN=robot-token\n")
        return SAYS

    def honest(folder: Path, prompt: str) -> str:
        readme = folder / "README.md"
        readme.write_text(readme.read_text() + "more\n")
        return SAYS

    held = {"README.md": "# Library\n\nghp_" + "A1b2C3d4E5" * 4 + "\n"}
    seed = {**SEED, "repos": [{**SEED["repos"][0], "files": {**SEED["repos"][0]["files"], **held}}]}
    agents = {"first": leaks, "second": honest}
    with an_office(tmp_path, agents=agents, seed=seed) as office:
        issue = office.ready("Add settings")
        office.dispatch()
        assert office.queue() == 0, office.told()
        first, second = office.task(issue).attempts
        assert first.code is BlockerCode.GATE_REFUSED
        assert "settings.env" in first.reason and "robot-token" not in first.reason
        assert second.verdict is AttemptVerdict.DELIVER, office.told()
        assert office.file("settings.env", office.task(issue).branch) is None


def test_a_secret_in_the_name_of_a_file_stays_here_too(tmp_path: Path) -> None:
    """G10: a path and the target of a link leave with a push as much as a text does."""
    with an_office(tmp_path, agent=writes("logs/robot-token.txt", "work\n")) as office:
        issue = office.ready("Add logs")
        office.dispatch()
        office.queue()
        first = office.task(issue).attempts[0]
        assert first.code is BlockerCode.GATE_REFUSED, office.told()
        assert "robot-token" not in first.reason


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("true", "no result file"),
        (f"mkfifo {RESULT}", "not a regular file"),
        (f"ln -s /etc/passwd {RESULT}", "symbolic link"),
        (f"truncate -s 10G {RESULT}", "10737418240 bytes"),
        (f"mkdir {RESULT}", "not a regular file"),
        (f"ln -s {RESULT} {RESULT}", "symbolic link"),
    ],
    ids=["nothing", "fifo", "link", "10 GB", "folder", "loop"],
)
def test_a_hostile_result_file_is_refused_and_the_next_agent_works(
    tmp_path: Path, script: str, why: str
) -> None:
    """F11: nothing hangs, nothing outside the worktree is read, the work goes on."""
    honest = f"echo hi > x.txt; printf '%s' '{SAYS}' > {RESULT}"
    with an_office(tmp_path, repository={"max_disk_gb": 20}) as office:
        programs(office, tmp_path, first=f"echo bad > y.txt; {script}", second=honest)
        issue = office.ready("Add x")
        office.dispatch()
        assert office.queue() == 0, office.told()
        first, second = office.task(issue).attempts
        assert first.code is BlockerCode.INVALID_RESULT_CONTRACT
        assert why in first.reason, first.reason
        assert second.verdict is AttemptVerdict.DELIVER, office.told()
        assert "root:" not in str(office.task(issue)) + office.told()


def submodule(folder: Path) -> None:
    lines = '[submodule "m"]\n\tpath = m\n\turl = https://evil.test/m.git\n'
    (folder / ".gitmodules").write_text(lines)


def nested(folder: Path, *, committed: bool) -> None:
    inner = folder / "inner"
    inner.mkdir()
    subprocess.run(["git", "init", "-q", "."], cwd=inner, check=True)
    (inner / "a").write_text("a")
    if committed:
        subprocess.run(["git", "add", "a"], cwd=inner, check=True)
        subprocess.run(["git", "commit", "-qm", "inner"], cwd=inner, check=True)


def large(folder: Path, size: int) -> None:
    with (folder / "core.dump").open("wb") as stream:
        stream.truncate(size)


TREES: dict[str, tuple[Callable[[Path], object], str]] = {
    "changes nothing": (lambda folder: None, "does not differ from its base"),
    "deletes the worktree": (shutil.rmtree, "worktree"),
    "a file for a worktree": (
        lambda folder: (shutil.rmtree(folder), folder.write_text("gone")), "worktree",
    ),
    "a nested repository": (lambda f: nested(f, committed=True), "submodule"),
    "an unborn repository": (lambda f: nested(f, committed=False), "inner"),
    "a newline in a name": (lambda f: (f / "a\nb.txt").write_text("x"), "control character"),
    "a submodule": (submodule, "submodule"),
    "a link outside": (lambda f: (f / "l").symlink_to("/etc/passwd"), "outside the repository"),
    "a link up": (lambda f: (f / "l").symlink_to("../../x"), "outside the repository"),
    "11 MB": (lambda f: large(f, 11_000_000), "11 MB"),
    "10 GB": (lambda f: large(f, 10_000_000_000), "10000 MB"),
    "a pipe alone": (lambda f: os.mkfifo(f / "pipe"), "does not differ from its base"),
}  # fmt: skip


@pytest.mark.parametrize("deed", TREES)
def test_a_hostile_tree_never_leaves_and_the_next_agent_starts_clean(
    tmp_path: Path, deed: str
) -> None:
    act, why = TREES[deed]

    def hostile_agent(folder: Path, prompt: str) -> str:
        act(folder)
        return SAYS

    with an_office(tmp_path, agents={"first": hostile_agent, "second": HONEST}) as office:
        issue = office.ready("Add it")
        office.dispatch()
        assert office.queue() == 0, office.told()
        first, second = office.task(issue).attempts
        assert first.verdict is AttemptVerdict.REWORK, office.told()
        assert why in first.reason, first.reason
        assert second.verdict is AttemptVerdict.DELIVER, office.told()
        assert office.state_of(issue) is State.REVIEW
        [pull] = office.pulls()
        files = office.api.get(f"/repos/{SLUG}/compare/main...{pull['head']['ref']}").json()
        assert {f["filename"] for f in files["files"]} == {"honest.txt", "CODEBASE.md"}


TRAPS: dict[str, Callable[[Path], object]] = {
    "kills its .git": lambda f: (f / ".git").unlink(),
    "a repository of its own": lambda f: (
        (f / ".git").unlink(),
        subprocess.run(["git", "init", "-q", "."], cwd=f, check=True),
    ),
    "git settings and hooks": lambda f: subprocess.run(
        "git config core.fsmonitor 'touch /tmp/never-$$' && git config core.hooksPath /tmp"
        " && git config filter.x.clean 'echo filtered' && echo '* filter=x' > .gitattributes"
        " && rm .gitattributes",
        shell=True, cwd=f, check=True,
    ),
    "a setting behind a name": lambda f: subprocess.run(
        "git config user.name me; printf '\\t[core]\\n\\tfsmonitor = evil\\n'"
        " >> \"$(git rev-parse --git-common-dir)/config\"",
        shell=True, cwd=f, check=True,
    ),
    "objects from elsewhere": lambda f: subprocess.run(
        "mkdir -p \"$(git rev-parse --git-common-dir)/objects/info\" &&"
        " echo /tmp > \"$(git rev-parse --git-common-dir)/objects/info/alternates\"",
        shell=True, cwd=f, check=True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("deed", TRAPS)
def test_who_changes_gits_own_files_delivers_nothing(tmp_path: Path, deed: str) -> None:
    """Without a sandbox it can; they are put back before git runs, and a person hears (G8, F32)."""

    def agent(folder: Path, prompt: str) -> str:
        (folder / "trapped.txt").write_text("work\n")
        TRAPS[deed](folder)
        return SAYS

    with an_office(tmp_path, agents={"first": agent, "second": HONEST}) as office:
        issue = office.ready("Add it")
        office.work_until_quiet()
        first, _ = office.task(issue).attempts
        assert first.code is BlockerCode.GATE_REFUSED and "were put back" in first.reason
        assert "ALERT" in office.told() and "its log" in office.told()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.file("honest.txt") == "work\n" and office.file("trapped.txt") is None


DEEDS: dict[str, Callable[[Path], object]] = {
    "names itself": lambda f: subprocess.run(
        "git config user.name me && git config user.email me@localhost && git add -A"
        " && git commit -qm own",
        shell=True, cwd=f, check=True,
    ),
    "commits, and moves its branch": lambda f: subprocess.run(
        "git add -A && git commit -qm own && git reset -q --hard HEAD~1 && git checkout -q --detach"
        " && echo work > honest.txt",
        shell=True, cwd=f, check=True,
    ),
    "an unreadable folder": lambda f: (
        (f / "closed").mkdir(), (f / "closed" / "a").write_text("a"), (f / "closed").chmod(0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("deed", DEEDS)
def test_what_an_agent_does_to_its_git_does_not_matter(tmp_path: Path, deed: str) -> None:
    """The commit is ours, of the files as they stand (G7 to G9, F32)."""

    def agent(folder: Path, prompt: str) -> str:
        (folder / "honest.txt").write_text("work\n")
        DEEDS[deed](folder)
        return SAYS

    with an_office(tmp_path, agent=agent) as office:
        issue = office.ready("Add it")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.file("honest.txt") == "work\n"
        assert len(office.task(issue).attempts) == 1


def test_a_program_that_is_missing_costs_no_attempt(tmp_path: Path) -> None:
    with an_office(tmp_path, agents={"second": HONEST}) as office:
        (tmp_path / "bin" / "first").unlink()
        issue = office.ready("Add it")
        office.dispatch()
        office.queue()
        assert [a.agent for a in office.task(issue).attempts] == ["second"]
        assert office.state_of(issue) is State.REVIEW


def test_with_no_program_at_all_a_person_is_told_once_which_are_missing(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        for name in ("first", "second", "third"):
            (tmp_path / "bin" / name).unlink()
        issue = office.ready("Add it")
        for _ in range(3):
            office.round()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert "its program first is not on PATH" in office.task(issue).note
        assert len(office.comments(issue)) == 2 and office.executor.agent_runs == []


def test_a_program_that_cannot_be_executed_is_an_attempt_with_its_reason(tmp_path: Path) -> None:
    honest = f"echo hi > x.txt; printf '%s' '{SAYS}' > {RESULT}"
    with an_office(tmp_path) as office:
        programs(office, tmp_path, second=honest)
        (tmp_path / "bin" / "first").write_text("#!/no/such/interpreter\n")
        issue = office.ready("Add it")
        office.dispatch()
        office.queue()
        assert office.task(issue).attempts[0].code is BlockerCode.ENVIRONMENT_FAILURE
        assert office.state_of(issue) is State.REVIEW, office.told()


def test_a_setup_that_fails_is_tried_five_times_with_growing_waits(tmp_path: Path) -> None:
    with an_office(tmp_path, repository={"setup_command": "make ready"}) as office:
        office.executor.tests = lambda folder: 1
        issue = office.ready("Add it")
        office.dispatch()
        waits = []
        for _ in range(5):
            office.queue()
            task, now = office.task(issue), office.world.clock.now()
            if office.state_of(issue) is State.BLOCKED:
                assert task.not_before is not None
                waits.append(task.not_before - now)
                office.queue()  # not due: nothing happens
                office.world.clock.sleep(waits[-1].total_seconds() + 1)
        assert waits == [timedelta(minutes=m) for m in (1, 5, 20, 60)], office.told()
        assert office.state_of(issue) is State.FAILED, office.told()
        assert "setup_command ended with 1" in office.task(issue).note
        [alert] = [line for line in office.said if line.startswith("ALERT")]
        assert f"{SLUG}#{issue} needs a person: no agent could be started in 5 tries" in alert
        assert office.executor.agent_runs == [] and len(office.executor.orders) == 5
        office.executor.tests = lambda folder: 0
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


def test_a_push_that_the_server_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    """A token without the workflow scope: GitHub refuses the ref, and nobody is accused of it."""
    workflow = writes(".github/workflows/extra.yml", "on: push\njobs: {}\n")
    with an_office(tmp_path, agent=workflow) as office:
        bare = office.github.bare(SLUG)
        hook = bare / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho refusing: no workflow scope\nexit 1\n")
        hook.chmod(0o755)
        issue = office.ready("Change CI")
        for _ in range(3):
            office.round()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        note = office.task(issue).note
        assert "GitHub refused the push" in note and "second installation" not in note
        assert office.pulls() == [] and len(office.comments(issue)) == 2


def test_an_attempt_is_kept_when_github_fails_while_it_is_judged(tmp_path: Path) -> None:
    """What was paid for is never lost to the network."""
    with an_office(tmp_path, agent=HONEST) as office:
        issue = office.ready("Add it")
        office.dispatch()
        bad = hostile.between(office.github)

        def agent(folder: Path, prompt: str) -> object:
            bad.on("GET", r"/issues/\d+$", hostile.answers(502), times=6)
            return HONEST(folder, prompt)

        office.executor.scripts["first"] = agent  # type: ignore[assignment]
        office.queue()
        office.pass_time(61)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs == ["first"]


def test_a_worker_that_dies_with_its_agent_has_used_an_attempt(tmp_path: Path) -> None:
    """F4, F7: it was counted before the agent started, so dying is no way round the limit."""

    def dies(folder: Path, prompt: str) -> str:
        raise Killed

    with an_office(tmp_path, agents=dict.fromkeys(("first", "second", "third"), dies)) as office:
        issue = office.ready("Add it")
        office.dispatch()
        for _ in range(9):
            with contextlib.suppress(Killed):
                office.queue()
            office.world.locks.release_all()
            office.world.clock.sleep(3700)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert len(office.executor.agent_runs) == 4 == len(office.task(issue).attempts)


def test_our_token_leaves_by_no_door(tmp_path: Path) -> None:
    """An agent that got hold of it says it everywhere it can (I7, S15)."""
    token = "robot-token"
    tells = (
        f"STATUS: blocked\nBLOCKER_CODE: manual_intervention_required\nSUMMARY: use {token}\n"
        f"BLOCKERS:\n- the token is {token}\nMANUAL_STEPS:\n- export T={token}\n"
    )
    with an_office(tmp_path, agent=says(tells)) as office:
        issue = office.ready("Leak")
        office.round()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        [name] = office.folders()[State.ESCALATED]
        file = (office.world.mailroom.folder(State.ESCALATED) / name).read_text()
        events = office.world.paths.events.read_text()
        shown = "\n".join([*office.comments(issue), file, events])
        assert "[redacted]" in shown and token not in shown
        assert token not in office.told()


def test_an_agent_that_says_it_needs_a_person_is_believed_at_once(tmp_path: Path) -> None:
    said = "STATUS: blocked\nBLOCKER_CODE: manual_intervention_required\nSUMMARY: Pay the bill.\n"
    with an_office(tmp_path, agent=says(said)) as office:
        issue = office.ready("Pay")
        office.round()
        assert office.state_of(issue) is State.ESCALATED
        assert office.executor.agent_runs == ["first"]
