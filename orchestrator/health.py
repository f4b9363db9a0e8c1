"""What each script leaves of its run for the watchdog, and how often it was skipped (C2, C7)."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import structs

from orchestrator import alerts
from orchestrator.adapters import files, survivors
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.locks import Holder
from orchestrator.adapters.reading import NotReadable
from orchestrator.records.health import Health, Overlap
from orchestrator.records.requests import Left, RequestStat
from orchestrator.rules import schedulers
from orchestrator.world import World

HUNG_AFTER = 10  # ticks in a row that found the one before still at work
SKIPPED = "skipped"
SAID = 1000  # characters that are kept of what went wrong
REQUESTS_BYTES = 2_000_000  # some days of lines
_LARGEST = 100_000
Record = TypeVar("Record")


class Visit:
    """One run of a script, from its first moment to its exit code."""

    def __init__(self, script: str, root: Path, clock: Clock) -> None:
        self.script = script
        self.clock = clock
        self._folder: Path | None = root / "runtime" / "health"
        self.world: World | None = None
        self.said = ""  # of what went wrong before there was a world
        self._began = clock.monotonic()
        self._started = Health(
            script=script, pid=os.getpid(), started=clock.now(), ended=clock.now(),
            exit_code=0, seconds=0, scheduler=schedulers.of(survivors.ancestors()),
        )  # fmt: skip

    def meets(self, world: World) -> None:
        """From now on it is known where notes go, and what was done."""
        self.world = world
        if self._folder is not None:
            self._folder = world.paths.health

    def unnoted(self) -> None:
        """A dry run, or a time that was given, says nothing of the script's health."""
        self._folder = None

    def end(self, code: int) -> None:
        """Write down how it went; a disk that fails costs the note and nothing else."""
        if self._folder is None or (self.world and SKIPPED in self.world.verdicts):
            return
        path = self._folder / f"{self.script}.json"
        ended, world = self.clock.now(), self.world
        before = _read(path, Health)
        failing = (before.failing_since if before else None) or ended
        said = next(iter(world.regrets), "") if world else ""
        said = said or (world.redact(self.said) if world else self.said)
        health = structs.replace(
            self._started,
            ended=ended,
            exit_code=code,
            seconds=round(self.clock.monotonic() - self._began, 3),
            version=version(world.paths.code) if world else "",
            requests=requests_made(world) if world else 0,
            verdicts=dict(world.verdicts) if world else {},
            troubles=tuple(world.troubles) if world else (),
            last_success=ended if code == 0 else before.last_success if before else None,
            failing_since=failing if code else None,
            said=said[:SAID] if code else "",
            scheduler=self._started.scheduler or (before.scheduler if before else ""),
            scheduled=(
                ended if self._started.scheduler else before.scheduled if before else None
            ),
        )
        with contextlib.suppress(OSError):
            if path.parent.parent.is_dir():  # a wrong ORCH_ROOT must not grow a runtime/
                files.make_folder(path.parent)
                files.write_cache(path, msgspec.json.encode(health))
        if world is not None:
            count_requests(world)


def count_requests(world: World) -> None:
    """One line of what this run asked of GitHub, and for what; an idle one that asked writes one.

    Appended, without a lock; a disk that fails costs the line and nothing else.
    """
    if not world.limits.used:
        return
    left = {
        name: Left(remaining=one.remaining, limit=one.limit, reset=one.reset)
        for name, one in world.limits.points.items()
    }
    stat = RequestStat(
        at=world.clock.now(), script=world.script, kinds=world.limits.used, left=left
    )
    with contextlib.suppress(OSError):
        files.make_folder(world.paths.metrics)
        files.append_line(world.paths.requests, msgspec.json.encode(stat), durable=False)
        files.rotate(world.paths.requests, REQUESTS_BYTES, 1)


def skipped(world: World, holder: Holder | None) -> None:
    """The one before still runs: say who and since when; the tenth in a row is an alert (C2)."""
    now = world.clock.now()
    world.verdicts[SKIPPED] += 1
    who = f"process {holder.pid} since {world.spoken(holder.started)}" if holder else "just begun"
    world.say(f"the one before still runs ({who}); this tick does nothing")
    if holder is None or world.dry_run:
        return
    path = _overlap(world)
    before = _read(path, Overlap)
    row = before.skipped + 1 if before and before.holder == holder.uuid else 1
    try:
        files.make_folder(path.parent)
        note = Overlap(holder=holder.uuid, skipped=row, since=now)
        files.write_cache(path, msgspec.json.encode(note))
    except OSError:
        return
    if row >= HUNG_AFTER:
        alerts.alert(
            world,
            f"overlap:{world.script}",
            f"{world.script} was skipped {row} times in a row: {who} still holds its lock. "
            f"If it hangs, end it with: kill {holder.pid} (what it did is kept)",
        )


def got_its_turn(world: World) -> None:
    """A run that was not skipped ends the row, and says so after an alert."""
    path = _overlap(world)
    if not world.dry_run and path.exists():
        files.remove_file(path)
        alerts.recovered(world, f"overlap:{world.script}", f"{world.script} has its turn again")


def requests_made(world: World) -> int:
    """What this run asked of GitHub, as far as its doors count."""
    write = getattr(world.write, "requests_made", 0)
    return int(world.read.door.requests_made) + int(write)


def version(root: Path) -> str:
    """The commit of the checkout at `root` in twelve letters, without a process; "" if unknown."""
    try:
        head = _word(f"{root}/.git/HEAD")
        return (_word(f"{root}/.git/{head[5:]}") if head.startswith("ref: ") else head)[:12]
    except OSError:
        return ""


def _word(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as stream:
        return stream.read().strip()


def _overlap(world: World) -> Path:
    return world.paths.health / f"{world.script}.overlap.json"


def _read(path: Path, shape: type[Record]) -> Record | None:
    try:
        return msgspec.json.decode(files.read_bounded(path, _LARGEST), type=shape)
    except (OSError, NotReadable, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
