"""After a merge of ours its base is watched: broken by it, the repository stops and is told why."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import structs

from orchestrator import alerts, disk, github_sync, reverting, switches, tick, workspace
from orchestrator.adapters import files
from orchestrator.adapters.locks import LockBusy
from orchestrator.adapters.mailbox_index import Found
from orchestrator.records.effect import Stage
from orchestrator.records.errors import AgentOSError, GitHubTrouble, OutcomeUnknown, SwitchedOff
from orchestrator.records.task import BaseAfter, State, Task
from orchestrator.rules import aftermath, failures, lanes
from orchestrator.rules.aftermath import (
    HEALS_WITHIN,
    AskBefore,
    Green,
    Look,
    Red,
    RunAgain,
    Unknown,
    Waits,
)
from orchestrator.rules.lanes import Action
from orchestrator.texts import messages
from orchestrator.world import World

Watched = dict[tuple[str, str], list[Task]]


def remember(world: World, task: Task) -> None:
    """Have the base watched after this merge; before the file moves, so that no crash loses it."""
    known = listed(world)
    if known is not None and task.task_id not in known:
        write(world, [*known, task.task_id])


def watch(world: World) -> None:
    """One look at each watched base, oldest merge first; no request where nothing is watched."""
    names = listed_or_searched(world)
    there = done(world, names)
    kept = unmoved(world, names, there)
    kept += [found.task.task_id for found in there if out_of_sight(world, found.task)]
    for merges in by_base(world, there).values():
        asked = False
        for task in merges:
            kept.append(task.task_id)
            with tick.isolated(world, f"{task.repo} {task.task_id}"):
                if asked or not may_act(world, task):
                    continue
                asked = True
                if looked_at(world, task):
                    kept.remove(task.task_id)
    if {*kept} != {*names} and not world.dry_run and world.only is None:
        write(world, kept)


def looked_at(world: World, task: Task) -> bool:
    """Look once and act; True when this merge need not be watched any longer."""
    if task.merge is not None and task.merge.after is BaseAfter.RED:
        return healed(world, task)
    look = seen(world, task)
    verdict = aftermath.judge(look)
    if isinstance(verdict, AskBefore):
        assert task.merge is not None  # `watched` takes no other
        before = world.read.commit_checks(task.repo, task.merge.base_sha)
        verdict = aftermath.judge(structs.replace(look, before=before, asked_before=True))
    where = f"{task.repo} {task.base} after {task.task_id}"
    if not world.decided(where, f"{type(verdict).__name__.lower()}: {verdict.reason}"):
        return False
    lock = world.locks.try_task(task.task_id)
    if lock is None:
        return False
    with lock:
        return act(world, task, verdict)


def act(world: World, task: Task, verdict: aftermath.Aftermath) -> bool:
    match verdict:
        case Green():
            noted(world, task, BaseAfter.GREEN, verdict.reason)
            return True
        case Unknown():
            noted(world, task, BaseAfter.UNKNOWN, verdict.reason)
            return True
        case RunAgain():
            run_again(world, task, verdict)
        case Red():
            stop(world, task, verdict)
        case AskBefore() | Waits():
            pass
    return False


def seen(world: World, task: Task) -> Look:
    assert task.merge is not None  # `watched` takes no other
    ordered = world.effects.last(task.task_id, order_key(task))
    done = ordered is not None and ordered.stage is Stage.DONE
    return Look(
        checks=world.read.commit_checks(task.repo, task.merge.sha),
        merged_at=merged_at(task),
        now=world.clock.now(),
        first_red=orders_in(ordered.result) if ordered and done else frozenset(),
        ordered=ordered.at if ordered and done else None,
    )


def orders_in(result: str) -> frozenset[tuple[int, int]]:
    """The checks and their runs of Actions that `run_again` wrote down."""
    pairs = (one.partition(":") for one in result.split())
    return frozenset((int(check), int(run or 0)) for check, _, run in pairs)


def run_again(world: World, task: Task, verdict: RunAgain) -> None:
    """One red run freezes nothing: the failed jobs are run once more. Twice would do no harm."""

    def order() -> None:
        for workflow_run in verdict.workflow_runs:
            with github_sync.unless_refused(world, task, "running the base's checks again"):
                world.write.run_again(task.repo, workflow_run)

    orders = " ".join(f"{check}:{run}" for check, run in sorted(verdict.checks))
    world.effects.settled(task.task_id, order_key(task), orders, order)
    world.events.add("base_run_again", task=task, reason=verdict.reason)


def stop(world: World, task: Task, verdict: Red) -> None:
    """Freeze the repository first, then tell and offer; the file says so last, and once."""
    number, sha = reverting.merged(task)
    failed = ", ".join(verdict.failed)
    freeze(
        world,
        task,
        f"{task.base} of {task.repo} fails {failed} since #{number} was merged as {sha}; before "
        f"it did not{', and run again it failed again' if verdict.again else ''}. To take it back: "
        f"bin/task.sh revert {task.repo}#{number}. Remove this file to go on.",
    )
    alerts.alert(
        world, alert_key(task),
        f"{task.repo}: {task.base} fails {failed} since #{number} was merged; the repository is "
        f"stopped by {switch_name(world, task)}, which you remove to go on",
        task=task,
    )  # fmt: skip
    try:
        why = f"{task.base} fails {failed} since it was merged"
        offer, task = reverting.offer(world, task, why)
        said = f"#{offer.number} takes it back, if you merge it."
    except AgentOSError as error:
        if passes(world, task, error):
            raise
        # The same at every later look; the freeze must be told all the same.
        said = f"It could not be taken back by itself: {world.redact(str(error)).rstrip('.')}."
    github_sync.comment_once(
        world, task, "base-red",
        lambda marker: messages.base_red_comment(
            task, verdict.failed, number=number, offer=said, again=verdict.again, marker=marker
        ),
    )  # fmt: skip
    noted(world, task, BaseAfter.RED, verdict.reason)


def passes(world: World, task: Task, error: AgentOSError) -> bool:
    """Whether a later look may fare better; a store that is damaged is made anew before it."""
    if isinstance(error, GitHubTrouble):
        return error.trouble in failures.PASSING
    later = (OutcomeUnknown, LockBusy, disk.NoRoom, SwitchedOff)
    return isinstance(error, later) or workspace.of(world).doubt(task.repo, error)


def healed(world: World, task: Task) -> bool:
    """Whether a frozen base is sound again, which is told; only a person lifts the freeze.

    That the checks pass says nothing of why they failed, and a merged revert nothing of them.
    """
    if world.clock.now() - merged_at(task) >= HEALS_WITHIN:
        return True
    slug, base = task.repo, task.base
    tip = world.wire.ls(workspace.of(world).url(slug), f"refs/heads/{base}")
    found = world.read.commit_checks(slug, tip) if tip else None
    now = world.clock.now()
    if not isinstance(aftermath.judge(Look(checks=found, merged_at=now, now=now)), Green):
        return False
    alerts.recovered(
        world, alert_key(task),
        f"{slug}: {base} passes its checks again; remove {switch_name(world, task)} to go on",
    )  # fmt: skip
    return True


def noted(world: World, task: Task, after: BaseAfter, reason: str) -> None:
    assert task.merge is not None  # `watched` takes no other
    mark = structs.replace(task.merge, after=after)
    world.mailroom.update(structs.replace(task, merge=mark))
    world.events.add(f"base_{after.value}", task=task, reason=reason, sha=mark.sha)


def freeze(world: World, task: Task, reason: str, *, kind: str = "base") -> None:
    """Stop the repository, as a person would; a switch that is there already is theirs.

    Once for a merge and a kind of trouble: when a person has lifted it, what could not be told yet
    freezes nothing anew.
    """
    switch, key = switch_of(world, task), f"{task.key}:{kind}-frozen"
    if world.effects.last(task.task_id, key) is not None:
        return
    if not switch.exists():
        files.make_folder(switch.parent)
        files.write_durably(switch, f"{switches.FROZEN}{reason}".encode(), replace=True)
        world.events.add("frozen", task=task, reason=reason)
    world.effects.record(task.task_id, key, Stage.DONE)


def may_act(world: World, task: Task) -> bool:
    """No switch stands here but our own, for this very merge (S20)."""
    if world.paths.off.exists() or world.stopped(world.script):
        return False
    reason = world.stopped(task.repo)
    return not reason or (task.merge is not None and task.merge.sha in reason)


# --- which merges are watched --------------------------------------------------------------------


def listed_or_searched(world: World) -> list[str]:
    """The ids in our list, which is made anew where it is lost."""
    names = listed(world)
    if names is None:
        names = searched(world)
        if not world.dry_run:
            write(world, names)
    return names


def done(world: World, names: Iterable[str]) -> list[Found]:
    """The files of these ids in done/, as far as they are there and readable."""
    there = (world.mailroom.fit(world.mailroom.path(State.DONE, name)) for name in names)
    return [found for found in there if found is not None]


def unmoved(world: World, names: Iterable[str], there: Iterable[Found]) -> list[str]:
    """Those whose file a killed process left where it was: it comes into done/ yet."""
    moved = {found.task.task_id for found in there}
    where = (State.REVIEW, State.ESCALATED)
    return [
        name for name in names
        if name not in moved
        and any(os.path.lexists(world.mailroom.path(state, name)) for state in where)
    ]  # fmt: skip


def out_of_sight(world: World, task: Task) -> bool:
    """Whether its repository may be one whose config is wrong now: it is watched again after."""
    return bool(world.config.broken) and world.config.repository(task.repo) is None


def by_base(world: World, there: Iterable[Found]) -> Watched:
    """The merges of ours whose base is watched, by repository and base, the oldest first."""
    found: Watched = {}
    for one in there:
        if is_watched(world, one.task):
            task = world.mailroom.see(one)
            found.setdefault((task.repo.lower(), task.base), []).append(task)
    for tasks in found.values():
        tasks.sort(key=lambda task: (merged_at(task), task.task_id))
    return found


def is_watched(world: World, task: Task) -> bool:
    """Never in a lane that leaves merges to people: whoever changed it takes the base over."""
    repository = world.repository_of(task)
    if repository is None or task.merge is None or not task.base:
        return False
    if not lanes.may(repository.automation_mode, Action.MERGE):
        return False
    if task.merge.after is BaseAfter.RED:
        return world.clock.now() - merged_at(task) < HEALS_WITHIN and bool(world.stopped(task.repo))
    return task.merge.after is BaseAfter.WATCHED


def listed(world: World) -> list[str] | None:
    """The ids in our list; None where there is none, or none that can be read."""
    try:
        return msgspec.json.decode(place(world).read_bytes(), type=list[str])
    except (OSError, msgspec.MsgspecError, RecursionError):
        return None


def searched(world: World) -> list[str]:
    """After the loss of the list: what in done/ was written lately, which is little of it."""
    since = (world.clock.now() - HEALS_WITHIN).timestamp()
    lately = [
        path
        for path in world.mailroom.folder(State.DONE).glob("*.md")
        if path.stat().st_mtime >= since
    ]
    return sorted(path.stem for path in lately)


def write(world: World, names: list[str]) -> None:
    files.write_durably(place(world), msgspec.json.encode(names), replace=True)


def place(world: World) -> Path:
    return world.paths.state / "aftermath.json"


def merged_at(task: Task) -> datetime:
    """When the file was told that the merge is proved."""
    done = [mark.at for mark in task.marks if mark.state is State.DONE]
    return done[-1] if done else datetime.fromtimestamp(0, UTC)


def order_key(task: Task) -> str:
    return f"{task.key}:base-run-again"


def alert_key(task: Task) -> str:
    """Of one merge: a base that another one breaks on the same day is told again."""
    assert task.merge is not None  # `watched` takes no other
    return f"base-red {task.repo} {task.base} {task.merge.sha}"


def switch_of(world: World, task: Task) -> Path:
    """By the config's spelling, as a person would name it."""
    repository = world.repository_of(task)
    return world.paths.switch(repository.slug if repository else task.repo)


def switch_name(world: World, task: Task) -> str:
    return f"runtime/{switch_of(world, task).relative_to(world.paths.runtime)}"
