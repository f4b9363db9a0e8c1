"""The whole installation at one moment, whatever lies in its folders."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from orchestrator import alerts, cooling, hands, scrutiny, switches
from orchestrator.adapters.locks import Locks
from orchestrator.overview import look
from orchestrator.records.config import Budget
from orchestrator.records.event import AttemptStat
from orchestrator.records.health import Health
from orchestrator.records.overview import Overview
from orchestrator.records.result import BlockerCode, Result, Status
from orchestrator.records.task import Attempt, Claim, PullRequestLink, State, Task
from orchestrator.records.usage import Usage
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.texts import overview as texts
from orchestrator.world import World
from tests.support.office import SLUG
from tests.support.still import NOW, a_task, a_world

DAY = {"budgets": {"day": {"hard_stop_usd": 4, "hard_stop_attempts": 10}}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return a_world(tmp_path, **DAY)


def seen(world: World) -> Overview:
    """As another process looks at it, which writes nothing."""
    world.mailroom.read_only = True
    return look.look(replace(world, dry_run=True))


def told(world: World, most: int = texts.MOST) -> str:
    return "\n".join(texts.plain(seen(world), world.zone, most=most))


def at_work(world: World, number: int = 1, log: str = "") -> Callable[[], None]:
    """A task in processing/ whose worker lives as long as nobody calls what is returned."""
    theirs = Locks(world.paths.locks, clock=world.clock)
    slot = theirs.try_worker_slot(1)
    assert slot is not None
    claim = Claim(
        slot=slot.name, uuid=slot.uuid, pid=1, boot_id=theirs.boot_id, host=theirs.host, started=NOW
    )
    begun = Attempt(n=1, agent="first", started=NOW - timedelta(minutes=12))
    task = a_task(world, number)
    task = structs.replace(task, claim=claim, attempts=(begun,))
    world.mailroom.move(task, State.PROCESSING, by="queue")
    folder = world.paths.attempt(task.task_id, 1)
    folder.mkdir(parents=True)
    (folder / "agent.log").write_text(log)
    return theirs.release_all


def test_an_installation_in_which_nothing_happens_is_told_too(world: World) -> None:
    overview = seen(world)
    assert not (overview.running or overview.waiting or overview.calling or overview.odd)
    assert overview.cost.attempts == 0 and [one.name for one in overview.agents] == [
        "first", "second", "third",
        # The built-in chains of the types that the config does not name.
        *[one.name for one in overview.agents[3:]],
    ]  # fmt: skip
    assert "0 done" in told(world)


def test_what_runs_is_shown_with_its_last_words_and_without_secrets(world: World) -> None:
    key = "ghp_" + "a1B2" * 9
    log = f'reading\n{{"type":"x","item":{{"command":"make test"}}}}\n\x1b[31mtoken {key}\x1b[0m\n'
    end = at_work(world, log=log)
    [one] = seen(world).running
    assert (one.agent, one.attempt, one.alive) == ("first", 1, True)
    assert one.lines == ("reading", "make test", "token [redacted]")
    text = told(world)
    assert "12 min" in text and "      make test" in text and key not in text
    end()
    assert not seen(world).running[0].alive and "its worker is gone" in told(world)


def test_what_waits_says_why_in_the_order_of_turns(world: World) -> None:
    a_task(world, 1)
    second = a_task(world, 2)
    later = NOW + timedelta(hours=3)
    a_task(world, 3, State.BLOCKED, not_before=later, note="the disk failed", tries=2)
    hands.put_first(world, second.task_id, by="cli")
    one, two, three = seen(world).waiting
    assert (one.name, one.first) == (f"{SLUG}#2", True) and "takes it up" in one.why
    assert two.why == "its turn comes after 1 other"
    assert (three.state, three.until) == ("blocked", later) and "the disk failed" in three.why
    at_work(world, 4)
    assert seen(world).waiting[0].why == "the worker is busy"
    switches.off(world.paths, world.events, SLUG, "moving house", by="cli")
    assert "moving house" in seen(world).waiting[0].why


def test_what_is_only_to_be_settled_waits_for_no_agent(world: World) -> None:
    made = Attempt(
        n=1, agent="first", started=NOW, judged=NOW, verdict=AttemptVerdict.DELIVER,
        head_sha="a" * 40,
    )  # fmt: skip
    a_task(world, 1, attempts=(made,))
    a_task(world, 2, attempts=(structs.replace(made, verdict=AttemptVerdict.REWORK, settled=NOW),))
    for name in ("first", "second", "third"):
        cooling.of(world).refused(name, NOW + timedelta(hours=3))
    one, two = seen(world).waiting
    assert one.why.startswith("next: ") and "cooling down" in two.why


def test_the_spent_budget_of_one_task_is_not_another_s(tmp_path: Path) -> None:
    world = a_world(tmp_path, **DAY)
    [repository] = world.config.repositories
    limited = structs.replace(repository, task_budget=Budget(hard_stop_tokens=100))
    world = replace(world, config=structs.replace(world.config, repositories=(limited,)))
    usages = (Usage(input_tokens=90, output_tokens=20), Usage(input_tokens=9, output_tokens=2))
    for number, usage in enumerate(usages, start=1):
        made = Attempt(
            n=1, agent="first", started=NOW, judged=NOW, settled=NOW, usage=usage,
            verdict=AttemptVerdict.REWORK,
        )  # fmt: skip
        a_task(world, number, attempts=(made,))
    one, two = seen(world).waiting
    assert "this task" in one.why and "next tick" in two.why


def test_a_pull_request_is_shown_with_what_was_last_decided(world: World) -> None:
    link = PullRequestLink(number=34, node_id="PR_34")
    task = a_task(world, 1, State.REVIEW, pull_request=link)
    assert seen(world).pull_requests[0].verdict == "not looked at yet"
    held = scrutiny.Held(
        key="x", since=NOW, head="a" * 40, head_since=NOW, verdict="wait: checks run"
    )
    scrutiny.place(world).write_bytes(msgspec.json.encode({task.task_id: held}))
    [one] = seen(world).pull_requests
    assert (one.pull_request, one.verdict) == (f"{SLUG}#34", "wait: checks run")
    assert one.url.endswith(f"/{SLUG}/pull/34")
    switches.off(world.paths, world.events, "pr_monitor", "moving house", by="cli")
    assert "moving house" in seen(world).pull_requests[0].verdict, "nobody looks any more"


def test_what_needs_a_person_comes_with_its_commands(world: World) -> None:
    asked = Attempt(
        n=1, agent="first", started=NOW, judged=NOW, code=BlockerCode.MISSING_CONTEXT,
        verdict=AttemptVerdict.ESCALATE,
        result=Result(status=Status.BLOCKED, manual_steps=("Buy a domain", "Set the key")),
    )  # fmt: skip
    a_task(world, 1, State.ESCALATED, note="Which of the two pages?", attempts=(asked,))
    a_task(world, 2, State.FAILED, note="no worktree could be made")
    shown = {one.name: one for one in seen(world).calling}
    question = shown[f"{SLUG}#1"]
    assert question.why == "Which of the two pages?"
    page = f"https://github.com/{SLUG}/issues/1"
    assert question.commands[0] == f"answer in a comment: {page}"
    assert f"bin/task.sh retry {SLUG}#2" in shown[f"{SLUG}#2"].commands
    [steps] = seen(world).steps
    assert steps.steps == ("Buy a domain", "Set the key") and not steps.known
    assert "perhaps ticked already: Buy a domain" in told(world)


def test_what_is_off_says_since_when_and_why(world: World) -> None:
    switches.off(world.paths, world.events, "", "holidays", by="cli")
    (world.paths.off_d).mkdir()
    (world.paths.off_d / "nobody").write_text("x")
    first, second = seen(world).off
    assert (first.name, first.why, first.idle) == ("everything", "holidays", False)
    assert second.idle and "stops nothing" in told(world)


def test_money_and_agents_and_scripts(world: World) -> None:
    stat = AttemptStat(
        timestamp=NOW - timedelta(hours=1), task_id="t", repo=SLUG, github_repo=SLUG, agent="first",
        status="complete", blocker_code="none", attempt_count=1, duration_seconds=9,
        verdict="deliver", task_type="implementation", input_tokens=1000, output_tokens=200,
        cost_usd=3.2,
    )  # fmt: skip
    world.events.attempt_stat(structs.replace(stat, timestamp=NOW - timedelta(days=1)))
    world.events.attempt_stat(stat)
    cooling.of(world).refused("second", NOW + timedelta(hours=2))
    ran = Health(
        script="pr_monitor", pid=1, started=NOW, ended=NOW - timedelta(minutes=4), exit_code=10,
        seconds=1.2, requests=7, failing_since=NOW - timedelta(hours=1),
    )  # fmt: skip
    world.paths.health.mkdir()
    (world.paths.health / "pr_monitor.json").write_bytes(msgspec.json.encode(ran))
    overview = seen(world)
    assert (overview.cost.usd, overview.cost.tokens, overview.cost.attempts) == (3.2, 1200, 1)
    usd, attempts = overview.budgets
    assert (usd.measure, usd.used, usd.limit, usd.share) == ("usd", 3.2, 4, 0.8)
    assert (attempts.measure, attempts.used) == ("attempts", 1)
    agents = {one.name: one for one in overview.agents}
    assert agents["first"].ready and "2 of 2" in agents["first"].achieved[0]
    assert not agents["second"].ready and agents["second"].until == NOW + timedelta(hours=2)
    [script] = [one for one in overview.scripts if one.name == "pr_monitor"]
    assert (script.problem, script.requests) == ("exit 10", 7)
    assert "never" in told(world) and "failing since 11:00 UTC" in told(world)


def test_alerts_that_no_other_line_tells_are_shown(world: World) -> None:
    alerts.alert(world, "clock", "the clock is wrong")
    alerts.alert(world, "manual-steps:x", "one step")
    assert [one.text for one in seen(world).alerts] == ["the clock is wrong"]


def test_odd_files_are_shown_as_such(world: World) -> None:
    a_task(world, 1)
    inbox = world.mailroom.folder(State.INBOX)
    (inbox / "half.md").write_text("---\nrepo: maria/lib")
    (inbox / "binary.md").write_bytes(b"\xff\xfe\x00")
    (inbox / "folder.md").mkdir()
    (inbox / "gone.md").symlink_to("/nonexistent")
    (world.mailroom.folder(State.QUARANTINE) / "old.md").write_text("?")
    world.paths.health.mkdir()
    (world.paths.health / "supervisor.json").write_text('{"script": "super')
    (world.paths.state / "held.json").write_text("{")
    (world.paths.state / "alerts").mkdir()
    (world.paths.state / "alerts" / "x.json").write_bytes(b"\x00")
    world.paths.agent_stats.parent.mkdir()
    world.paths.agent_stats.write_bytes(b'{"half": \n\xff\xff\n')
    overview = seen(world)
    assert len(overview.waiting) == 1
    assert [line.split(":")[0] for line in overview.odd] == [
        "inbox/binary.md", "inbox/folder.md", "inbox/gone.md", "inbox/half.md", "quarantine/old.md",
    ]  # fmt: skip
    assert {one.name: one.problem for one in overview.scripts}["supervisor"] == (
        "its record cannot be read"
    )
    assert (inbox / "half.md").exists(), "nothing was set aside"
    assert "half.md" in told(world)


def test_a_mailbox_that_was_never_made_is_empty(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    for state in State:
        os.rmdir(world.mailroom.folder(state))
    assert seen(world).folders == {state.value: 0 for state in State}


def test_what_was_done_today_and_no_more(world: World) -> None:
    a_task(world, 1, State.DONE)
    old = a_task(world, 2, State.DONE)
    path = world.mailroom.path(State.DONE, old.task_id)
    long_ago = NOW.timestamp() - 30 * 86_400
    os.utime(path, (long_ago, long_ago))
    os.utime(world.mailroom.path(State.DONE, task_of(world, 1).task_id), (NOW.timestamp(),) * 2)
    assert seen(world).finished == (f"{SLUG}#1",) and seen(world).folders["done"] == 2


def task_of(world: World, number: int) -> Task:
    found = [one.task for one in world.mailroom.read_state(State.DONE)]
    return next(task for task in found if task.issue == number)


def test_two_hundred_tasks_are_told_in_a_screen_and_all_of_them_where_wanted(world: World) -> None:
    for number in range(1, 201):
        a_task(world, number)
    overview = seen(world)
    assert len(overview.waiting) == 200
    short = told(world)
    assert "and 192 more: bin/task.sh list" in short and len(short.splitlines()) < 40
    assert told(world, 1000).count("#") >= 200


def test_the_fields_are_promised() -> None:
    """Programs of operators read them: a name may be added, none taken away."""
    assert Overview.__struct_fields__ == (
        "at", "root", "config", "off", "running", "waiting", "pull_requests", "calling", "steps",
        "finished", "agents", "quotas", "cost", "budgets", "scripts", "alerts", "github", "disk",
        "odd", "folders",
    )  # fmt: skip
