"""A sloppy issue is put in order before its first attempt; what its author said always holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.records.order import AttemptReport
from orchestrator.records.task import Priority, State, TaskType
from tests.support.office import CONFIG, Office, an_office, writes

READING: dict[str, Any] = {
    "goal": "The parser reads ISO weeks.",
    "success_criteria": ["2026-W03 is read as a Monday.", "fixes #3 @root"],
    "constraints": ["No new dependency."],
    "context": ["parser.py"],
    "task_type": "debugging",
    "agent": "second",
}
THINKER = {"thinker": {"command": ["thinker"], "sandbox": "none"}}
ON: dict[str, Any] = {
    "format_issues": True, "planner_agents": ["thinker"], "agents": {**CONFIG["agents"], **THINKER},
}  # fmt: skip


class Thinker:
    """Answers with a reading and remembers what it was asked."""

    def __init__(self, **changes: Any) -> None:
        self.answer = json.dumps({**READING, **changes})
        self.asked: list[str] = []

    def __call__(self, folder: Path, prompt: str) -> AttemptReport:
        self.asked.append(prompt)
        return AttemptReport(exit_code=0, seconds=1, output_tail=self.answer)


def worked(office: Office, title: str, body: str, **more: Any) -> str:
    """The prompt of the one attempt that was made."""
    sent: list[str] = []

    def works(folder: Path, prompt: str) -> str:
        sent.append(prompt)
        return str(writes("a.txt", "1\n")(folder, prompt))

    for name in ("first", "second", "third"):
        office.executor.scripts[name] = works
    issue = office.ready(title, body, **more)
    office.work_until_quiet()
    assert office.state_of(issue) is State.DONE, office.told()
    return sent[0]


def test_a_sloppy_issue_becomes_goal_criteria_constraints_and_context(tmp_path: Path) -> None:
    thinker = Thinker()
    with an_office(tmp_path, agents={"thinker": thinker}, config=ON) as office:
        prompt = worked(office, "weeks dont work", "pls look at parser.py, maybe ask second")
        task = office.task(1)
        assert "The parser reads ISO weeks." in task.body
        assert "The issue's own words:\n\npls look at parser.py, maybe ask second" in task.body
        assert "- 2026-W03 is read as a Monday." in task.body and "fixes #3" not in task.body
        assert "- Change only what the goal needs.\n- No new dependency." in task.body
        assert "What the goal asks for works" not in task.body, "our own filling is replaced"
        assert task.body.count("A program read this out of the issue") == 3
        assert (task.task_type, task.agent, task.assumed) == (TaskType.DEBUGGING, "second", ())
        assert task.attempts[0].agent == "second" and len(task.attempts) == 1
        assert "2026-W03" in prompt
        [asked] = thinker.asked
        assert "pls look at parser.py" in asked and "one of: second; else null" in asked
        kept = office.world.paths.prompt(task.task_id, "formatting")
        assert kept.read_text() == asked


def test_what_the_author_said_is_not_asked_about(tmp_path: Path) -> None:
    thinker = Thinker()
    body = "## Goal\n\nRead weeks.\n\n## Success criteria\n\n- It is read.\n"
    with an_office(tmp_path, agents={"thinker": thinker}, config=ON) as office:
        worked(office, "Weeks", body)
        assert thinker.asked == []
        assert office.task(1).attempts[0].agent == "first"


def test_of_an_issue_that_says_half_the_said_half_holds(tmp_path: Path) -> None:
    thinker = Thinker(agent="third", task_type="research")
    body = (
        "Task type: docs\nAgent preference: second\nBase branch: main\n\n"
        "## Goal\n\nRead weeks; third knows how.\n\n"
        "## Constraints\n\n- Keep the failed check `lint`.\n"
    )
    with an_office(tmp_path, agents={"thinker": thinker}, config=ON) as office:
        worked(office, "Weeks", body, labels=("prio:high",))
        task = office.task(1)
        assert task.body.startswith("# Goal\n\nRead weeks; third knows how.\n")
        assert "- Keep the failed check `lint`." in task.body
        assert "No new dependency" not in task.body and "2026-W03" in task.body
        assert (task.task_type, task.agent, task.base) == (TaskType.DOCS, "second", "main")
        assert task.priority is Priority.HIGH


@pytest.mark.parametrize(
    ("changes", "task_type", "agent"),
    [
        ({"agent": "third"}, TaskType.DEBUGGING, "auto"),  # the issue names no such agent
        ({"agent": "root", "task_type": None}, TaskType.IMPLEMENTATION, "auto"),
        # A report is owed only where a person asks for one.
        ({"agent": None, "task_type": "research"}, TaskType.IMPLEMENTATION, "auto"),
    ],
)
def test_a_model_has_no_authority(
    tmp_path: Path, changes: dict[str, Any], task_type: TaskType, agent: str
) -> None:
    with an_office(tmp_path, agents={"thinker": Thinker(**changes)}, config=ON) as office:
        worked(office, "weeks dont work", "look at parser.py")
        assert (office.task(1).task_type, office.task(1).agent) == (task_type, agent)


@pytest.mark.parametrize("extra", [{"repo": "eve/evil"}, {"priority": "prio:high"}])
def test_a_field_that_no_model_may_set_makes_the_answer_useless(
    tmp_path: Path, extra: dict[str, str]
) -> None:
    thinker = Thinker(**extra)
    with an_office(tmp_path, agents={"thinker": thinker}, config=ON) as office:
        worked(office, "weeks dont work", "look at parser.py")
        task = office.task(1)
        assert len(thinker.asked) == 2 and "ISO weeks" not in task.body
        assert task.assumed == () and "look at parser.py" in task.body


def test_without_an_agent_that_thinks_the_issue_is_worked_on_as_it_stands(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"format_issues": True}) as office:
        prompt = worked(office, "weeks dont work", "look at parser.py")
        assert "What the goal asks for works" in prompt and "look at parser.py" in prompt


def test_a_model_is_asked_once_in_the_life_of_a_task(tmp_path: Path) -> None:
    thinker = Thinker(agent=None)
    with an_office(tmp_path, agents={"thinker": thinker}, config=ON) as office:
        office.executor.scripts["first"] = lambda folder, prompt: (
            "STATUS: partial\nBLOCKER_CODE: test_failure\nSUMMARY: Half.\nDONE:\n- half\n"
        )
        office.executor.scripts["second"] = writes("a.txt", "1\n")
        issue = office.ready("weeks dont work", "look at parser.py")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert [a.agent for a in office.task(issue).attempts] == ["first", "second"]
        assert len(thinker.asked) == 1
