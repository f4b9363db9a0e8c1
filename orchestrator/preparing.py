"""What comes before an agent: a clean worktree that is set up, or the way back without one."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct, structs

from orchestrator import alerts, briefing, disk, groundwork, readonly, settle, testing, workspace
from orchestrator.groundwork import Ground
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.errors import AgentOSError, GitHubTrouble, Trouble
from orchestrator.records.task import State, Task
from orchestrator.records.tracker import Comment
from orchestrator.rules import failures, starting
from orchestrator.worktree import Worktree
from orchestrator.world import World

OUTAGE = "outage:"  # and the repository that GitHub gives nothing of


class Site(Struct, frozen=True, kw_only=True):
    """Where an attempt takes place: a clean worktree on a base just fetched."""

    base: str
    tree: Worktree
    ground: Ground
    heard: tuple[Comment, ...] = ()


class SetupFailed(AgentOSError):
    """The repository's setup_command did not succeed; no agent was started."""

    exit_code = 10


def prepare(world: World, repository: RepositoryConfig, task: Task) -> Site:
    """Fetch, start where the work stands with the base brought in, check out, set up."""
    shape = readonly.look(world, task.repo)
    base = task.base or repository.base_branch or shape.default_branch
    heard = briefing.comments(world, repository, task)
    room = workspace.of(world)
    tip = room.refresh(task.repo, base, branch=task.branch)
    ground = groundwork.start(world, task, tip)
    tree = room.prepare(task, tip, ground.sha)
    site = Site(base=base, tree=tree, ground=ground, heard=heard)
    reached(world, task.repo)
    set_up(world, repository, task, tree)
    return site


def set_up(world: World, repository: RepositoryConfig, task: Task, tree: Worktree) -> None:
    """Run setup_command where the worktree needs it; raises SetupFailed."""
    command = repository.setup_command
    room = workspace.of(world)
    if not command or not room.needs_setup(tree, command):
        return
    place = testing.Place(folder=tree.path, git=room.view(tree, task.base))
    report = testing.run_command(world, repository, task, place, what="setup", command=command)
    if report.exit_code != 0:
        raise SetupFailed(
            f"setup_command ended with {report.exit_code}: {testing.last_line(report)}; "
            f"its whole output is in {testing.log_path(world, task, 'setup')}"
        )
    room.note_setup(tree, command)


def retreat(world: World, repository: RepositoryConfig, task: Task, error: Exception) -> None:
    """A fault before an agent costs no attempt: later again, at the fifth to failed/.

    An outage of GitHub passes by itself: it is waited for, however long, and a person is told.
    Raises what is everybody's: of the token, of the disk, of a repository closed to us (READ_ONLY).
    """
    if isinstance(error, GitHubTrouble) and error.trouble is Trouble.READ_ONLY:
        raise error
    if isinstance(error, GitHubTrouble) and error.trouble not in failures.PASSING:
        readonly.rule_out(world, task.repo, error)
    if found := world.mailroom.locate(task.task_id):
        # What was done before the fault stands there alone, such as the parts of an epic.
        task = readonly.goes_on(found.task)
    if isinstance(error, GitHubTrouble) and error.trouble in failures.EVERYBODYS:
        world.mailroom.move(task, State.INBOX, by=world.script)
        raise error
    no_room = "the disk is full" if disk.is_full(error) else disk.short_of(world)
    if no_room:
        world.mailroom.move(task, State.INBOX, by=world.script)
        raise disk.NoRoom(f"{no_room}: {task.task_id} waits as it is: {error}") from error
    if workspace.of(world).doubt(task.repo, error):
        world.say(f"{task.repo}: its store is damaged; the next try makes it anew")
    said = world.redact(str(error))
    outage = isinstance(error, GitHubTrouble) and error.trouble in failures.PASSING
    step = starting.after(task.tries, outage=outage)
    task = structs.replace(task, tries=step.tries, note=said)
    where = f"{task.repo} {task.task_id}"
    world.events.add("deferred", task=task, reason=said, tries=task.tries)
    if isinstance(step, starting.GiveUp):
        world.say(f"{where}: failed, no agent was started in {task.tries} tries: {said}")
        settle.fail(world, task)
        return
    wait = timedelta(minutes=repository.retry_wait_minutes * step.wait)
    if outage and step.longest and put_off_for(world, task) >= wait:
        tell(world, task.repo, said)
    until = world.clock.now() + wait
    world.say(f"{where}: try {task.tries} again after {world.spoken(until)}: {said}")
    world.mailroom.move(structs.replace(task, not_before=until), State.BLOCKED, by=world.script)


def put_off_for(world: World, task: Task) -> timedelta:
    """How long the last wait in blocked/ has lasted until now."""
    waits = [mark.at for mark in task.marks if mark.state is State.BLOCKED]
    return world.clock.now() - waits[-1] if waits else timedelta()


def tell(world: World, slug: str, said: str) -> None:
    """One alert a day for each repository: its tasks have waited their longest wait in vain."""
    alerts.alert(
        world, f"{OUTAGE}{slug}",
        f"{slug}: its tasks cannot start for now, and are tried again until GitHub answers: {said}",
    )  # fmt: skip


def reached(world: World, slug: str) -> None:
    """GitHub gave what a task needs to begin: an outage of it is over."""
    alerts.recovered(world, f"{OUTAGE}{slug}", f"{slug}: GitHub answers again, its tasks start")


def again(world: World, repository: RepositoryConfig, tries: int) -> datetime:
    """When what is around an agent is tried again that failed so often already."""
    wait = repository.retry_wait_minutes * starting.wait(tries)
    return world.clock.now() + timedelta(minutes=wait)
