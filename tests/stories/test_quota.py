"""Agents that are refused by their providers: they rest, the others work, nobody storms."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator import alerts, hands, reaper
from orchestrator.cooling import of
from orchestrator.records.order import AttemptReport
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.whereabouts import trail
from tests.stories.test_sloppy_issues import Thinker
from tests.support import forge, hostile
from tests.support.crash import fresh
from tests.support.office import SLUG, AgentScript, Office, an_office, says, writes

LIMIT = "You've hit your session limit \u00b7 resets 11:30am (UTC)"  # the clock says 9:00
VAGUE = "API Error: Request rejected (429). Please try again later."
QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}


def refused(words: str = LIMIT, *, path: str = "") -> AgentScript:
    """Ends as a program does whose provider says no; `path` is what it wrote before."""

    def work(folder: Path, prompt: str) -> AttemptReport:
        if path:
            (folder / path).write_text("half\n")
        return AttemptReport(exit_code=1, seconds=2, output_tail=f"Working...\n\n{words}\n")

    return work


def everybody(script: AgentScript) -> dict[str, AgentScript]:
    return dict.fromkeys(("first", "second", "third"), script)


def later(office: Office, hours: float) -> None:
    """Time passes at once: nothing of the forge is due."""
    hand = office.github.clock
    assert hand is not None
    hand.advance(hours * 3600)


def test_the_next_agent_takes_over_and_it_costs_no_attempt(tmp_path: Path) -> None:
    agents = {"first": refused(), "second": writes("x.txt", "x\n")}
    once = {"default_max_attempts": 1}
    with an_office(tmp_path, agents=agents, repository=QUICK, config=once) as office:
        issue = office.ready("Add it")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        made = office.task(issue).attempts
        assert [(a.agent, a.code) for a in made] == [
            ("first", BlockerCode.QUOTA_LIMITED), ("second", BlockerCode.NONE),
        ]
        assert "first skipped: cooling down until 11:30" in office.told()


def test_one_refusal_is_known_to_every_task_and_every_process(tmp_path: Path) -> None:
    agents = {"first": refused(), "second": writes("x.txt", "x\n")}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        for number in range(4):
            office.ready(f"Add {number}")
            office.dispatch()
            office.world = fresh(office)
            office.queue()
        assert office.executor.agent_runs.count("first") == 1, office.told()


def test_when_all_rest_it_waits_without_a_word_and_goes_on_by_itself(tmp_path: Path) -> None:
    with an_office(tmp_path, agents=everybody(refused()), repository=QUICK) as office:
        issue = office.ready("Add it")
        office.work_until_quiet()
        task = office.task(issue)
        assert office.state_of(issue) is State.BLOCKED, office.told()
        assert task.not_before is not None and f"{task.not_before:%H:%M}" == "11:30"
        [status] = office.comments(issue)
        assert "needs a person" not in status
        assert office.executor.agent_runs == ["first", "second", "third"]
        for _ in range(5):
            office.round()
        assert len(office.executor.agent_runs) == 3
        office.executor.scripts["first"] = writes("x.txt", "x\n")
        later(office, 2.6)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs[3:] == ["first"]


def test_many_tasks_that_wait_cost_one_failed_start_for_each_agent_and_window(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path, agents=everybody(refused()), repository=QUICK) as office:
        issues = [office.ready(f"Add {number}") for number in range(8)]
        for _ in range(3):
            office.round()
        runs = office.executor.agent_runs
        assert sorted(runs) == ["first", "second", "third"], office.told()
        assert {office.state_of(issue) for issue in issues} == {State.BLOCKED}
        # The window ends, and they are still refused: once more each, and not eight times.
        later(office, 2.6)
        for _ in range(3):
            office.round()
        assert sorted(runs[3:]) == [], runs
        assert sorted(office.executor.agent_runs[3:]) == ["first", "second", "third"]


def test_without_a_word_of_when_the_rests_grow_and_a_person_is_told_once(tmp_path: Path) -> None:
    with an_office(tmp_path, agents=everybody(refused(VAGUE)), repository=QUICK) as office:
        issue = office.ready("Add it")
        waits = []
        for _ in range(5):
            office.work_until_quiet(2)
            until = of(office.world).until("first")
            assert until is not None and office.state_of(issue) is State.BLOCKED, office.told()
            waits.append(round((until - office.world.clock.now()).total_seconds() / 3600, 1))
            later(office, waits[-1] + 0.1)
        assert waits == sorted(waits) and waits[0] <= 0.3 and waits[-1] >= 4.5, waits
        told = [line for line in office.said if line.startswith("ALERT first was refused")]
        assert len(told) == 1, office.told()
        assert len(office.comments(issue)) == 1


def test_refusals_in_a_row_are_one_entry_that_says_how_many_and_since_when(
    tmp_path: Path,
) -> None:
    seen: list[str] = []

    def at_last(folder: Path, prompt: str) -> str:
        seen.append(prompt)
        return str(writes("x.txt", "x\n")(folder, prompt))

    with an_office(tmp_path, agents=everybody(refused(VAGUE)), repository=QUICK) as office:
        issue = office.ready("Add it")
        for _ in range(3):
            office.work_until_quiet(3)
            later(office, 6)
        task = office.task(issue)
        assert [(a.agent, a.times) for a in task.attempts] == [
            ("first", 3), ("second", 3), ("third", 3),
        ]
        assert task.runs == 9
        made = office.world.paths.attempts / task.task_id
        assert {folder.name for folder in made.iterdir()} == set("123456789")
        tried = trail.tries(task)
        assert [(one.n, one.times) for one in tried] == [(7, 3), (8, 3), (9, 3)]
        office.executor.scripts["first"] = at_last
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert ", refused 3 times since " in seen[0]
        assert office.task(issue).attempts[-1].n == 10
        assert "attempt 7 by first: refused 3 times since 2026-" in office.comments(issue)[0]


def test_a_refusal_in_the_middle_of_the_work_keeps_it_and_counts(tmp_path: Path) -> None:
    seen: list[str] = []

    def goes_on(folder: Path, prompt: str) -> str:
        seen.append((folder / "half.txt").read_text())
        return str(writes("x.txt", "x\n")(folder, prompt))

    agents: dict[str, Any] = {"first": refused(path="half.txt"), "second": goes_on}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        issue = office.ready("Add it")
        office.work_until_quiet()
        assert seen == ["half\n"] and office.state_of(issue) is State.DONE, office.told()


def test_the_only_agent_is_waited_for_when_its_quota_ends_in_the_middle(tmp_path: Path) -> None:
    """It has made half of it, and goes on with that when it is served again."""
    alone = {"agent_fallbacks": {"implementation": ["first"]}}
    agent = refused(path="half.txt")
    with an_office(tmp_path, agent=agent, repository=QUICK, config=alone) as office:
        issue = office.ready("Add it")
        office.work_until_quiet(3)
        task = office.task(issue)
        assert office.state_of(issue) is State.BLOCKED, office.told()
        assert task.not_before is not None and f"{task.not_before:%H:%M}" == "11:30"
        [made] = task.attempts
        assert (made.verdict, made.code) == (AttemptVerdict.DEFER, BlockerCode.QUOTA_LIMITED)
        assert "needs a person" not in office.comments(issue)[-1]
        assert office.executor.agent_runs == ["first"]
        office.executor.scripts["first"] = writes("x.txt", "x\n")
        later(office, 2.6)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.file("half.txt") == "half\n" and office.file("x.txt") == "x\n"


def test_a_quota_that_always_ends_in_the_middle_is_a_persons_in_the_end(tmp_path: Path) -> None:
    """I9: what leaves work behind counts, however often the wait is worth it."""
    alone = {"agent_fallbacks": {"implementation": ["first"]}, "default_max_attempts": 2}

    def half(folder: Path, prompt: str) -> AttemptReport:
        path = f"half{len(office.executor.agent_runs)}.txt"
        report = refused(VAGUE, path=path)(folder, prompt)
        assert isinstance(report, AttemptReport)
        return report

    with an_office(tmp_path, agent=half, repository=QUICK, config=alone) as office:
        issue = office.ready("Add it")
        for _ in range(4):
            office.work_until_quiet(3)
            later(office, 6)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert office.executor.agent_runs == ["first", "first"]


def test_who_was_cut_off_goes_on_after_those_who_have_not_tried(tmp_path: Path) -> None:
    agents = {"first": refused(path="half.txt"), "second": says(None), "third": says(None)}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        issue = office.ready("Add it")
        office.work_until_quiet(4)
        assert office.state_of(issue) is State.BLOCKED, office.told()
        office.executor.scripts["first"] = writes("x.txt", "x\n")
        later(office, 2.6)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs == ["first", "second", "third", "first"]


def hangs(folder: Path, prompt: str) -> AttemptReport:
    return AttemptReport(exit_code=None, seconds=3600, exceeded="it ran longer than 60 minutes")


@pytest.mark.parametrize("second", [hangs, says(None)], ids=["timeout", "no result"])
def test_who_fails_beside_one_that_was_cut_off_has_had_its_turn(
    tmp_path: Path, second: AgentScript
) -> None:
    """The quota was the other's: after every rest the one that is waited for goes on, alone."""
    two = {"agent_fallbacks": {"implementation": ["first", "second"]}}

    def half(folder: Path, prompt: str) -> AttemptReport:
        path = f"half{len(office.executor.agent_runs)}.txt"
        report = refused(VAGUE, path=path)(folder, prompt)
        assert isinstance(report, AttemptReport)
        return report

    agents = {"first": half, "second": second}
    with an_office(tmp_path, agents=agents, repository=QUICK, config=two) as office:
        issue = office.ready("Add it")
        office.work_until_quiet(4)
        assert office.state_of(issue) is State.BLOCKED, office.told()
        task = office.task(issue)
        assert task.attempt is not None and task.attempt.code is not BlockerCode.QUOTA_LIMITED
        assert len(reaper.counted(task)) == 2
        later(office, 6)
        office.work_until_quiet(4)
        assert office.executor.agent_runs == ["first", "second", "first"], office.told()
        office.executor.scripts["first"] = writes("x.txt", "x\n")
        later(office, 6)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs == ["first", "second", "first", "first"]


@pytest.mark.parametrize("theirs", ["x.txt", "theirs.txt"], ids=["conflict", "merge"])
def test_a_refusal_that_only_brought_the_base_in_costs_no_attempt(
    tmp_path: Path, theirs: str
) -> None:
    """What was there before is committed anew upon the base; the refused one made none of it."""

    def half(folder: Path, prompt: str) -> str:
        (folder / "x.txt").write_text("half\n")
        return writes("own.txt", "own\n")(folder, prompt)

    agents = {"first": half, "second": refused(), "third": writes("x.txt", "x\n")}
    twice = {"default_max_attempts": 2}
    with an_office(tmp_path, agents=agents, repository=QUICK, config=twice) as office:

        def tests(folder: Path) -> int:
            if office.executor.agent_runs == ["first"]:
                person = forge.clone(office.github.git_url(SLUG, "maria-token"), tmp_path / "maria")
                person.commit({theirs: "theirs\n"})
                person.git("push", "-q", "origin", "HEAD:main")
            return (folder / "x.txt").read_text() == "half\n"

        office.executor.tests = tests
        issue = office.ready("Add it")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        made = office.task(issue).attempts
        assert [(a.agent, bool(a.head_sha)) for a in made] == [
            ("first", True), ("second", False), ("third", True),
        ]


def test_a_refused_agent_has_its_turn_when_it_is_served_again(tmp_path: Path) -> None:
    """It never worked: after the others have failed, it is waited for and not passed over."""
    agents = {"first": refused(), "second": says(None), "third": says(None)}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        issue = office.ready("Add it")
        office.work_until_quiet()
        assert office.state_of(issue) is State.BLOCKED, office.told()
        office.executor.scripts["first"] = writes("x.txt", "x\n")
        later(office, 2.6)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


def test_who_was_just_served_while_it_thought_makes_the_attempt(tmp_path: Path) -> None:
    """After a rest one start goes first: what it put in order is not another agent's to work on."""

    def works(folder: Path, prompt: str) -> Any:
        if "engineer working alone" in prompt:
            return writes("x.txt", "x\n")(folder, prompt)
        return Thinker(agent=None)(folder, prompt)

    config = {"format_issues": True, "planner_agents": ["first"]}
    with an_office(tmp_path, agent=works, repository=QUICK, config=config) as office:
        until = office.world.clock.now() + timedelta(minutes=2)
        of(office.world).refused("first", until)
        alerts.alert(office.world, "refused:first", "first was refused")
        later(office, 1)
        issue = office.ready("weeks dont work", "pls look at parser.py")
        office.dispatch()
        office.queue()
        assert [one.agent for one in office.task(issue).attempts] == ["first"], office.told()
        assert "first is served again" in office.told()


def test_what_failed_is_told_after_whatever_wait(tmp_path: Path) -> None:
    """Our own failing run reaches the agent that goes on: past a rest, trouble and a refusal."""
    seen: list[str] = []

    def at_last(folder: Path, prompt: str) -> str:
        seen.append(prompt)
        return str(writes("x.txt", "right\n")(folder, prompt))

    agents = {"first": writes("x.txt", "wrong\n"), "second": refused(), "third": at_last}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        office.executor.tests = lambda folder: (folder / "x.txt").read_text() != "right\n"
        until = office.world.clock.now() + timedelta(hours=1)
        for name in ("second", "third"):
            of(office.world).refused(name, until)
        issue = office.ready("Add it")
        office.work_until_quiet()
        [made] = office.task(issue).attempts
        assert made.verdict is AttemptVerdict.DEFER and made.code is BlockerCode.TEST_FAILURE
        for name in ("second", "third"):  # so that it waits once more before anybody starts
            of(office.world).refused(name, until + timedelta(minutes=30))
        later(office, 1.1)
        office.queue()
        bad = hostile.between(office.github)
        bad.on("GET", rf"/repos/{SLUG}$", hostile.answers(502), times=3)
        later(office, 0.6)
        office.queue()
        assert "502" in office.task(issue).note, office.told()
        later(office, 0.5)
        office.work_until_quiet()
        assert office.executor.agent_runs == ["first", "second", "third"], office.told()
        _, _, shown = seen[0].partition("## The failing test run\n")
        assert shown.strip().startswith("```\n1 test\n```"), seen[0]
        assert office.state_of(issue) is State.DONE, office.told()


def test_trouble_now_and_then_in_a_long_wait_is_not_five_tries_in_a_row(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add it")
        bad = hostile.between(office.github)
        office.dispatch()
        for _ in range(6):
            for name in ("first", "second", "third"):
                of(office.world).worked(name)
                of(office.world).refused(name, office.world.clock.now() + timedelta(hours=2))
            bad.on("GET", rf"/repos/{SLUG}/issues/{issue}$", hostile.answers(502), times=3)
            office.queue()
            assert office.task(issue).tries == 1, office.told()
            later(office, 0.5)
            office.queue()
            assert office.task(issue).tries == 0, office.told()
            later(office, 2)


CLAIM = """\
STATUS: blocked
BLOCKER_CODE: quota_limited
SUMMARY: The weather service answers 429 to everything.
"""


def test_who_only_says_that_it_was_refused_has_had_its_turn(tmp_path: Path) -> None:
    """The service that the task is about answers 429, at every try, and no provider refused."""
    with an_office(tmp_path, agents=everybody(says(CLAIM)), repository=QUICK) as office:
        issue = office.ready("Read the weather")
        for _ in range(5):
            office.work_until_quiet(3)
            later(office, 6)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert office.executor.agent_runs == ["first", "second", "third"]
        assert "3 attempts made" in office.comments(issue)[-1]


def test_who_says_that_it_was_refused_rests_all_the_same(tmp_path: Path) -> None:
    agents = {"first": says(CLAIM), "second": writes("x.txt", "x\n")}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        issue = office.ready("Read the weather")
        office.dispatch()
        office.queue()
        assert office.state_of(issue) is State.REVIEW, office.told()
        assert of(office.world).until("first") is not None


@pytest.mark.parametrize(
    "claim", ["My tests talk about a usage limit reached.", "the API said 429 too many requests"]
)
def test_what_an_agent_says_of_its_work_is_no_refusal(tmp_path: Path, claim: str) -> None:
    def work(folder: Path, prompt: str) -> AttemptReport:
        said = str(writes("x.txt", "x\n")(folder, prompt)).encode()
        return AttemptReport(exit_code=0, seconds=2, output_tail=f"{claim}\n", result=said)

    with an_office(tmp_path, agent=work, repository=QUICK) as office:
        issue = office.ready("Add it")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert of(office.world).until("first") is None


def test_losing_the_cache_costs_one_more_failed_start(tmp_path: Path) -> None:
    agents = {"first": refused(), "second": writes("x.txt", "x\n")}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        for number in range(2):
            office.ready(f"Add {number}")
            office.round()
            for path in of(office.world).folder.iterdir():
                path.write_bytes(b"\xff broken")
        assert office.executor.agent_runs.count("first") == 2, office.told()


PARTIAL = (
    "STATUS: partial\nBLOCKER_CODE: none\nSUMMARY: Half of it.\nDONE:\n- a part\n"
    "BLOCKERS:\n- the rest\nNEXT_STEP: the rest\nMANUAL_STEPS:\n- Buy a disk\n"
)


@pytest.mark.parametrize("hurried", [False, True], ids=["by itself", "by a person"])
def test_a_wait_that_was_over_before_it_was_settled_ends(tmp_path: Path, hurried: bool) -> None:
    """Its comment met trouble, and when it went through the time to wait for had passed."""
    agents = {"first": refused(), "second": refused(), "third": says(PARTIAL)}
    with an_office(tmp_path, agents=agents, repository=QUICK) as office:
        issue = office.ready("Add it")
        office.dispatch()
        bad = hostile.between(office.github)
        bad.on("POST", r"/issues/1/comments$", hostile.answers(502), times=99)
        office.queue()
        assert office.state_of(issue) is State.BLOCKED, office.told()
        bad.calm()
        office.executor.scripts["first"] = writes("x.txt", "x\n")
        if hurried:
            assert hands.retry(office.world, office.task(issue).task_id, by="cli").done
        for _ in range(30):
            later(office, 0.25)
            office.round()
        assert office.state_of(issue) is State.DONE, office.told()
