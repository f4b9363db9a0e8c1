"""What a Ready means for an issue that may have been worked on before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct, structs

from orchestrator.records.task import ENDED, UNDER_WAY, State, Task

EPOCH = datetime.fromtimestamp(0, UTC)


class Means(StrEnum):
    """How a person said Ready."""

    BOARD = "board"
    LABEL = "label"


class Shown(StrEnum):
    """What the board ought to show instead of Ready."""

    IN_PROGRESS = "in_progress"
    BLOCKED = "blocked"
    DONE = "done"


class UsedUp(StrEnum):
    """Why a Ready starts nothing; in words, after `its Ready`."""

    COUNTED = "counted already"
    UNDER_WAY = "was set while its task is under way"
    OVERRULED = "is older than a person's word that ended its task"


SHOWN = {
    **dict.fromkeys(UNDER_WAY, Shown.IN_PROGRESS),
    State.ESCALATED: Shown.BLOCKED,
    State.FAILED: Shown.BLOCKED,
    State.CANCELLED: Shown.BLOCKED,
    State.DONE: Shown.DONE,
}


class Ready(Struct, frozen=True):
    """When it was set (UTC), and by which means; None when GitHub does not say."""

    at: datetime | None
    means: Means


class File(Struct, frozen=True, kw_only=True):
    """A task file of this issue, by the folder it lies in.

    Where a person ended it, `worked_at` is the last time at which it was surely under way, and
    `ended_at` that of their own word, where it is known; by GitHub's clock. `put_back` is one that
    had ended, and that a person put into inbox/ since: no round has begun before it is claimed.
    """

    task_id: str
    state: State
    ready_at: datetime | None = None
    worked_at: datetime | None = None
    ended_at: datetime | None = None
    put_back: bool = False


class Dispatch(Struct, frozen=True, tag=True):
    """A new task, with this time in its id."""

    at: datetime


class NewRound(Struct, frozen=True, tag=True):
    """The same file goes back to `inbox/`; attempts count from zero."""

    task_id: str
    at: datetime


class RepairBoard(Struct, frozen=True, tag=True):
    """Only what the board shows is put right, and the label `ready` taken off."""

    task_id: str
    shown: Shown
    why: UsedUp


class Nothing(Struct, frozen=True, tag=True):
    """Nothing is done, for this reason."""

    reason: str


Plan = Dispatch | NewRound | RepairBoard | Nothing


def judge(ready: Ready, files: Sequence[File]) -> Plan:
    """A Ready counts once, by its time: only one later than the newest file's starts anything.

    While a task is under way it never starts another; and where a person ended it since, theirs was
    the later word. A task that ended without success gets a new round, one that is done a new one;
    one that a person put back begins with this Ready, and the words that the issue has by now.
    """
    if ready.at is None:
        return Nothing("when it was set Ready could not be read")
    if not files:
        return Dispatch(ready.at)
    newest = max(files, key=lambda f: (f.state in UNDER_WAY, f.ready_at or EPOCH, f.task_id))
    if newest.state is State.QUARANTINE:
        return Nothing(
            f"{newest.task_id} lies in quarantine/ and cannot be read: mend it and move it to "
            "inbox/, or remove it"
        )
    if (why := used_up(ready.at, newest)) is not None:
        return RepairBoard(newest.task_id, SHOWN[newest.state], why)
    if newest.state is State.DONE:
        return Dispatch(ready.at)
    return NewRound(newest.task_id, ready.at)


def used_up(at: datetime, newest: File) -> UsedUp | None:
    """Why a Ready of this time starts nothing beside that file, if so."""
    if at <= (newest.ready_at or EPOCH):
        return UsedUp.COUNTED
    if newest.state in UNDER_WAY and not newest.put_back:
        return UsedUp.UNDER_WAY
    # A Ready bears whole seconds: one of the very second of the end may have come after it.
    ended_at = (newest.ended_at or EPOCH).replace(microsecond=0)
    overruled = at <= (newest.worked_at or EPOCH) or at < ended_at
    return UsedUp.OVERRULED if overruled else None


def time_of_word(task: Task, said: datetime | None, now: datetime) -> datetime:
    """Of which time the mark is that a person's word makes: that of the word, where it is known.

    Hours may go by before we hear of it, and what they say meanwhile comes after it. Marks are in
    the order of their times.
    """
    last = task.marks[-1].at if task.marks else task.created
    return min(max(said or now, last), now)


def begun_by_a_person(task: Task) -> datetime | None:
    """When a person began this round, None in the first: by their Ready, else by the first mark.

    A Ready has GitHub's own time. Of a round that has ended, it is that end.
    """
    ends = [i for i, mark in enumerate(task.marks) if mark.state in ENDED]
    if not ends:
        return None
    over, after = task.marks[ends[-1]], task.marks[ends[-1] + 1 :]
    if after and task.ready_at is not None and task.ready_at > over.at:
        return task.ready_at
    return after[0].at if after else over.at


def counts(task: Task, closed: datetime, *, merged: bool) -> bool:
    """Whether the closing of its pull request is meant for this round: who began it knew of those
    before. A merge counts whenever it was, but for the one with which the task was done already.
    """
    done = [mark.at for mark in task.marks if mark.state is State.DONE]
    since = (done[-1] if done else None) if merged else begun_by_a_person(task)
    return since is None or closed > since


def closed_before(task: Task, closed: datetime | None) -> bool:
    """Whether its pull request was closed before the round began that ended where the file lies.

    That end itself began nothing. False where it is not known when it was closed.
    """
    until = [i + 1 for i, mark in enumerate(task.marks) if mark.state not in ENDED]
    worked = structs.replace(task, marks=task.marks[: until[-1] if until else 0])
    return closed is not None and not counts(worked, closed, merged=False)
