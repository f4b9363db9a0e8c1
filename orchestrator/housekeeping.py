"""What keeps a machine that nobody looks at from filling up: logs, traces, leftovers, bounded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from orchestrator import (
    alerts,
    conditions,
    disk,
    escalation,
    foresight,
    salvage,
    tick,
    timetable,
    workspace,
)
from orchestrator.adapters import files, inheritance
from orchestrator.adapters import store as stores
from orchestrator.adapters.git import GitError
from orchestrator.adapters.locks import Locks
from orchestrator.adapters.store import Store
from orchestrator.paths import flat
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.errors import UnsafeName
from orchestrator.records.task import UNDER_WAY, State
from orchestrator.world import PACKING, World

T = TypeVar("T")

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
    """Rotate and prune, at most once an hour; nothing of a task under way is touched.

    Trouble is told and stops no other step: whatever is left undone fills the disk up.
    """
    if world.dry_run or not timetable.is_due(world, "housekeeping", EVERY):
        return
    steps = (
        rotate_logs, clear_mailbox, disk.hold_back, prune, start_packing,
        tell_what_is_owed, conditions.tell_the_unlisted,
    )  # fmt: skip
    for step in steps:
        with tick.isolated(world, "housekeeping"):
            step(world)
    timetable.succeeded(world, "housekeeping")
    # GitHub may end the tick here, which is no reason to sweep again in a minute.
    escalation.catch_up(world)


def each(
    world: World, what: str, find: Callable[[], Iterable[T]], act: Callable[[T], object]
) -> int:
    """How often `act` did something to what was found; the trouble of one stops no other.

    What the system refuses needs a person's hand: it is one alert a day for all of a kind.
    """
    done = 0
    found: list[T] = []
    refused: list[OSError] = []
    with noted(world, what, refused):
        found = list(find())
    for item in found:
        with noted(world, f"{what}: {item}", refused):
            done += bool(act(item))
    key = f"housekeeping {what}"
    if refused:
        alerts.alert(
            world, key,
            f"housekeeping failed with {what} ({len(refused)}), first by this: {refused[0]}. See "
            "who owns it and may write there; left as it is, it fills the disk up",
        )  # fmt: skip
    else:
        alerts.recovered(world, key, f"housekeeping: {what} are taken care of again")
    return done


@contextmanager
def noted(world: World, where: str, refused: list[OSError]) -> Iterator[None]:
    """As `tick.isolated`, and what the system refuses is only noted.

    A full disk is no exception: what is removed next may make room on it.
    """
    with tick.isolated(world, where):
        try:
            yield
        except OSError as error:
            refused.append(error)


def rotate_logs(world: World) -> None:
    """Those that somebody writes to; their parts would get a longer name every hour."""
    each(
        world, "logs",
        lambda: [log for log in all_logs(world) if not files.is_part(log)],
        lambda log: files.rotate(log, LOG_BYTES, LOGS_KEPT),
    )  # fmt: skip


def all_logs(world: World) -> list[Path]:
    """Ours, and what cron writes: that lies below runtime/, wherever a config puts ours."""
    folders = {path.resolve(): path for path in (world.paths.logs, world.paths.runtime / "logs")}
    return [log for folder in folders.values() for log in folder.glob("*.log")]


def clear_mailbox(world: World) -> None:
    now = world.clock.now()
    each(
        world, "unfinished files in the mailbox",
        lambda: [world.mailroom.folder(state) for state in State],
        lambda folder: files.sweep_temporary(folder, LEFTOVER_SECONDS, now),
    )  # fmt: skip


def prune(world: World) -> None:
    """Keep logs, attempts and worktrees within their days and gigabytes, the oldest going first."""
    alive = {
        entry.stem for state in UNDER_WAY for entry in world.mailroom.folder(state).glob("*.md")
    }
    traces = {
        "old attempts": old_attempts,
        "old prompts": old_prompts,
        "parts of logs": old_parts,
        "old effects": old_effects,
        "broken stores": broken_stores,
        "folders of dead processes": dead_folders,
        "old alerts": old_alerts,
    }
    pruned = sum(
        each(world, what, partial(find, world, alive), remove) for what, find in traces.items()
    )
    if pruned:
        world.say(f"housekeeping: {pruned} old traces removed")
    prune_worktrees(world, alive)
    prune_clean(world, alive)


def old_attempts(world: World, alive: set[str]) -> list[Path]:
    attempts = [folder for folder in listed(world.paths.attempts) if folder.name not in alive]
    config, now = world.config, world.clock.now()
    return spent(attempts, config.attempts_keep_days, config.attempts_keep_gb, now)


def old_prompts(world: World, alive: set[str]) -> list[Path]:
    prompts = [sent for sent in listed(world.paths.prompts) if task_of(sent) not in alive]
    config, now = world.config, world.clock.now()
    return spent(prompts, config.attempts_keep_days, config.attempts_keep_gb, now)


def old_parts(world: World, alive: set[str]) -> list[Path]:
    """Of rotated logs, whether the log itself is still there or not."""
    parts = [log for log in all_logs(world) if files.is_part(log)]
    return spent(parts, world.config.logs_keep_days, world.config.logs_keep_gb, world.clock.now())


def old_effects(world: World, alive: set[str]) -> list[Path]:
    # Of what waits for a person it must be known for as long that they were told.
    kept = alive | {task.stem for task in world.mailroom.folder(State.ESCALATED).glob("*.md")}
    sent = old(world.paths.effects, world.clock.now() - EFFECTS_KEPT)
    return [log for log in sent if log.stem not in kept]


def broken_stores(world: World, alive: set[str]) -> list[Path]:
    before = world.clock.now() - timedelta(days=world.config.worktrees_keep_days)
    return [store for store in old(world.paths.repos, before) if store.suffix == stores.BROKEN]


def dead_folders(world: World, alive: set[str]) -> list[Path]:
    """The private folders of processes that were killed."""
    runtime, before = world.paths.runtime, world.clock.now() - timedelta(seconds=LEFTOVER_SECONDS)
    return [
        *(left for left in old(runtime, before) if left.name.startswith(files.TEMPORARY_FOLDER)),
        *old(runtime / "thinking", before),
    ]


def old_alerts(world: World, alive: set[str]) -> list[Path]:
    return old(world.paths.state / "alerts", world.clock.now() - ALERTS_KEPT)


def remove(path: Path) -> bool:
    """Remove a file or a folder that was found in one of ours; whether it was there."""
    if path.is_dir() and not path.is_symlink():
        files.remove_tree(path, inside=path.parent)
        return True
    return files.remove_file(path)


def prune_worktrees(world: World, alive: set[str]) -> None:
    """Leftover checkouts go like all else, but what is in no commit is kept in the store first."""
    room, config, slugs = workspace.of(world), world.config, repositories(world)

    def leftovers() -> list[Path]:
        trees = [tree for name in slugs for tree in listed(world.paths.worktrees / name)]
        left = [tree for tree in trees if tree.name not in alive]
        days, gigabytes = config.worktrees_keep_days, config.worktrees_keep_gb
        return spent(left, days, gigabytes, world.clock.now())

    def give_up(path: Path) -> None:
        slug, lock = slugs[path.parent.name], world.locks.try_task(path.name)
        if lock is None:
            return
        with lock:
            kept = room.give_up(slug, path.name)
            said = f"; its work is kept as refs/salvage/{path.name}" if kept else ""
            world.say(f"{slug} {path.name}: its old worktree was removed{said}")

    each(world, "old worktrees", leftovers, give_up)


def prune_clean(world: World, alive: set[str]) -> None:
    """Clean checkouts that a killed test run left; a worker at work holds its task's lock."""
    room = workspace.of(world)
    slugs = {world.paths.clean(slug, "any").parent: slug for slug in repositories(world).values()}

    def leftovers() -> list[Path]:
        return [left for folder in slugs for left in listed(folder) if left.name not in alive]

    def clear(left: Path) -> None:
        lock = world.locks.try_task(left.name)
        if lock is not None:
            with lock:
                room.clear_clean(slugs[left.parent], left.name)

    each(world, "clean checkouts", leftovers, clear)


def repositories(world: World) -> dict[str, str]:
    """The slugs of the config, and of every store that is here, by the names of their folders.

    One that left the config leaves its checkouts behind; its store is kept, with what it salvaged.
    """
    found = {flat(repository.slug): repository.slug for repository in world.config.repositories}
    for store in listed(world.paths.repos):
        owner, _, name = store.stem.partition("+")[0].partition("__")
        if store.suffix in {".git", stores.OWING}:
            with suppress(UnsafeName):
                found.setdefault(flat(f"{owner}/{name}"), f"{owner}/{name}")
    return found


def tell_what_is_owed(world: World) -> None:
    """Work of a damaged store that did not come into the new one: told until it does, or until
    a person has removed that store, which no retention does."""
    for slug in repositories(world).values():
        owing = Store(world.paths.store(slug)).asides(stores.OWING)
        left = [(aside, *one) for aside in owing for one in inheritance.left_in(aside).items()]
        key = f"owed {slug}"
        if left:
            aside, ref, why = left[0]
            alerts.alert(
                world, key,
                f"{slug}: of its damaged store {len(left)} refs could not be taken along, such as "
                f"{ref}: {why}. Fetches try again, and until they can the old store is kept as "
                f"{aside}: save from it what you need, and remove it.",
            )  # fmt: skip
        elif not owing:
            alerts.recovered(world, key, f"{slug}: its damaged store holds nothing that is missing")


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
    """Stores that are due are packed by a process of its own: this tick has minutes, not hours.

    A person's `--now` makes none due: it is for tasks to begin, and none does while one is packed.
    """
    by_week = replace(world, at_once=False)
    due = any(is_packed_now(by_week, repository.slug) for repository in world.config.repositories)
    if due and not world.stopped("queue"):
        argv = [sys.executable, "-m", "orchestrator.queue", "--pack"]
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
            if is_waited_for(world, slug):
                world.say(f"{slug}: its store is packed when no task waits there that may start")
                continue
            with tick.isolated(world, slug), alone(world, repository) as free:
                if not free:
                    world.say(f"{slug}: its store is packed when no worker is at work there")
                elif world.decided(slug, "due to be packed"):
                    pack(world, slug)
    return None


def is_waited_for(world: World, slug: str) -> bool:
    """Whether a task may start there now: the worker that was started for it needs the slot.

    Where nothing starts anyway packing keeps nobody waiting; on a full disk it makes room.
    """
    if disk.short_of(world) or world.limits.closed() is not None or world.stopped(slug):
        return False
    waiting = world.mailroom.waiting(world.clock.now())
    here = [entry for entry in waiting if entry.repo.lower() == slug.lower()]
    return any(foresight.Neighbours(world).free(here))


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
