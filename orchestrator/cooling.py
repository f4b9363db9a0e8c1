"""Agents that their providers refuse: who rests until when, and what a refusal costs a task."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo

from msgspec import structs

from orchestrator import alerts
from orchestrator.adapters import clock
from orchestrator.adapters.cooldowns import Cooldowns
from orchestrator.agents.base import Agent
from orchestrator.proof import Proof
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import Task, with_attempt
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.rules import cooldown, routing
from orchestrator.world import World


def of(world: World) -> Cooldowns:
    return Cooldowns(world.paths.state / "cooldowns", world.clock)


def resting(world: World, agents: Iterable[str]) -> dict[str, routing.Unavailable]:
    """Who of these rests now, and until when."""
    rests = {name: of(world).until(name) for name in agents}
    return {
        name: routing.Unavailable(f"cooling down until {world.spoken(until)}", until)
        for name, until in rests.items()
        if until is not None
    }


def may_start(world: World, agent: str) -> bool:
    return of(world).may_start(agent)


def heard(world: World, name: str, agent: Agent, seen: Proof) -> bool:
    """Whether the provider refused this run; it then rests, else it is known to be served.

    The end of the refusal is read from the program's own error. Where the agent itself says
    `quota_limited`, its words are a claim, and the usual wait holds.
    """
    failure = agent.read_failure(seen.report)
    refused = failure is not None and failure.code is BlockerCode.QUOTA_LIMITED
    claimed = seen.result.blocker_code is BlockerCode.QUOTA_LIMITED
    if not (refused or claimed):
        of(world).worked(name)
        alerts.recovered(world, f"refused:{name}", f"{name} is served again")
        return False
    said = failure.reason if failure and refused else ""
    rest = of(world).refused(name, hint(world, said))
    until = world.spoken(rest.until)
    world.events.add("cooling", reason=f"{name} rests until {until}", agent=name, count=rest.count)
    world.say(f"{name}: refused by its provider, rests until {until}")
    if rest.count >= cooldown.LONG_TOLD:
        alerts.alert(
            world, f"refused:{name}",
            f"{name} was refused {rest.count} times in a row by its provider, the next try is at "
            f"{until}; look at its plan and its credit",
        )  # fmt: skip
    return True


def hint(world: World, said: str) -> datetime | None:
    """When the refusal says that it ends; a time without a zone is this machine's."""
    now = world.clock.now()
    local = now.astimezone().tzinfo or clock.zone("UTC")
    return cooldown.reset_at(said, now, local=local, zone=named)


def named(zone: str) -> tzinfo | None:
    try:
        return clock.zone(zone)
    except clock.UnknownZone:
        return None


def marked(task: Task, seen: Proof, *, refused: bool) -> Task:
    """The task as it is judged: a run that was refused before it did anything was no attempt."""
    attempt = task.attempt
    if not refused or attempt is None or seen.worked:
        return task
    never = structs.replace(
        attempt, verdict=AttemptVerdict.REWORK, code=BlockerCode.QUOTA_LIMITED
    )
    return with_attempt(task, never)
