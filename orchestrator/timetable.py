"""When each regular job last succeeded, kept on the disk; what is due by it (C3, C4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from orchestrator import alerts
from orchestrator.adapters import files
from orchestrator.adapters.reading import NotReadable
from orchestrator.paths import component, flat
from orchestrator.rules import cadence
from orchestrator.world import World

_LARGEST = 10_000


class LastSuccess(Struct, frozen=True, kw_only=True):
    """When a job last succeeded, and the ISO week in which that was."""

    at: datetime
    week: str = ""


def is_due(world: World, job: str, every: timedelta, *, repo: str = "") -> bool:
    """Whether a job (of one repository) is due; ticks that were missed count as one.

    With `--now` it is, whenever it last succeeded. A last success in the future is one alert, and
    the job is due after one interval.
    """
    last = _read(world, job, repo)
    timing = cadence.judge(last.at if last else None, every, world.clock.now())
    if isinstance(timing, cadence.ClockWentBack):
        _counts_from_now(world, job, repo, timing.reason)
    return world.at_once or isinstance(timing, cadence.Due)


def is_due_this_week(
    world: World, job: str, *, repo: str = "", weekday: int = 1, hour: int = 0
) -> bool:
    """Whether a weekly job is due, by the ISO week of the config's `timezone`, or by `--now`.

    A last success of more than a week ahead is one alert, and the job is due next week.
    """
    last, now = _read(world, job, repo), world.clock.now()
    week = last.week if last else ""
    if last and last.at - now > timedelta(weeks=1):
        _counts_from_now(world, job, repo, f"its last success is {last.at - now} ahead")
    return world.at_once or cadence.weekly(week, now, world.zone, weekday=weekday, hour=hour)


def _counts_from_now(world: World, job: str, repo: str, reason: str) -> None:
    alerts.alert(
        world,
        "clock went back",
        f"the clock was put back: of {job} {reason}. Everything counts from now on; "
        "check the machine's time (timedatectl)",
    )
    succeeded(world, job, repo=repo)


def is_due_today(world: World, job: str, *, hour: int = 0) -> bool:
    """Whether a daily job is due, by the day of the config's `timezone`, or by `--now`."""
    return world.at_once or cadence.daily(
        last_success(world, job), world.clock.now(), world.zone, hour=hour
    )


def last_success(world: World, job: str, *, repo: str = "") -> datetime | None:
    """When a job (of one repository) last succeeded; None where it never did."""
    last = _read(world, job, repo)
    return last.at if last else None


def succeeded(world: World, job: str, *, repo: str = "") -> None:
    """Remember, durably, that a job has succeeded now."""
    now = world.clock.now()
    week = cadence.week(now, world.zone)
    path = _place(world, job, repo)
    files.make_folder(path.parent)
    note = msgspec.json.encode(LastSuccess(at=now, week=week))
    files.write_durably(path, note, replace=True)


def _read(world: World, job: str, repo: str) -> LastSuccess | None:
    try:
        note = files.read_bounded(_place(world, job, repo), _LARGEST)
        return msgspec.json.decode(note, type=LastSuccess)
    except (FileNotFoundError, NotReadable, msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _place(world: World, job: str, repo: str) -> Path:
    name = f"{component(job)}-{flat(repo)}" if repo else component(job)
    return world.paths.state / "cadence" / f"{name}.json"
