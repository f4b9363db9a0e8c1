"""What keeps a machine that nobody looks at from filling up: logs, traces, leftovers, bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator import tick, workspace
from orchestrator.adapters import files
from orchestrator.paths import flat
from orchestrator.records.task import UNDER_WAY, State
from orchestrator.world import World

EVERY = timedelta(hours=1)
MAINTAINED_EVERY = timedelta(days=7)
LOG_BYTES = 10_000_000
LOGS_KEPT = 5
# Prompts, logs and results of attempts; and what was sent to GitHub for a task that is over.
ATTEMPTS_KEPT = timedelta(days=30)
EFFECTS_KEPT = timedelta(days=90)
# qmail's rule for files that a dead writer left behind (Q1, F1).
LEFTOVER_SECONDS = 36 * 3600


def sweep(world: World) -> None:
    """Rotate and prune, at most once an hour; nothing of a task under way is touched."""
    stamp = world.paths.state / "housekeeping"
    now = world.clock.now()
    if world.dry_run or now - modified(stamp) < EVERY:
        return
    files.write_cache(stamp, b"")
    for log in world.paths.logs.glob("*.log"):
        files.rotate(log, LOG_BYTES, LOGS_KEPT)
    for state in State:
        files.sweep_temporary(world.mailroom.folder(state), LEFTOVER_SECONDS, now)
    alive = {
        entry.stem for state in UNDER_WAY for entry in world.mailroom.folder(state).glob("*.md")
    }
    pruned = 0
    for folder in old(world.paths.attempts, now - ATTEMPTS_KEPT):
        if folder.name not in alive:
            files.remove_tree(folder, inside=world.paths.attempts)
            pruned += 1
    for log in old(world.paths.effects, now - EFFECTS_KEPT):
        if log.stem not in alive:
            files.remove_file(log)
            pruned += 1
    if pruned:
        world.say(f"housekeeping: {pruned} old traces removed")
    maintain_stores(world)


def maintain_stores(world: World) -> None:
    """Pack each store once a week; what a push under way may still need is two weeks young (G1)."""
    room = workspace.of(world)
    for repository in world.config.repositories:
        stamp = world.paths.state / f"maintained-{flat(repository.slug)}"
        store = world.paths.store(repository.slug)
        if not store.exists() or world.clock.now() - modified(stamp) < MAINTAINED_EVERY:
            continue
        with tick.isolated(world, repository.slug):
            room.maintain(repository.slug)
            files.write_cache(stamp, b"")
            world.say(f"{repository.slug}: its store was packed")


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
