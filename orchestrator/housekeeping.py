"""What keeps a machine that nobody looks at from filling up: logs, traces, leftovers, bounded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator import alerts, conditions, disk, escalation, salvage, tick, timetable, workspace
from orchestrator.adapters import files
from orchestrator.adapters import store as stores
from orchestrator.adapters.git import GitError
from orchestrator.adapters.locks import Locks
from orchestrator.paths import flat
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.errors import UnsafeName
from orchestrator.records.task import UNDER_WAY, State
from orchestrator.world import PACKING, World

EVERY = timedelta(hours=1)
# Stores are packed in the first night of a week, at this hour of the config's `timezone`, or as
# soon after it as this machine is on.
PACKED_ON, PACKED_FROM = 1, 3
PACKING_FAILED, PACKED_AGAIN = "maintenance-failed", timedelta(hours=23)
LOG_BYTES = 10_000_000
LOGS_KEPT = 5
# What was sent to GitHub for a task that is over; and which alerts were told.
EFFECTS_KEPT = timedelta(days=90)
ALERTS_KEPT = timedelta(days=30)
# qmail's rule for files that a dead writer left behind (Q1, F1).
LEFTOVER_SECONDS = 36 * 3600


def sweep(world: World) -> None:
    """Rotate and prune, at most once an hour; nothing of a task under way is touched."""
    now = world.clock.now()
    if world.dry_run or not timetable.is_due(world, "housekeeping", EVERY):
        return
    for log in world.paths.logs.glob("*.log"):
        if not files.is_part(log):  # it would get a longer name every hour
            files.rotate(log, LOG_BYTES, LOGS_KEPT)
    for state in State:
        files.sweep_temporary(world.mailroom.folder(state), LEFTOVER_SECONDS, now)
    disk.hold_back(world)
    prune(world)
    start_packing(world)
    conditions.tell_the_unlisted(world)
    timetable.succeeded(world, "housekeeping")
    # GitHub may end the tick here, which is no reason to sweep again in a minute.
    escalation.catch_up(world)


def prune(world: World) -> None:
    """Keep logs, attempts and worktrees within their days and gigabytes, the oldest going first."""
    config, paths, now = world.config, world.paths, world.clock.now()
    alive = {
        entry.stem for state in UNDER_WAY for entry in world.mailroom.folder(state).glob("*.md")
    }
    pruned = 0
    attempts = [folder for folder in listed(paths.attempts) if folder.name not in alive]
    for folder in spent(attempts, config.attempts_keep_days, config.attempts_keep_gb, now):
        files.remove_tree(folder, inside=paths.attempts)
        pruned += 1
    prompts = [sent for sent in listed(paths.prompts) if task_of(sent) not in alive]
    for sent in spent(prompts, config.attempts_keep_days, config.attempts_keep_gb, now):
        pruned += files.remove_file(sent)
    parts = [log for log in paths.logs.glob("*.log") if files.is_part(log)]
    for part in spent(parts, config.logs_keep_days, config.logs_keep_gb, now):
        pruned += files.remove_file(part)
    # Of what waits for a person it must be known for as long that they were told.
    kept = alive | {task.stem for task in world.mailroom.folder(State.ESCALATED).glob("*.md")}
    for log in old(paths.effects, now - EFFECTS_KEPT):
        if log.stem not in kept:
            pruned += files.remove_file(log)
    for store in old(paths.repos, now - timedelta(days=config.worktrees_keep_days)):
        if store.suffix == stores.BROKEN:
            files.remove_tree(store, inside=paths.repos)
            pruned += 1
    pruned += prune_temporary(world)
    for raised in old(paths.state / "alerts", now - ALERTS_KEPT):
        files.remove_file(raised)
    if pruned:
        world.say(f"housekeeping: {pruned} old traces removed")
    prune_worktrees(world, alive)
    prune_clean(world, alive)


def prune_worktrees(world: World, alive: set[str]) -> None:
    """Leftover checkouts go like all else, but what is in no commit is kept in the store first."""
    room, config = workspace.of(world), world.config
    left: list[Path] = []
    owners: dict[Path, str] = {}
    for name, slug in repositories(world).items():
        mine = [tree for tree in listed(world.paths.worktrees / name) if tree.name not in alive]
        left += mine
        owners |= dict.fromkeys(mine, slug)
    days, gigabytes = config.worktrees_keep_days, config.worktrees_keep_gb
    for path in spent(left, days, gigabytes, world.clock.now()):
        slug, lock = owners[path], world.locks.try_task(path.name)
        if lock is None:
            continue
        with lock, tick.isolated(world, f"{slug} {path.name}"):
            kept = room.give_up(slug, path.name)
            said = f"; its work is kept as refs/salvage/{path.name}" if kept else ""
            world.say(f"{slug} {path.name}: its old worktree was removed{said}")


def prune_clean(world: World, alive: set[str]) -> None:
    """Clean checkouts that a killed test run left; a worker at work holds its task's lock."""
    room = workspace.of(world)
    for slug in repositories(world).values():
        for left in listed(world.paths.clean(slug, "any").parent):
            lock = None if left.name in alive else world.locks.try_task(left.name)
            if lock is not None:
                with lock:
                    room.clear_clean(slug, left.name)


def repositories(world: World) -> dict[str, str]:
    """The slugs of the config, and of every store that is here, by the names of their folders.

    One that left the config leaves its checkouts behind; its store is kept, with what it salvaged.
    """
    found = {flat(repository.slug): repository.slug for repository in world.config.repositories}
    for store in listed(world.paths.repos):
        owner, _, name = store.stem.partition("__")
        if store.suffix == ".git":
            with suppress(UnsafeName):
                found.setdefault(flat(f"{owner}/{name}"), f"{owner}/{name}")
    return found


def prune_temporary(world: World) -> int:
    """Remove the private folders of processes that were killed, and count them."""
    runtime, before = world.paths.runtime, world.clock.now() - timedelta(seconds=LEFTOVER_SECONDS)
    left = [
        *(each for each in old(runtime, before) if each.name.startswith(files.TEMPORARY_FOLDER)),
        *old(runtime / "thinking", before),
    ]
    for folder in left:
        files.remove_tree(folder, inside=runtime)
    return len(left)


def spent(paths: list[Path], days: float, gigabytes: float, now: datetime) -> list[Path]:
    """Which of them are past their days, or beyond the gigabytes that the younger ones leave."""
    youngest_first = sorted(((modified(path), path) for path in paths), reverse=True)
    gone, held = [], 0
    for when, path in youngest_first:
        held += files.size_of(path)
        if now - when > timedelta(days=days) or held > gigabytes * disk.GIGABYTE:
            gone.append(path)
    return gone[::-1]


def task_of(prompt: Path) -> str:
    """The task of a kept prompt, `<task>.<attempt>.md`."""
    return prompt.name.removesuffix(".md").rpartition(".")[0]


def listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def start_packing(world: World) -> None:
    """Stores that are due are packed by a process of its own: this tick has minutes, not hours."""
    due = any(is_packed_now(world, repository.slug) for repository in world.config.repositories)
    if due and not world.stopped("queue"):
        argv = [sys.executable, "-m", "orchestrator.queue", "--pack"]
        argv += ["--now"] if world.at_once else []
        world.spawn(argv, environment=world.environment, log_path=world.paths.logs / "queue.log")


def is_packed_now(world: World, slug: str) -> bool:
    """Once an ISO week (C4), and after a night in which it failed not before the next one."""
    return (
        world.paths.store(slug).exists()
        and timetable.is_due(world, PACKING_FAILED, PACKED_AGAIN, repo=slug)
        and timetable.is_due_this_week(
            world, "maintenance", repo=slug, weekday=PACKED_ON, hour=PACKED_FROM
        )
    )


def maintain_stores(world: World) -> None:
    """Pack each store that is due; what a push may still need is two weeks young (G1)."""
    lock = world.locks.try_script(PACKING)
    if lock is None:
        return world.say("the stores are being packed already")
    with lock:
        for repository in world.config.repositories:
            slug = repository.slug
            if not is_packed_now(world, slug):
                continue
            with tick.isolated(world, slug), alone(world, repository) as free:
                if not free:
                    world.say(f"{slug}: its store is packed when no worker is at work there")
                elif world.decided(slug, "due to be packed"):
                    pack(world, slug)
    return None


@contextmanager
def alone(world: World, repository: RepositoryConfig) -> Iterator[bool]:
    """Every slot of a repository: a worker would wait for the store until its patience is over, and
    the work it has just paid for would count as lost.

    Each in a collection of its own: the order of locks is for one that waits, and nobody waits.
    """
    with ExitStack() as held:
        for _ in range(repository.max_parallel_per_repo):
            own = Locks(world.paths.locks, what=world.script, clock=world.clock)
            slot = own.try_repository_slot(repository.slug, repository.max_parallel_per_repo)
            if slot is None:
                yield False
                return
            held.enter_context(slot)
        yield True


def pack(world: World, slug: str) -> None:
    """Pack one store; the second failure in a row is an alert, since the disk fills up by it."""
    key = f"packing {slug}"
    try:
        salvage.prune(world, slug)
        workspace.of(world).maintain(slug)
    except GitError as error:
        failed = timetable.last_success(world, PACKING_FAILED, repo=slug)
        packed = timetable.last_success(world, "maintenance", repo=slug)
        if failed and (packed is None or packed < failed):
            alerts.alert(
                world, key,
                f"{slug}: its store could not be packed twice in a row and grows: {error}. Pack it "
                f"by hand while nothing works on it: git -C {world.paths.store(slug)} gc",
            )  # fmt: skip
        timetable.succeeded(world, PACKING_FAILED, repo=slug)
        raise
    timetable.succeeded(world, "maintenance", repo=slug)
    alerts.recovered(world, key, f"{slug}: its store was packed")
    world.say(f"{slug}: its store was packed")


def old(folder: Path, before: datetime) -> list[Path]:
    """What in a folder was last changed before a moment."""
    if not folder.is_dir():
        return []
    return [entry for entry in folder.iterdir() if modified(entry) < before]


def modified(path: Path) -> datetime:
    """When a path last changed; long ago where it does not exist."""
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.fromtimestamp(0, UTC)
