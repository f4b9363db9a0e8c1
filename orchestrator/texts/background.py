"""What an agent may know of the repository and the work around its task, section by section."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from orchestrator.records.change import PastCommit
from orchestrator.records.config import PromptBytes
from orchestrator.records.objective import Objective
from orchestrator.records.task import Task
from orchestrator.texts import bounded, markdown, memory, quoting

COMMITS = 12
FILES_OF_COMMIT = 6
GOAL_HEADINGS = ("goal", "goals", "vision", "purpose", "what it is", "about")


class Page(Struct, frozen=True):
    """A file of the base, or the part of one that is meant."""

    name: str
    text: str


class NamedFile(Struct, frozen=True, kw_only=True):
    """A file that the task speaks of, as the base has it, and who changed it last."""

    path: str
    commits: tuple[PastCommit, ...] = ()


class Neighbour(Struct, frozen=True, kw_only=True):
    """Another task of the same repository that is under way, and the files it changes if known."""

    title: str
    issue: int | None = None
    state: str
    files: tuple[str, ...] = ()


class Background(Struct, frozen=True, kw_only=True):
    """Read from the base commit, from the operator's objective and from our own mailbox.

    `memory` is the whole CODEBASE.md, `about` the words that the task uses. `named_more` counts
    the files that the task names beside those in `named`.
    """

    memory: str = ""
    about: frozenset[str] = frozenset()
    commits: tuple[PastCommit, ...] = ()
    named: tuple[NamedFile, ...] = ()
    named_more: int = 0
    direction: tuple[Page, ...] = ()
    evidence: tuple[Page, ...] = ()
    objective: Objective | None = None
    neighbours: tuple[Neighbour, ...] = ()


def known(told: Background, room: PromptBytes) -> Iterator[tuple[str, str]]:
    """The sections that were read from the repository, with their names, none above its budget."""
    about = told.about
    yield "What is known of this repository", memory.excerpt(told.memory, room.memory, about=about)
    yield "What happened here lately", _lately(told, room.recent)
    yield "Where this repository is going", _pages(told.direction, room.direction)
    yield "What was measured and found out", _pages(told.evidence, room.evidence)


def board(task: Task, told: Background, room: int) -> str:
    """The objective of the product and the work around this task; "" where neither is known."""
    lines: list[str] = []
    goal = told.objective
    if goal is not None:
        lines.append(f"Product: {quoting.flat(goal.product_name or task.repo, 120)}.")
        if goal.primary_outcome:
            lines.append(f"What it is to achieve: {quoting.flat(goal.primary_outcome, 400)}")
        lines += [
            f"- Measured: {quoting.flat(metric.name or metric.id, 120)}"
            f" ({metric.direction}, weight {metric.weight:g})"
            for metric in goal.metrics
        ]
    if told.neighbours:
        lines.append("Others work on these tasks of the repository now; leave them to it:")
        lines += [f"- {_neighbour(one)}" for one in told.neighbours]
    if not lines:
        return ""
    number = f"issue #{task.issue}, " if task.issue is not None else ""
    lines.append(f"This task: {number}{task.priority.value.removeprefix('prio:')} priority.")
    return bounded.whole(lines, room, what="lines", apart="\n")


def goal_of(readme: str) -> str:
    """The goal section of a README, else what it begins with."""
    shown = markdown.visible(readme)
    found = {name.casefold(): text for name, text in _headed(shown)}
    for heading in GOAL_HEADINGS:
        if found.get(heading, "").strip():
            return found[heading].strip("\n")
    return next((text.strip("\n") for _, text in _headed(shown) if text.strip()), "")


def _headed(text: str) -> Iterator[tuple[str, str]]:
    """Each heading with what stands below it up to the next one, "" before the first."""
    name, held = "", list[str]()
    for line, code in markdown.lines(text):
        heading = None if code else markdown.HEADING.match(line)
        if heading is None:
            held.append(line)
            continue
        yield name, "\n".join(held)
        name, held = heading[2].strip("*_: "), []
    yield name, "\n".join(held)


def _lately(told: Background, room: int) -> str:
    parts: list[str] = []
    if told.named:
        files = [_named(one) for one in told.named]
        more = [f"({told.named_more} more named files left out)"] if told.named_more else []
        parts.append("\n".join(["Files that the task names:", *files, *more]))
    if told.commits:
        lines = [f"- {_commit(one)}" for one in told.commits[:COMMITS]]
        parts.append("\n".join(["The newest commits of the base:", *lines]))
    lines = "\n\n".join(parts).split("\n")
    return bounded.whole(lines, room, what="lines", apart="\n").strip("\n")


def _named(one: NamedFile) -> str:
    path = quoting.path(one.path)
    if not one.commits:
        return f"- {path}"
    last = one.commits[0]
    return f"- {path}, last changed {last.at:%Y-%m-%d}: {quoting.flat(last.subject, 120)}"


def _commit(one: PastCommit) -> str:
    files = f" ({_files(one.paths)})" if one.paths else ""
    return f"{one.at:%Y-%m-%d} {one.sha[:9]} {quoting.flat(one.subject, 120)}{files}"


def _neighbour(one: Neighbour) -> str:
    number = f" (#{one.issue})" if one.issue is not None else ""
    files = f"; changes {_files(one.files)}" if one.files else ""
    return f"{quoting.flat(one.title, 120)}{number}, {one.state}{files}"


def _files(paths: Sequence[str]) -> str:
    told = [quoting.bare_path(path, 80) for path in paths[:FILES_OF_COMMIT]]
    more = len(paths) - len(told)
    return ", ".join([*told, *([f"{more} more"] if more > 0 else [])])


def _pages(pages: Sequence[Page], room: int) -> str:
    """Each page in an equal share of what the ones before it left."""
    told: list[str] = []
    for index, page in enumerate(pages):
        head = f"### {page.name}"
        share = room // (len(pages) - index) - bounded.size(head) - 4
        text = bounded.prose(markdown.visible(page.text).strip("\n"), share)
        if not text.strip():
            continue
        told.append(f"{head}\n\n{text}")
        room -= bounded.size(told[-1]) + 2
    return "\n\n".join(told)
