"""What ends by a person's hand: its work is kept and GitHub told."""

from __future__ import annotations

from datetime import datetime

from msgspec import structs

from orchestrator import github_sync, salvage
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.task import PERSON, State, Task, marked, with_attempt
from orchestrator.rules import rounds
from orchestrator.world import World

ON_GITHUB = f"a {PERSON}, on GitHub"


def cancel(
    world: World, repository: RepositoryConfig, task: Task, reason: str,
    *, by: str, said: datetime | None = None,
) -> None:  # fmt: skip
    """No push, no merge; what is theirs stays as it is, and a repeated call tells nothing twice.

    `said` is when they closed its pull request, or moved its file; its issue tells that itself.
    """
    task = salvage.keep(world, structs.replace(task, note=reason, cancel=""))
    issue = github_sync.issue_now(world, task)
    if issue is not None and issue.open:
        task = github_sync.blocked(world, repository, task)
    if PERSON not in by:
        closings = [at for at in (said, issue.closed_at if issue else None) if at is not None]
        said, by = (max(closings), ON_GITHUB) if closings else (None, by)
    at = rounds.time_of_word(task, said, world.clock.now())
    # Told before the move: nobody comes back to a file in cancelled/ to finish its comment.
    task = github_sync.tell(world, marked(task, State.CANCELLED, at, by))
    world.mailroom.move(task, State.CANCELLED, by=by)
    world.events.add("cancelled", task=task, reason=reason)


def leave(world: World, repository: RepositoryConfig, task: Task, state: State) -> None:
    """A person moved the file while we had it: it stays there with its work, and GitHub is told.

    From blocked/ it goes on where it stopped, once they move it back; elsewhere it is settled.
    """
    said = f"a person moved its file to {state}/ while it was worked on; nothing was pushed"
    attempt = task.attempt
    if state is not State.BLOCKED and attempt is not None and not attempt.settled:
        task = with_attempt(task, structs.replace(attempt, settled=world.clock.now()))
    task = salvage.keep(world, structs.replace(task, note=said, not_before=None))
    # Its data first: it stands where it is to stay, and nobody comes back to it.
    task = world.mailroom.move(marked(task, state, world.clock.now(), PERSON), state, by=PERSON)
    world.say(f"{task.repo} {task.task_id}: {said}")
    if state is State.DONE:
        task = github_sync.done(world, repository, task)
    elif github_sync.is_open(world, task):
        task = github_sync.blocked(world, repository, task)
    world.mailroom.update(github_sync.tell(world, task))
