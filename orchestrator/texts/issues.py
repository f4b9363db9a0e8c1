"""Makes a well-formed task of whatever an issue says, without any model."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Protocol

from msgspec import Struct

from orchestrator.records.reading import Reading
from orchestrator.records.task import Assumed, Deliverable
from orchestrator.records.tracker import Issue
from orchestrator.texts import markdown, quoting

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
# What a model makes of an issue is its reading, and no word of the one who wrote it (S17).
READ_OUT = "(A program read this out of the issue; where the issue's own words differ, they hold.)"
GOAL_OPENS, CONTEXT_OPENS = "# Goal\n\n", "\n# Context\n\n"
READ_GOAL, READ_ITEM = 2_000, 400


class Wanted(Protocol):
    """What was understood of the issue, as far as the prose depends on it."""

    @property
    def deliverable(self) -> Deliverable: ...


class TaskText(Struct, frozen=True):
    """The title and the prose of a task file."""

    title: str
    body: str
    assumed: tuple[Assumed, ...] = ()


def digest(issue: Issue) -> str:
    """What tells one text of an issue from another."""
    text = f"{issue.title}\n{issue.body}".encode("utf-8", "replace")
    return hashlib.sha256(text).hexdigest()[:16]


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
    constraints = sections.get("constraints", "")
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
        ("Constraints", _or([constraints], (CONSTRAINT,)), CONSTRAINTS),
        ("Context", _joined(context), CONTEXT),
    )
    body = "\n\n".join(f"# {name}\n\n{markdown.truncated(t, limit)}" for name, t, limit in parts)
    open_ = (
        (Assumed.GOAL, not sections.get("goal", "").strip()),
        (Assumed.SUCCESS_CRITERIA, not _joined(stated)),
        (Assumed.CONSTRAINTS, not constraints.strip()),
    )
    assumed = tuple(name for name, is_open in open_ if is_open)
    return TaskText(title, body + "\n", assumed)


def read_closely(
    body: str, reading: Reading, deliverable: Deliverable, assumed: Collection[Assumed]
) -> str:
    """The body with what a reader made of it in place of what was assumed, and of that alone.

    Only our own words are ever replaced: where a person changed them meanwhile, theirs stay. The
    words of the issue stay as they are, below what was read out of them.
    """
    criteria = f"# Success Criteria\n\n{markdown.bullets(ASSUMED[deliverable])}\n\n"
    if Assumed.SUCCESS_CRITERIA in assumed and reading.success_criteria and criteria in body:
        told = _listed(reading.success_criteria)
        body = body.replace(criteria, f"# Success Criteria\n\n{READ_OUT}\n\n{told}\n\n", 1)
    constraints = f"# Constraints\n\n{markdown.bullets((CONSTRAINT,))}\n\n"
    if Assumed.CONSTRAINTS in assumed and reading.constraints and constraints in body:
        told = _listed((CONSTRAINT, *reading.constraints))
        body = body.replace(constraints, f"# Constraints\n\n{told}\n\n", 1)
    if reading.context and body.count(CONTEXT_OPENS) == 1:
        told = f"{READ_OUT}\n\n{_listed(reading.context)}"
        body = body.replace(CONTEXT_OPENS, f"{CONTEXT_OPENS}{told}\n\n", 1)
    if Assumed.GOAL in assumed and body.startswith(GOAL_OPENS):
        goal = f"{READ_OUT}\n\n{quoting.prose(reading.goal, READ_GOAL)}"
        words = body.removeprefix(GOAL_OPENS)
        body = f"{GOAL_OPENS}{goal}\n\nThe issue's own words:\n\n{words}"
    return body


def _listed(items: tuple[str, ...]) -> str:
    return quoting.listed(items, READ_ITEM, len(items))


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part.strip("\n") for part in parts if part.strip())


def _or(stated: list[str], assumed: tuple[str, ...]) -> str:
    return _joined(stated) or markdown.bullets(assumed)
