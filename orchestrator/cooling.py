"""Agents that their providers refuse: who rests until when, and what a refusal costs a task."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import structs

from orchestrator import alerts
from orchestrator.adapters.cooldowns import Cooldowns
from orchestrator.agents.base import Failure
from orchestrator.proof import Proof
from orchestrator.records.quota import Learnt, Window
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import Task, with_attempt
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.rules import cooldown, roster, routing
from orchestrator.world import World


def of(world: World) -> Cooldowns:
    return Cooldowns(world.paths.state / "cooldowns", world.clock)


def account(world: World, agent: str, login: str = "") -> str:
    """Whose quota a run uses: what rests when it is refused, for every agent that shares it.

    Agents of one program share its account unless the config names others; `login` is the one
    provider of several that the run asked.
    """
    config = world.config.agent(agent)
    shared = config is not None and config.kind in roster.WITH_MODELS
    own = (config.account if config else "") or (str(config.kind) if shared and config else agent)
    return f"{own}.{login}" if login else own


def resting(world: World, agents: Iterable[str]) -> dict[str, routing.Unavailable]:
    """Who of these rests now, and until when."""
    rests = {name: rest_of(world, name) for name in agents}
    return {name: rest for name, rest in rests.items() if rest is not None}


def rest_of(world: World, agent: str, login: str = "") -> routing.Unavailable | None:
    """Until when an agent's account, or that of one of its logins, rests; None if it does not."""
    until = of(world).until(account(world, agent, login))
    if until is None:
        return None
    return routing.Unavailable(f"cooling down until {world.spoken(until)}", until)


def may_start(world: World, agent: str, login: str = "") -> bool:
    return of(world).may_start(account(world, agent, login))


def here(world: World) -> datetime:
    """Now, in this machine's own zone: a time without a zone in an error is meant so."""
    return world.clock.now().astimezone()


def heard(world: World, name: str, failure: Failure | None, seen: Proof) -> BlockerCode:
    """By which refusal the run ended, NONE for one that was served; who is refused rests.

    The end of a refusal is what the program's own error says. Where the agent itself says
    `quota_limited`, its words are a claim: it rests for the usual wait, and it had its turn. A
    login that does not work is asked again as rarely as a provider that refuses, and a person
    hears of it at once.
    """
    refused = failure.code if failure and failure.code in routing.REFUSALS else BlockerCode.NONE
    if refused is BlockerCode.NONE and seen.result.blocker_code is BlockerCode.QUOTA_LIMITED:
        rests(world, name, BlockerCode.QUOTA_LIMITED, None)
        return refused
    if refused is BlockerCode.NONE:
        served(world, name)
        return refused
    rests(world, name, refused, failure)
    return refused


def served(world: World, name: str) -> None:
    """An account whose provider answered: who else waits for it need not wait on."""
    of(world).worked(name)
    alerts.recovered(world, f"refused:{name}", f"{name} is served again")
    alerts.recovered(world, f"login:{name}", f"{name} is logged in again")


def rests(world: World, name: str, refused: BlockerCode, failure: Failure | None) -> None:
    """An account that was refused rests until it is served again, as far as anybody knows."""
    window = failure.window if failure else Window.UNKNOWN
    rest = of(world).refused(
        name, failure.until if failure else None, window=window,
        learnt=failure.learnt if failure else Learnt.ASSUMED,
    )  # fmt: skip
    until = world.spoken(rest.until)
    world.events.add(
        "cooling", reason=f"{name} rests until {until}", agent=name, count=rest.count,
        window=rest.window, learnt=rest.learnt,
    )  # fmt: skip
    world.say(f"{name}: refused by its provider, rests until {until}")
    if refused is BlockerCode.MISSING_CREDENTIALS and failure:
        alerts.alert(
            world, f"login:{name}",
            f"{name}: {world.redact(failure.reason)[:300]}; log in again on this machine; tasks "
            f"go to other agents, and it is tried again at {until}",
        )  # fmt: skip
    elif window is Window.CREDIT:
        alerts.alert(
            world, f"refused:{name}",
            f"{name}: the credit at its provider is used up, and waiting brings none back; buy "
            f"some, or take it out of the chain; it is tried again at {until}",
        )  # fmt: skip
    elif rest.count >= cooldown.LONG_TOLD:
        alerts.alert(
            world, f"refused:{name}",
            f"{name} was refused {rest.count} times in a row by its provider, the next try is at "
            f"{until}; look at its plan and its credit",
        )  # fmt: skip


def marked(task: Task, seen: Proof, *, refused: BlockerCode) -> Task:
    """The task as it is judged: a run that was refused before it did anything was no attempt."""
    attempt = task.attempt
    if refused is BlockerCode.NONE or attempt is None or seen.worked:
        return task
    never = structs.replace(attempt, verdict=AttemptVerdict.REWORK, code=refused)
    return with_attempt(task, never)
