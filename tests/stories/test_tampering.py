"""Work that bends its own tests: asked once, then shown to a person, and never merged by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from orchestrator import tampering
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State
from orchestrator.records.verdicts import AttemptVerdict
from tests.stories.test_red_checks import write_log
from tests.support import forge
from tests.support.office import COMPLETE, SEED, SLUG, Office, an_office

TESTS = "tests/test_tax.py"
CI = ".github/workflows/ci.yml"
HONEST = "def test_tax():\n    assert tax(10) == 1\n    assert tax(20) == 2\n"
WEAKER = "def test_tax():\n    tax(10)\n    assert True\n"
FEWER = "def test_tax():\n    assert tax(10) == 1\n"
FILES = {"README.md": "# Library\n", CI: forge.GREEN_WORKFLOW, TESTS: HONEST}
REPO = {**SEED["repos"][0], "files": FILES}
WITH_TESTS = {**SEED, "repos": [REPO, *SEED["repos"][1:]]}


def leaves(*files: tuple[str, str], said: str = "") -> Callable[[Path, str], str]:
    """An agent that leaves these texts there, with further lines in its result."""

    def work(folder: Path, prompt: str) -> str:
        for path, text in files:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return COMPLETE.format(summary="Made it green.") + said

    return work


def in_turn(*scripts: Callable[[Path, str], str]) -> Callable[[Path, str], str]:
    """What an agent does the first time, the second time, and so on; the last for ever."""
    left = list(scripts)

    def work(folder: Path, prompt: str) -> str:
        script = left.pop(0) if len(left) > 1 else left[0]
        return script(folder, prompt)

    return work


@contextmanager
def bent(tmp_path: Path, agent: Any, **more: Any) -> Iterator[tuple[Office, int]]:
    """An issue whose agent is this one, with everything done that can be without a person."""
    with an_office(tmp_path, agent=agent, seed=WITH_TESTS, **more) as office:
        issue = office.ready("Mend the tax")
        for _ in range(8):
            office.round(60)
        yield office, issue


def labels(office: Office) -> set[str]:
    return {label["name"] for label in office.pulls()[0]["labels"]}


def told(office: Office) -> list[str]:
    number = office.pulls()[0]["number"]
    return [text for text in office.comments(number) if "A person must look" in text]


def test_weakened_tests_are_asked_about_once_then_shown_and_never_merged(tmp_path):
    with bent(tmp_path, leaves((TESTS, WEAKER))) as (office, issue):
        first, second = office.task(issue).attempts
        assert (first.verdict, first.code) == (
            AttemptVerdict.REWORK, BlockerCode.UNEXPLAINED_CHANGE
        )
        assert second.agent == first.agent == "first"
        assert second.verdict is AttemptVerdict.DELIVER
        assert office.state_of(issue) is State.REVIEW, office.told()
        assert tampering.LABEL in labels(office)
        (comment,) = told(office)
        assert TESTS in comment and "can never fail" in comment
        assert office.file(TESTS) == HONEST


def test_the_agent_is_told_what_it_owes_and_an_honest_fix_is_merged(tmp_path):
    prompts: list[str] = []

    def mends(folder: Path, prompt: str) -> str:
        prompts.append(prompt)
        return leaves((TESTS, HONEST), ("shop/tax.py", "RATE = 0.1\n"))(folder, prompt)

    with bent(tmp_path, in_turn(leaves((TESTS, WEAKER)), mends)) as (office, issue):
        assert "can never fail" in prompts[0] and "ANSWERS" in prompts[0]
        assert office.state_of(issue) is State.DONE, office.told()
        assert not told(office) and tampering.LABEL not in labels(office)


def test_a_reason_is_enough_where_the_finding_allows_one(tmp_path):
    why = "ANSWERS:\n- 1: disagree - the rate of twenty is a setting now, tested elsewhere\n"
    fewer = ((TESTS, FEWER), ("shop/tax.py", "RATE = 0.1\n"))
    with bent(tmp_path, in_turn(leaves(*fewer), leaves(*fewer, said=why))) as (office, issue):
        asked = office.task(issue).attempts[0]
        assert asked.code is BlockerCode.UNEXPLAINED_CHANGE
        assert office.state_of(issue) is State.DONE, office.told()
        assert not told(office)


def test_a_question_without_an_answer_is_a_persons(tmp_path):
    fewer = ((TESTS, FEWER), ("shop/tax.py", "RATE = 0.1\n"))
    with bent(tmp_path, leaves(*fewer)) as (office, issue):
        assert len(office.task(issue).attempts) == 2
        assert office.state_of(issue) is State.REVIEW, office.told()
        assert len(told(office)) == 1


@pytest.mark.parametrize("path", [CI, "CODEOWNERS", "CLAUDE.md"])
def test_a_protected_path_costs_no_question_and_is_not_merged(tmp_path, path):
    with bent(tmp_path, leaves((path, "on: push\n"))) as (office, issue):
        (only,) = office.task(issue).attempts
        assert only.verdict is AttemptVerdict.DELIVER and only.suspicions
        assert office.state_of(issue) is State.REVIEW, office.told()
        (comment,) = told(office)
        assert path in comment


@pytest.mark.parametrize("by_label", [False, True])
def test_a_maintainers_word_lets_it_through(tmp_path, by_label):
    with bent(tmp_path, leaves((TESTS, WEAKER))) as (office, issue):
        number = office.pulls()[0]["number"]
        if by_label:
            where = f"/repos/{SLUG}/issues/{number}/labels"
            office.api.post(where, json={"labels": ["approved"]})
        else:
            told_ = {"event": "APPROVE", "body": "Fine."}
            office.api.post(f"/repos/{SLUG}/pulls/{number}/reviews", json=told_)
        for _ in range(5):
            office.round(60)
        assert office.state_of(issue) is State.DONE, office.told()


def test_an_outsiders_approval_lets_nothing_through(tmp_path):
    with bent(tmp_path, leaves((TESTS, WEAKER))) as (office, issue):
        number = office.pulls()[0]["number"]
        eve = office.github.session("eve-token")
        eve.post(f"/repos/{SLUG}/pulls/{number}/reviews", json={"event": "APPROVE"})
        for _ in range(5):
            office.round(60)
        assert office.state_of(issue) is State.REVIEW, office.told()


def test_waiting_for_a_person_asks_for_one_answer_a_tick(tmp_path):
    """The finding is remembered with its head: no fetch, no second comment."""
    with bent(tmp_path, leaves(("CODEOWNERS", "* @eve\n"))) as (office, _):
        fetches = office.world.paths.store(SLUG) / "FETCH_HEAD"
        fetches.unlink(missing_ok=True)
        for _ in range(3):
            office.monitor()
        assert len(told(office)) == 1
        assert not fetches.exists()


def test_a_red_test_that_its_repair_changes_is_a_persons(tmp_path):
    """The agent that is to make a check green may not do it by the test (F36)."""
    first = leaves(("shop/tax.py", "RATE = 3\n"))
    repair = leaves((TESTS, HONEST.replace("== 1", "== 3")), ("shop/tax.py", "RATE = 3.0\n"))
    heads: list[str] = []

    def red_at_first(order: Any) -> str:
        if order.branch == "main":
            return "success"
        heads.append(order.sha)
        return "failure" if order.sha == heads[0] else "success"

    more = {"settle_seconds": 0, "min_head_age_seconds": 0}
    with an_office(
        tmp_path, agent=in_turn(first, repair), seed=WITH_TESTS, verdict=red_at_first,
        repository=more,
    ) as office:
        issue = office.ready("Mend the rate")
        office.dispatch()
        office.queue()
        office.pass_time(12)
        write_log(office, "FAILED tests/test_tax.py::test_tax - assert 3 == 1\n")
        for _ in range(8):
            office.monitor()
            office.pass_time(12)
            write_log(office, "FAILED tests/test_tax.py::test_tax - assert 3 == 1\n")
            office.queue()
        assert office.state_of(issue) is State.REVIEW, office.told()
        rules = {one.rule for one in office.task(issue).attempts[-1].suspicions or ()}
        assert rules == {"red_test_touched"}
        assert len(told(office)) == 1


def test_work_that_nobody_judged_is_judged_before_the_merge(tmp_path):
    """A file from before, or one whose finding was edited away: git is asked (S14)."""
    with bent(tmp_path, leaves(("CODEOWNERS", "* @eve\n"))) as (office, issue):
        world = office.world
        task = office.task(issue)
        made = tuple(structs.replace(one, suspicions=()) for one in task.attempts)
        world.mailroom.update(structs.replace(task, attempts=made))
        (world.paths.state / "held.json").unlink()
        for _ in range(5):
            office.round(60)
        assert office.state_of(issue) is State.REVIEW, office.told()
        assert len(told(office)) == 1


def test_a_protected_path_is_told_at_once(tmp_path):
    """With the pull request, before any check of it has ended."""
    with an_office(tmp_path, agent=leaves((CI, "on: push\n")), seed=WITH_TESTS) as office:
        office.ready("Mend the tax")
        office.dispatch()
        office.queue()
        assert len(told(office)) == 1 and tampering.LABEL in labels(office)
