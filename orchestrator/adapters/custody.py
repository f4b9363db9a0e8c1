"""What it means to hold a task: a claim with its locks, its loss, and a new round."""

from __future__ import annotations

from types import TracebackType

from msgspec import structs

from orchestrator.adapters.locks import Lock
from orchestrator.records.errors import AgentOSError
from orchestrator.records.task import RepairKind, State, Task, with_attempt


def new_round(task: Task) -> Task:
    """The same file, begun anew: counts from zero, its history kept (DESIGN, Rounds).

    With it go the checks that are red on its pull request: the first agent begins at that head.
    What else was asked is looked at anew after the next delivery. What was made before a person
    cancelled it, and never delivered, is no answer to what they want now.
    """
    last = task.attempt
    if task.state is State.CANCELLED and last is not None and last.judged and not last.settled:
        task = with_attempt(task, structs.replace(last, settled=last.judged))
    red = tuple(one for one in task.repair_items if one.kind is RepairKind.CHECK)
    red = red if task.pull_request is not None else ()
    return structs.replace(
        task,
        round=task.round + 1,
        tries=0,
        reworks=0,
        claim=None,
        not_before=None,
        next_at=None,
        cancel="",
        merge=None,
        note="",
        repair=task.repair if red else "",
        repair_items=red,
        review_rounds=0,
        heard=None,
        red_heads=(),
        reruns=(),
    )


class Gone(AgentOSError):
    """A person took the file away: nothing is left to do for this task, and no fault of ours."""

    exit_code = 0

    def __init__(self, task_id: str, sentence: str = "") -> None:
        super().__init__(
            sentence or f"{task_id} is in no folder of the mailbox any more: a person removed it."
        )
        self.task_id = task_id


class MovedAway(Gone):
    """A person moved the file meanwhile; our data are stored in it, its place is theirs (I12)."""

    def __init__(self, task: Task, state: State) -> None:
        super().__init__(
            task.task_id,
            f"{task.task_id} was moved to {state.value}/ by a person; it stays there.",
        )
        self.task = task
        self.state = state


class Claimed:
    """A task in processing/ that is ours, with the locks that say so, until the block ends.

    Leaving releases the task and the repository slot; the worker slot stays its owner's.
    """

    def __init__(self, task: Task, slot: Lock, repository: Lock, lock: Lock) -> None:
        self.task = task
        self.slot = slot
        self.repository = repository
        self.lock = lock

    def release(self) -> None:
        self.lock.release()
        self.repository.release()

    def __enter__(self) -> Claimed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
