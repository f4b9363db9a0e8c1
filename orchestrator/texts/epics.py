"""What is said of an epic: its parts as issues, and how far they are, on the epic itself."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.records import regex
from orchestrator.records.reading import PartRead
from orchestrator.records.task import Part, Priority, Task
from orchestrator.texts import markdown, quoting

MOST = 8
TITLE, TEXT = 100, 4_000
OPEN_ITEM = regex.late(r"^\s{0,3}[-*+]\s+\[ \]\s+(\S.*)$")
REFERENCE = regex.late(r"(?:#\d+|https?://\S+)\s*$")


def listed(body: str) -> tuple[Part, ...]:
    """The open items of the task lists in an issue, those that name an issue already apart."""
    found = [OPEN_ITEM.match(line) for line, code in markdown.lines(body) if not code]
    said = [match[1].strip() for match in found if match]
    wanted = [text for text in said if not REFERENCE.fullmatch(text)]
    return tuple(Part(title=quoting.flat(text, TITLE), text=text) for text in wanted)


def of_model(read: PartRead) -> Part:
    """A part that a model proposed, as text that acts on nothing."""
    criteria = quoting.listed(read.success_criteria, 400, 10)
    wanted = f"\n\n## Success Criteria\n\n{criteria}" if criteria else ""
    text = f"## Goal\n\n{quoting.prose(read.goal, TEXT)}{wanted}"
    return Part(title=quoting.flat(read.title, TITLE), text=text)


def issue_body(task: Task, part: Part, *, by_model: bool, marker: str) -> str:
    """The issue of one part: its text, where it comes from, and the epic's own priority."""
    headed = part.text.startswith("## ")
    text = part.text if headed else f"## Goal\n\n{quoting.prose(part.text, TEXT)}"
    source = "A program split it off" if by_model else "It was an item of the list there"
    priority = task.priority.value.removeprefix("prio:")
    urgent = "" if task.priority is Priority.NORMAL else f"## Priority\n\n{priority}\n\n"
    origin = f"Part of #{task.issue}. {source}; look at it before you set it Ready."
    return f"{text}\n\n{urgent}## Context\n\n{origin}\n\n{marker}"


def twin(counts: int, *, marker: str) -> str:
    """A word on an issue that was filed a second time, because nothing showed the first yet."""
    said = f"This was filed twice, because GitHub showed the first too late: #{counts} counts."
    return f"{said}\n\n{marker}"


def progress(task: Task, open_: Mapping[int, bool], *, marker: str) -> str:
    """The list on the epic: each part with its number, ticked when it is closed."""
    lines = [
        f"- [{' ' if open_.get(number, True) else 'x'}] #{number} {quoting.flat(title, TITLE)}"
        for title, number in ((part.title, part.issue) for part in task.parts)
        if number is not None
    ]
    closed = sum(not open_.get(part.issue or 0, True) for part in task.parts)
    head = f"This epic was split into {len(task.parts)} issues; {closed} of them are closed."
    rest = "Set those Ready that are to be worked on; the epic is closed with the last of them."
    return f"{head} {rest}\n\n" + "\n".join(lines) + f"\n\n{marker}"
