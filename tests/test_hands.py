"""What a person's hand does to a task, over a whole office."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from orchestrator import hands, reaper
from orchestrator.adapters import events, mailroom
from orchestrator.records.errors import GitHubTrouble
from orchestrator.records.hand import Outcome, Said
from orchestrator.records.task import State
from orchestrator.whereabouts import telling
from orchestrator.whereabouts.question import Question
from orchestrator.world import World
from tests.stories.test_merge_safety import an_open_pull_request
from tests.support import hostile
from tests.support.office import SLUG, Office, an_office, meanwhile, says, writes

Deed = Callable[[World, str], Said]


@contextmanager
def escalated(tmp_path: Path) -> Iterator[tuple[Office, int]]:
    """An office in which every agent has failed at the one task."""
    with an_office(tmp_path, agent=says(None)) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        yield office, issue


@contextmanager
def waiting(tmp_path: Path, *titles: str) -> Iterator[tuple[Office, list[int]]]:
    with an_office(tmp_path) as office:
        issues = []
        for title in titles or ("Add first.txt",):
            issues.append(office.ready(title))
            office.pass_time(1)
        office.dispatch()
        yield office, issues


def the_id(office: Office, issue: int) -> str:
    return office.task(issue).task_id


def noted(office: Office, kind: str) -> list[events.Event]:
    long_ago = office.world.clock.now() - timedelta(days=1)
    return [e for e in events.read(office.world.paths.events, long_ago) if e.kind == kind]


# --- retry and give --------------------------------------------------------------------------


def test_a_retry_is_what_moving_the_file_would_be(tmp_path: Path) -> None:
    with escalated(tmp_path) as (office, issue):
        before = office.task(issue)
        moved_by_hand = mailroom.new_round(before)
        said = hands.retry(office.world, before.task_id, by="cli")
        after = office.task(issue)
        assert said.outcome is Outcome.DONE and f"{SLUG}#{issue}: round 2 begins" in said.sentence
        assert office.state_of(issue) is State.INBOX
        assert structs.replace(after, marks=()) == structs.replace(moved_by_hand, marks=())
        assert after.marks[:-1] == before.marks and after.marks[-1].state is State.INBOX
        assert after.marks[-1].by == "a person, cli"
        [line] = noted(office, "new_round")
        assert line.details == {"deed": "retry", "by": "cli"} and line.issue == issue
        office.executor.scripts["first"] = writes("first.txt", "done\n")
        office.queue()
        assert office.state_of(issue) is State.REVIEW, office.told()


def test_an_agent_that_is_given_the_task_is_asked_first(tmp_path: Path) -> None:
    with escalated(tmp_path) as (office, issue):
        office.executor.orders.clear()
        office.executor.scripts["third"] = writes("first.txt", "done\n")
        said = hands.give(office.world, the_id(office, issue), "third", by="telegram")
        assert said.done and "third first" in said.sentence
        office.queue()
        assert office.state_of(issue) is State.REVIEW and office.executor.agent_runs == ["third"]


def test_nobody_is_given_to_who_does_not_exist(tmp_path: Path) -> None:
    with escalated(tmp_path) as (office, issue):
        said = hands.give(office.world, the_id(office, issue), "ghost", by="cli")
        assert said.outcome is Outcome.REFUSED and "known: claude, codex, " in said.sentence
        assert office.state_of(issue) is State.ESCALATED


def test_who_cannot_start_is_given_nothing_but_by_force(tmp_path: Path) -> None:
    with escalated(tmp_path) as (office, issue):
        task_id = the_id(office, issue)
        said = hands.give(office.world, task_id, "claude", by="cli")
        assert said.outcome is Outcome.REFUSED and office.state_of(issue) is State.ESCALATED
        assert "npm install -g @anthropic-ai/claude-code" in said.sentence
        assert "can: first, second, third" in said.sentence
        said = hands.give(office.world, task_id, "claude", by="cli", force=True)
        assert said.done and office.state_of(issue) is State.INBOX
        assert "takes it up" in said.sentence and "but claude skipped: its program" in said.sentence


def test_a_round_that_nobody_could_take_is_told_so(tmp_path: Path) -> None:
    with escalated(tmp_path) as (office, issue):
        for program in ("first", "second", "third"):
            (tmp_path / "bin" / program).unlink()
        said = hands.retry(office.world, the_id(office, issue), by="cli")
        assert said.done and "it would come back to you at once: no agent is left" in said.sentence


def test_a_closed_issue_is_to_be_reopened_before_its_round_begins(tmp_path: Path) -> None:
    with escalated(tmp_path) as (office, issue):
        task_id = the_id(office, issue)
        hands.close(office.world, task_id, by="cli")
        said = hands.retry(office.world, task_id, by="cli")
        assert said.outcome is Outcome.REFUSED and f"gh issue reopen {issue} -R " in said.sentence
        assert office.state_of(issue) is State.CANCELLED
        office.api.patch(f"/repos/{SLUG}/issues/{issue}", json={"state": "open"})
        office.pass_time(60)
        assert hands.retry(office.world, task_id, by="cli").done
        office.executor.scripts["first"] = writes("first.txt", "done\n")
        office.queue()
        assert office.state_of(issue) is State.REVIEW, office.told()


def test_what_waits_for_a_time_goes_on_at_once(tmp_path: Path) -> None:
    with waiting(tmp_path) as (office, [issue]):
        task = office.task(issue)
        until = office.world.clock.now() + timedelta(hours=5)
        office.world.mailroom.move(structs.replace(task, not_before=until), State.BLOCKED, by="x")
        assert hands.retry(office.world, task.task_id, by="cli").done
        after = office.task(issue)
        assert office.state_of(issue) is State.INBOX and after.not_before is None
        assert after.round == 1


def test_a_file_that_a_person_put_back_begins_its_round_all_the_same(tmp_path: Path) -> None:
    with escalated(tmp_path) as (office, issue):
        task_id = the_id(office, issue)
        room = office.world.mailroom
        os.rename(room.path(State.ESCALATED, task_id), room.path(State.INBOX, task_id))
        assert hands.put_first(office.world, task_id, by="cli").done
        assert office.task(issue).round == 2


def test_what_is_switched_off_is_told_with_the_answer(tmp_path: Path) -> None:
    with escalated(tmp_path) as (office, issue):
        office.world.paths.off.write_text("moving house\n")
        said = hands.retry(office.world, the_id(office, issue), by="cli")
        assert said.done and "moving house" in said.sentence


# --- next ------------------------------------------------------------------------------------


def test_what_was_put_first_is_claimed_first_and_once(tmp_path: Path) -> None:
    titles = ("Add a.txt", "Add b.txt", "Add c.txt")
    with waiting(tmp_path, *titles) as (office, [one, two, three]):
        for issue in (two, three):
            assert hands.put_first(office.world, the_id(office, issue), by="cli").done
            office.pass_time(1)
        order: list[str] = []

        def work(folder: Path, prompt: str) -> None:
            order.append(folder.name)

        for name in ("first", "second", "third"):
            office.executor.scripts[name] = work
        ids = [the_id(office, issue) for issue in (three, two, one)]
        office.queue()
        assert list(dict.fromkeys(order)) == ids
        assert all(office.task(issue).next_at is None for issue in (one, two, three))


# --- cancel and close ------------------------------------------------------------------------


def test_a_task_that_waits_is_cancelled_and_its_issue_stays(tmp_path: Path) -> None:
    with waiting(tmp_path) as (office, [issue]):
        said = hands.cancel(office.world, the_id(office, issue), by="cli", why="not needed now")
        assert said.done and f"issue #{issue} stays open" in said.sentence
        assert office.state_of(issue) is State.CANCELLED
        assert office.task(issue).note == "not needed now"
        assert office.api.get(f"/repos/{SLUG}/issues/{issue}").json()["state"] == "open"
        assert "not needed now" in office.comments(issue)[0]
        [line] = noted(office, "ended")
        assert line.details["by"] == "cli" and line.reason == "not needed now"
        again = hands.cancel(office.world, the_id(office, issue), by="cli")
        assert again.outcome is Outcome.ALREADY


def test_what_was_set_ready_before_a_cancel_begins_nothing_after_it(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        office.pass_time(60)
        assert hands.cancel(office.world, the_id(office, issue), by="cli").done
        for _ in range(3):
            office.dispatch()
            office.pass_time(60)
        assert office.state_of(issue) is State.CANCELLED, office.told()
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        office.dispatch()
        assert office.state_of(issue) is State.INBOX, office.told()


def test_a_close_ends_pull_request_and_issue_too(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        assert hands.close(office.world, the_id(office, issue), by="telegram").done
        shown = office.api.get(f"/repos/{SLUG}/issues/{issue}").json()
        assert (shown["state"], shown["state_reason"]) == ("closed", "not_planned")
        assert [pull["state"] for pull in office.pulls()] == ["closed"]
        assert office.state_of(issue) is State.CANCELLED


@pytest.mark.parametrize("deed", [hands.cancel, hands.close])
def test_without_an_answer_of_github_nothing_is_ended_and_that_is_told(
    tmp_path: Path, deed: Deed
) -> None:
    with waiting(tmp_path) as (office, [issue]):
        bad = hostile.between(office.github)
        bad.on("GET", "/issues/", hostile.answers(502), times=99)
        with pytest.raises(GitHubTrouble, match="it was not cancelled; do the same again when"):
            deed(office.world, the_id(office, issue), by="cli")  # type: ignore[call-arg]
        assert office.state_of(issue) is State.INBOX
        bad.calm()
        assert deed(office.world, the_id(office, issue), by="cli").done  # type: ignore[call-arg]
        assert office.state_of(issue) is State.CANCELLED


def test_the_reason_that_a_person_gave_first_is_kept(tmp_path: Path) -> None:
    with escalated(tmp_path) as (office, issue):
        task_id = the_id(office, issue)
        assert hands.cancel(office.world, task_id, by="cli", why="the first reason").done
        assert hands.close(office.world, task_id, by="cli").done, "its issue was open still"
        assert office.task(issue).note == "the first reason"
        again = hands.close(office.world, task_id, by="cli", why="another")
        assert again.outcome is Outcome.ALREADY and "closed already" in again.sentence
        assert office.task(issue).note == "the first reason"


def test_an_order_that_is_given_twice_keeps_its_reason(tmp_path: Path) -> None:
    with waiting(tmp_path) as (office, [issue]):
        task = office.world.mailroom.move(office.task(issue), State.PROCESSING, by="queue")
        assert hands.cancel(office.world, task.task_id, by="cli", why="the first reason").done
        for state in (State.PROCESSING, State.INBOX):
            if state is State.INBOX:
                office.world.mailroom.move(office.task(issue), State.INBOX, by="queue")
            assert hands.cancel(office.world, task.task_id, by="cli").done
        assert office.task(issue).note == "the first reason"
        assert office.state_of(issue) is State.CANCELLED


@pytest.mark.parametrize("deed", [hands.cancel, hands.close])
def test_an_order_during_the_work_ends_it_before_anything_is_pushed(
    tmp_path: Path, deed: Deed
) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        said: list[Said] = []
        theirs = another_process(office)

        def ordered() -> None:
            said.append(deed(theirs, the_id(office, issue), by="cli"))  # type: ignore[call-arg]

        office.executor.scripts["first"] = meanwhile(ordered, writes("first.txt", "done\n"))
        office.dispatch()
        office.queue()
        assert said[0].done and "its worker is asked to end" in said[0].sentence
        assert office.state_of(issue) is State.CANCELLED, office.told()
        assert not office.pulls() and office.executor.agent_runs == ["first"]
        task = office.task(issue)
        assert task.salvage or task.attempts[-1].head_sha


def test_an_order_needs_no_answer_of_github(tmp_path: Path) -> None:
    with waiting(tmp_path) as (office, [issue]):
        bad, said = hostile.between(office.github), list[Said]()
        theirs = another_process(office)

        def stop() -> None:
            bad.on("DELETE", "/labels/", hostile.answers(502), times=99)
            said.append(hands.cancel(theirs, the_id(office, issue), by="cli"))

        office.executor.scripts["first"] = meanwhile(stop, writes("first.txt", "x\n"))
        office.queue()
        assert said[0].done and "a label ready stays for now" in office.told()
        assert office.state_of(issue) is State.CANCELLED and not office.pulls(), office.told()


def test_a_close_during_the_work_that_github_does_not_hear_ends_nothing(tmp_path: Path) -> None:
    with waiting(tmp_path) as (office, [issue]):
        task = office.world.mailroom.move(office.task(issue), State.PROCESSING, by="queue")
        bad = hostile.between(office.github)
        bad.on("GET", "/issues/", hostile.answers(502), times=99)
        with pytest.raises(GitHubTrouble, match="it was not cancelled"):
            hands.close(office.world, task.task_id, by="cli")
        assert not office.task(issue).cancel


def test_an_order_whose_worker_dies_is_honoured_by_the_next(tmp_path: Path) -> None:
    with waiting(tmp_path) as (office, [issue]):
        task = office.task(issue)
        office.world.mailroom.move(task, State.PROCESSING, by="queue")
        said = hands.cancel(office.world, task.task_id, by="cli")
        assert said.done and "its worker is gone" in said.sentence
        office.queue()
        assert office.state_of(issue) is State.CANCELLED and not office.executor.agent_runs


def test_a_retry_after_an_order_is_the_later_word(tmp_path: Path) -> None:
    """Nobody has carried it out yet: its worker was gone, and the file is back in inbox/."""
    with waiting(tmp_path) as (office, [issue]):
        task = office.task(issue)
        office.world.mailroom.move(task, State.PROCESSING, by="queue")
        hands.cancel(office.world, task.task_id, by="cli", why="not now")
        reaper.reap(office.world)
        asked = Question(text=task.task_id, word=task.task_id)
        assert "a person cancelled it" in str(telling.account(office.world, asked, unasked=""))
        said = hands.retry(office.world, task.task_id, by="cli")
        assert said.outcome is Outcome.DONE and "and is not cancelled" in said.sentence
        assert "a person cancelled it" not in str(telling.account(office.world, asked, unasked=""))
        office.queue()
        assert office.state_of(issue) is State.REVIEW, office.told()


def test_an_order_that_met_the_file_on_its_way_to_review_is_honoured_there(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        office.world.mailroom.update(structs.replace(office.task(issue), cancel="too late"))
        office.monitor()
        assert office.state_of(issue) is State.CANCELLED and not office.file("first.txt")


def test_a_hand_is_refused_politely_while_an_agent_works(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        said: list[Said] = []
        theirs = another_process(office)

        def asked() -> None:
            task_id = the_id(office, issue)
            said.append(hands.retry(theirs, task_id, by="cli"))
            said.append(hands.put_first(theirs, task_id, by="cli"))

        office.executor.scripts["first"] = meanwhile(asked, writes("first.txt", "done\n"))
        office.dispatch()
        office.queue()
        assert [one.outcome for one in said] == [Outcome.BUSY, Outcome.ALREADY]
        assert "first works on it since" in said[0].sentence
        assert f"bin/task.sh cancel {SLUG}#{issue}" in said[0].sentence
        assert office.state_of(issue) is State.REVIEW


def test_a_lock_that_is_held_moves_nothing(tmp_path: Path) -> None:
    with escalated(tmp_path) as (office, issue):
        task_id = the_id(office, issue)
        lock = another_process(office).locks.try_task(task_id)
        assert lock is not None
        with lock:
            said = hands.retry(office.world, task_id, by="cli")
        assert said.outcome is Outcome.BUSY and office.state_of(issue) is State.ESCALATED


# --- approve ---------------------------------------------------------------------------------


def test_an_approval_lets_the_work_through_and_a_second_one_does_no_harm(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path, repository={"merge": "approved"}) as (office, issue):
        office.monitor()
        assert office.state_of(issue) is State.REVIEW, office.told()
        office.pass_time(5)
        for _ in range(2):
            assert hands.approve(office.world, the_id(office, issue), by="cli").done
        [line, _] = noted(office, "approved")
        assert office.pulls()[0]["head"]["sha"] in line.reason
        for _ in range(3):
            office.pass_time(300)
            office.monitor()
        assert office.state_of(issue) is State.DONE, office.told()


def test_where_merges_are_left_to_people_no_word_is_given_for_them(tmp_path: Path) -> None:
    more = {"automation_mode": "dispatcher_only"}
    with an_open_pull_request(tmp_path, repository=more) as (office, issue):
        said = hands.approve(office.world, the_id(office, issue), by="cli")
        assert said.outcome is Outcome.REFUSED and "merge it on GitHub" in said.sentence


# --- for all of them -------------------------------------------------------------------------


@pytest.mark.parametrize("deed", [hands.retry, hands.cancel, hands.close])
def test_a_dry_run_foretells_and_changes_nothing(tmp_path: Path, deed: Deed) -> None:
    with escalated(tmp_path) as (office, issue):
        before = office.task(issue), office.folders()
        said = deed(replace(office.world, dry_run=True), before[0].task_id, by="cli")  # type: ignore[call-arg]
        assert said.done and "[dry run]" in said.sentence
        assert (office.task(issue), office.folders()) == before
        after = {hands.close: "would be closed", hands.cancel: "would stay open"}.get(deed)
        assert after is None or f"on GitHub issue #{issue} {after}" in said.sentence


def test_a_task_that_is_not_here_is_told(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        said = hands.retry(office.world, "task-20260101T000000Z-x-1-y", by="cli")
        assert said.outcome is Outcome.REFUSED and "in no folder" in said.sentence


def test_without_a_token_nothing_that_github_must_hear_of_is_done(tmp_path: Path) -> None:
    with waiting(tmp_path) as (office, [issue]):
        bare = structs.replace(office.world.config, github_token=None)
        said = hands.cancel(replace(office.world, config=bare), the_id(office, issue), by="cli")
        assert said.outcome is Outcome.REFUSED and "GITHUB_TOKEN" in said.sentence
        assert office.state_of(issue) is State.INBOX


def another_process(office: Office) -> World:
    """The world as another process has it: with locks and a memory of its own."""
    world = office.world
    held = type(world.locks)(world.paths.locks, clock=world.clock)
    room = mailroom.Mailroom(world.paths.mailbox, held, world.clock, world.events)
    return replace(world, locks=held, mailroom=room)
