"""What an issue asks for: type, deliverable, priority, agent, outcome checks and base branch."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.task import Assumed, Deliverable, Priority, TaskType

BODY_READ = 2_000  # characters of the body in which words are looked for
OUTCOME_CHECKS = 12
BULLET = regex.late(r"^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?")
CHECK_ID = regex.late(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
BRANCH = regex.late(r"(?![-./])(?!.*(?:\.\.|//|/\.|@\{|\.lock(?:/|$)))[\w./@+-]{1,200}(?<![./])")
NAMED = regex.late(r"(?:prio|priority)\s*[:/ ]\s*(high|normal|medium|low)")

EPIC_LABEL = "epic"
TYPE_LABELS = {
    "bug": TaskType.DEBUGGING,
    "regression": TaskType.DEBUGGING,
    "documentation": TaskType.DOCS,
    "docs": TaskType.DOCS,
    "enhancement": TaskType.IMPLEMENTATION,
    "feature": TaskType.IMPLEMENTATION,
    "research": TaskType.RESEARCH,
    "architecture": TaskType.ARCHITECTURE,
    "design": TaskType.DESIGN,
    "content": TaskType.CONTENT,
}
PRIORITIES = {
    "high": Priority.HIGH,
    "normal": Priority.NORMAL,
    "medium": Priority.NORMAL,
    "low": Priority.LOW,
}
# In this order: the first that is found decides. What a title merely mentions stands below what
# it asks for, so "Fix typo in README" is docs and "Crash while building the docs" is not.
TITLE_WORDS = (
    (TaskType.RESEARCH, r"^(?!.*\bfix)\W*(research|investigate|evaluate|survey)\b"),
    (TaskType.BROWSER_AUTOMATION, r"\b(playwright|selenium|puppeteer|browser automation)\b"),
    (TaskType.DEBUGGING, r"\b(bug|crash(es|ed|ing)?|regression|traceback|broken|fail(s|ing)?)\b"),
    (TaskType.DOCS, r"\b(docs?|documentation|readme|changelog|docstrings?|typos?|tutorial)\b"),
    (TaskType.ARCHITECTURE, r"\b(architecture|adr|rfc)\b"),
    (TaskType.CONTENT, r"\b(blog post|article|newsletter|copywriting)\b"),
    (TaskType.DESIGN, r"\b(mock-?ups?|wireframes?|visual design|restyle)\b"),
    (TaskType.DEBUGGING, r"\b(fix(es|ed)?|wrong|incorrect)\b"),
)
# Words of a body never make a report of it: they would change what is owed.
BODY_WORDS = tuple(
    (kind, words) for kind, words in TITLE_WORDS[:3] if kind is not TaskType.RESEARCH
)
REPORTS = frozenset({TaskType.RESEARCH, TaskType.ARCHITECTURE})


class Fields(Struct, frozen=True, kw_only=True):
    """An issue as text: `sections` by lower-case name, "" for what stands before the first."""

    title: str
    labels: tuple[str, ...] = ()
    sections: Mapping[str, str] = {}


class Classified(Struct, frozen=True, kw_only=True):
    """What was understood; `problems` says in sentences what was stated and not understood."""

    task_type: TaskType
    deliverable: Deliverable
    priority: Priority = Priority.NORMAL
    agent: str = "auto"
    outcome_check_ids: tuple[str, ...] = ()
    base: str = ""
    problems: tuple[str, ...] = ()
    assumed: tuple[Assumed, ...] = ()


def read(fields: Fields, known_agents: Collection[str], defaults: RepositoryConfig) -> Classified:
    """Explicit field, then label, then words, then default; only known words are taken (S8)."""
    problems: list[str] = []
    task_type, said_type = _task_type(fields, defaults, problems)
    deliverable = _deliverable(fields, task_type, problems)
    priority = _priority(fields, problems)
    agent, said_agent = _agent(fields, known_agents, defaults, problems)
    open_ = ((Assumed.TASK_TYPE, not said_type), (Assumed.AGENT, not said_agent))
    return Classified(
        task_type=task_type,
        deliverable=deliverable,
        priority=priority,
        agent=agent,
        outcome_check_ids=_outcome_checks(fields),
        base=_base(fields, problems),
        problems=tuple(problems),
        assumed=tuple(name for name, is_open in open_ if is_open),
    )


def is_epic(labels: Iterable[str]) -> bool:
    """Whether the issue asks for several others in place of work."""
    return EPIC_LABEL in {label.lower() for label in labels}


def heeded(labels: Collection[str], known_agents: Collection[str]) -> tuple[str, ...]:
    """The labels that say how an issue is worked on, in the order in which they count.

    Known words alone: they are kept in the task's file.
    """
    return tuple(
        label
        for label in (one.lower() for one in labels)
        if label in TYPE_LABELS
        or label == EPIC_LABEL
        or label.removeprefix("agent:").strip() in known_agents
        or (label.startswith("task:") and _word(label.removeprefix("task:")) in set(TaskType))
        or NAMED.fullmatch(label)
    )


def _stated(fields: Fields, name: str) -> str:
    """The first line of a section, without the marks around it."""
    text = fields.sections.get(name, "").strip()
    return BULLET.sub("", text.partition("\n")[0]).strip().strip("*_`\"'.").strip()


def _word(text: str) -> str:
    return re.sub(r"[\s-]+", "_", text.lower())


def _task_type(
    fields: Fields, defaults: RepositoryConfig, problems: list[str]
) -> tuple[TaskType, bool]:
    """The type, and whether somebody said it."""
    stated = _stated(fields, "task type")
    if _word(stated) in set(TaskType):
        return TaskType(_word(stated)), True
    if stated:
        problems.append(f"task type {stated[:40]!r} is not one of {', '.join(TaskType)}")
    labels = [label.lower() for label in fields.labels]
    named = [_word(label.removeprefix("task:")) for label in labels if label.startswith("task:")]
    found = [TaskType(name) for name in named if name in set(TaskType)]
    found += [TYPE_LABELS[label] for label in labels if label in TYPE_LABELS]
    if found:
        return found[0], True
    body = "\n".join((fields.sections.get("", ""), fields.sections.get("goal", "")))[:BODY_READ]
    for text, words in ((fields.title, TITLE_WORDS), (body, BODY_WORDS)):
        for kind, pattern in words:
            if re.search(pattern, text, re.IGNORECASE):
                return kind, False
    default = defaults.default_task_type
    return TaskType(default) if default in set(TaskType) else TaskType.IMPLEMENTATION, False


def _deliverable(fields: Fields, task_type: TaskType, problems: list[str]) -> Deliverable:
    stated = _stated(fields, "deliverable").lower()
    if stated in set(Deliverable):
        return Deliverable(stated)
    if stated:
        problems.append(f"deliverable {stated[:40]!r} is neither change nor report")
    return Deliverable.REPORT if task_type in REPORTS else Deliverable.CHANGE


def _priority(fields: Fields, problems: list[str]) -> Priority:
    labelled = [NAMED.fullmatch(label.lower()) for label in fields.labels]
    found = {PRIORITIES[match[1]] for match in labelled if match}
    if found:
        return next(p for p in (Priority.HIGH, Priority.NORMAL, Priority.LOW) if p in found)
    stated = _stated(fields, "priority").lower()
    word = stated.removeprefix("prio:").strip()
    if stated and word not in PRIORITIES:
        problems.append(f"priority {stated[:40]!r} is not high, normal or low")
    return PRIORITIES.get(word, Priority.NORMAL)


def _agent(
    fields: Fields, known: Collection[str], defaults: RepositoryConfig, problems: list[str]
) -> tuple[str, bool]:
    """The agent, and whether somebody asked for it: in the issue, or once for all in the config."""
    labels = [label.lower() for label in fields.labels]
    prefixed = [label.removeprefix("agent:").strip() for label in labels if label[:6] == "agent:"]
    found = [name for name in (*prefixed, *labels) if name in known]
    if found:
        return found[0], True
    stated = _stated(fields, "agent preference").lower()
    if stated in known:
        return stated, True
    for name in (*prefixed, stated):
        if name not in {"", "auto", "any", "none"}:
            problems.append(f"agent {name[:40]!r} is not known here")
    return defaults.default_agent, bool(stated) or defaults.default_agent != "auto"


def _outcome_checks(fields: Fields) -> tuple[str, ...]:
    lines = fields.sections.get("outcome checks", "").splitlines()
    words = (BULLET.sub("", line).strip().strip("`") for line in lines)
    return tuple(dict.fromkeys(filter(CHECK_ID.fullmatch, words)))[:OUTCOME_CHECKS]


def _base(fields: Fields, problems: list[str]) -> str:
    stated = _stated(fields, "base branch")
    if not stated or BRANCH.fullmatch(stated):
        return stated
    problems.append(f"base branch {stated[:40]!r} is no name of a branch")
    return ""
