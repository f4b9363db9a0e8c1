"""A repository in which nobody may write for now: its tasks wait there, and a person is told."""

from __future__ import annotations

from datetime import timedelta

from msgspec import structs

from orchestrator import alerts
from orchestrator.adapters.gh_rest import Shape
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.task import State, Task
from orchestrator.rules import access
from orchestrator.world import World

# So often it is looked whether the repository has been opened again.
AGAIN = timedelta(hours=1)
ALERT = "read-only:"
NOTED = "Nothing can be written there for now: "


def look(world: World, slug: str) -> Shape:
    """The repository; raises GitHubTrouble (READ_ONLY) where nothing could be delivered anyhow.

    To be asked before an agent works, and before a refusal is taken for one of this task alone.
    """
    try:
        shape = world.read.shape(slug)
    except GitHubTrouble as trouble:
        if trouble.trouble is not Trouble.NOT_FOUND:
            raise
        said = access.objection(slug, None, world.limits.kind)
        raise GitHubTrouble(Trouble.READ_ONLY, said) from trouble
    said = access.unwritable(slug, archived=shape.archived, permissions=shape.permissions)
    if said:
        raise GitHubTrouble(Trouble.READ_ONLY, said)
    alerts.recovered(world, f"{ALERT}{slug}", f"{slug} can be written again")
    return shape


def is_closed(world: World, slug: str) -> bool:
    """Whether nobody may write there for now, which a person is told."""
    try:
        look(world, slug)
    except GitHubTrouble as trouble:
        if trouble.trouble is not Trouble.READ_ONLY:
            raise
        tell(world, slug, str(trouble))
        return True
    return False


def tell(world: World, slug: str, said: str) -> None:
    alerts.alert(world, f"{ALERT}{slug}", f"{slug}: its tasks wait: {said}")


def stand_aside(world: World, task: Task, trouble: GitHubTrouble) -> None:
    """Put the task off as its file stands by now; what is judged is delivered later, as it is."""
    said = world.redact(str(trouble))
    tell(world, task.repo, said)
    found = world.mailroom.locate(task.task_id)
    if found is None or found.state is not State.PROCESSING:
        return  # a person has it
    until = world.clock.now() + AGAIN
    note = f"{NOTED}{said}"
    now = structs.replace(world.mailroom.see(found), note=note, not_before=until)
    world.events.add("deferred", task=now, reason=said)
    world.say(f"{task.repo} {task.task_id}: waits until {world.spoken(until)}: {said}")
    world.mailroom.move(now, State.BLOCKED, by=world.script)
