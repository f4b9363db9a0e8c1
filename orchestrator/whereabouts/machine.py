"""What holds for every task of this machine: scripts that do not run, limits, alerts, the disk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from orchestrator import alerts, conditions, disk, updating
from orchestrator.adapters import files
from orchestrator.adapters.reading import NotReadable
from orchestrator.alerts import Raised
from orchestrator.records.health import Health
from orchestrator.records.task import State
from orchestrator.rules import notices
from orchestrator.rules.diagnosis import cron
from orchestrator.rules.pacing import Purpose
from orchestrator.whereabouts.account import Finding, Reason
from orchestrator.world import World

# How long a script may be silent before its silence is worth a word; cron's own pace is 1 to 5 min.
SILENT = timedelta(minutes=20)
LARGEST = 100_000
Record = TypeVar("Record")
# Which script takes a task on from where it stands; "" is an issue without a task.
NEXT = {
    "": ("github_dispatcher", "run_dispatcher.sh"),
    State.INBOX: ("supervisor", "run_queue.sh"),
    State.PROCESSING: ("supervisor", "run_queue.sh"),
    State.BLOCKED: ("supervisor", "run_queue.sh"),
    State.REVIEW: ("pr_monitor", "run_pr_monitor.sh"),
}
STARTS = frozenset({"", State.INBOX})  # from where something new begins


def findings(world: World, state: str) -> Iterator[Finding]:
    """Nothing for what has ended: it waits for no machine."""
    if state not in NEXT:
        return
    yield from script(world, *NEXT[state])
    yield from shut(world, state)
    paused = world.limits.closed()
    lacking = disk.short_of(world) if state in STARTS else ""
    for raised in open_alerts(world):
        told = raised.key.startswith(notices.TOLD_ELSEWHERE)  # its own account tells it
        told = told or (raised.key == conditions.TOKEN and paused is not None)
        if not told and (raised.key != disk.ALERT or not lacking):
            text = f"alert of {world.spoken(raised.at)}: {raised.text}"
            yield Finding(reason=Reason.MACHINE, text=text)


def shut(world: World, state: str) -> Iterator[Finding]:
    """What keeps everything that stands there from being taken up, by the scripts' own rules."""
    paused = world.limits.closed()
    if paused is not None:
        yield Finding(reason=Reason.MACHINE, text=f"GitHub is not asked: {paused}")
    if state not in STARTS:
        return
    lacking = disk.short_of(world)
    if lacking:
        yield Finding(
            reason=Reason.MACHINE, text=f"{lacking}, so nothing new starts",
            step=f"make room: du -xhd2 {world.paths.runtime} {world.paths.worktrees}",
        )  # fmt: skip
    held = updating.held_back(world) if state else world.limits.reserved(Purpose.NEW_WORK)
    if held:
        yield Finding(reason=Reason.MACHINE, text=f"nothing new is taken up: {held}")


def script(world: World, name: str, wrapper: str) -> Iterator[Finding]:
    """Whether the script that is next runs at all, and how it ended last."""
    known = decoded(world.paths.health / f"{name}.json", Health)
    now = world.clock.now()
    if known is None:
        yield Finding(
            reason=Reason.MACHINE, text=f"{wrapper} has left no word yet: did cron ever start it?",
            step="crontab -l",
        )  # fmt: skip
        return
    if now - known.ended > SILENT:
        hours = (now - known.ended).total_seconds() / 3600
        yield Finding(
            reason=Reason.MACHINE, text=f"{wrapper} ended last {hours:.1f} h ago: does cron run?",
            step=f"crontab -l; bin/{wrapper}",
        )  # fmt: skip
    if known.exit_code:
        logs = world.logs_to_read()
        why = "; its log says why" if logs else ""
        yield Finding(
            reason=Reason.MACHINE,
            text=f"{wrapper} ended with exit code {known.exit_code} last time{why}",
            step=cron.to_see(name, logs),
        )


def open_alerts(world: World) -> list[Raised]:
    """What was raised within the last day and has not recovered."""
    now = world.clock.now()
    return [
        one for one in alerts.raised(world) if timedelta() <= now - one.at < alerts.COOL_DOWN
    ]


def decoded(path: Path, shape: type[Record]) -> Record | None:
    try:
        return msgspec.json.decode(files.read_bounded(path, LARGEST), type=shape)
    except (OSError, NotReadable, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
