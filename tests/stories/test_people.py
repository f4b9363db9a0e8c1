"""People at the mailbox: they drop files in, edit and move them, and always win (I12)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator import hands, queue, reaper, tick
from orchestrator.adapters.mailroom import Mailroom
from orchestrator.records.task import State, Task
from orchestrator.world import World
from tests.stories.test_merge_safety import LABELLED, hold_the_issue
from tests.support import crash, hostile
from tests.support.office import SLUG, Office, an_office, meanwhile, says, writes


def test_a_file_with_a_repo_and_a_goal_is_a_task_that_closes_nothing(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=writes("x.txt", "x\n")) as office:
        inbox = office.world.mailroom.folder(State.INBOX)
        (inbox / "tidy up.md").write_text(f"---\nrepo: {SLUG}\n---\n\nTidy up the shelf.\n")
        office.pass_time(5)
        office.work_until_quiet()
        assert office.file("x.txt") == "x\n", office.told()
        [pull] = office.pulls()
        assert pull["merged_at"] and "Closes #" not in pull["body"]
        [name] = office.folders()[State.DONE]
        assert "Tidy up the shelf." in (office.world.mailroom.folder(State.DONE) / name).read_text()


def test_a_goal_edited_while_it_waits_reaches_the_agent(tmp_path: Path) -> None:
    prompts: list[str] = []

    def work(folder: Path, prompt: str) -> str:
        prompts.append(prompt)
        return str(writes("x.txt", "x\n")(folder, prompt))

    with an_office(tmp_path, agent=work) as office:
        office.ready("Paint it", "## Goal\n\nPaint it red.\n")
        office.dispatch()
        inbox = office.world.mailroom.folder(State.INBOX)
        [path] = inbox.glob("*.md")
        path.write_text(path.read_text().replace("red", "blue") + "\nAnd mind the cat.\n")
        office.queue()
        assert "Paint it blue." in prompts[0] and "mind the cat" in prompts[0], office.told()


@pytest.mark.parametrize("ended", [State.CANCELLED, State.ESCALATED])
def test_a_ready_from_before_a_person_ended_the_task_begins_no_round(
    tmp_path: Path, ended: State
) -> None:
    """It was said while the task was under way; one that is said afterwards counts."""
    rooms: list[Mailroom] = []

    def takes_it_away() -> None:
        [path] = rooms[0].folder(State.PROCESSING).glob("*.md")
        path.rename(rooms[0].folder(ended) / path.name)

    with an_office(tmp_path, agent=meanwhile(takes_it_away, writes("x.txt", "x\n"))) as office:
        rooms.append(office.world.mailroom)
        issue = office.ready("Not now")
        office.dispatch()
        office.pass_time(60)
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        office.pass_time(60)
        office.queue()
        office.dispatch()
        assert office.state_of(issue) is ended, office.told()
        office.pass_time(60)
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        office.dispatch()
        assert [path.name for path in rooms[0].folder(State.INBOX).glob("*.md")], office.told()


@pytest.mark.parametrize("ended", [State.CANCELLED, State.ESCALATED, State.FAILED, State.DONE])
def test_a_file_that_was_moved_just_now_is_a_persons_word_already(
    tmp_path: Path, ended: State
) -> None:
    """No mark tells of it before the supervisor has looked."""
    with an_office(tmp_path, agent=writes("x.txt", "x\n")) as office:
        issue = office.ready("Not now")
        office.dispatch()
        office.pass_time(60)
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        office.pass_time(60)
        office.queue()
        [path] = office.world.mailroom.folder(State.REVIEW).glob("*.md")
        path.rename(office.world.mailroom.folder(ended) / path.name)
        office.dispatch()
        assert office.state_of(issue) is ended, office.told()


def test_an_attempt_counts_whose_worker_died_after_a_person_took_the_file(tmp_path: Path) -> None:
    """The reaper looks into processing/ alone, and the file lies in inbox/ with an open attempt."""

    def dies(folder: Path, prompt: str) -> str:
        room = office.world.mailroom
        [path] = room.folder(State.PROCESSING).glob("*.md")
        path.rename(room.folder(State.INBOX) / path.name)
        raise crash.Killed

    with an_office(tmp_path, agent=dies, repository={"max_attempts": 1}) as office:
        issue = office.ready("Add x")
        office.dispatch()
        with pytest.raises(crash.Killed):
            office.queue()
        crash.a_new_process(office)
        office.queue()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert len(office.task(issue).attempts) == 1
        assert "its worker died during attempt 1; it counts as a crash" in office.told()


def test_a_file_that_is_mended_and_put_back_in_one_breath_begins_a_round(tmp_path: Path) -> None:
    """`bin/task.sh cancel`, and later `sed -i ... && mv ...`."""
    with an_office(tmp_path, agent=writes("x.txt", "x\n")) as office:
        issue = office.ready("Paint it", "Paint it red.")
        office.dispatch()
        hands.cancel(office.world, office.task(issue).task_id, by="cli")
        assert office.state_of(issue) is State.CANCELLED
        office.pass_time(3600)
        [path] = office.world.mailroom.folder(State.CANCELLED).glob("*.md")
        path.write_text(path.read_text().replace("red", "blue"))
        path.rename(office.world.mailroom.folder(State.INBOX) / path.name)
        office.queue()
        assert office.state_of(issue) is State.REVIEW, office.told()
        assert office.task(issue).round == 2


def test_a_file_moved_out_of_the_inbox_is_not_worked_on(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Later")
        office.dispatch()
        room = office.world.mailroom
        [path] = room.folder(State.INBOX).glob("*.md")
        path.rename(room.folder(State.BLOCKED) / path.name)
        for _ in range(2):
            office.round()
        assert office.state_of(issue) is State.BLOCKED, office.told()
        assert office.executor.agent_runs == []


def test_a_deleted_file_is_a_decision(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        office.ready("Never")
        office.dispatch()
        [path] = office.world.mailroom.folder(State.INBOX).glob("*.md")
        path.unlink()
        for _ in range(2):
            office.queue()
        assert office.executor.agent_runs == []


def test_a_deleted_file_is_a_decision_though_its_label_could_not_be_taken_off(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Never")
        bad = hostile.between(office.github)
        bad.on("DELETE", r"/labels/ready$", hostile.answers(502), times=9)
        office.dispatch()
        [path] = office.world.mailroom.folder(State.INBOX).glob("*.md")
        path.unlink()
        office.dispatch()
        assert office.folders()[State.INBOX] == [], office.told()
        bad.calm()
        office.dispatch()
        assert office.folders()[State.INBOX] == [], office.told()
        here = f"/repos/{SLUG}/issues/{issue}/labels"
        assert office.api.get(here).json() == []
        office.pass_time(60)
        office.api.post(here, json={"labels": ["ready"]})
        office.dispatch()
        assert office.state_of(issue) is State.INBOX, office.told()


def test_a_file_taken_away_while_its_agent_works_opens_no_pull_request(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        office.ready("Stop")

        def taken(folder: Path, prompt: str) -> str:
            [path] = office.world.mailroom.folder(State.PROCESSING).glob("*.md")
            path.unlink()
            return str(writes("x.txt", "x\n")(folder, prompt))

        office.executor.scripts["first"] = taken
        office.dispatch()
        office.queue()
        assert office.pulls() == [], office.told()
        assert "a person removed it" in office.told()


def test_a_file_moved_away_while_its_agent_works_stays_where_it_is(tmp_path: Path) -> None:
    def fails(folder: Path, prompt: str) -> None:
        room = office.world.mailroom
        [path] = room.folder(State.PROCESSING).glob("*.md")
        path.rename(room.folder(State.CANCELLED) / path.name)

    with an_office(tmp_path, agent=fails) as office:
        issue = office.ready("Add x")
        office.dispatch()
        assert office.queue() == 0, office.told()
        assert office.state_of(issue) is State.CANCELLED, office.told()
        assert office.queue() == 0, office.told()
        assert office.state_of(issue) is State.CANCELLED, office.told()
        assert office.executor.agent_runs == ["first"]
        assert office.task(issue).attempts[-1].judged, "what it came to is kept"


@pytest.mark.parametrize("to", [State.CANCELLED, State.BLOCKED, None])
def test_a_file_taken_away_before_its_agent_starts_costs_no_attempt(
    tmp_path: Path, to: State | None
) -> None:
    """I12: while the worktree is set up, a person says no."""
    with an_office(tmp_path, repository={"setup_command": "make ready"}) as office:
        issue = office.ready("Add x")
        office.dispatch()
        room, name = office.world.mailroom, f"{office.task(issue).task_id}.md"

        def takes_away(folder: Path) -> int:
            file = room.folder(State.PROCESSING) / name
            if to is None:
                file.unlink()
            else:
                file.rename(room.folder(to) / name)
            return 0

        office.executor.tests = takes_away
        assert office.queue() == 0, office.told()
        assert office.executor.agent_runs == [], office.told()
        assert to is None or (room.folder(to) / name).exists(), office.told()
        assert not list(office.world.paths.worktrees.glob("*/*"))


def test_on_hold_while_it_waits_no_agent_begins(tmp_path: Path) -> None:
    """E8: set after it was dispatched; it is asked for seldom, and costs no attempt."""
    with an_office(tmp_path, agent=writes("x.txt", "x\n"), seed=LABELLED) as office:
        issue = office.ready("Add x")
        office.dispatch()
        hold_the_issue(office, True)
        office.queue()
        assert office.state_of(issue) is State.BLOCKED and not office.pulls(), office.told()
        asked = office.world.read.door.requests_made
        for _ in range(5):
            office.pass_time(60)
            office.queue()
        assert office.world.read.door.requests_made == asked
        for _ in range(20):
            office.pass_time(3600)
            office.queue()
        assert office.state_of(issue) is State.BLOCKED, office.told()
        hold_the_issue(office, False)
        office.pass_time(3600)
        office.queue()
        task = office.task(issue)
        assert (task.state, task.runs, task.note) == (State.REVIEW, 1, ""), office.told()


def test_an_issue_that_is_closed_between_two_looks_starts_no_agent(tmp_path: Path) -> None:
    """Its labels are read later than its state, and tell of both."""
    with an_office(tmp_path, agent=writes("x.txt", "x\n")) as office:
        bad = hostile.between(office.github)
        issue = office.ready("Add x")
        office.dispatch()
        path = rf"/issues/{issue}$"
        bad.on("GET", path, hostile.passed_on)
        bad.on("GET", path, hostile.overtaken_by(lambda: office.close(issue)))
        office.queue()
        assert office.state_of(issue) is State.CANCELLED, office.told()
        assert not office.executor.agent_runs


def test_editor_droppings_and_notes_disturb_nobody(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=writes("x.txt", "x\n")) as office:
        issue = office.ready("Add it")
        office.dispatch()
        inbox = office.world.mailroom.folder(State.INBOX)
        for name in (".notes.md.swp", "notes.txt", "task.md~", "4913"):
            (inbox / name).write_text("x")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


def test_merged_by_a_person_while_escalated_it_is_done(tmp_path: Path) -> None:
    with an_office(tmp_path, verdict=lambda order: "failure") as office:
        office.executor.scripts |= {name: says(None) for name in ("second", "third")}
        issue = office.ready("Add it")
        office.work_until_quiet(20)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        [pull] = office.pulls()
        merged = office.api.put(f"/repos/{SLUG}/pulls/{pull['number']}/merge", json={})
        assert merged.status_code == 200
        office.monitor()
        assert office.state_of(issue) is State.DONE, office.told()


def test_what_only_a_person_can_do_is_asked_once(tmp_path: Path) -> None:
    def work(folder: Path, prompt: str) -> str:
        said = str(writes("x.txt", "x\n")(folder, prompt))
        return said + "MANUAL_STEPS:\n- Add the key SHOP_KEY to the repository's secrets\n"

    with an_office(tmp_path, agent=work) as office:
        issue = office.ready("Add it")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        asked = [text for text in office.comments(issue) if "SHOP_KEY" in text and "- [ ]" in text]
        assert len(asked) == 1
        told = [line for line in office.said if line.startswith("ALERT") and "SHOP_KEY" in line]
        assert len(told) == 1


def test_a_ticked_step_reaches_the_next_attempt(tmp_path: Path) -> None:
    prompts: list[str] = []
    steps = "MANUAL_STEPS:\n- Add the key SHOP_KEY\n- Order a domain\n"

    def asks(folder: Path, prompt: str) -> str:
        return "STATUS: partial\nBLOCKER_CODE: environment_failure\nSUMMARY: Half.\n" + steps

    def works(folder: Path, prompt: str) -> str:
        prompts.append(prompt)
        return str(writes("x.txt", "x\n")(folder, prompt))

    with an_office(tmp_path, agents={"first": asks, "second": works, "third": works}) as office:
        issue = office.ready("Add it")
        office.dispatch()

        def ticked(folder: Path, prompt: str) -> None:
            url = f"/repos/{SLUG}/issues"
            for comment in office.api.get(f"{url}/{issue}/comments").json():
                body = comment["body"].replace("- [ ] Add the key", "- [x] Add the key")
                office.api.patch(f"{url}/comments/{comment['id']}", json={"body": body})

        office.executor.scripts["second"] = ticked
        office.queue()
        office.queue()
        [prompt] = prompts
        assert "- [x] Add the key SHOP_KEY" in prompt and "- [ ] Order a domain" in prompt
        assert "aos:fx" not in prompt


def test_issues_that_wait_cost_one_request_for_all(tmp_path: Path) -> None:
    with an_office(tmp_path, repository={"trust": "author"}) as office:
        first = office.issue("Not ready")
        for number in range(6):
            office.ready(f"Wait {number}", f"Depends on #{first}", token="robot-token")
        before = office.world.read.door.requests_made
        office.dispatch()
        asked = office.world.read.door.requests_made - before
        # The board, the label, the issues, their dependencies, and the roles of two people.
        assert asked <= 6, asked
        assert office.told().count(f"waits for #{first}") == 6


class Interrupted:
    """A mailroom whose owner is held up after putting a task into the inbox."""

    def __init__(self, inner: Mailroom, meanwhile: Callable[[], object]) -> None:
        self._inner = inner
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def enqueue(self, task: Task, *, by: str) -> bool:
        made = self._inner.enqueue(task, by=by)
        self._meanwhile()
        return made


def test_a_worker_that_overtakes_the_dispatcher_keeps_its_work(tmp_path: Path) -> None:
    """The dispatcher's copy of the file is older than what the worker wrote since."""
    with an_office(tmp_path, agent=writes("x.txt", "x\n")) as office:
        issue = office.ready("Add x")
        usual = office.world
        slow = Interrupted(usual.mailroom, lambda: tick.told(a_worker(office), queue.story))
        office.world = replace(usual, mailroom=slow)  # type: ignore[arg-type]
        assert office.dispatch() == 0, office.told()
        office.world = usual
        task = office.task(issue)
        assert office.state_of(issue) is State.REVIEW
        assert task.state is State.REVIEW and len(task.attempts) == 1 and task.pull_request
        assert len(office.comments(issue)) == 1
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


def test_a_file_that_goes_while_the_dispatcher_works_is_no_fault_of_ours(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        office.ready("Add x")
        inbox = office.world.mailroom.folder(State.INBOX)

        def removes() -> None:
            for path in inbox.glob("*.md"):
                path.unlink()

        office.world = replace(
            office.world,
            mailroom=Interrupted(office.world.mailroom, removes),  # type: ignore[arg-type]
        )
        assert office.dispatch() == 0, office.told()


def test_a_second_file_is_set_aside_only_by_who_holds_the_task(tmp_path: Path) -> None:
    """Q3: who has it may at this moment bring the task itself to the name of the copy."""
    with an_office(tmp_path) as office:
        issue = office.ready("Add x")
        office.dispatch()
        task = office.task(issue)
        rooms = office.world.mailroom
        file = rooms.path(State.INBOX, task.task_id)
        copy = shutil.copy(file, rooms.folder(State.BLOCKED))
        holder = a_worker(office).locks.try_task(task.task_id)
        assert holder is not None
        with holder:
            reaper.put_right(office.world)
            assert file.exists() and Path(copy).exists()
        reaper.put_right(office.world)
        assert file.exists() != Path(copy).exists()
        assert len(list(rooms.folder(State.QUARANTINE).glob("*.md"))) == 1


def a_worker(office: Office) -> World:
    """The world of another process."""
    return replace(crash.fresh(office), script="queue")
