"""What holds for all tasks together: agents, money, scripts, alerts, GitHub's limits, the disk."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from orchestrator import cooling, disk, ledger, metering, readiness, standing
from orchestrator.adapters import events, files
from orchestrator.records.config import Budget
from orchestrator.records.health import Health
from orchestrator.records.overview import Agent, Alert, Cost, Disk, Limit, Script
from orchestrator.records.task import TaskType
from orchestrator.rules import budget, notices
from orchestrator.rules import health as tallies
from orchestrator.rules.budget import Account
from orchestrator.rules.routing import NOBODY, Unavailable
from orchestrator.whereabouts import machine
from orchestrator.world import World

# Of what a task's own line tells already no alert is repeated.
TOLD_ELSEWHERE = (*notices.TOLD_ELSEWHERE, notices.MANUAL_STEPS)
MEASURES = ("usd", "tokens", "attempts")
# Whom every crontab starts, so that their silence means something; others run where wanted.
BY_CLOCK = ("github_dispatcher", "supervisor", "pr_monitor")


def agents(world: World, asked_for: Iterable[str]) -> tuple[Agent, ...]:
    """Everybody of a chain, and whom people asked for by name: who could start now, and how they
    did in the last 30 days."""
    named: dict[str, None] = {}
    for repository in world.config.repositories:
        for chain in repository.agent_fallbacks.values():
            named |= dict.fromkeys(chain)
    named |= dict.fromkeys(asked_for)
    achieved = standing.tallies(world)
    shown = []
    for name in named:
        if name in NOBODY:
            continue
        found = readiness.look(world, name, TaskType.IMPLEMENTATION) if name in world.agents else (
            Unavailable("it is not known here (config: agents)")
        )
        if not isinstance(found, Unavailable):
            found = cooling.rest_of(world, name) or found
        out = isinstance(found, Unavailable)
        shown.append(
            Agent(
                name=name, ready=not out,
                why=world.redact(found.told) if isinstance(found, Unavailable) else "",
                until=found.until if isinstance(found, Unavailable) else None,
                achieved=tuple(tallies.told(one) for one in achieved if one.agent == name),
            )
        )  # fmt: skip
    return tuple(shown)


def quotas(world: World) -> tuple[str, ...]:
    return tuple(ledger.told(world, line) for line in ledger.lines(world))


def cost(world: World) -> Cost:
    """Of today, in the config's zone, from the end of the metrics."""
    here = world.clock.now().astimezone(world.zone)
    morning = here.replace(hour=0, minute=0, second=0, microsecond=0)
    used = budget.spent(events.attempts_since(world.paths.agent_stats, morning))
    return Cost(
        attempts=used.attempts, tokens=used.tokens, usd=used.usd, unknown=used.unknown_costs
    )


def budgets(world: World, names: Iterable[str]) -> tuple[Limit, ...]:
    """Every limit of the config with what was used of it, the scarcest first."""
    books = metering.read(world)
    accounts = [metering.of_day(world, books)]
    accounts += [
        metering.of_repository(world, one, metering.read(world, one))
        for one in world.config.repositories
        if one.repository_budget is not None
    ]
    accounts += [metering.of_agent(world, name, books) for name in names]
    found = [limit for one in accounts if one is not None for limit in limits(one)]
    return tuple(sorted(found, key=lambda one: -one.share))


def limits(account: Account) -> Iterable[Limit]:
    for measure in MEASURES:
        allowed = limit_of(account.budget, measure)
        if allowed:
            used = getattr(account.spent, measure)
            yield Limit(
                name=account.name, measure=measure, used=used, limit=allowed, share=used / allowed
            )


def limit_of(said: Budget, measure: str) -> float | None:
    hard: float | None = getattr(said, f"hard_stop_{measure}")
    return hard


def scripts(world: World) -> tuple[Script, ...]:
    """The last run of each script that ever ran, and of those that must."""
    try:
        there = sorted(path.stem for path in world.paths.health.glob("*.json"))
    except OSError:
        there = []
    names = dict.fromkeys((*BY_CLOCK, *(name for name in there if "." not in name)))
    return tuple(script(world, name) for name in names)


def script(world: World, name: str) -> Script:
    path = world.paths.health / f"{name}.json"
    known = machine.decoded(path, Health)
    if known is None:
        problem = "its record cannot be read" if path.exists() else "has left no word yet"
        return Script(
            name=name, ended=None, seconds=0, exit_code=0, requests=0, failing_since=None,
            problem=problem,
        )  # fmt: skip
    problem = f"exit {known.exit_code}" if known.exit_code else ""
    silence = world.clock.now() - known.ended
    if not problem and name in BY_CLOCK and silence > machine.SILENT:
        problem = "silent: does cron run?"
    if silence < timedelta(minutes=-1):
        problem = "its time lies in the future"
    return Script(
        name=name, ended=known.ended, seconds=known.seconds, exit_code=known.exit_code,
        requests=known.requests, failing_since=known.failing_since, problem=problem,
    )  # fmt: skip


def called_out(world: World) -> tuple[Alert, ...]:
    """The alerts of the last day that have not recovered, the newest first."""
    open_ = [
        Alert(at=one.at, text=one.text)
        for one in machine.open_alerts(world)
        if not one.key.startswith(TOLD_ELSEWHERE)
    ]
    return tuple(sorted(open_, key=lambda one: one.at, reverse=True))


def github(world: World) -> str:
    closed = world.limits.closed()
    return str(closed) if closed else ""


def disk_room(world: World) -> Disk:
    try:
        free, whole = files.space(world.paths.runtime)
        return Disk(free=free, whole=whole, problem=disk.short_of(world))
    except OSError as error:
        return Disk(free=0, whole=0, problem=f"its room is not known: {error}")

