"""Room on the disk: nothing new starts without it, and a full one is told without it (C11, Q10)."""

from __future__ import annotations

import contextlib
from pathlib import Path

from orchestrator import alerts
from orchestrator.adapters import files
from orchestrator.records.errors import AgentOSError
from orchestrator.world import World

ALERT = "disk"
BALLAST_BYTES = 50_000_000
GIGABYTE = 1_000_000_000
# A disk that hovers at the floor must not be told full and well again by turns.
RECOVERED_ABOVE = 1.1
FULL = ("no space left on device", "disk quota exceeded", "read-only file system")


class NoRoom(AgentOSError):
    """A disk without room is nobody's fault: the task waits as it is, and no try is counted."""

    exit_code = 10


def may_start(world: World) -> bool:
    """Whether there is room for something new; the first time there is none it is an alert.

    What is under way goes on: its marks, its push and its end need little and free much.
    """
    lacking = short_of(world)
    if lacking:
        alerts.alert(
            world,
            ALERT,
            f"{lacking}: no new task starts, what is under way goes on. Make room (the largest "
            f"folders: du -xhd2 {world.paths.runtime} {world.paths.worktrees}), keep less "
            "(worktrees_keep_gb, attempts_keep_gb, logs_keep_gb), or lower the floor "
            "(min_free_disk_gb, min_free_disk_percent)",
        )
        return False
    told = is_told(world) and not world.dry_run  # which tries no disk
    if told and not short_of(world, RECOVERED_ABOVE) and takes_files(world):
        alerts.recovered(world, ALERT, "there is room on the disk again; tasks start again")
    return True


def is_told(world: World) -> bool:
    """Whether a person knows of a full disk, and has not heard of its end."""
    return alerts.place(world, ALERT).exists()


def takes_files(world: World) -> bool:
    """Whether our disks take a file: one that shows room may be read-only, or lack inodes."""
    try:
        for place in our_places(world):
            if place.is_dir():
                files.try_out(place)
    except OSError:
        return False
    return True


def our_places(world: World) -> tuple[Path, ...]:
    return (world.paths.runtime, world.paths.mailbox, world.paths.worktrees)


def short_of(world: World, factor: float = 1) -> str:
    """Which disk of ours has less than `factor` times the floor; "" where all have enough."""
    config = world.config
    for place in our_places(world):
        free, whole = files.space(place)
        floor = config.min_free_disk_gb * GIGABYTE
        share = whole * config.min_free_disk_percent / 100
        if free < factor * max(floor, share):
            asked = f"{floor / GIGABYTE:g} GB" if floor >= share else f"{share / GIGABYTE:.1f} GB"
            return (
                f"only {free / GIGABYTE:.1f} of {whole / GIGABYTE:.0f} GB are free where {place} "
                f"lies, the floor is {asked}"
            )
    return ""


def is_full(error: Exception) -> bool:
    """Whether the disk is what went wrong, by the error's kind or by what git said."""
    if isinstance(error, OSError):
        return bool(files.disk_sentence(error))
    said = str(error).lower()
    return any(words in said for words in FULL)


def failed(world: World, error: Exception) -> None:
    """A write met a full or failing disk: give the ballast back, and say it, disk or no disk."""
    freed = _released(world)
    said = files.disk_sentence(error) if isinstance(error, OSError) else str(error)
    kept = "50 MB that were held back for this are free now; " if freed else ""
    world.say(f"stopped, because {world.redact(said)}; {kept}every file is as it was before")
    alerts.alert(
        world,
        ALERT,
        f"{said}. Nothing was lost; the scripts go on by themselves when there is room again. "
        f"The largest folders: du -xhd2 {world.paths.runtime} {world.paths.worktrees}",
    )


def hold_back(world: World) -> None:
    """Keep a ballast that a full disk releases; made only where there is plenty of room."""
    path = ballast(world)
    if not path.exists() and not short_of(world, 2):
        with contextlib.suppress(OSError):
            files.reserve(path, BALLAST_BYTES)


def ballast(world: World) -> Path:
    return world.paths.runtime / "ballast"


def _released(world: World) -> bool:
    with contextlib.suppress(OSError):
        return files.remove_file(ballast(world))
    return False
