"""A task file as text: front matter that holds all data, then prose for people and agents."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import structs

from orchestrator.records import regex
from orchestrator.records.errors import AgentOSError
from orchestrator.records.task import Task
from orchestrator.texts import frontmatter, markdown, taskname
from orchestrator.texts.taskname import key_of, new_branch, new_id

__all__ = [
    "NotATask", "goal_of", "key_of", "new_branch", "new_id", "parse", "render", "seal", "sections",
    "was_edited",
]  # fmt: skip

FIELDS = {f.name: f for f in structs.fields(Task) if f.name not in {"extra", "body"}}
_TIMES = ("created", "ready_at", "not_before", "next_at")
_YES_AND_NO = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_TOP = b"---\n"
_SEAL = b"# as agent-os wrote it: "  # to YAML a comment
_OPENING = regex.late(r"\ufeff?---[ \t]*\r?\n")
_CLOSING = regex.late(r"---(?<=^---)[ \t]*\r?$\n?", re.MULTILINE)
_REPO = regex.late(r"[A-Za-z0-9-]+/[A-Za-z0-9_.-]+")
_REPO_ADDRESS = regex.late(r"(?:https?://|ssh://git@|git@)[^/:\s]+[/:]([^\s]+?)(?:\.git)?/?")
_LONGEST_TITLE = 100


class NotATask(AgentOSError):
    """The text cannot be read as a task; one sentence says why, with the line where known."""


def parse(text: str, *, stem: str, modified: datetime) -> Task:
    """The task that a file holds; `stem` and `modified` are its name and time, for defaults.

    A person's file needs only `repo:` and a goal: `goal:`, or prose below the front matter. The
    id of such a file follows from its name and time. Raises NotATask.
    """
    front, body = _split(text)
    try:
        data, extra = frontmatter.load(front, FIELDS)
    except frontmatter.Unreadable as reason:
        raise NotATask(str(reason)) from reason
    if "task_id" not in data:
        data, extra, body = _completed(data, extra, body)
    data.setdefault("created", modified)
    _normalise(data)
    try:
        task = msgspec.convert({**data, "extra": extra, "body": body}, Task, strict=False)
    except msgspec.ValidationError as reason:
        raise NotATask(_what_is_wrong(str(reason))) from reason
    if not task.task_id:
        task = _named(task, stem)
    if not taskname.is_safe(task.task_id):
        raise NotATask(f"task_id: {task.task_id!r} cannot be the name of a file and a branch.")
    if not task.branch:
        return structs.replace(task, branch=taskname.new_branch(task.task_id))
    if not taskname.is_ours(task.branch):
        raise NotATask(f"branch: {task.branch!r} is none of ours (agent/...); leave that line out.")
    return task


def render(task: Task) -> str:
    """The file of a task: what has its default is left out, `parse` gives the same task back."""
    lines = []
    for name, field in FIELDS.items():
        value = getattr(task, name)
        if value != field.default:
            lines.append(frontmatter.line(name, value))
    front = "".join(lines) + frontmatter.dump_extra(task.extra)
    return f"---\n{front}---\n" + (f"\n{task.body}" if task.body else "")


def seal(data: bytes) -> bytes:
    """What `render` wrote, with a line that tells whether anybody has changed it since."""
    rest = data.removeprefix(_TOP)
    return _TOP + _SEAL + _digest(rest) + b"\n" + rest


def was_edited(data: bytes) -> bool:
    """Whether a sealed file is not what it was; False of one that bears no seal."""
    top, sealed, rest = data.partition(_SEAL)
    digest, _, rest = rest.partition(b"\n")
    return bool(sealed) and (top, digest) != (_TOP, _digest(rest))


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=8).hexdigest().encode()


def goal_of(task: Task) -> str:
    """What is to be reached: the goal section, else the prose before any, else the title."""
    found = sections(task.body)
    for name in ("goal", ""):
        if found.get(name, "").strip():
            return found[name].strip()
    return task.title


def sections(body: str) -> dict[str, str]:
    """The prose by lower-case heading; "" is what stands before the first one."""
    return markdown.sections(body)


def _split(text: str) -> tuple[str, str]:
    opening = _OPENING.match(text)
    if opening is None:
        raise NotATask(
            "It does not begin with front matter: a line ---, then repo: owner/name, then ---."
        )
    closing = _CLOSING.search(text, opening.end())
    if closing is None:
        raise NotATask("Line 1 opens the front matter with ---, and no later line closes it.")
    body = text[closing.end() :]
    for blank in ("\n", "\r\n"):
        if body.startswith(blank):
            body = body.removeprefix(blank)
            break
    return text[opening.end() : closing.start()], body


def _completed(
    data: dict[str, Any], extra: dict[str, Any], body: str
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What a person left out: the goal as prose, a title, and an empty id that is filled later."""
    goal = extra.get("goal")
    if isinstance(goal, str) and goal.strip():
        extra = {name: value for name, value in extra.items() if name != "goal"}
        body = f"## Goal\n\n{goal.strip()}\n" + (f"\n{body}" if body.strip() else "")
    title = data.get("title") or _first_words(body)
    if not title:
        raise NotATask("It names no goal: add goal: to the front matter, or prose below it.")
    if "repo" not in data:
        raise NotATask("It names no repository: add repo: owner/name to the front matter.")
    return {**data, "title": title, "task_id": ""}, extra, body


def _named(task: Task, stem: str) -> Task:
    """Without an issue the file's name is what tells two tasks of one second apart."""
    task_id = taskname.new_id(task.created, task.repo, task.issue, task.title)
    if not task.issue:
        task_id = task_id.removesuffix(taskname.slug(task.title)) + taskname.slug_of_file(stem)
    return structs.replace(
        task, task_id=task_id, branch=task.branch or taskname.new_branch(task_id)
    )


def _first_words(body: str) -> str:
    for line in body.splitlines():
        heading = line.startswith("#")
        words = line.strip("#*_ \t")
        if words and not (heading and words.lower() in markdown.SECTIONS):
            return markdown.one_line(words, _LONGEST_TITLE)
    return ""


def _normalise(data: dict[str, Any]) -> None:
    """Accept what people write: `high`, `yes`, a day without an hour, a repository's address."""
    priority = data.get("priority")
    if isinstance(priority, str) and not priority.startswith("prio:"):
        data["priority"] = f"prio:{priority.strip().lower()}"
    push = data.get("allow_push")
    if isinstance(push, str):
        data["allow_push"] = _YES_AND_NO.get(push.lower(), push)
    for name in _TIMES:
        moment = data.get(name)
        if isinstance(moment, str) and moment != "null" and not moment.endswith("Z"):
            data[name] = _in_utc(name, moment)
    repo = data.get("repo")
    if isinstance(repo, str) and not _REPO.fullmatch(repo):
        address = _REPO_ADDRESS.fullmatch(repo.strip())
        if address is None or not _REPO.fullmatch(address[1]):
            raise NotATask(f"repo: {repo!r} is not of the form owner/name.")
        data["repo"] = address[1]


def _in_utc(name: str, moment: str) -> datetime:
    try:
        read = datetime.fromisoformat(moment)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError) as reason:
        raise NotATask(f"{name}: {moment!r} is no time such as 2026-11-22T20:50:00Z.") from reason


def _what_is_wrong(complaint: str) -> str:
    """msgspec's words, with the key in front and the words that are allowed."""
    what, _, where = complaint.partition(" - at `$.")
    key = where.rstrip("`")
    if "missing required field" in what:
        return f"The front matter has no {what.split('`')[-2]}: line."
    allowed = FIELDS[key].type if key in FIELDS else None
    choice = ""
    if isinstance(allowed, type) and issubclass(allowed, StrEnum):
        choice = f" (one of {', '.join(allowed)})"
    return f"{key}: {what}{choice}." if key else f"{what}."
