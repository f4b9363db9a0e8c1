"""Bad input: one clear sentence, an exit code that cron can read, and everything else goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator import github_dispatcher, pr_monitor, queue, supervisor
from orchestrator import settings as config_files
from orchestrator.records.task import State
from tests.support import hostile
from tests.support.office import SEED, SLUG, Office, a_world, an_office, writes

GOOD = "---\nrepo: maria/library\n---\n\n## Goal\n\nAdd first.txt.\n"
ODD = {
    "tag": "x: !!bool maybe",
    "moment": "x: !!timestamp soon",
    "never": "not_before: 9999-12-31T23:59:59-14:00",
    "theirs": "branch: main",
}
QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
LONG_AGO = 1_700_000_000
SCRIPTS = {
    module.__name__.rpartition(".")[2]: module.main
    for module in (github_dispatcher, queue, pr_monitor, supervisor)
}


def started(office: Office, name: str, *arguments: str) -> int:
    """A script as cron starts it, on the office's own config file."""
    with pytest.MonkeyPatch.context() as patch:
        for key, value in office.world.environment.items():
            patch.setenv(key, value)
        return SCRIPTS[name](list(arguments))


def reconfigured(office: Office, change: Mapping[str, Any]) -> None:
    path = Path(office.world.config.source)
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | change))


# --- the mailbox ----------------------------------------------------------------------------


def test_unreadable_task_files_are_set_aside_and_the_good_one_goes_on(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        inbox = office.world.mailroom.folder(State.INBOX)
        outside = tmp_path / "outside.md"
        outside.write_text(GOOD)
        (inbox / "binary.md").write_bytes(bytes(range(256)))
        (inbox / "broken.md").write_text("---\nrepo: [maria\n---\nGoal\n")
        (inbox / "norepo.md").write_text("Just some words.\n")
        (inbox / "huge.md").write_text(GOOD + "x" * 2_000_000)
        (inbox / "link.md").symlink_to(outside)
        (inbox / "folder.md").mkdir()
        os.mkfifo(inbox / "pipe.md")
        for name, line in ODD.items():
            (inbox / f"{name}.md").write_text(GOOD.replace("---\n\n", f"{line}\n---\n\n"))
        (inbox / "good.md").write_text(GOOD)
        (inbox / "..swp").write_text("an editor's")
        for path in inbox.iterdir():
            os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)
        assert office.queue() == 0, office.told()
        bad = {"binary", "broken", "norepo", "huge", "link", "folder", "pipe", *ODD}
        folders = office.folders()
        assert {name.removesuffix(".md") for name in folders[State.QUARANTINE]} == bad
        assert len(folders[State.REVIEW]) == 1, office.told()
        assert outside.read_text() == GOOD
        events = office.world.paths.events.read_text()
        told = [line for line in events.splitlines() if "quarantined" in line]
        assert len(told) == len(bad), "one sentence for each"
        office.work_until_quiet()
        assert len(office.folders()[State.DONE]) == 1, office.told()


# --- the config -----------------------------------------------------------------------------


def test_every_config_typo_is_told_at_once_and_nothing_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Add a thing")
        reconfigured(office, {"max_paralel_workers": 2, "max_dispatch_per_tick": "many"})
        for name in SCRIPTS:
            assert started(office, name) == 20
            out, err = capsys.readouterr()
            assert "max_parallel_workers" in err and "max_dispatch_per_tick" in err, err
            assert out == "" and "Traceback" not in err
        assert not any(office.folders().values())
        assert office.comments(issue) == []


def test_a_typo_made_later_leaves_the_last_good_config_at_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with an_office(tmp_path) as office:
        assert started(office, "github_dispatcher") == 0
        reconfigured(office, {"max_paralel_workers": 2})
        office.ready("Add a thing")
        assert started(office, "github_dispatcher") == 20
        said = capsys.readouterr().out
        assert "max_parallel_workers" in said and "dispatched as" in said
        assert len(office.folders()[State.INBOX]) == 1


@pytest.mark.parametrize("dangling", [False, True])
def test_a_config_that_is_gone_leaves_the_last_good_one_at_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dangling: bool
) -> None:
    with an_office(tmp_path) as office:
        assert started(office, "github_dispatcher") == 0
        config = office.world.paths.root / "config.yaml"
        config.unlink()
        if dangling:
            config.symlink_to(tmp_path / "elsewhere.yaml")
        office.ready("Add a thing")
        assert started(office, "github_dispatcher") == 20
        said = capsys.readouterr().out
        assert "not there; bin/init.sh makes it" in said and "dispatched as" in said, said
        assert len(office.folders()[State.INBOX]) == 1


def test_a_typo_in_one_repository_leaves_the_others_at_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with an_office(tmp_path) as office:
        repos = [
            {"github_repo": SLUG, "trust": "actor"},
            {"github_repo": "maria/secret", "merge_methd": "squash"},
        ]
        reconfigured(office, {"github_projects": {"work": {"project_number": 1, "repos": repos}}})
        office.ready("Add a thing")
        assert started(office, "github_dispatcher") == 20
        said = capsys.readouterr().out
        assert "maria/secret: left alone" in said and "merge_method" in said
        assert "dispatched as" in said
        assert len(office.folders()[State.INBOX]) == 1


def test_a_switch_that_stops_nothing_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with an_office(tmp_path) as office:
        switch = office.world.paths.off_d / "maria_library"
        switch.parent.mkdir(parents=True)
        switch.touch()
        assert started(office, "pr_monitor") == 20
        assert "runtime/off.d/maria_library stops nothing" in capsys.readouterr().out


def test_an_unknown_repo_is_named_beside_the_known_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with an_office(tmp_path) as office:
        office.ready("Add a thing")
        for name in SCRIPTS:
            assert started(office, name, "--repo", "maria/libary") == 2
            err = capsys.readouterr().err
            assert "maria/libary: no such repository" in err and SLUG in err
        assert not any(office.folders().values())


@pytest.mark.parametrize("named", [True, False], ids=["with its name on GitHub", "alone"])
def test_a_path_that_is_not_there_is_told_and_the_others_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], named: bool
) -> None:
    """Nothing is read from the path but the repository's name; without one, it is left alone."""
    good, gone = {"github_repo": SLUG, "trust": "actor"}, {"path": str(tmp_path / "gone")}
    with an_office(tmp_path) as office:
        repos = [good | gone] if named else [good, gone]
        reconfigured(office, {"github_projects": {"work": {"project_number": 1, "repos": repos}}})
        office.ready("Add a thing")
        assert started(office, "github_dispatcher") == (0 if named else 20)
        lines = capsys.readouterr().out.splitlines()
        told = "gone is not there" if named else "left alone, its config is wrong"
        assert len([line for line in lines if told in line]) == 1, lines
        assert len(office.folders()[State.INBOX]) == 1


# --- GitHub's side --------------------------------------------------------------------------


def test_a_repository_that_github_does_not_know_stands_beside_one_that_works(
    tmp_path: Path,
) -> None:
    repos = [{"github_repo": SLUG, "trust": "actor"}, {"github_repo": "maria/nowhere"}]
    projects = {"github_projects": {"work": {"project_number": 1, "repos": repos}}}
    with an_office(tmp_path, config=projects) as office:
        issue = office.ready("Add a thing")
        inbox = office.world.mailroom.folder(State.INBOX)
        (inbox / "elsewhere.md").write_text(GOOD.replace("library", "nowhere"))
        assert office.dispatch() == 10
        assert "maria/nowhere is not there" in office.told()
        for minutes in (1, 2, 6, 21, 61, 1):
            office.queue()
            office.world.clock.sleep(minutes * 60)
        assert office.state_of(issue) is State.REVIEW, office.told()
        [waits] = office.world.mailroom.list_state(State.BLOCKED)
        assert waits.repo == "maria/nowhere" and "maria/nowhere is not there" in waits.note
        assert office.told().count("ALERT maria/nowhere") == 1
        assert office.executor.agent_runs == ["first"]


def test_a_refused_token_stops_everything_in_one_sentence_and_loses_nothing(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path) as office:
        issues = [office.ready("Add a thing"), office.ready("And another")]
        office.dispatch()
        fine, before = office.world, office.folders()
        bad = a_world(tmp_path, office.github, office.executor, None, {"github_token": "revoked"})
        object.__setattr__(bad, "say", office.said.append)
        office.world = bad
        for tick, alerts in ((office.dispatch, 1), (office.queue, 0)):
            office.said.clear()
            assert tick() == 30
            told = [line for line in office.said if "token" in line or "401" in line]
            assert len([line for line in told if line.startswith("ALERT")]) == alerts, told
            assert len(told) == 1 + alerts, office.told()
            assert office.folders() == before, office.told()
        assert office.executor.agent_runs == []
        office.world = fine
        office.work_until_quiet(20)
        assert [office.state_of(issue) for issue in issues] == [State.DONE] * 2, office.told()


def test_a_token_refused_while_a_pull_request_waits(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Add a thing")
        office.dispatch()
        office.queue()
        fine = office.world
        office.world = a_world(
            tmp_path, office.github, office.executor, None, {"github_token": "revoked"}
        )
        assert office.monitor() == 30
        office.world = fine
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


@pytest.mark.parametrize("statuses", [["Todo", "Done"], ["Ready", "Done"]])
def test_a_board_without_our_options_is_told_with_those_it_has(
    tmp_path: Path, statuses: list[str]
) -> None:
    """Without Ready nothing starts from it; without the others the work goes on all the same."""
    board = {"owner": "maria", "title": "Work", "statuses": statuses}
    with an_office(tmp_path, seed={**SEED, "boards": [board]}) as office:
        issue = office.ready("Add a thing")
        assert office.dispatch() == 20
        assert f"there: {', '.join(statuses)}" in office.told()
        said = [line for line in office.said if "(there: " in line]
        assert len([line for line in said if not line.startswith("ALERT ")]) == 1, office.told()
        if "Ready" in statuses:
            office.work_until_quiet()
            assert office.state_of(issue) is State.DONE, office.told()
        else:
            assert not any(office.folders().values())


def test_an_escalation_reaches_the_person_without_a_blocked_column(tmp_path: Path) -> None:
    board = {"owner": "maria", "title": "Work", "statuses": ["Ready", "Done"]}
    agent = {name: (lambda folder, prompt: None) for name in ("first", "second", "third")}
    with an_office(tmp_path, seed={**SEED, "boards": [board]}, agents=agent) as office:
        issue = office.ready("Impossible")
        for _ in range(3):
            office.round()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert len(office.comments(issue)) == 2


def test_a_board_that_does_not_exist_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    boards = {
        "lost": {"project_number": 99, "repos": [{"github_repo": "maria/secret"}]},
        "work": {"project_number": 1, "repos": [{"github_repo": SLUG, "trust": "actor"}]},
    }
    with an_office(tmp_path, config={"github_projects": boards}) as office:
        issue = office.ready("Add a thing")
        assert office.dispatch() == 10
        assert "the board maria/99 is not there" in office.told()
        assert office.state_of(issue) is State.INBOX


# --- issues ---------------------------------------------------------------------------------


def test_an_issue_of_a_megabyte_becomes_a_task_that_is_read_and_shipped(tmp_path: Path) -> None:
    words = "\\n".join(
        f"{n} ![x](javascript:1) <!-- {n} --> `rm -rf` @maria" for n in range(25_000)
    )
    assert len(words) > 1_000_000
    with an_office(tmp_path) as office:
        issue = office.ready("Long story", "## Goal\n\nAdd first.txt\n\n## Context\n\nWORDS")
        bad = hostile.between(office.github)
        longer = hostile.rewritten(lambda body: body.replace(b"WORDS", words.encode()))
        bad.on("POST", "/graphql", longer, times=99)
        office.dispatch()
        bad.calm()
        [name] = office.folders()[State.INBOX]
        assert (office.world.mailroom.folder(State.INBOX) / name).stat().st_size < 200_000
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


TITLES = (
    '**bold** [x](http://evil) <img src=x onerror=1> | table |',
    "quotes ' \" ` \\ %s {0} ${HOME} $(rm -rf /) ; true && false #1",
    "two\nlines\r\nand\tmore: [yes, no]",
    "🚀 emoji \u202e\u200b right to left",
    "x" * 255,
    "../../etc/passwd",
)


def test_titles_of_every_kind_travel_unharmed(tmp_path: Path) -> None:

    def another(folder: Path, prompt: str) -> Any:
        return writes(f"{len(office.executor.orders)}.txt", "x\n")(folder, prompt)

    config = {"max_dispatch_per_tick": 20, "default_max_attempts": 1}
    with an_office(tmp_path, agent=another, config=config, repository=QUICK) as office:
        issues = [office.ready(title, "Please.") for title in TITLES]
        assert office.dispatch() == 0, office.told()
        assert office.queue() == 0, office.told()
        states = [office.state_of(issue) for issue in issues]
        assert states == [State.REVIEW] * len(TITLES), office.told()
        for pull in office.pulls():
            assert "\n" not in pull["title"] and pull["title"].strip()
        for _ in range(2):
            office.pass_time(20)
            office.monitor()
        merged = [pull for pull in office.pulls() if pull["merged_at"]]
        assert merged, office.told()
        assert not (tmp_path / "etc").exists()


def test_the_config_of_the_office_loads_as_cron_would_load_it(tmp_path: Path) -> None:
    """The positive twin of all that is refused above."""
    with an_office(tmp_path) as office:
        loaded = config_files.load(
            Path(office.world.config.source), office.world.environment
        )
        assert loaded.repositories == office.world.config.repositories
        office.ready("Add a thing")
        assert started(office, "github_dispatcher") == 0
        assert len(office.folders()[State.INBOX]) == 1
