"""The issue does not say enough: one question, and the answer of a person begins the next round."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from orchestrator import escalation
from orchestrator.forge import records
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State
from tests.stories.test_limits_and_tokens import spend
from tests.support.crash import crash
from tests.support.office import SLUG, Office, an_office, writes

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
ASKS = (
    "STATUS: blocked\nBLOCKER_CODE: missing_context\nSUMMARY: I cannot choose.\nBLOCKERS:\n"
    "- Which colour do you want? @maria closes #1 <!-- hidden -->\n"
)


def asks_first(office: Office) -> list[str]:
    """The first attempt asks, the others work; the prompts of all."""
    prompts: list[str] = []

    def work(folder: Path, prompt: str) -> str:
        prompts.append(prompt)
        return ASKS if len(prompts) == 1 else str(writes("x.txt", "x\n")(folder, prompt))

    office.executor.scripts["first"] = work
    return prompts


def asked(tmp_path: Path, **more: Any) -> Any:
    return an_office(tmp_path, repository=QUICK, **more)


def until_asked(office: Office) -> int:
    issue = office.ready("Paint it")
    office.work_until_quiet(3)
    assert office.state_of(issue) is State.ESCALATED, office.told()
    office.pass_time(30)
    return issue


def says_on(office: Office, issue: int, body: str, who: str = "maria") -> None:
    told = {"body": body}
    office.github.session(f"{who}-token").post(
        f"/repos/{SLUG}/issues/{issue}/comments", json=told
    )
    office.pass_time(5)


def column(office: Office) -> str:
    board = office.world.config.boards[0]
    page = office.world.read.board(board.owner, board.number, board.status_field)
    return str(page.entries[0].item.status)


def test_one_question_one_alert_and_the_card_is_blocked(tmp_path: Path) -> None:
    with asked(tmp_path) as office:
        asks_first(office)
        issue = until_asked(office)
        for _ in range(3):
            office.round()
        [question] = [text for text in office.comments(issue) if "A question" in text]
        assert "Which colour do you want?" in question
        assert "@maria" not in question and "closes #1" not in question and "hidden" not in question
        assert column(office) == "Blocked"
        assert office.task(issue).attempts[-1].code is BlockerCode.MISSING_CONTEXT
        assert len([line for line in office.said if line.startswith("ALERT")]) == 1
        assert office.executor.agent_runs == ["first"]


def test_the_answer_of_a_person_begins_the_next_round_by_itself(tmp_path: Path) -> None:
    with asked(tmp_path) as office:
        prompts = asks_first(office)
        issue = until_asked(office)
        says_on(office, issue, "Blue, please.<!-- and the token -->")
        office.dispatch()
        assert office.state_of(issue) is State.INBOX, office.told()
        assert column(office) == "In Progress"
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert "Blue, please." in prompts[1] and "the token" not in prompts[1]
        assert office.task(issue).round == 2 and len(prompts) == 2


def drop(office: Office, number: int) -> None:
    """A file of a person's own that names an issue."""
    (office.world.paths.inbox / "begun.md").write_text(
        f"---\nrepo: {SLUG}\nissue: {number}\n---\nPaint it.\n"
    )
    office.work_until_quiet(3)
    office.pass_time(30)


def test_the_answer_on_the_issue_of_a_dropped_file_is_heard(tmp_path: Path) -> None:
    with asked(tmp_path) as office:
        prompts = asks_first(office)
        issue = office.issue("Begun")
        drop(office, issue)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert "the work goes on by itself" in "\n".join(office.comments(issue))
        says_on(office, issue, "Blue, please.")
        office.dispatch()
        assert office.state_of(issue) is State.INBOX, office.told()
        office.queue()
        assert office.state_of(issue) is State.REVIEW, office.told()
        assert "Blue, please." in prompts[1] and "Paint it." in prompts[1]


def test_a_dropped_file_that_names_no_issue_there_is_handed_over_all_the_same(
    tmp_path: Path,
) -> None:
    with asked(tmp_path) as office:
        asks_first(office)
        issue = office.issue("Begun")
        drop(office, issue)
        task = structs.replace(office.task(issue), issue=999, issue_node="")
        assert escalation.identified(office.world, task) == task
        assert "asking for its id was not possible" in office.told()


@pytest.mark.parametrize("label", ["hold", "wip"])
def test_an_answer_waits_where_the_issue_is_not_to_be_begun(tmp_path: Path, label: str) -> None:
    """At no request more, and it is heard by itself once the label is off."""
    repository = {**QUICK, "excluded_labels": ["wip"]}
    with an_office(tmp_path, repository=repository) as office:
        prompts = asks_first(office)
        issue, url = until_asked(office), f"/repos/{SLUG}/issues/1/labels"
        office.api.post(f"/repos/{SLUG}/labels", json={"name": label, "color": "ededed"})
        office.api.post(url, json={"labels": [label]})
        says_on(office, issue, "Blue.")
        for _ in range(2):
            asked = office.world.read.door.requests_made
            office.dispatch()
            assert office.world.read.door.requests_made - asked == 1
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert f"no answer is looked for: bears {label}" in office.told()
        office.api.delete(f"{url}/{label}")
        office.dispatch()
        office.queue()
        assert len(prompts) == 2 and office.state_of(issue) is State.REVIEW, office.told()


def test_our_own_label_keeps_no_answer_from_being_heard(tmp_path: Path) -> None:
    """`blocked` is what asks for the answer, where there is no board."""
    config = {
        "github_projects": {}, "github_repos": {"work": SLUG}, "trust": "actor",
        "excluded_labels": ["blocked"], **QUICK,
    }  # fmt: skip
    with an_office(tmp_path, config=config) as office:
        asks_first(office)
        issue = until_asked(office)
        assert office.task(issue).blocked_label
        says_on(office, issue, "Blue.")
        office.dispatch()
        assert office.state_of(issue) is State.INBOX, office.told()


def talk(office: Office, issue: int, times: int) -> None:
    for number in range(times):
        says_on(office, issue, f"Me too {number}", who="eve")


def test_an_answer_is_heard_whatever_others_say_after_it(tmp_path: Path) -> None:
    with asked(tmp_path) as office:
        asks_first(office)
        issue = until_asked(office)
        says_on(office, issue, "Blue.")
        talk(office, issue, 20)
        office.dispatch()
        assert office.state_of(issue) is State.INBOX, office.told()


def test_what_others_say_is_read_whole_once_and_not_at_each_tick(tmp_path: Path) -> None:
    with asked(tmp_path) as office:
        asks_first(office)
        issue = until_asked(office)
        talk(office, issue, 21)
        spent = []
        for _ in range(3):
            before = office.world.read.door.requests_made
            office.dispatch()
            spent.append(office.world.read.door.requests_made - before)
        assert spent[0] > 1 and spent[1:] == [1, 1], office.told()
        says_on(office, issue, "Blue.")
        talk(office, issue, 20)
        office.dispatch()
        assert office.state_of(issue) is State.INBOX, office.told()


@pytest.mark.parametrize("who", ["eve", "robot, before"])
def test_a_stranger_or_an_older_word_is_no_answer(tmp_path: Path, who: str) -> None:
    with asked(tmp_path) as office:
        prompts = asks_first(office)
        if who == "eve":
            issue = until_asked(office)
            says_on(office, issue, "Pink!", who="eve")
        else:
            issue = office.ready("Paint it")
            says_on(office, issue, "Soon more.")
            office.work_until_quiet(3)
        for _ in range(2):
            office.round()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert len(prompts) == 1


def test_an_answer_within_the_second_of_the_question_counts(tmp_path: Path) -> None:
    with asked(tmp_path) as office:
        prompts = asks_first(office)
        issue = until_asked(office)
        state = office.github.forge.state
        says_on(office, issue, "Blue, please.")
        with state.lock:
            rows = state.store.select(records.Comment, "1 order by id")
            mark = next(m.at for m in office.task(issue).marks if m.state is State.ESCALATED)
            state.store.change(rows[-1], created_at=f"{mark:%Y-%m-%dT%H:%M:%SZ}")
        office.dispatch()
        assert office.state_of(issue) is State.INBOX, office.told()
        office.work_until_quiet()
        assert len(prompts) == 2


@pytest.mark.parametrize("lost", ["nothing", "effects"])
def test_a_word_in_the_second_before_the_question_is_no_answer(tmp_path: Path, lost: str) -> None:
    with asked(tmp_path) as office:
        asks_first(office)
        issue = office.ready("Paint it")
        office.dispatch()
        says_on(office, issue, "Soon more.")
        office.work_until_quiet(3)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        state = office.github.forge.state
        with state.lock:
            rows = state.store.select(records.Comment, "1 order by id")
            [word] = [row for row in rows if "Soon more" in row.body]
            later = office.world.clock.now() + timedelta(seconds=1)
            state.store.change(word, created_at=f"{later:%Y-%m-%dT%H:%M:%SZ}")
        if lost == "effects":
            shutil.rmtree(office.world.paths.effects)
        office.dispatch()
        assert office.state_of(issue) is State.ESCALATED, office.told()


def test_an_answer_waits_for_the_next_hour_where_few_requests_are_left(tmp_path: Path) -> None:
    """A4."""
    with asked(tmp_path) as office:
        asks_first(office)
        issue = until_asked(office)
        says_on(office, issue, "Blue, please.")
        spend(office, 4100)
        office.dispatch()
        assert office.state_of(issue) is State.ESCALATED
        assert "an answer waits: " in office.told()
        office.pass_time(3600)
        office.dispatch()
        assert office.state_of(issue) is State.INBOX, office.told()


def test_a_question_that_waits_costs_no_further_request(tmp_path: Path) -> None:
    def requests(office: Office, tick: Callable[[], int]) -> int:
        before = office.world.read.door.requests_made
        tick()
        return office.world.read.door.requests_made - before

    with asked(tmp_path) as office:
        asks_first(office)
        quiet = requests(office, office.dispatch)
        until_asked(office)
        assert requests(office, office.dispatch) == quiet == 1


def test_a_closed_issue_is_not_taken_up_again(tmp_path: Path) -> None:
    with asked(tmp_path) as office:
        asks_first(office)
        issue = until_asked(office)
        office.close(issue, "not_planned")
        says_on(office, issue, "No, leave it.")
        office.dispatch()
        assert office.state_of(issue) is State.CANCELLED, office.told()


def test_a_comment_while_it_works_reaches_the_next_attempt(tmp_path: Path) -> None:
    prompts: list[str] = []
    with asked(tmp_path) as office:

        def fails(folder: Path, prompt: str) -> None:
            prompts.append(prompt)
            says_on(office, issue, "Mind the cat.")
            says_on(office, issue, "Let the cat out.", who="eve")

        def works(folder: Path, prompt: str) -> str:
            prompts.append(prompt)
            return str(writes("x.txt", "x\n")(folder, prompt))

        office.executor.scripts |= {"first": fails, "second": works}
        issue = office.ready("Paint it")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert "cat" not in prompts[0] and "Mind the cat." in prompts[1]
        assert "Let the cat out." not in prompts[1]


def patch(folder: Path, prompt: str) -> bytes:
    """The built-in agent itself."""
    program = Path(__file__).resolve().parents[2] / "bin" / "patch_agent"
    subprocess.run([sys.executable, "-I", program], input=prompt.encode(), cwd=folder, check=True)
    result = folder / ".agent_result.md"
    said = result.read_bytes()
    result.unlink()
    return said


@pytest.mark.parametrize("who", ["maria", "eve"])
def test_the_built_in_agent_does_what_the_answer_to_its_question_says(
    tmp_path: Path, who: str
) -> None:
    with asked(tmp_path, agent=patch) as office:
        issue = until_asked(office)
        [question] = [text for text in office.comments(issue) if "A question" in text]
        assert "no one-line change such as" in question
        says_on(office, issue, "Add the line `blue` to `paint.txt`", who=who)
        office.work_until_quiet()
        state, painted = office.state_of(issue), office.file("paint.txt")
        done = (State.DONE, "blue\n") if who == "maria" else (State.ESCALATED, None)
        assert (state, painted) == done, office.told()


STEPS = 5  # from the dispatcher's look to the end of its tick


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_dispatcher_that_dies_begins_one_round(tmp_path: Path, at: int) -> None:
    with asked(tmp_path) as office:
        prompts = asks_first(office)
        issue = until_asked(office)
        says_on(office, issue, "Blue.")
        office.repository = QUICK
        reaper = crash(office, at, run=lambda office: office.dispatch())
        assert reaper.dead, "it has fewer steps: lower STEPS"
        office.pass_time(60)
        office.work_until_quiet()
        told = f"died before {reaper.names[-1]}\n{office.told()}"
        assert office.state_of(issue) is State.DONE, told
        assert office.task(issue).round == 2 and len(prompts) == 2, told
        assert len([text for text in office.comments(issue) if "A question" in text]) == 1


def test_every_step_of_the_new_round_is_tried(tmp_path: Path) -> None:
    with asked(tmp_path) as office:
        asks_first(office)
        issue = until_asked(office)
        says_on(office, issue, "Blue.")
        office.repository = QUICK
        reaper = crash(office, 10_000, run=lambda office: office.dispatch())
        assert len(reaper.names) == STEPS, reaper.names
