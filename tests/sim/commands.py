"""What a person does to a task by bin/task.sh: a process like ours, that may die at any door."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from orchestrator import hands
from orchestrator.commands.task.__main__ import revert
from orchestrator.records.hand import Outcome
from orchestrator.records.task import State
from orchestrator.rules import deeds
from orchestrator.world import World
from tests.sim.interface import Deed, Stage
from tests.sim.people import LIVING, Did, places, some_task, told

OVER = (State.DONE, State.ESCALATED, State.FAILED, State.CANCELLED)


def hand_retry(stage: Stage) -> None:
    by_hand(stage, deeds.Deed.RETRY, *LIVING, *OVER)


def hand_give(stage: Stage, agent: str = "second") -> None:
    by_hand(stage, deeds.Deed.GIVE, *LIVING, *OVER, agent=agent)


def hand_next(stage: Stage) -> None:
    by_hand(stage, deeds.Deed.NEXT, State.INBOX, State.BLOCKED)


def hand_cancel(stage: Stage) -> None:
    by_hand(stage, deeds.Deed.CANCEL, *LIVING, State.ESCALATED)


def hand_close(stage: Stage) -> None:
    by_hand(stage, deeds.Deed.CLOSE, *LIVING, State.ESCALATED)


def hand_approve(stage: Stage) -> None:
    by_hand(stage, deeds.Deed.APPROVE, State.REVIEW, State.ESCALATED)


def hand_revert(stage: Stage) -> None:
    """A merged task is to be taken back by a pull request."""
    found = some_task(stage, State.DONE)
    if found and found[2]:
        asked = Namespace(what=[found[2].task_id], why="It was too early.")
        stage.command(f"revert {found[2].task_id}", lambda world: revert(world, asked))


def by_hand(stage: Stage, deed: deeds.Deed, *states: State, agent: str = "") -> None:
    """The command begins now; what it does, it does when its turn comes, or not at all.

    A move to nowhere is written down at once, for whatever half of it may happen, and what it has
    ended when it says so.
    """
    found = some_task(stage, *states)
    if found is None or found[2] is None:
        return
    _, path, task = found

    def act(world: World) -> int:
        said = hands.done(world, deed, task.task_id, by="cli", agent=agent, why="not needed")
        world.say(said.sentence)
        if said.done:
            ends = deed in {deeds.Deed.CANCEL, deeds.Deed.CLOSE}
            to = State.CANCELLED.value if ends else ""
            stage.act(Did.MOVED, file=path.name, task_id=task.task_id, branch=to)
        if said.done and deed is deeds.Deed.APPROVE:
            for pull in places(stage, "is_pull = 1 and head_ref = ?", task.branch):
                told(stage, Did.APPROVED, pull, sha=pull.row.head_sha)
            return 0
        closed = places(stage, "is_pull = 0 and state = 'closed'")
        if said.done and any((p.slug, p.row.number) == (task.repo, task.issue) for p in closed):
            stage.act(Did.CLOSED_ISSUE, slug=task.repo, number=task.issue)
        return 10 if said.outcome is Outcome.BUSY else 0

    stage.act(Did.MOVED, file=path.name, task_id=task.task_id)
    stage.command(f"{deed} {task.task_id}", act)


DEEDS: tuple[Deed, ...] = (
    hand_retry, hand_give, hand_next, hand_cancel, hand_close, hand_approve, hand_revert,
)  # fmt: skip
ALL: Mapping[str, Deed] = {deed.__name__: deed for deed in DEEDS}
