"""An issue with the label `epic` is split into issues, each made once, and closed with the last."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.records.order import AttemptReport
from orchestrator.records.task import State
from tests.support import hostile
from tests.support.crash import crash
from tests.support.office import CONFIG, SLUG, Office, an_office, says, writes

LIST = (
    "Weeks everywhere.\n\n- [ ] Read weeks\n- [x] Think\n"
    "- [ ] Show weeks @root fixes #9\n- [ ] #4\n"
)
ON: dict[str, Any] = {
    "planner_agents": ["thinker"],
    "agents": {**CONFIG["agents"], "thinker": {"command": ["thinker"], "sandbox": "none"}},
}
SPLIT = {
    "parts": [
        {"title": "Read weeks", "goal": "They are read.", "success_criteria": ["W03 is read."]},
        {"title": "Show weeks", "goal": "They are shown. <!-- x -->"},
        {"title": "Count weeks", "goal": "They are counted."},
    ]
}


def issues(office: Office) -> list[dict[str, Any]]:
    found = office.api.get(f"/repos/{SLUG}/issues?state=all&direction=asc").json()
    return [one for one in found if "pull_request" not in one]


def labels(one: dict[str, Any]) -> set[str]:
    return {label["name"] for label in one["labels"]}


def places(office: Office) -> dict[int, tuple[int | None, str | None]]:
    """Of each issue the number of its parent, and where its card lies."""
    document = """
        query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {
        issues(first: 50) { nodes { number parent { number } projectItems(first: 5) { nodes {
        fieldValueByName(name: "Status") { ... on ProjectV2ItemFieldSingleSelectValue { name } }
        } } } } } }"""
    owner, _, name = SLUG.partition("/")
    answer = office.api.query(document, owner=owner, name=name)
    found = {}
    for one in answer["data"]["repository"]["issues"]["nodes"]:
        cards = [card["fieldValueByName"]["name"] for card in one["projectItems"]["nodes"]]
        assert len(cards) < 2
        found[one["number"]] = (one["parent"] and one["parent"]["number"], *(cards or [None]))
    return found


def test_an_epic_that_lists_its_parts_is_split_by_its_list_and_closed_with_the_last(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path) as office:
        epic = office.ready("Weeks", LIST, labels=("epic", "prio:high"))
        office.work_until_quiet()
        first, second = issues(office)[1:]
        assert first["title"] == "Read weeks"
        assert "Part of #1." in first["body"] and "## Priority\n\nhigh" in first["body"]
        assert "@root" not in second["title"] + second["body"]
        assert "fixes #9" not in second["title"] + second["body"]
        assert not labels(first) and not labels(second), "a person sets them Ready"
        assert office.state_of(epic) is State.BLOCKED and office.executor.agent_runs == []
        assert (places(office)[2], places(office)[3]) == ((1, "Backlog"), (1, "Backlog"))
        said = "\n".join(office.comments(epic))
        assert "split into 2 issues; 0 of them are closed" in said and "- [ ] #2 Read weeks" in said
        office.close(2)
        office.pass_time(3700)
        office.work_until_quiet()
        assert "- [x] #2 Read weeks\n- [ ] #3" in "\n".join(office.comments(epic))
        assert issues(office)[0]["state"] == "open"
        office.close(3, "not_planned")
        office.pass_time(3700)
        office.work_until_quiet()
        assert office.state_of(epic) is State.DONE, office.told()
        assert issues(office)[0]["state"] == "closed" and len(issues(office)) == 3


def unseen(*numbers: int) -> Any:
    """A replica that does not know these issues yet, or one that has no repository at all."""

    def spoil(asked: Any, data: Any) -> list[dict[str, Any]]:
        if not numbers:
            data["repository"] = None
            return [hostile.hole(["repository"], "Could not resolve", "NOT_FOUND")]
        hidden = [f"i{number}" for number in numbers if f"i{number}" in data["repository"]]
        data["repository"] |= dict.fromkeys(hidden)
        return [hostile.hole(["repository", key], "No such number", "NOT_FOUND") for key in hidden]

    return hostile.with_holes(spoil, "IssueStates")


@pytest.mark.parametrize("hidden", [(2, 3), ()], ids=["its parts", "its repository"])
@pytest.mark.parametrize("by_rest", [200, 404, 410])
def test_a_part_that_github_does_not_show_yet_is_not_closed(
    tmp_path: Path, hidden: tuple[int, ...], by_rest: int
) -> None:
    """A7: it was made a moment ago, and a replica does not know it."""
    with an_office(tmp_path) as office:
        epic = office.ready("Weeks", LIST, labels=("epic",))
        office.dispatch()
        bad = hostile.between(office.github)
        bad.on("POST", "/graphql", unseen(*hidden), times=99)
        if by_rest != 200:
            bad.on("GET", "/issues/[23]$", hostile.answers(by_rest, "Not there"), times=99)
        office.queue()
        assert office.state_of(epic) is State.BLOCKED, office.told()
        assert ("GitHub does not show #2, #3" in office.task(epic).note) is (by_rest != 200)
        assert "split into 2 issues; 0 of them are closed" in "\n".join(office.comments(epic))
        bad.calm()
        office.pass_time(3700)
        office.work_until_quiet()
        assert (places(office)[2], places(office)[3]) == ((1, "Backlog"), (1, "Backlog"))
        assert office.task(epic).note == "2 of 2 parts are open"


@pytest.mark.parametrize(
    ("by_rest", "state"), [(200, State.BLOCKED), (403, State.BLOCKED), (404, State.DONE)]
)
def test_the_last_part_is_closed_or_gone_before_the_epic_is(
    tmp_path: Path, by_rest: int, state: State
) -> None:
    """A8: what is missing in an answer is asked for by itself, and a refusal is no "gone"."""
    with an_office(tmp_path) as office:
        epic = office.ready("Weeks", LIST, labels=("epic",))
        office.work_until_quiet()
        office.close(2)
        office.pass_time(3700)
        bad = hostile.between(office.github)
        bad.on("POST", "/graphql", unseen(3), times=99)
        if by_rest != 200:
            bad.on("GET", "/issues/3$", hostile.answers(by_rest, "Not there"), times=99)
        office.queue()
        assert office.state_of(epic) is state, office.told()
        assert (issues(office)[0]["state"] == "closed") is (state is State.DONE)


def test_trouble_now_and_then_is_not_five_tries_in_a_row(tmp_path: Path) -> None:
    """It looks every hour for weeks, and GitHub is away for a moment on some of the days."""
    with an_office(tmp_path) as office:
        epic = office.ready("Weeks", LIST, labels=("epic",))
        office.work_until_quiet()
        bad = hostile.between(office.github)
        for _ in range(6):
            office.pass_time(3700)
            bad.on("GET", rf"/repos/{SLUG}/issues/{epic}$", hostile.answers(502), times=3)
            office.queue()
            assert office.task(epic).tries == 1, office.told()
            office.pass_time(3700)
            office.queue()
            assert office.state_of(epic) is State.BLOCKED and office.task(epic).tries == 0


def test_a_list_whose_answer_was_lost_is_brought_up_to_date_when_it_is_found(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path) as office:
        epic = office.ready("Weeks", LIST, labels=("epic",))
        office.dispatch()
        bad = hostile.between(office.github)
        bad.on("POST", r"/issues/1/comments$", hostile.applied_then_cut)
        office.queue()
        assert bad.rules[0].left == 0, office.told()
        office.close(2)
        for _ in range(2):
            office.pass_time(3700)
            office.work_until_quiet()
        [said] = [one for one in office.comments(epic) if "split into" in one]
        assert "1 of them" in said and "- [x] #2" in said
        edits = bad.count("PATCH", r"/issues/comments/\d+$")
        office.pass_time(3700)
        office.work_until_quiet()
        assert bad.count("PATCH", r"/issues/comments/\d+$") == edits, "an unchanged text"


def test_a_model_splits_an_epic_that_lists_nothing(tmp_path: Path) -> None:
    def thinker(folder: Path, prompt: str) -> AttemptReport:
        return AttemptReport(exit_code=0, seconds=1, output_tail=json.dumps(SPLIT))

    more = {**ON, "epic_parts_ready": True}
    with an_office(tmp_path, agents={"thinker": thinker}, config=more) as office:
        office.ready("Weeks", "Everywhere.", labels=("epic",))
        office.dispatch()
        office.queue()
        found = issues(office)[1:]
        assert [one["title"] for one in found] == ["Read weeks", "Show weeks", "Count weeks"]
        assert "## Success Criteria\n\n- W03 is read." in found[0]["body"]
        assert "<!-- x -->" not in found[1]["body"] and "A program split it off" in found[1]["body"]
        assert all("ready" in labels(one) for one in found), "the config asks for it"
        assert {places(office)[one["number"]] for one in found} == {(1, "Ready")}


def test_an_outage_after_the_split_loses_no_part_and_asks_no_model_again(tmp_path: Path) -> None:
    said = [json.dumps(SPLIT), json.dumps({"parts": SPLIT["parts"][:2]})]

    def thinker(folder: Path, prompt: str) -> AttemptReport:
        return AttemptReport(exit_code=0, seconds=1, output_tail=said.pop(0))

    with an_office(tmp_path, agents={"thinker": thinker}, config=ON) as office:
        epic = office.ready("Weeks", "Everywhere.", labels=("epic",))
        office.dispatch()
        bad = hostile.between(office.github)
        bad.on("POST", r"/graphql$", hostile.answers(502), times=20)
        office.queue()
        bad.calm()
        assert [part.issue for part in office.task(epic).parts] == [2, 3, 4], office.told()
        shutil.rmtree(office.world.paths.cache)  # in which the model's answer lay
        office.pass_time(3700)
        office.queue()
        assert office.state_of(epic) is State.BLOCKED, office.told()
        assert len(issues(office)) == 4 and len(said) == 1


def test_what_github_refuses_or_a_person_undoes_is_left_at_that(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        epic = office.ready("Weeks", LIST, labels=("epic",))
        office.work_until_quiet()
        task = office.task(epic)
        log = office.world.effects.path(task.task_id)
        lines = log.read_bytes().splitlines(keepends=True)
        log.write_bytes(b"".join(line for line in lines if b":part-link:2" not in line))
        board = office.world.config.boards[0]
        entries = office.world.read.board(board.owner, board.number, board.status_field).entries
        card = next(entry.item.id for entry in entries if entry.number == 3)
        project = office.world.read.board(board.owner, board.number, board.status_field).board.id
        office.api.query(
            "mutation($p: ID!, $i: ID!) { deleteProjectV2Item(input: {projectId: $p, itemId: $i})"
            " { deletedItemId } }", p=project, i=card,
        )  # fmt: skip
        office.pass_time(3700)
        office.work_until_quiet()
        assert "belongs to its epic by its text alone: GitHub refused" in office.told()
        assert office.state_of(epic) is State.BLOCKED
        assert places(office) == {1: places(office)[1], 2: (1, "Backlog"), 3: (1, None)}


@pytest.mark.parametrize(
    "answer", ['{"parts": []}', json.dumps({"parts": SPLIT["parts"] * 4}), "I would not."]
)
def test_an_epic_that_cannot_be_split_is_a_persons(tmp_path: Path, answer: str) -> None:
    def thinker(folder: Path, prompt: str) -> AttemptReport:
        return AttemptReport(exit_code=0, seconds=1, output_tail=answer)

    with an_office(tmp_path, agents={"thinker": thinker}, config=ON) as office:
        epic = office.ready("Weeks", "Everywhere.", labels=("epic",))
        office.work_until_quiet()
        assert office.state_of(epic) is State.ESCALATED and len(issues(office)) == 1
        assert "could not be split" in "\n".join(office.comments(epic))


def test_an_epic_whose_label_is_taken_off_is_worked_on(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=writes("weeks.txt", "W03\n")) as office:
        issue = office.ready("Weeks", "Everywhere.", labels=("epic",))
        office.work_until_quiet()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        office.api.delete(f"/repos/{SLUG}/issues/{issue}/labels/epic")
        office.pass_time(60)
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


def test_a_task_that_becomes_an_epic_is_split(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=says(None), config={"default_max_attempts": 1}) as office:
        issue = office.ready("Weeks", LIST)
        office.work_until_quiet()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        runs = len(office.executor.agent_runs)
        office.pass_time(60)
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["epic", "ready"]})
        office.work_until_quiet(3)
        assert len(office.executor.agent_runs) == runs, office.told()
        assert len(issues(office)) == 3


def closed(office: Office) -> None:
    office.close(1, "not_planned")


def moved_to(state: State) -> Callable[[Office], None]:
    def move(office: Office) -> None:
        room = office.world.mailroom
        [path] = room.folder(State.PROCESSING).glob("*.md")
        path.rename(room.folder(state) / path.name)

    return move


@pytest.mark.parametrize(
    ("deed", "where"),
    [
        (closed, State.CANCELLED),
        (moved_to(State.CANCELLED), State.CANCELLED),
        (moved_to(State.BLOCKED), State.BLOCKED),
    ],
    ids=["closed", "taken away", "parked"],
)
def test_an_epic_that_a_person_ends_while_it_is_split_makes_no_issues(
    tmp_path: Path, deed: Callable[[Office], None], where: State
) -> None:
    there: list[Office] = []

    def thinker(folder: Path, prompt: str) -> AttemptReport:
        deed(there[0])
        return AttemptReport(exit_code=0, seconds=1, output_tail=json.dumps(SPLIT))

    more = {**ON, "epic_parts_ready": True}
    with an_office(tmp_path, agents={"thinker": thinker}, config=more) as office:
        there.append(office)
        epic = office.ready("Weeks", "Everywhere.", labels=("epic",))
        office.dispatch()
        for _ in range(2):
            office.queue()
            office.pass_time(60)
        assert office.state_of(epic) is where, office.told()
        assert len(issues(office)) == 1


def test_without_the_label_nothing_is_split(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Weeks", LIST)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE and len(issues(office)) == 1


# The first and the last step of the split; those before are every task's.
FIRST, LAST = 10, 34


@pytest.mark.parametrize("at", range(FIRST, LAST + 1))
def test_a_killed_process_makes_no_part_twice_and_forgets_none(tmp_path: Path, at: int) -> None:
    with an_office(tmp_path) as office:
        epic = office.ready("Weeks", LIST, labels=("epic",))
        crash(office, at, lambda one: one.work_until_quiet(2))
        office.pass_time(200)
        office.work_until_quiet(6)
        office.pass_time(200)
        office.work_until_quiet(6)
        told = [one["title"] for one in issues(office)]
        assert told[1] == "Read weeks" and len(told) == 3, office.told()
        assert office.state_of(epic) is State.BLOCKED, office.told()
        assert sum("was split into" in one for one in office.comments(epic)) == 1
        assert (places(office)[2], places(office)[3]) == ((1, "Backlog"), (1, "Backlog"))
