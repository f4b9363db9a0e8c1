"""Makes a well-formed task of whatever an issue says, without any model."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from orchestrator.records.task import Deliverable
from orchestrator.records.tracker import Issue
from orchestrator.texts import markdown

READ = 200_000  # characters of an issue that are looked at
TITLE = 120
GOAL, CRITERIA, CONSTRAINTS, CONTEXT = 16_000, 8_000, 6_000, 24_000
# These became front matter; said again in prose, they could contradict it.
METADATA = frozenset({
    "task type", "deliverable", "priority", "agent preference", "outcome checks", "base branch",
    "branch", "dependencies",
})
PROSE = frozenset({"", "goal", "success criteria", "acceptance criteria", "constraints", "context"})
ASSUMED = {
    Deliverable.CHANGE: (
        "What the goal asks for works, and nothing that worked before is broken.",
        "A test shows it, where the repository has tests.",
    ),
    Deliverable.REPORT: (
        "Every question of the goal is answered, with the evidence that was found.",
        "What remains open is named as open.",
    ),
}
CONSTRAINT = "Change only what the goal needs."


class Wanted(Protocol):
    """What was understood of the issue, as far as the prose depends on it."""

    @property
    def deliverable(self) -> Deliverable: ...


class TaskText(Struct, frozen=True):
    """The title and the prose of a task file."""

    title: str
    body: str


def to_task(issue: Issue, wanted: Wanted) -> TaskText:
    """The issue as Goal, Success Criteria, Constraints and Context; at most some 55 kB.

    What it states is kept, sections of other names under Context; what it leaves out is filled
    with what holds for every task. Only what a reader of the issue sees is taken (S8).
    """
    text = markdown.visible(issue.body[:READ])
    sections = {name: part.strip("\n") for name, part in markdown.sections(text).items()}
    title = markdown.one_line(markdown.visible(issue.title), TITLE) or f"Issue {issue.number}"
    before, goal = sections.get("", ""), sections.get("goal", "")
    context = [before if goal.strip() else "", sections.get("context", "")]
    if not goal.strip():
        goal = before if before.strip() else title
    stated = [sections.get(name, "") for name in ("success criteria", "acceptance criteria")]
    context += [
        f"## {name.capitalize()}\n\n{part}"
        for name, part in sections.items()
        if name not in METADATA | PROSE and part.strip()
    ]
    context.append(f"From issue {issue.repo}#{issue.number}: {title}")
    parts = (
        ("Goal", goal, GOAL),
        ("Success Criteria", _or(stated, ASSUMED[wanted.deliverable]), CRITERIA),
        ("Constraints", _or([sections.get("constraints", "")], (CONSTRAINT,)), CONSTRAINTS),
        ("Context", _joined(context), CONTEXT),
    )
    body = "\n\n".join(f"# {name}\n\n{markdown.truncated(t, limit)}" for name, t, limit in parts)
    return TaskText(title, body + "\n")


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part.strip("\n") for part in parts if part.strip())


def _or(stated: list[str], assumed: tuple[str, ...]) -> str:
    return _joined(stated) or markdown.bullets(assumed)
