"""What GitHub shows of a task: the one status comment, the labels, the board."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from msgspec import structs

from orchestrator import gh_project
from orchestrator.adapters import markers
from orchestrator.adapters.gh_rest import IssueRest
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.effect import Stage
from orchestrator.records.errors import GitHubTrouble
from orchestrator.records.task import ENDED, Task
from orchestrator.rules import failures
from orchestrator.texts import messages
from orchestrator.world import World

BLOCKED_LABEL = "blocked"


@contextmanager
def unless_refused(
    world: World, task: Task, what: str, *, known_at: datetime | None = None
) -> Iterator[None]:
    """A write that GitHub refuses for good is told and left out: what cannot be shown must not
    hold up the task (I12). Somebody deleted it, archived the repository, or the token may not.

    What was there at `known_at` is not missing a moment later: that is GitHub's delay (A7).
    """
    try:
        yield
    except GitHubTrouble as trouble:
        early = failures.too_early(trouble.trouble, known_at, world.clock.now())
        if trouble.trouble in failures.PASSING or early:
            raise
        place = f"#{task.issue}" if task.issue else f" {task.task_id}"
        said = f"{task.repo}{place}: {what} was not possible; {trouble}"
        world.regret(said, trouble.exit_code)


def tell(world: World, task: Task) -> Task:
    """Create the issue's status comment, or bring it up to date; the task with its id.

    One comment for the whole life of a task: its marker spans the rounds. An unchanged text is
    not sent again.
    """
    with unless_refused(world, task, "writing its status comment"):
        return told(world, task)
    return task


def status_key(task: Task) -> str:
    return f"{task.task_id}#0:status"


def was_told(world: World, task: Task) -> bool:
    """Whether its issue has heard of this very task, so that there was a file of it once."""
    return world.effects.last(task.task_id, status_key(task)) is not None


def told(world: World, task: Task) -> Task:
    if task.issue is None:
        return task
    issue = task.issue
    marker = world.markers.line(task, "status", round_=0)
    body = world.redact(messages.status_comment(task, marker=marker, zone=world.zone))
    if task.status_comment is None:
        made = world.effects.once(
            task.task_id,
            status_key(task),
            find=lambda: find_comment(world, task.repo, issue, marker),
            make=lambda: str(world.write.create_comment(task.repo, issue, body)),
        )
        return structs.replace(task, status_comment=int(made))
    comment = task.status_comment
    world.effects.settled(
        task.task_id,
        f"{task.task_id}#0:status-text",
        hash_of(body),
        lambda: world.write.edit_comment(task.repo, issue, comment, body),
    )
    return task


def key_of(task: Task, kind: str, ordinal: int = 0) -> str:
    """Under which key the effects log knows a comment of this kind in this round."""
    return f"{task.key}:{kind}:{ordinal}"


def comment_once(
    world: World, task: Task, kind: str, said: Callable[[str], str], *, ordinal: int = 0,
    text_key: str = "",
) -> bool:  # fmt: skip
    """One comment of this kind in this round, however often repeated; `said` takes its marker.

    False where there is no issue, or GitHub lets us write nothing there.
    """
    if task.issue is None:
        return False
    marker = world.markers.line(task, kind, ordinal)
    return comment_below(
        world, task, task.issue, f"{kind}:{ordinal}", said(marker), marker=marker,
        what=f"commenting on it ({kind})", text_key=text_key,
    )  # fmt: skip


def comment_below(
    world: World, task: Task, number: int, key: str, text: str, *, marker: str, what: str,
    text_key: str = "",
) -> bool:  # fmt: skip
    """One comment on an issue or pull request under `key`, known by its marker, never a second.

    False where GitHub lets us write nothing there; `what` says in a word what was meant. What was
    sent, not what is found there, is noted under `text_key` where it is to be kept up to date.
    """
    body = world.redact(text)

    def make() -> str:
        made = str(world.write.create_comment(task.repo, number, body))
        if text_key:
            world.effects.record(task.task_id, text_key, Stage.DONE, hash_of(body), durable=False)
        return made

    with unless_refused(world, task, what):
        world.effects.once(
            task.task_id,
            f"{task.key}:{key}",
            find=lambda: find_comment(world, task.repo, number, marker),
            make=make,
        )
        return True
    return False


def comment_kept(world: World, task: Task, kind: str, said: Callable[[str], str]) -> None:
    """As `comment_once`, and brought up to date when what is said has changed."""
    text = f"{task.key}:{kind}:text"
    if task.issue is None or not comment_once(world, task, kind, said, text_key=text):
        return
    issue, body = task.issue, world.redact(said(world.markers.line(task, kind)))
    made = world.effects.last(task.task_id, key_of(task, kind))
    if made is None:
        return
    with unless_refused(world, task, f"editing a comment on it ({kind})"):
        world.effects.settled(
            task.task_id,
            text,
            hash_of(body),
            lambda: world.write.edit_comment(task.repo, issue, int(made.result), body),
        )


def is_open(world: World, task: Task) -> bool:
    """Whether the task's issue is there and open."""
    issue = issue_now(world, task)
    return issue is not None and issue.open


def issue_now(world: World, task: Task) -> IssueRest | None:
    """The task's issue; None where there is none, or none that we may read."""
    with unless_refused(world, task, "reading its issue"):
        return world.read.issue_rest(task.repo, task.issue) if task.issue is not None else None
    return None


def close(world: World, task: Task, reason: str = "completed") -> None:
    """Close the issue for this reason, if it is open still; what stays open stays so for ever."""
    if task.issue is None:
        return
    with unless_refused(world, task, "closing it", known_at=last_there(task)):
        if world.read.issue_is_open(task.repo, task.issue):
            world.write.close_issue(task.repo, task.issue, reason)


def last_there(task: Task) -> datetime | None:
    """When GitHub showed us the issue for certain: as its file moved, was judged or merged."""
    marked = task.marks[-1].at if task.marks else None
    judged = task.attempt.judged if task.attempt else None
    merged = task.merge.asked if task.merge else None
    return max(filter(None, (marked, judged, merged)), default=None)


def find_comment(world: World, slug: str, number: int, marker: str) -> str | None:
    found = markers.oldest(marker, world.read.comments(slug, number))
    return str(found.id) if found else None


def in_progress(world: World, repository: RepositoryConfig, task: Task) -> Task:
    return show(world, repository, task, "in_progress")


def blocked(world: World, repository: RepositoryConfig, task: Task) -> Task:
    return show(world, repository, task, "blocked")


def done(world: World, repository: RepositoryConfig, task: Task) -> Task:
    return show(world, repository, task, "done")


def show(world: World, repository: RepositoryConfig, task: Task, column: str) -> Task:
    """Move the card; where there is no board, the label `blocked` says what must be seen.

    It says so beside a card too, of an issue whose pull request had red checks.
    """
    if task.issue is None:
        return task
    board = gh_project.board_of(repository, task)
    if board is not None:
        task = gh_project.move(world, repository, task, getattr(board, column))
        if column != "blocked":
            return unlabelled(world, task)
        return label(world, task, wanted=True) if task.red_heads else task
    return label(world, task, wanted=column == "blocked")


def unlabelled(world: World, task: Task) -> Task:
    """Take off the label `blocked` that we put there: its repair runs, or all is over."""
    return label(world, task, wanted=False) if task.blocked_label else task


def label(world: World, task: Task, *, wanted: bool) -> Task:
    """Put the label `blocked` on the issue, or take it off; the task that remembers it.

    A file from before says by its marks whether it was ever put there: our log may be gone.
    """
    issue = task.issue
    ever = task.blocked_label or not ENDED.isdisjoint(mark.state for mark in task.marks)
    if issue is None or not (wanted or ever):
        return task
    change = world.write.add_label if wanted else world.write.remove_label
    with unless_refused(world, task, f"setting the label {BLOCKED_LABEL}"):
        world.effects.settled(
            task.task_id,
            f"{task.task_id}#0:label-blocked",
            f"{wanted}@{task.round}.{task.reworks}",
            lambda: change(task.repo, issue, BLOCKED_LABEL),
        )
        return structs.replace(task, blocked_label=wanted)
    return task


def hash_of(text: str) -> str:
    """A short name for a text, the same in every process."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
