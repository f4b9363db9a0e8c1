"""Red checks: run again where it may be chance, repaired with their logs, never blamed wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.forge import ci, records
from orchestrator.records.task import RepairKind, State
from tests.support import crash, forge, hostile
from tests.support.office import COMPLETE, SLUG, Office, an_office

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
LOG = (
    "2026-01-05T09:00:00.1234567Z ##[group]Run make test\n"
    "2026-01-05T09:00:01.1234567Z \x1b[31mE   the token is robot-token\x1b[0m\n"
    "2026-01-05T09:00:02.1234567Z ##[error]Process completed with exit code 2.\n"
    "2026-01-05T09:00:03.1234567Z Post job cleanup.\n"
)


class Ci:
    """The conclusions of a repository's CI: by branch and how often the job ran on that head."""

    def __init__(self, says: Callable[[str, int], str]) -> None:
        self.says = says
        self.runs: dict[str, int] = {}

    def __call__(self, order: Any) -> str:
        self.runs[order.sha] = self.runs.get(order.sha, 0) + 1
        return self.says(order.branch, self.runs[order.sha])


def on_branches(*words: str) -> Ci:
    """On our branches these conclusions in order, the last for ever; the base is green."""

    def says(branch: str, run: int) -> str:
        return "success" if branch == "main" else words[min(run, len(words)) - 1]

    return Ci(says)


class Agent:
    """Writes another text at each attempt and keeps its prompts."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def __call__(self, folder: Path, prompt: str) -> str:
        self.prompts.append(prompt)
        (folder / "a.txt").write_text(f"{len(self.prompts)}\n")
        return COMPLETE.format(summary="Wrote it.")


@contextmanager
def in_review(tmp_path: Path, ci_says: Ci, **more: Any) -> Iterator[tuple[Office, int, Agent]]:
    """An office with one pull request whose checks have run once."""
    agent = Agent()
    more["repository"] = {**QUICK, **more.get("repository", {})}
    with an_office(tmp_path, agent=agent, verdict=ci_says, **more) as office:
        issue = office.ready("Add a.txt")
        office.dispatch()
        office.queue()
        office.pass_time(12)
        assert office.state_of(issue) is State.REVIEW, office.told()
        yield office, issue, agent


def look(office: Office, times: int = 1) -> None:
    for _ in range(times):
        office.monitor()
        office.pass_time(12)


def write_log(office: Office, text: str) -> None:
    """What the jobs of every run so far have printed."""
    state = office.github.forge.state
    for row in state.store.select(records.CheckRun, "job is not null"):
        path = ci.log_path(state.data / "ci", row.suite_id, row.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def labels(office: Office, issue: int) -> list[str]:
    found = office.api.get(f"/repos/{SLUG}/issues/{issue}").json()["labels"]
    return [label["name"] for label in found]


def told_failures(office: Office, issue: int) -> list[str]:
    return [said for said in office.comments(issue) if said.startswith("Checks failed")]


# --- chance ---------------------------------------------------------------------------------


def test_a_check_that_fails_by_chance_costs_no_agent(tmp_path: Path) -> None:
    with in_review(tmp_path, on_branches("failure", "success")) as (office, issue, agent):
        look(office, 3)
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(agent.prompts) == 1 and office.task(issue).reworks == 0
        assert told_failures(office, issue) == []
        assert [one.check for one in office.task(issue).reruns] == ["test"]
        ledger = office.world.paths.checks.read_text()
        assert ledger.count('"red"') == 1 and '"green"' in ledger


def test_what_fails_twice_is_repaired_and_not_run_a_third_time(tmp_path: Path) -> None:
    verdicts = on_branches("failure")
    with in_review(tmp_path, verdicts) as (office, issue, _):
        head = office.task(issue).pushed[-1]
        look(office, 3)
        assert office.state_of(issue) is State.INBOX, office.told()
        assert verdicts.runs[head] == 2
        assert "run again 1 time" in office.told()


def test_a_cancelled_check_is_run_again_once_and_then_waits_for_a_person(tmp_path: Path) -> None:
    verdicts = on_branches("cancelled")
    with in_review(tmp_path, verdicts) as (office, issue, agent):
        head = office.task(issue).pushed[-1]
        look(office, 4)
        assert verdicts.runs[head] == 2 and office.state_of(issue) is State.REVIEW
        office.pass_time(2 * 3600)
        look(office)
        assert office.state_of(issue) is State.ESCALATED and len(agent.prompts) == 1


def test_a_refusal_to_run_again_is_told_once_and_the_work_goes_on(tmp_path: Path) -> None:
    with in_review(tmp_path, on_branches("failure")) as (office, issue, _):
        bad = hostile.between(office.github)
        bad.on("POST", r"/rerun-failed-jobs$", hostile.answers(403, "Resource not accessible"))
        look(office)
        assert office.state_of(issue) is State.INBOX, office.told()
        assert office.told().count("ALERT") == 1 and "permission to write Actions" in office.told()


# --- repair ---------------------------------------------------------------------------------


def test_a_red_check_comes_back_with_its_log_and_is_told_on_the_issue(tmp_path: Path) -> None:
    with in_review(tmp_path, on_branches("failure")) as (office, issue, agent):
        look(office)
        write_log(office, LOG)
        look(office)
        task = office.task(issue)
        assert office.state_of(issue) is State.INBOX, office.told()
        [item] = task.repair_items
        assert (item.number, item.kind, item.where) == (1, RepairKind.CHECK, "test")
        assert item.text.endswith("##[error]Process completed with exit code 2.")
        assert "robot-token" not in item.text and "2026-01-05" not in item.text
        [said] = told_failures(office, issue)
        assert "exit code 2" in said and "<details>" in said and f"/{SLUG}/actions" in said
        assert "robot-token" not in said and "cleanup" not in said
        assert "blocked" in labels(office, issue)
        office.queue()
        assert "blocked" not in labels(office, issue), "its repair has run"
        assert "### Item 1 (check, red): test" in agent.prompts[-1]
        assert "exit code 2" in agent.prompts[-1]


def test_three_heads_are_told_one_comment_each_and_then_a_person_is_asked(tmp_path: Path) -> None:
    with in_review(tmp_path, on_branches("failure")) as (office, issue, agent):
        for _ in range(3):
            look(office, 3)
            office.queue()
            office.pass_time(12)
        look(office, 4)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert len(agent.prompts) == 4 and office.task(issue).reworks == 3
        assert len(told_failures(office, issue)) == 4
        assert "blocked" in labels(office, issue)


def test_a_repair_that_leaves_the_head_as_it_was_does_not_cost_another(tmp_path: Path) -> None:
    with in_review(tmp_path, on_branches("failure")) as (office, issue, _):
        office.executor.scripts["first"] = lambda folder, prompt: COMPLETE.format(summary="Fine.")
        look(office, 3)
        office.queue()
        office.pass_time(12)
        look(office, 3)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert office.task(issue).reworks == 1
        assert "left" in office.task(issue).note and len(told_failures(office, issue)) == 1


def test_while_no_repair_of_red_checks_runs_the_issue_is_labelled_blocked(tmp_path: Path) -> None:
    """Also where the repair itself came to nothing, and whoever asked for a person."""
    with in_review(tmp_path, on_branches("failure")) as (office, issue, _):
        seen: list[list[str]] = []

        def gives_up(folder: Path, prompt: str) -> None:
            seen.append(labels(office, issue))

        office.executor.scripts["first"] = gives_up
        look(office, 3)
        assert "blocked" in labels(office, issue)
        office.queue()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert ["blocked" in at_work for at_work in seen] == [False]
        assert "blocked" in labels(office, issue)


def test_what_a_person_puts_into_escalated_is_not_repaired_from_that_moment_on(
    tmp_path: Path,
) -> None:
    """The monitor may come before the reaper has written the person's move down."""
    with in_review(tmp_path, on_branches("failure")) as (office, issue, _):
        look(office)
        room, name = office.world.mailroom, f"{office.task(issue).task_id}.md"
        there = room.folder(State.ESCALATED) / name
        (room.folder(State.REVIEW) / name).rename(there)
        look(office, 3)
        assert there.exists(), office.told()
        office.queue()
        look(office, 3)
        assert there.exists() and office.executor.agent_runs == ["first"], office.told()


def test_a_repair_that_disputes_a_red_check_is_not_sent_again_to_that_head(tmp_path: Path) -> None:
    disputes = "ANSWERS:\n- 1: disagree - the check is wrong\n"
    with in_review(tmp_path, on_branches("failure")) as (office, issue, _):
        said = COMPLETE.format(summary="Fine.") + disputes
        office.executor.scripts["first"] = lambda folder, prompt: said
        look(office, 3)
        office.queue()
        assert office.state_of(issue) is State.REVIEW, office.told()
        look(office, 3)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert office.task(issue).reworks == 1
        assert "its repair left" in office.task(issue).note


def test_a_log_that_cannot_be_read_does_not_stop_the_repair(tmp_path: Path) -> None:
    with in_review(tmp_path, on_branches("failure")) as (office, issue, _):
        look(office)
        bad = hostile.between(office.github)
        bad.on("GET", r"/actions/jobs/\d+/logs$", hostile.answers(403, "no"))
        look(office)
        assert office.state_of(issue) is State.INBOX, office.told()
        [item] = office.task(issue).repair_items
        assert "could not be read" in item.text


def test_the_label_goes_when_the_work_is_merged(tmp_path: Path) -> None:
    verdicts = Ci(lambda branch, run: "success")
    broken: set[str] = set()
    verdicts.says = lambda branch, run: "failure" if branch in broken else "success"
    with an_office(tmp_path, agent=Agent(), verdict=verdicts, repository=QUICK) as office:
        issue = office.ready("Add a.txt")
        office.dispatch()
        broken.add(office.task(issue).branch)
        office.queue()
        office.pass_time(12)
        look(office, 3)
        assert office.state_of(issue) is State.INBOX and "blocked" in labels(office, issue)
        broken.clear()
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert "blocked" not in labels(office, issue)


# --- the base -------------------------------------------------------------------------------


def test_a_red_base_is_nobodys_repair_and_its_end_brings_an_update(tmp_path: Path) -> None:
    healthy = False

    def says(branch: str, run: int) -> str:
        return "success" if healthy else "failure"

    with in_review(tmp_path, Ci(says)) as (office, issue, agent):
        work = forge.clone(office.github.git_url(SLUG, "maria-token"), tmp_path / "maria")
        work.commit({"other.txt": "o\n"})  # so that the base has checks of its own
        work.git("push", "-q", "origin", "HEAD:main")
        office.pass_time(12)
        look(office, 3)
        assert office.state_of(issue) is State.REVIEW and len(agent.prompts) == 1
        assert "main is red itself: test" in office.told(), office.told()
        assert told_failures(office, issue) == [] and not office.task(issue).reruns
        office.pass_time(3600)
        look(office, 2)
        assert office.told().count("ALERT") == 1
        healthy = True
        work.commit({"mended.txt": "m\n"})
        work.git("push", "-q", "origin", "HEAD:main")
        office.pass_time(12)
        other = office.ready("Something else")
        look(office, 6)
        assert office.state_of(issue) is State.DONE, office.told()
        assert "recovered" in office.told()
        office.work_until_quiet()
        assert office.state_of(other) is State.DONE, "new tasks start beside a red base"


# --- crashes --------------------------------------------------------------------------------


def steps_of(tmp_path: Path, verdicts: Ci) -> list[str]:
    with in_review(tmp_path, verdicts) as (office, _, _):
        counter = crash.Reaper()
        office.world = crash.with_reaper(office.world, counter)
        look(office, 3)
        return counter.names


RED_STEPS = (
    "mailroom.update", "effects.record", "write.run_again", "effects.record",
    "effects.record", "write.create_comment", "effects.record", "effects.record",
    "write.add_label", "effects.record", "mailroom.move",
)  # fmt: skip


def test_the_steps_of_a_repair(tmp_path: Path) -> None:
    names = [n for n in steps_of(tmp_path, on_branches("failure")) if n != "wire.fetch"]
    assert tuple(names) == RED_STEPS


@pytest.mark.parametrize("at", range(1, len(RED_STEPS) + 4))
def test_a_crash_at_any_step_repairs_once_tells_once_and_runs_again_once(
    tmp_path: Path, at: int
) -> None:
    verdicts = on_branches("failure")
    with in_review(tmp_path, verdicts) as (office, issue, _):
        head = office.task(issue).pushed[-1]
        crash.crash(office, at, run=lambda office: look(office, 3))
        for _ in range(8):
            if office.state_of(issue) is State.INBOX:
                break
            office.pass_time(31)
            look(office)
        task = office.task(issue)
        assert office.state_of(issue) is State.INBOX, office.told()
        assert task.reworks == 1 and task.red_heads == (head,)
        assert verdicts.runs[head] == 2 and len(told_failures(office, issue)) == 1
        assert len(task.repair_items) == 1 and "blocked" in labels(office, issue)

