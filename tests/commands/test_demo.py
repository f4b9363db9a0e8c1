"""The demo's parts: its folder, its seed, its trail, and when it complains."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import structs
from rich.console import Console

from orchestrator import settings
from orchestrator.adapters import process, survivors
from orchestrator.adapters.clock import Clock
from orchestrator.commands.demo import report, stage, story
from orchestrator.commands.demo.board import Card, Run
from orchestrator.commands.demo.report import Shipped
from orchestrator.commands.demo.stage import Forge, Stage
from orchestrator.commands.demo.trail import Trail
from orchestrator.forge import seed as forge_seed
from orchestrator.records.task import Attempt, Mark, MergeMark, PullRequestLink, State, Task
from orchestrator.texts import taskfile, taskname

CODE = Path(__file__).resolve().parents[2]
READY = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return READY + timedelta(seconds=seconds)


@pytest.fixture
def scene(tmp_path: Path) -> Stage:
    return Stage(CODE, tmp_path / "runtime" / "demo", Clock())


# --- the stage --------------------------------------------------------------------------------


def test_a_demo_is_unfinished_from_its_first_to_its_last_moment(scene: Stage) -> None:
    assert not stage.unfinished(scene)
    stage.clear(scene)
    assert stage.unfinished(scene)
    scene.finished.touch()
    assert not stage.unfinished(scene)
    stage.clear(scene)
    assert stage.unfinished(scene)


def test_an_interrupted_preparation_is_no_demo(scene: Stage) -> None:
    stage.clear(scene)
    scene.token_file.unlink()
    assert not stage.unfinished(scene)


def test_each_demo_has_a_token_of_its_own_that_only_its_user_reads(scene: Stage) -> None:
    stage.clear(scene)
    first = scene.token_file.read_text()
    stage.clear(scene)
    assert scene.token_file.read_text() != first
    for path in (scene.seed, scene.token_file):
        assert path.stat().st_mode & 0o077 == 0


def test_the_config_of_the_demo_loads_and_stays_in_its_folder(scene: Stage) -> None:
    stage.clear(scene)
    forge = Forge(1, "http://127.0.0.1:4711", scene.token_file.read_text())
    stage.write_config(scene, forge)
    config = settings.load(scene.config, stage.environment(scene, {}))
    assert [repository.slug for repository in config.repositories] == ["demo/widgets", "demo/site"]
    assert not config.broken
    for folder in (config.root_dir, config.mailbox_dir, config.logs_dir, config.worktrees_dir):
        assert Path(folder).is_relative_to(scene.root)
    assert scene.config.stat().st_mode & 0o077 == 0
    assert config.jitter_seconds == 0


def test_a_persons_account_and_installation_are_kept_out(scene: Stage) -> None:
    base = {"GITHUB_TOKEN": "x", "GH_TOKEN": "x", "AGENT_OS_CONFIG": "x", "ORCH_ROOT": "x"}
    surroundings = stage.environment(scene, {**base, "HOME": "/home/me"})
    assert "x" not in surroundings.values()
    assert surroundings["HOME"] == "/home/me"
    assert surroundings[survivors.MARKER] == str(scene.root)


class Slow(Clock):
    """A clock of its own, on which something happens after so long."""

    def __init__(self, happens: Callable[[], object], at: float) -> None:
        self.time = 0.0
        self.happens = happens
        self.at = at

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        if self.time >= self.at:
            self.happens()


def test_a_forge_that_lives_is_waited_for_with_a_word(scene: Stage) -> None:
    scene.root.mkdir(parents=True)
    slow = structs.replace(scene, clock=Slow(scene.port_file.touch, 65))
    said: list[str] = []
    assert stage.listens(slow, os.getpid(), said.append)
    assert len(said) == 6 and "still starting after 60 s" in said[-1]


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("echo first; echo the seed is odd >&2; exit 3", "exit code 3; the end of its log:"),
        ("kill -9 $$", "exit code -9, and said nothing"),
    ],
)
def test_a_forge_that_ends_is_told_with_its_last_words(
    scene: Stage, program: str, told: str
) -> None:
    scene.root.mkdir(parents=True)
    argv = ["/bin/sh", "-c", program]
    pid = process.spawn_detached(argv, environment={}, log_path=scene.forge_log)
    assert not stage.listens(scene, pid, lambda words: None)
    fate = stage.fate(scene, pid)
    assert told in fate and str(scene.forge_log) in fate
    assert ("the seed is odd" in fate) == ("echo" in program)


def test_a_slow_demo_is_waited_for_while_it_makes_steps(scene: Stage) -> None:
    trail = scene.root / "runtime" / "events.jsonl"
    trail.parent.mkdir(parents=True)
    clock = Slow(lambda: None, 0)
    slow = structs.replace(scene, clock=clock)
    patience, given = story.Patience(slow, 0, None), story.Patience(slow, 0, 400)
    for minute in range(1, 10):
        clock.time = minute * 60.0
        trail.write_text("x" * minute)
        assert patience.over() == ""
        assert ("--limit" in given.over()) == (clock.time > 400)
    clock.time += story.QUIET_SECONDS + 1
    assert "nothing has happened for 170 s" in patience.over()


# --- the seed -----------------------------------------------------------------------------------


def issues() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((CODE / "bin/demo/forge.yaml").read_text())[
        "issues"
    ]
    return found


def test_the_seed_is_one_that_the_forge_takes(scene: Stage) -> None:
    stage.clear(scene)
    seed = forge_seed.load(scene.seed)
    assert len(seed.issues) == 6
    assert {issue.status for issue in seed.issues} == {"Backlog"}
    for repository in seed.repos:
        assert forge_seed.files(repository, scene.root)


def test_the_issues_are_of_every_kind_that_the_demo_promises() -> None:
    bodies = [issue["body"] for issue in issues()]
    assert sum("## Success criteria" in body for body in bodies) == 1
    assert sum("\n" not in body.strip() for body in bodies) == 1
    assert sum("prio:high" in issue.get("labels", []) for issue in issues()) == 1
    assert sum(body.startswith("Depends on #1") for body in bodies) == 1
    before = [body.split("+<li>")[0] for body in bodies if "+<li>" in body]
    places = [text.splitlines()[-3:] for text in before]
    assert len(places) == 2
    assert places[0] == places[1]


@pytest.mark.parametrize(
    ("repository", "tests"),
    [
        ("widgets", "python3 -B -m unittest discover -s tests -t ."),
        ("site", "python3 check_links.py"),
    ],
)
def test_the_changes_in_the_issues_apply_and_keep_the_tests_green(
    tmp_path: Path, repository: str, tests: str
) -> None:
    subprocess.run(["cp", "-r", CODE / "bin/demo" / repository, tmp_path / "code"], check=True)
    wanted = [issue["body"] for issue in issues() if issue["repo"] == f"demo/{repository}"]
    diffs = [body.split("```diff\n")[1].split("```")[0] for body in wanted if "```diff" in body]
    for diff in diffs if repository == "widgets" else diffs[:1]:
        subprocess.run(
            ["git", "apply", "-"], input=diff.encode(), cwd=tmp_path / "code", check=True
        )
    ended = subprocess.run(tests.split(), cwd=tmp_path / "code", capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode() + ended.stdout.decode()


# --- the trail ----------------------------------------------------------------------------------


def test_a_log_is_followed_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "queue.log"
    log.write_text("2026-11-22T12:00:00Z queue shown before\n")
    trail = Trail(tmp_path)
    trail.skip_old()
    with log.open("a") as file:
        file.write("=== a banner ===\n2026-11-22T12:00:01Z queue a whole line\n2026-11-22T12")
        file.flush()
        trail.follow()
        file.write(":00:02Z queue a torn one\n")
    trail.follow()
    trail.follow()
    shown = capsys.readouterr().out.splitlines()
    assert [line.split() for line in shown] == [
        ["12:00:01", "queue", "a", "whole", "line"],
        ["12:00:02", "queue", "a", "torn", "one"],
    ]


def test_of_a_task_its_number_and_words_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = "task-20261122T120000Z-demo-site-12-opening-hours-2026"
    trail = Trail(tmp_path)
    trail.show([f"2026-11-22T12:00:01Z queue demo/site {task}: attempt 1"])
    shown = " ".join(capsys.readouterr().out.split("queue")[1].split())
    assert shown == "demo/site …12-opening-hours-2026: attempt 1"


def test_in_a_narrow_terminal_no_word_and_no_number_is_cut(tmp_path: Path) -> None:
    trail = Trail(tmp_path)
    trail.console = Console(
        width=80, force_terminal=True, color_system=None, file=io.StringIO(), legacy_windows=False
    )
    words = "demo/widgets …3-customers-get-their-discount-twice: attempt 1 by patch: delivered"
    trail.show([f"2026-11-22T12:00:01Z queue {words}"])
    long_name = structs.replace(SHIPPED, card=structs.replace(SHIPPED.card, repo="demo/widgets"))
    trail.console.print(report.table([long_name]))
    shown = trail.console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert all(len(line) <= 80 for line in shown)
    assert " ".join(" ".join(shown[:2]).split()[2:]) == words
    assert any(f"demo/widgets#{SHIPPED.card.number}" in line for line in shown)
    assert not any("…" in line for line in shown[2:])


def test_that_there_is_no_sandbox_is_said_once_of_all_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trail = Trail(tmp_path)
    trail.show(["2026-11-22T12:00:01Z queue demo/site x: patch ran without a sandbox: none"])
    assert capsys.readouterr().out == "" and "WITHOUT A SANDBOX" in story.NO_SANDBOX


def test_a_rotated_log_is_read_from_its_beginning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "queue.log"
    log.write_text("2026-11-22T12:00:00Z queue a line that is rather long\n")
    trail = Trail(tmp_path)
    trail.skip_old()
    log.write_text("2026-11-22T12:00:01Z queue new\n")
    trail.follow()
    assert "new" in capsys.readouterr().out


def test_a_tick_that_decides_the_same_again_is_not_shown_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trail = Trail(tmp_path)
    trail.show_tick("monitor", ["2026-11-22T12:00:01Z pr_monitor wait: running"])
    trail.show_tick("monitor", ["2026-11-22T12:00:02Z pr_monitor wait: running"])
    trail.show_tick("monitor", ["2026-11-22T12:00:03Z pr_monitor merge: green"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "12:00:01",
        "12:00:03",
    ]


# --- the report ---------------------------------------------------------------------------------

SHIPPED = Shipped(
    card=Card(item="i", repo="demo/site", number=1, status="Done", open=False),
    state=State.DONE,
    merged=True,
    dispatched=after(2),
    checks=(Run(name="links", conclusion="success", started_at=after(9), completed_at=after(11)),),
    task=Task(
        task_id="task-20261122T120000Z-demo-site-1-hours",
        repo="demo/site",
        title="Hours",
        issue=1,
        created=READY,
        ready_at=READY,
        pull_request=PullRequestLink(number=3, node_id="PR"),
        merge=MergeMark(head_sha="a" * 40, base_sha="b" * 40, sha="c" * 40, verified=True),
        attempts=(Attempt(n=1, agent="patch", started=after(5), seconds=1.5),),
        marks=(
            Mark(state=State.PROCESSING, at=after(5), by="queue"),
            Mark(state=State.REVIEW, at=after(8), by="queue"),
            Mark(state=State.DONE, at=after(20), by="pr_monitor"),
        ),
    ),
)


def unverified(task: Task | None) -> Task:
    assert task is not None
    assert task.merge is not None
    return structs.replace(task, merge=structs.replace(task.merge, verified=False))


def test_nothing_is_missing_where_all_is_proved() -> None:
    assert report.missing(SHIPPED) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": None}, "never became a task"),
        ({"state": State.ESCALATED}, "in escalated/"),
        ({"task": unverified(SHIPPED.task)}, "not verified"),
        ({"merged": False}, "exactly one pull request"),
        ({"checks": ()}, "no green check"),
        ({"checks": (Run(name="links", conclusion="failure"),)}, "no green check"),
        ({"card": structs.replace(SHIPPED.card, open=True)}, "still open"),
        ({"card": structs.replace(SHIPPED.card, status="In Progress")}, "on In Progress"),
    ],
)
def test_whatever_is_missing_is_named(change: dict[str, Any], words: str) -> None:
    assert words in report.missing(structs.replace(SHIPPED, **change))


def test_the_phases_of_a_task_add_up_to_its_time() -> None:
    assert SHIPPED.task is not None
    spent = report.phases(SHIPPED.task, SHIPPED.dispatched)
    assert sum(spent.values()) == report.took(SHIPPED.task) == 20
    assert spent["attempts"] == 3
    assert spent["checks and merge"] == 12


def test_the_times_are_told_for_what_took_time() -> None:
    told = "\n".join(report.times([SHIPPED]))
    assert "checks and merge" in told
    assert "its time" not in told
    assert report.times([structs.replace(SHIPPED, task=None)]) == []


def test_the_table_has_a_row_for_every_issue() -> None:
    lost = structs.replace(SHIPPED, task=None, state=None)
    assert report.table([SHIPPED, lost]).row_count == 2


def test_files_that_are_no_tasks_do_not_stop_the_demo(scene: Stage) -> None:
    inbox = scene.root / "runtime" / "mailbox" / "inbox"
    inbox.mkdir(parents=True)
    (inbox / "odd.md").write_bytes(b"\xff")
    (inbox / "empty.md").touch()
    assert SHIPPED.task is not None
    task = structs.replace(SHIPPED.task, branch=taskname.new_branch(SHIPPED.task.task_id))
    (inbox / f"{task.task_id}.md").write_text(taskfile.render(task))
    assert story.tasks(scene) == [(State.INBOX, task)]
