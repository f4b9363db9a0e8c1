"""A repository in which nobody may write for now: its tasks wait there, and a person is told."""

from __future__ import annotations

from datetime import timedelta

from msgspec import structs

from orchestrator import alerts, conditions
from orchestrator.adapters.gh_rest import Shape
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.task import State, Task
from orchestrator.rules import access, failures
from orchestrator.world import World

# So often it is looked whether the repository has been opened again.
AGAIN = timedelta(hours=1)
NOTED = "Nothing can be written there for now: "
# What GitHub says of a repository that it does not show to this token.
UNSEEN = frozenset({Trouble.NOT_FOUND, Trouble.PERMISSION})


def look(world: World, slug: str) -> Shape:
    """The repository, before an agent works in it.

    Raises GitHubTrouble: READ_ONLY where nothing could be delivered anyhow, and whatever keeps
    GitHub from telling.
    """
    kind = world.limits.kind
    try:
        shape = world.read.shape(slug)
    except GitHubTrouble as trouble:
        if trouble.trouble not in UNSEEN:
            raise
        said = f"{access.objection(slug, None, kind)} ({trouble})"
        raise GitHubTrouble(Trouble.READ_ONLY, said) from trouble
    seen = access.seen(archived=shape.archived, permissions=shape.permissions or {})
    if said := access.objection(slug, seen, kind):
        raise GitHubTrouble(Trouble.READ_ONLY, said)
    return shape


def closed(world: World, slug: str) -> GitHubTrouble | None:
    """Why nobody may write there now, to be asked before a refusal is taken for one task's own.

    Raises GitHubTrouble where GitHub gives no answer at the moment (PASSING).
    """
    try:
        look(world, slug)
    except GitHubTrouble as trouble:
        if trouble.trouble in failures.PASSING:
            raise
        return trouble if trouble.trouble is Trouble.READ_ONLY else None
    return None


def rule_out(world: World, slug: str, refusal: Exception | None = None) -> None:
    """Raise why nobody may write there now, if that is so: then a refusal is not the task's own."""
    if trouble := closed(world, slug):
        raise trouble from refusal


def tell(world: World, slug: str, trouble: GitHubTrouble) -> None:
    """One alert a day, the dispatcher's own: its next tick that sees the repository ends it."""
    alerts.alert(world, conditions.no_access(slug), f"{slug}: its tasks wait: {trouble}")


def stand_aside(world: World, task: Task, trouble: GitHubTrouble) -> None:
    """Put the task off as its file stands by now; what is judged is delivered later, as it is."""
    tell(world, task.repo, trouble)
    found = world.mailroom.locate(task.task_id)
    if found is None or found.state is not State.PROCESSING:
        return  # a person has it
    said, now = world.redact(str(trouble)), world.mailroom.see(found)
    until = world.clock.now() + AGAIN
    world.events.add("deferred", task=now, reason=said)
    world.say(f"{task.repo} {task.task_id}: waits until {world.spoken(until)}: {said}")
    now = structs.replace(now, note=f"{NOTED}{said}", not_before=until)
    world.mailroom.move(now, State.BLOCKED, by=world.script)


def goes_on(task: Task) -> Task:
    """The task without the word of a wait that is over."""
    return structs.replace(task, note="") if task.note.startswith(NOTED) else task
